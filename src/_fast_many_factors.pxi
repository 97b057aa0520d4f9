# The compiled path of the many-factor products: small ones, where planning would take longer
# than the work.  Factors are applied one by one, the last first, between two buffers.

cdef enum:
    FEW_FACTORS = 16
    FEW_ITEMS = 4096  # of a factor, and of the largest intermediate


# y[l, q, r] = Σ_p f[q, p] x[l, p, r] on contiguous x and y.
cdef int small_step(int dtype, matrix f, char *x, char *y, Py_ssize_t left,
                    Py_ssize_t right) noexcept:
    cdef Py_ssize_t item = kernel_itemsize(dtype)
    if right == 1:
        return matmul(dtype, view(x, left, f.cols, f.cols * item, item), transposed(f),
                      view(y, left, f.rows, f.rows * item, item))
    kernels().mode_product[dtype](
        left, f.rows, f.cols, right, f.data, f.row_stride // item, f.col_stride // item,
        x, f.cols * right, right, y, f.rows * right, right, 0, NULL)
    return 0


# Whether the factors are few and small, with their sizes multiplied out.
cdef bint few(const matrix *f, Py_ssize_t count, Py_ssize_t *rows, Py_ssize_t *cols) noexcept:
    cdef Py_ssize_t i
    rows[0] = cols[0] = 1
    if count < 1 or count > FEW_FACTORS:
        return False
    for i in range(count):
        if (f[i].rows < 1 or f[i].cols < 1 or f[i].rows > FEW_ITEMS or f[i].cols > FEW_ITEMS
                or f[i].rows * f[i].cols > FEW_ITEMS):
            return False
        rows[0] *= f[i].rows
        cols[0] *= f[i].cols
        if rows[0] > FEW_ITEMS or cols[0] > FEW_ITEMS:
            return False
    return True


# The most entries on the way from `size`, the last factor first.
cdef Py_ssize_t largest_state(const matrix *f, Py_ssize_t count, Py_ssize_t size) noexcept:
    cdef Py_ssize_t i, largest = size
    for i in range(count - 1, -1, -1):
        size = size // f[i].cols * f[i].rows
        largest = max(largest, size)
    return largest


# (⊗ factors) along axis `axis` (-1 or -2) of x; its transpose for `flip`.
cdef object fast_many(PyObject *factors, PyObject *x, int axis, bint flip):
    cdef matrix[FEW_FACTORS] f
    cdef int count, dtype, ndim, i
    cdef PyObject *factor
    cdef Py_ssize_t rows, cols, left = 1, right = 1, size, largest, before, behind, item
    cdef cnp.npy_intp[32] dims
    cdef scratch work
    cdef char *buffers[2]
    cdef char *source
    cdef char *target
    if not (PyList_CheckExact(<object>factors) or PyTuple_CheckExact(<object>factors)):
        return None
    if not PyArray_CheckExact(x) or not kv_native(x):
        return None
    ndim = kv_ndim(x)
    count = <int>min(PySequence_Fast_GET_SIZE(<object>factors), FEW_FACTORS + 1)
    if (count < 1 or count > FEW_FACTORS or ndim < 1 or ndim > 32
            or not kv_flags(x) & cnp.NPY_ARRAY_C_CONTIGUOUS
            or not kv_flags(x) & cnp.NPY_ARRAY_ALIGNED):
        return None
    dtype = kernel_dtype(kv_type(x))
    if dtype < 0:
        return None
    item = kernel_itemsize(dtype)
    if ndim == 1:
        axis = -1
    for i in range(count):
        factor = PySequence_Fast_GET_ITEM(<object>factors, i)
        if not plain(factor, 2) or kv_type(factor) != kv_type(x):
            return None
        f[i] = as_matrix(factor)
        if flip:
            f[i] = transposed(f[i])
        if f[i].row_stride % item or f[i].col_stride % item:
            return None
    if not few(f, count, &rows, &cols):
        return None
    size = 1
    for i in range(ndim):
        dims[i] = kv_dims(x)[i]
        size *= dims[i]
    if size < 1 or size > FEW_ITEMS or dims[ndim + axis] != cols:
        return None
    if axis == -2:
        right = dims[ndim - 1]
    left = size // (cols * right)
    largest = largest_state(f, count, size)
    if largest > FEW_ITEMS:
        return None
    dims[ndim + axis] = rows
    result = PyArray_EMPTY(ndim, dims, kv_type(x), 0)
    work.heap = NULL
    if count > 1:
        buffers[0] = <char *>scratch_get(&work, 2 * largest * item)
        if buffers[0] == NULL:
            raise MemoryError
        buffers[1] = buffers[0] + largest * item
    source = kv_bytes(x)
    before, behind = left * cols, right
    for i in range(count - 1, -1, -1):
        before //= f[i].cols
        target = buffers[i & 1] if i else kv_bytes(<PyObject *>result)
        if small_step(dtype, f[i], source, target, before, behind) < 0:
            scratch_free(&work)
            raise MemoryError
        behind *= f[i].rows
        source = target
    scratch_free(&work)
    return result


def small_product(list factors, x, int axis, bint transposed):
    """(⊗ factors) along ``axis`` of x where that is small and all arrays are plain, else None.

    The general tier asks it too, so that ``out=`` or ``workers=`` change no bit of a result.
    """
    return fast_many(<PyObject *>factors, <PyObject *>x, axis, transposed)


def is_small(list shapes, Py_ssize_t size):
    """Whether ``small_product`` takes factors of these (q, p) shapes and ``size`` entries of x."""
    cdef matrix[FEW_FACTORS] f
    cdef Py_ssize_t rows, cols, i
    if len(shapes) > FEW_FACTORS or not 1 <= size <= FEW_ITEMS:
        return False
    for i in range(len(shapes)):
        f[i].rows, f[i].cols = shapes[i]
    return few(f, len(shapes), &rows, &cols) and largest_state(f, len(shapes), size) <= FEW_ITEMS


cdef object fast_kron_matvec(PyObject **args, Py_ssize_t nargs):
    return fast_many(args[0], args[1], -1, False) if nargs == 2 else None


cdef object fast_kron_vecmat(PyObject **args, Py_ssize_t nargs):
    return fast_many(args[1], args[0], -1, True) if nargs == 2 else None


cdef object fast_kron_matmul(PyObject **args, Py_ssize_t nargs):
    return fast_many(args[0], args[1], -2, False) if nargs == 2 else None


cdef object fast_matmul_kron(PyObject **args, Py_ssize_t nargs):
    return fast_many(args[1], args[0], -1, True) if nargs == 2 else None
