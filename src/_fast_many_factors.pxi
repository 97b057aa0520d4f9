# The compiled path of the many-factor products and sums.  In small products factors are applied
# one by one, the last first, between two buffers; others follow a plan (_engine.pxd).

cdef enum:
    FEW_FACTORS = 16
    # Of a factor, and of the largest intermediate, where the fewer calls of kernels that a plan
    # makes do not pay for looking it up: 0.5 µs against 0.3.
    FEW_ITEMS = 1024
    # Of x and of the result, where the general tier comes here for a plain product.
    SMALL_ITEMS = 4096


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


# Whether the factors are few and small.
cdef bint few(const matrix *f, Py_ssize_t count) noexcept:
    cdef Py_ssize_t i, rows = 1, cols = 1
    if count < 1 or count > FEW_FACTORS:
        return False
    for i in range(count):
        if (f[i].rows < 1 or f[i].cols < 1 or f[i].rows > FEW_ITEMS or f[i].cols > FEW_ITEMS
                or f[i].rows * f[i].cols > FEW_ITEMS):
            return False
        rows *= f[i].rows
        cols *= f[i].cols
        if rows > FEW_ITEMS or cols > FEW_ITEMS:
            return False
    return True


# The most entries on the way from `size`, the last factor first.
cdef Py_ssize_t largest_state(const matrix *f, Py_ssize_t count, Py_ssize_t size) noexcept:
    cdef Py_ssize_t i, largest = size
    for i in range(count - 1, -1, -1):
        size = size // f[i].cols * f[i].rows
        largest = max(largest, size)
    return largest


# A call: plain factors and an x of one kernel dtype, seen as x[left, j, right].
ctypedef struct many_factors:
    matrix[MOST_FACTORS] f
    PyObject *operands[MOST_FACTORS + 1]  # x first
    int count, dtype, ndim
    Py_ssize_t rows, cols, left, right, size
    cnp.npy_intp dims[32]  # of the result


