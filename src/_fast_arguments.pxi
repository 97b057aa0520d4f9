# What the compiled paths read and where they write: plain arrays through NumPy's C API.

# NumPy's accessors on borrowed references, which cost no reference counting.
cdef extern from *:
    """
    #define KV_ARRAY(o) ((PyArrayObject *)(o))
    #define kv_flags(o) PyArray_FLAGS(KV_ARRAY(o))
    #define kv_ndim(o) PyArray_NDIM(KV_ARRAY(o))
    #define kv_type(o) PyArray_TYPE(KV_ARRAY(o))
    #define kv_dims(o) PyArray_DIMS(KV_ARRAY(o))
    #define kv_strides(o) PyArray_STRIDES(KV_ARRAY(o))
    #define kv_itemsize(o) PyArray_ITEMSIZE(KV_ARRAY(o))
    #define kv_bytes(o) PyArray_BYTES(KV_ARRAY(o))
    #define kv_native(o) PyArray_ISNOTSWAPPED(KV_ARRAY(o))
    """
    bint PyArray_CheckExact(PyObject *o)
    object PyArray_EMPTY(int ndim, cnp.npy_intp *dims, int typenum, int fortran)
    int kv_flags(PyObject *o)
    int kv_ndim(PyObject *o)
    int kv_type(PyObject *o)
    cnp.npy_intp *kv_dims(PyObject *o)
    cnp.npy_intp *kv_strides(PyObject *o)
    cnp.npy_intp kv_itemsize(PyObject *o)
    char *kv_bytes(PyObject *o)
    bint kv_native(PyObject *o)

# A plain array of `ndim` axes, aligned and in native byte order.
cdef inline bint plain(PyObject *o, int ndim) noexcept:
    return (PyArray_CheckExact(o) and kv_ndim(o) == ndim
            and kv_flags(o) & cnp.NPY_ARRAY_ALIGNED and kv_native(o))


# The kernel dtype that `count` plain matrices share, -1 where there is none.
cdef inline int common_dtype(PyObject **args, int count) noexcept:
    cdef int i, typenum
    if not plain(args[0], 2):
        return -1
    typenum = kv_type(args[0])
    for i in range(1, count):
        if not plain(args[i], 2) or kv_type(args[i]) != typenum:
            return -1
    return kernel_dtype(typenum)


cdef inline matrix as_matrix(PyObject *o) noexcept:
    cdef cnp.npy_intp *dims = kv_dims(o)
    cdef cnp.npy_intp *strides = kv_strides(o)
    return view(kv_bytes(o), dims[0], dims[1], strides[0], strides[1])


cdef inline object new_matrix(Py_ssize_t rows, Py_ssize_t cols, PyObject *like):
    cdef cnp.npy_intp[2] dims
    dims[0], dims[1] = rows, cols
    return PyArray_EMPTY(2, dims, kv_type(like), 0)


# Whether the memory of an array lies outside that of the contiguous `out`, by their bounds.
cdef bint apart(PyObject *a, PyObject *out) noexcept:
    cdef char *low = kv_bytes(a)
    cdef char *high = low + kv_itemsize(a)
    cdef char *start = kv_bytes(out)
    cdef Py_ssize_t size = kv_itemsize(out), reach
    cdef int i
    for i in range(kv_ndim(a)):
        if kv_dims(a)[i] == 0:
            return True
        reach = (kv_dims(a)[i] - 1) * kv_strides(a)[i]
        low += min(reach, 0)
        high += max(reach, 0)
    for i in range(kv_ndim(out)):
        size *= kv_dims(out)[i]
    return high <= start or start + size <= low


# Where the result of this shape goes: a new array of the dtype of the operands without `out`, else
# `out` if it can be written at once; None where it cannot.
cdef object target(int ndim, cnp.npy_intp *dims, PyObject **args, int count, PyObject *out):
    cdef int i
    if out == NULL:
        return PyArray_EMPTY(ndim, dims, kv_type(args[0]), 0)
    if (not plain(out, ndim) or kv_type(out) != kv_type(args[0])
            or not kv_flags(out) & cnp.NPY_ARRAY_WRITEABLE
            or not kv_flags(out) & cnp.NPY_ARRAY_C_CONTIGUOUS):
        return None
    for i in range(ndim):
        if kv_dims(out)[i] != dims[i]:
            return None
    for i in range(count):
        if not apart(args[i], out):
            return None
    return <object>out


cdef inline object target_matrix(Py_ssize_t rows, Py_ssize_t cols, PyObject **args, int count,
                                 PyObject *out):
    cdef cnp.npy_intp[2] dims
    dims[0], dims[1] = rows, cols
    return target(2, dims, args, count, out)
