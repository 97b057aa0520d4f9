"""The second tier: generalized ufuncs over the drivers of _kernels.

They bring broadcasting, casting, ``out``, overlap safety, ``axes`` and ``__array_ufunc__``.
Each is registered for the kernel dtypes; the loop's ``data`` points to the kernel number.
Those that only move are registered for the types that stand for an item size.
In a loop, steps holds one batch stride per operand, then the core strides in the order of
the signature.
"""

cimport numpy as cnp

from kronvec._kernels cimport *

cnp.import_array()
cnp.import_umath()

cdef extern from "numpy/ufuncobject.h":
    """
    typedef int (*kv_process_core_dims)(PyUFuncObject *, npy_intp *);
    static void kv_set_process_core_dims(PyObject *ufunc, kv_process_core_dims function)
    {
        ((PyUFuncObject *)ufunc)->process_core_dims_func = function;
    }

    /* NumPy takes an operand that is exactly an output for elementwise access, which needs no
     * copy.  A product reads its operands more than once: let the iterator copy, as for matmul. */
    static void kv_copy_on_overlap(PyObject *ufunc)
    {
        PyUFuncObject *f = (PyUFuncObject *)ufunc;
        for (int i = f->nin; i < f->nargs; i++) {
            f->op_flags[i] = NPY_ITER_WRITEONLY | NPY_ITER_UPDATEIFCOPY | NPY_ITER_ALIGNED |
                             NPY_ITER_ALLOCATE | NPY_ITER_NO_BROADCAST | NPY_ITER_NO_SUBTYPE;
        }
    }
    """
    ctypedef int (*kv_process_core_dims)(void *ufunc, cnp.npy_intp *dims)
    void kv_set_process_core_dims(object ufunc, kv_process_core_dims function)
    void kv_copy_on_overlap(object ufunc)


# Every stride in steps[first:last] is a whole number of items.
cdef inline bint whole_steps(cnp.npy_intp *steps, int count, Py_ssize_t itemsize) noexcept nogil:
    cdef int i
    for i in range(count):
        if steps[i] % itemsize:
            return False
    return True


# `count` operands whose core strides, two each, are those of C-contiguous (n, n) matrices.
cdef inline bint small_cores(cnp.npy_intp *strides, int count, Py_ssize_t n,
                             Py_ssize_t itemsize) noexcept nogil:
    cdef int i
    if not kv_small(n):
        return False
    for i in range(count):
        if strides[2 * i] != n * itemsize or strides[2 * i + 1] != itemsize:
            return False
    return True


# ---- loops -------------------------------------------------------------------------------
# A loop runs with the GIL or without; NumPy may call it several times in a call.

cdef enum:
    AT_ONCE = 65536  # small matrices that a kernel is given