# False where x and the factors do not fit or are not all plain; `flip` transposes the factors.
cdef bint read_many(PyObject *factors, PyObject *x, int axis, bint flip, many_factors *c):
    cdef Py_ssize_t item, count
    cdef PyObject *factor
    cdef double rows = 1
    cdef int i
    if not (PyList_CheckExact(<object>factors) or PyTuple_CheckExact(<object>factors)):
        return False
    if not PyArray_CheckExact(x) or not kv_native(x):
        return False
    c.ndim = kv_ndim(x)
    count = PySequence_Fast_GET_SIZE(<object>factors)
    if (count < 1 or count > MOST_FACTORS or c.ndim < 1 or c.ndim > 32
            or not kv_flags(x) & cnp.NPY_ARRAY_C_CONTIGUOUS
            or not kv_flags(x) & cnp.NPY_ARRAY_ALIGNED):
        return False
    c.dtype = kernel_dtype(kv_type(x))
    if c.dtype < 0:
        return False
    c.count = <int>count
    c.operands[0] = x
    c.cols = c.size = 1
    item = kernel_itemsize(c.dtype)
    for i in range(c.ndim):
        c.dims[i] = kv_dims(x)[i]
        c.size *= c.dims[i]
    if c.size < 1:
        return False
    for i in range(c.count):
        factor = PySequence_Fast_GET_ITEM(<object>factors, i)
        if not plain(factor, 2) or kv_type(factor) != kv_type(x):
            return False
        c.operands[1 + i] = factor
        c.f[i] = as_matrix(factor)
        if flip:
            c.f[i] = transposed(c.f[i])
        if (c.f[i].row_stride % item or c.f[i].col_stride % item
                or c.f[i].rows < 1 or c.f[i].cols < 1 or c.f[i].cols > c.size // c.cols):
            return False
        rows *= c.f[i].rows
        c.cols *= c.f[i].cols
    if c.ndim == 1:
        axis = -1
    if c.dims[c.ndim + axis] != c.cols or rows * c.size > 1e15:
        return False
    c.rows = <Py_ssize_t>rows
    c.right = c.dims[c.ndim - 1] if axis == -2 else 1
    c.left = c.size // (c.cols * c.right)
    c.dims[c.ndim + axis] = c.rows
    return True


# The factors one by one; False where memory is short.
cdef bint one_by_one(many_factors *c, Py_ssize_t largest, char *y) noexcept:
    cdef Py_ssize_t before = c.left * c.cols, behind = c.right, item = kernel_itemsize(c.dtype)
    cdef scratch work
    cdef char *buffers[2]
    cdef char *source = kv_bytes(c.operands[0])
    cdef char *to
    cdef int i
    work.heap = NULL
    if c.count > 1:
        buffers[0] = <char *>scratch_get(&work, 2 * largest * item)
        if buffers[0] == NULL:
            return False
        buffers[1] = buffers[0] + largest * item
    for i in range(c.count - 1, -1, -1):
        before //= c.f[i].cols
        to = buffers[i & 1] if i else y
        if small_step(c.dtype, c.f[i], source, to, before, behind) < 0:
            scratch_free(&work)
            return False
        behind *= c.f[i].rows
        source = to
    scratch_free(&work)
    return True


# (⊗ factors) along axis `axis` (-1 or -2) of x; its transpose for `flip`.
cdef object fast_many(PyObject *factors, PyObject *x, int axis, bint flip, PyObject *out,
                      bint small_only=False):
    cdef many_factors c
    cdef Py_ssize_t largest
    cdef bint small
    if not read_many(factors, x, axis, flip, &c):
        return None
    small = c.size <= FEW_ITEMS and few(c.f, c.count)
    if small:
        largest = largest_state(c.f, c.count, c.size)
        small = largest <= FEW_ITEMS
    if not small:
        if small_only and max(c.size, c.size // c.cols * c.rows) > SMALL_ITEMS:
            return None
        plan = compiled_plan(PLAN_PRODUCT, c.dtype, c.f, c.count, c.left, c.right)
        if plan is None:
            return None
    result = target(c.ndim, c.dims, c.operands, c.count + 1, out)
    if result is None:
        return None
    if not small:
        run_plan(plan, c.dtype, kv_type(x), c.f, kv_bytes(x), kv_bytes(<PyObject *>result))
    elif not one_by_one(&c, largest, kv_bytes(<PyObject *>result)):
        raise MemoryError
    return result


# (F1 ⊕ … ⊕ FN) along axis -2 of x, or of a vector x.
cdef object fast_kronsum_matmul(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef many_factors c
    cdef const char *source
    cdef bint merges = True
    cdef int i
    if nargs != 2 or not read_many(args[0], args[1], -2, False, &c):
        return None
    for i in range(c.count):
        if c.f[i].rows != c.f[i].cols:
            return None
    plan = compiled_plan(PLAN_SUM, c.dtype, c.f, c.count, c.left, c.right)
    if plan is not None and plan_merges(plan):
        source = kv_bytes(args[1])
        with nogil:
            listen()
            merges = finite(c.dtype, source, c.size)
        finish(0)
    if not merges:
        plan = compiled_plan(PLAN_SUM_APART, c.dtype, c.f, c.count, c.left, c.right)
    if plan is None:
        return None
    result = target(c.ndim, c.dims, c.operands, c.count + 1, out)
    if result is not None:
        run_plan(plan, c.dtype, kv_type(args[1]), c.f, kv_bytes(args[1]),
                 kv_bytes(<PyObject *>result))
    return result


# Whether no entry is NaN or infinite (False also where squares overflow).
cdef bint finite(int dtype, const char *x, Py_ssize_t size) noexcept nogil:
    cdef double norm = 0
    cdef float short_norm = 0
    if dtype & 1:
        square_norms(dtype, 1, size, x, <char *>&norm)
        return norm - norm == 0
    square_norms(dtype, 1, size, x, <char *>&short_norm)
    return short_norm - short_norm == 0


def small_product(list factors, x, int axis, bint transposed):
    """(⊗ factors) along ``axis`` of x where that is small and all arrays are plain, else None.

    The general tier asks it too, so that ``out=`` or ``workers=`` change no bit of a result.
    """
    return fast_many(<PyObject *>factors, <PyObject *>x, axis, transposed, NULL, True)


def is_small(list shapes, Py_ssize_t size):
    """Whether factors of these (q, p) shapes are applied to ``size`` entries one by one."""
    cdef matrix[FEW_FACTORS] f
    cdef Py_ssize_t i
    if len(shapes) > FEW_FACTORS or not 1 <= size <= FEW_ITEMS:
        return False
    for i in range(len(shapes)):
        f[i].rows, f[i].cols = shapes[i]
    return few(f, len(shapes)) and largest_state(f, len(shapes), size) <= FEW_ITEMS


cdef object fast_kron_matvec(PyObject **args, Py_ssize_t nargs, PyObject *out):
    return fast_many(args[0], args[1], -1, False, out) if nargs == 2 else None


cdef object fast_kron_vecmat(PyObject **args, Py_ssize_t nargs, PyObject *out):
    return fast_many(args[1], args[0], -1, True, out) if nargs == 2 else None


cdef object fast_kron_matmul(PyObject **args, Py_ssize_t nargs, PyObject *out):
    return fast_many(args[0], args[1], -2, False, out) if nargs == 2 else None


cdef object fast_matmul_kron(PyObject **args, Py_ssize_t nargs, PyObject *out):
    return fast_many(args[1], args[0], -1, True, out) if nargs == 2 else None
