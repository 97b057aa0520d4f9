# The compiled paths of kron and bkron.  Included by _fastpath.pyx.

# kron of two vectors: one row each.
cdef object fast_kron_of_vectors(PyObject **args, PyObject *out):
    cdef int dtype = kernel_dtype(kv_type(args[0]))
    cdef Py_ssize_t m = kv_dims(args[0])[0], n = kv_dims(args[1])[0]
    cdef cnp.npy_intp size = m * n
    if dtype < 0 or kv_type(args[0]) != kv_type(args[1]) or <double>m * n > release_limit:
        return None
    result = target(1, &size, args, 2, out)
    if result is None:
        return None
    if outer(dtype, view(kv_bytes(args[0]), 1, m, 0, kv_strides(args[0])[0]),
             view(kv_bytes(args[1]), 1, n, 0, kv_strides(args[1])[0]),
             view(kv_bytes(<PyObject *>result), 1, size, 0, kv_itemsize(args[0]))):
        raise MemoryError
    return result


cdef object fast_kron(PyObject **args, Py_ssize_t nargs, PyObject *out):
    if nargs == 2 and plain(args[0], 1) and plain(args[1], 1):
        return fast_kron_of_vectors(args, out)
    return fast_bkron(args, nargs, out)


# bkron without batch axes, which is kron of two matrices.
cdef object fast_bkron(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef int dtype, failed
    cdef matrix a, b, y
    cdef double size
    if nargs != 2:
        return None
    dtype = common_dtype(args, 2)
    if dtype < 0:
        return None
    a, b = as_matrix(args[0]), as_matrix(args[1])
    size = <double>a.rows * a.cols * b.rows * b.cols
    if size > 1e15 or not (fits(a.rows, b.rows) and fits(a.cols, b.cols)):
        return None
    result = target_matrix(a.rows * b.rows, a.cols * b.cols, args, 2, out)
    if result is None:
        return None
    y = as_matrix(<PyObject *>result)
    if size < release_limit:
        failed = outer(dtype, a, b, y)
    else:
        with nogil:
            listen()
            failed = outer(dtype, a, b, y)
        finish(failed)
    if failed:
        raise MemoryError
    return result