cdef void triple_product_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                              void *data) noexcept nogil:
    cdef int dtype = (<int *>data)[0]
    cdef Py_ssize_t item = kernel_itemsize(dtype), count = dims[0], i = 0
    cdef Py_ssize_t m = dims[1], n = dims[2], p = dims[3], q = dims[4]
    cdef cnp.npy_intp *s = steps + 4
    cdef bint failed = False
    cdef Py_ssize_t since = 0
    if not begin_loop():
        return
    if m == n and p == n and q == n and small_cores(s, 4, n, item) and whole_steps(steps, 4, item):
        while i < count and not interrupted(AT_ONCE):
            kernels().small_triple_product[dtype](
                min(AT_ONCE, count - i), n, args[0] + i * steps[0], steps[0] // item,
                args[1] + i * steps[1], steps[1] // item, args[2] + i * steps[2], steps[2] // item,
                args[3] + i * steps[3], steps[3] // item)
            i += AT_ONCE
    else:
        while i < count and not failed and not interrupted_since(m * n * p + m * p * q, &since):
            failed = triple_product(
                dtype, view(args[0] + i * steps[0], m, n, s[0], s[1]),
                view(args[1] + i * steps[1], n, p, s[2], s[3]),
                view(args[2] + i * steps[2], p, q, s[4], s[5]),
                view(args[3] + i * steps[3], m, q, s[6], s[7])) != 0
            i += 1
    end_loop(failed)


cdef inline void vec_trick_loop(bint by_columns, char **args, cnp.npy_intp *dims,
                                cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef int dtype = (<int *>data)[0]
    cdef Py_ssize_t count = dims[0], i = 0
    cdef Py_ssize_t m = dims[1], n = dims[2], p = dims[4], q = dims[5]
    cdef cnp.npy_intp *s = steps + 4
    cdef matrix b, y
    cdef bint failed = False
    cdef Py_ssize_t since = 0
    if not begin_loop():
        return
    while i < count and not failed and not interrupted_since(m * n * p + m * p * q, &since):
        if by_columns:
            b = view(args[1] + i * steps[1], n, p, s[2], s[2] * n)
            y = view(args[3] + i * steps[3], m, q, s[5], s[5] * m)
        else:
            b = view(args[1] + i * steps[1], n, p, s[2] * p, s[2])
            y = view(args[3] + i * steps[3], m, q, s[5] * q, s[5])
        failed = triple_product(dtype, view(args[0] + i * steps[0], m, n, s[0], s[1]), b,
                                view(args[2] + i * steps[2], p, q, s[3], s[4]), y) != 0
        i += 1
    end_loop(failed)


cdef void vec_trick_f_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                           void *data) noexcept nogil:
    vec_trick_loop(True, args, dims, steps, data)


cdef void vec_trick_c_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                           void *data) noexcept nogil:
    vec_trick_loop(False, args, dims, steps, data)


cdef void bkron_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                     void *data) noexcept nogil:
    cdef int dtype = (<int *>data)[0]
    cdef Py_ssize_t i = 0
    cdef cnp.npy_intp *s = steps + 3
    cdef bint failed = False
    cdef Py_ssize_t since = 0
    if not begin_loop():
        return
    while i < dims[0] and not failed and not interrupted_since(dims[5] * dims[6], &since):
        failed = outer(dtype, view(args[0] + i * steps[0], dims[1], dims[2], s[0], s[1]),
                       view(args[1] + i * steps[1], dims[3], dims[4], s[2], s[3]),
                       view(args[2] + i * steps[2], dims[5], dims[6], s[4], s[5])) != 0
        i += 1
    end_loop(failed)


cdef inline void matmul_vjp_loop(bint conjugate, char **args, cnp.npy_intp *dims,
                                 cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef int dtype = (<int *>data)[0]
    cdef Py_ssize_t item = kernel_itemsize(dtype), count = dims[0], i = 0
    cdef Py_ssize_t m = dims[1], n = dims[2], k = dims[3]
    cdef cnp.npy_intp *s = steps + 5
    cdef bint failed = False
    cdef Py_ssize_t since = 0
    if not begin_loop():
        return
    if m == n and k == n and small_cores(s, 5, n, item) and whole_steps(steps, 5, item):
        while i < count and not interrupted(AT_ONCE):
            kernels().small_vjp[dtype](
                min(AT_ONCE, count - i), n, args[0] + i * steps[0], steps[0] // item,
                args[1] + i * steps[1], steps[1] // item, args[2] + i * steps[2], steps[2] // item,
                args[3] + i * steps[3], steps[3] // item, args[4] + i * steps[4], steps[4] // item,
                KV_CONJUGATE if conjugate else 0)
            i += AT_ONCE
    else:
        while i < count and not failed and not interrupted_since(2 * m * n * k, &since):
            failed = matmul_vjp(dtype, conjugate, view(args[0] + i * steps[0], m, n, s[0], s[1]),
                                view(args[1] + i * steps[1], m, k, s[2], s[3]),
                                view(args[2] + i * steps[2], k, n, s[4], s[5]),
                                view(args[3] + i * steps[3], m, k, s[6], s[7]),
                                view(args[4] + i * steps[4], k, n, s[8], s[9])) != 0
            i += 1
    end_loop(failed)


cdef void matmul_vjp_conjugate_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                                    void *data) noexcept nogil:
    matmul_vjp_loop(True, args, dims, steps, data)


