# The compiled path of khatri_rao_matvec: few columns, and halves of the matrices whose products fit
# in cache.

cdef enum:
    MOST_MATRICES = 8
    COLUMN_BYTES = 1 << 20  # of all that is made on the way

# Up to this many columns BLAS is slower: _FEW_COLUMNS of kronvec/_columns.py.
cdef inline Py_ssize_t few_columns() noexcept nogil:
    cdef int width = kernels().vector_bytes
    return 64 if width >= 64 else 32 if width == 32 else 8


# A1 ⊙ … of `count` matrices; each product is made behind the one before.
cdef matrix columns_product(int dtype, const matrix *f, int count, char *room) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), n = f[0].cols
    cdef matrix a = f[0], y
    cdef int i
    for i in range(1, count):
        y = view(room, a.rows * f[i].rows, n, n * item, item)
        kernels().khatri_rao[dtype](a.rows, f[i].rows, n, a.data, a.row_stride // item, f[i].data,
                                    f[i].row_stride // item, room, n, 0)
        room += y.rows * n * item
        a = y
    return a


# Rows that columns_product makes.
cdef Py_ssize_t rows_made(const matrix *f, int count) noexcept nogil:
    cdef Py_ssize_t rows = f[0].rows, made = 0
    cdef int i
    for i in range(1, count):
        rows *= f[i].rows
        made += rows
    return made


# y = (L ⊙ R) x, that is the rows of L diag(x) Rᵀ; or y[j] = Σ_l L[l, j] (X R)[l, j].
cdef int apply_columns(int dtype, matrix left, matrix right, char *x, char *y, bint transposed_,
                       char *room) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), n = left.cols, l
    cdef matrix t = view(room, left.rows, n, n * item, item)
    cdef double one = 1
    cdef float short_one = 1
    cdef const void *f = &one if dtype & 1 else <const void *>&short_one
    cdef Py_ssize_t reals = n * (1 + (dtype >= KV_c64))
    cdef char *weighted = room + left.rows * n * item
    if not transposed_:
        kernels().khatri_rao[dtype](1, left.rows, n, x, n, left.data, left.row_stride // item,
                                    room, n, 0)
        return matmul(dtype, t, transposed(right),
                      view(y, left.rows, right.rows, right.rows * item, item))
    if matmul(dtype, view(x, left.rows, right.rows, right.rows * item, item), right, t) < 0:
        return -1
    for l in range(left.rows):
        kernels().khatri_rao[dtype](1, 1, n, left.data + l * left.row_stride, n,
                                    room + l * n * item, n, weighted + l * n * item, n, 0)
    kernels().mode_product[KV_f32 + (dtype & 1)](1, 1, left.rows, reals, f, 0, 0, weighted, 0,
                                                 reals, y, 0, reals, 0, NULL)
    return 0


cdef object fast_columns(PyObject *mats, PyObject *x, bint flip, PyObject *out):
    cdef matrix[MOST_MATRICES] f
    cdef PyObject *operands[MOST_MATRICES + 1]
    cdef int count, dtype, i, cut = 1, failed
    cdef Py_ssize_t item, n, rows = 1, before = 1, least = 0, made, size
    cdef cnp.npy_intp length
    cdef matrix left, right
    cdef scratch work
    cdef char *room
    cdef char *source
    cdef char *y
    if not (PyList_CheckExact(<object>mats) or PyTuple_CheckExact(<object>mats)):
        return None
    if not 2 <= PySequence_Fast_GET_SIZE(<object>mats) <= MOST_MATRICES or not plain(x, 1):
        return None
    count = <int>PySequence_Fast_GET_SIZE(<object>mats)
    dtype = kernel_dtype(kv_type(x))
    if dtype < 0 or not kv_flags(x) & cnp.NPY_ARRAY_C_CONTIGUOUS:
        return None
    item = kernel_itemsize(dtype)
    operands[0] = x
    for i in range(count):
        operands[1 + i] = PySequence_Fast_GET_ITEM(<object>mats, i)
        if not plain(operands[1 + i], 2) or kv_type(operands[1 + i]) != kv_type(x):
            return None
        f[i] = as_matrix(operands[1 + i])
        if (f[i].rows < 1 or f[i].cols != f[0].cols or f[i].col_stride != item
                or f[i].row_stride % item or f[i].rows > COLUMN_BYTES or rows > COLUMN_BYTES):
            return None
        rows *= f[i].rows
    n = f[0].cols
    if n < 1 or n > few_columns() or kv_dims(x)[0] != (rows if flip else n):
        return None
    for i in range(1, count):
        before *= f[i - 1].rows
        if least == 0 or before + rows // before < least:
            least, cut = before + rows // before, i
    made = rows_made(f, cut) * n * item
    before = 1
    for i in range(cut):
        before *= f[i].rows
    size = made + (rows_made(f + cut, count - cut) + 2 * before) * n * item
    if size > COLUMN_BYTES:
        return None
    length = n if flip else rows
    result = target(1, &length, operands, count + 1, out)
    if result is None:
        return None
    source, y = kv_bytes(x), kv_bytes(<PyObject *>result)
    with nogil:
        room = <char *>scratch_get(&work, size)
        failed = -1
        if room != NULL:
            left = columns_product(dtype, f, cut, room)
            right = columns_product(dtype, f + cut, count - cut, room + made)
            made += rows_made(f + cut, count - cut) * n * item
            failed = apply_columns(dtype, left, right, source, y, flip, room + made)
        scratch_free(&work)
    if failed:
        raise MemoryError
    return result


def columns_times(mats, x, bint transposed):
    """(A1 ⊙ … ⊙ AN) x, or its transpose times x, where all arrays are plain, else None.

    The general tier asks it too, so that ``out=`` changes no bit of a result.
    """
    return fast_columns(<PyObject *>mats, <PyObject *>x, transposed, NULL)


cdef object fast_khatri_rao_matvec(PyObject **args, Py_ssize_t nargs, PyObject *out):
    return fast_columns(args[0], args[1], False, out) if nargs == 2 else None