cdef void matmul_vjp_plain_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                                void *data) noexcept nogil:
    matmul_vjp_loop(False, args, dims, steps, data)


cdef void matmul_jvp_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                          void *data) noexcept nogil:
    cdef int dtype = (<int *>data)[0]
    cdef Py_ssize_t m = dims[1], k = dims[2], n = dims[3], i = 0
    cdef cnp.npy_intp *s = steps + 5
    cdef bint failed = False
    cdef Py_ssize_t since = 0
    if not begin_loop():
        return
    while i < dims[0] and not failed and not interrupted_since(2 * m * n * k, &since):
        failed = matmul_jvp(dtype, view(args[0] + i * steps[0], m, k, s[0], s[1]),
                            view(args[1] + i * steps[1], k, n, s[2], s[3]),
                            view(args[2] + i * steps[2], m, k, s[4], s[5]),
                            view(args[3] + i * steps[3], k, n, s[6], s[7]),
                            view(args[4] + i * steps[4], m, n, s[8], s[9])) != 0
        i += 1
    end_loop(failed)


# For movement data points to the bytes of an item.
cdef void transpose_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                         void *data) noexcept nogil:
    cdef cnp.npy_intp *s = steps + 2
    if not begin_loop():
        return
    transpose_batch((<int *>data)[0], dims[0], view(args[0], dims[1], dims[2], s[0], s[1]),
                    steps[0], view(args[1], dims[2], dims[1], s[2], s[3]), steps[1])
    end_loop(False)


cdef void transpose_runs_loop(char **args, cnp.npy_intp *dims, cnp.npy_intp *steps,
                              void *data) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef Py_ssize_t run = dims[3] if steps[4] == 1 and steps[7] == 1 else 1
    if not begin_loop():
        return
    for i in range(dims[0]):
        k = 0
        while k < dims[3] and not interrupted(0):
            transpose_runs(run, view(args[0] + i * steps[0] + k * steps[4], dims[1], dims[2],
                                     steps[2], steps[3]),
                           view(args[1] + i * steps[1] + k * steps[7], dims[2], dims[1], steps[5],
                                steps[6]))
            k += run
    end_loop(False)


# Items are moved in place of each other: no gufunc can be told of that.
def move_in_place(x):
    """Each x[b] of x (batch, p, q, run), contiguous bytes, becomes its transpose (q, p, run)."""
    cdef Py_ssize_t batch = x.shape[0], p = x.shape[1], q = x.shape[2], run = x.shape[3]
    cdef Py_ssize_t stride = x.strides[0]
    cdef char *data = <char *>cnp.PyArray_DATA(<cnp.ndarray?>x)
    cdef int failed
    assert x[:1].flags.c_contiguous and x.itemsize == 1 and x.flags.writeable
    with nogil:
        listen()
        failed = transpose_in_place(run, batch, p, q, data, stride)
    finish(failed)


# ---- output sizes that are products ------------------------------------------------------

# dims[at], of the operand `name`, is the product of two sizes: fill it in where no `out` gave
# it.  0, or -1 raised.
cdef int set_product(str name, cnp.npy_intp *dims, int at, cnp.npy_intp u,
                     cnp.npy_intp v) except -1:
    if v and u > (<cnp.npy_intp>((<size_t>-1) >> 1)) // v:
        raise ValueError(f"the result would have {u} * {v} rows or columns: not addressable")
    if dims[at] == -1:
        dims[at] = u * v
    elif dims[at] != u * v:
        raise ValueError(f"{name} has size {dims[at]} where {u} * {v} = {u * v} is needed")
    return 0


# (m,n),(p,q)->(r,s): r = m p, s = n q.
cdef int bkron_dims(void *ufunc, cnp.npy_intp *dims) except -1:
    set_product("bkron: out", dims, 4, dims[0], dims[2])
    return set_product("bkron: out", dims, 5, dims[1], dims[3])


# (m,n),(k),(p,q)->(r): k = n p, r = m q.
cdef int vec_trick_dims(void *ufunc, cnp.npy_intp *dims) except -1:
    set_product("vec_trick: b", dims, 2, dims[1], dims[3])
    return set_product("vec_trick: out", dims, 5, dims[0], dims[4])


# ---- registration ------------------------------------------------------------------------

# The numbers that loop data may point to: kernels, and bytes of an item.
cdef int numbers[17]

ctypedef void (*loop)(char **, cnp.npy_intp *, cnp.npy_intp *, void *) noexcept nogil

# (NumPy type, number) for each loop of a ufunc.
ARITHMETIC = [(cnp.NPY_FLOAT, 0), (cnp.NPY_DOUBLE, 1), (cnp.NPY_CFLOAT, 2), (cnp.NPY_CDOUBLE, 3)]
MOVEMENT = [(cnp.NPY_UINT8, 1), (cnp.NPY_UINT16, 2), (cnp.NPY_FLOAT, 4), (cnp.NPY_DOUBLE, 8),
            (cnp.NPY_CFLOAT, 8), (cnp.NPY_CDOUBLE, 16)]


cdef class _Registration:
    """What a ufunc refers to for as long as it lives."""
    cdef cnp.PyUFuncGenericFunction loops[6]
    cdef void *data[6]
    cdef char types[6 * 5]
    cdef bytes name
    cdef bytes signature


cdef list registrations = []


cdef object register(str name, str signature, loop function, kv_process_core_dims sizes=NULL,
                     list served=ARITHMETIC):
    cdef _Registration kept = _Registration.__new__(_Registration)
    cdef int nin = signature.split("->")[0].count("(")
    cdef int nout = signature.split("->")[1].count("(")
    cdef int i, j, number
    for i, (typenum, number) in enumerate(served):
        numbers[number] = number
        kept.data[i] = &numbers[number]
        kept.loops[i] = <cnp.PyUFuncGenericFunction>function
        for j in range(nin + nout):
            kept.types[i * (nin + nout) + j] = <char>typenum
    kept.name, kept.signature = name.encode(), signature.encode()
    registrations.append(kept)
    ufunc = cnp.PyUFunc_FromFuncAndDataAndSignature(
        kept.loops, kept.data, kept.types, len(served), nin, nout, cnp.PyUFunc_None, kept.name,
        b"", 0, kept.signature)
    kv_copy_on_overlap(ufunc)
    if sizes != NULL:
        kv_set_process_core_dims(ufunc, sizes)
    return ufunc


_UFUNCS = {
    "triple_product": register("triple_product", "(m,n),(n,p),(p,q)->(m,q)", triple_product_loop),
    "vec_trick_f": register("vec_trick", "(m,n),(k),(p,q)->(r)", vec_trick_f_loop,
                            <kv_process_core_dims>vec_trick_dims),
    "vec_trick_c": register("vec_trick", "(m,n),(k),(p,q)->(r)", vec_trick_c_loop,
                            <kv_process_core_dims>vec_trick_dims),
    "bkron": register("bkron", "(m,n),(p,q)->(r,s)", bkron_loop,
                      <kv_process_core_dims>bkron_dims),
    "matmul_vjp_conj": register("matmul_vjp", "(m,n),(m,k),(k,n)->(m,k),(k,n)",
                                matmul_vjp_conjugate_loop),
    "matmul_vjp": register("matmul_vjp", "(m,n),(m,k),(k,n)->(m,k),(k,n)",
                           matmul_vjp_plain_loop),
    "matmul_jvp": register("matmul_jvp", "(m,k),(k,n),(m,k),(k,n)->(m,n)", matmul_jvp_loop),
    "transpose": register("transpose", "(m,n)->(n,m)", transpose_loop, NULL, MOVEMENT),
    "transpose_runs": register("transpose_runs", "(m,n,k)->(n,m,k)", transpose_runs_loop, NULL,
                               MOVEMENT[:1]),
}
# The drivers of the same names are C functions of this module: export through the namespace.
globals().update(_UFUNCS)
