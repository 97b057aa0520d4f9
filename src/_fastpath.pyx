"""The first of the two tiers behind a public function: exact ndarrays, straight through the C API.

A public function is written in Python, with its docstring and its general tier as the body,
and decorated with ``two_tier(name)``.  A call with positional arguments, and perhaps ``out=``,
first asks the compiled path of that name; where that declines (another type, dtype, layout or
shape, or another keyword), the Python body runs and is the only one that validates or raises.
"""

import functools
import types

from cpython.list cimport PyList_CheckExact
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact
cimport numpy as cnp
from numpy import matmul as numpy_matmul

from kronvec._engine cimport *
from kronvec._kernels cimport *

cnp.import_array()

include "_fast_arguments.pxi"

cdef extern from *:
    """
    typedef PyObject *(*kv_vectorcall)(PyObject *, PyObject *const *, size_t, PyObject *);

    /* Let instances be called through the function pointer that lies `offset` bytes into them. */
    static void kv_make_vectorcall(PyObject *type, Py_ssize_t offset)
    {
        ((PyTypeObject *)type)->tp_vectorcall_offset = offset;
        ((PyTypeObject *)type)->tp_call = PyVectorcall_Call;
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified((PyTypeObject *)type);
    }
    """
    ctypedef void *kv_vectorcall
    void kv_make_vectorcall(PyObject *type, Py_ssize_t offset)
    object PyObject_Vectorcall(object function, PyObject **args, size_t nargsf, PyObject *kwnames)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)
    Py_ssize_t PySequence_Fast_GET_SIZE(object sequence)
    PyObject *PySequence_Fast_GET_ITEM(object sequence, Py_ssize_t i)

# The compiled path of a public function; ``out`` is NULL where none is given.  None means that it
# declines.
ctypedef object (*fast_path)(PyObject **args, Py_ssize_t nargs, PyObject *out)


cdef class TwoTier:
    """A public function of two tiers; ``__wrapped__`` is the general one."""
    cdef kv_vectorcall vectorcall
    cdef fast_path fast
    cdef object general
    cdef dict __dict__
    cdef object __weakref__

    def __get__(self, instance, owner):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self):
        return f"<function {self.__module__}.{self.__name__}>"

    def __reduce__(self):
        return self.__qualname__


cdef inline bint is_out(tuple names):
    return len(names) == 1 and names[0] == "out"


cdef object call_two_tier(TwoTier self, PyObject **args, size_t nargsf, PyObject *kwnames):
    cdef Py_ssize_t nargs = PyVectorcall_NARGS(nargsf)
    cdef PyObject *out = NULL
    if kwnames == NULL or is_out(<tuple>kwnames):
        if kwnames != NULL and <object>args[nargs] is not None:
            out = args[nargs]
        result = self.fast(args, nargs, out)
        if result is not None:
            return result
    return PyObject_Vectorcall(self.general, args, nargsf, kwnames)


cdef Py_ssize_t offset_of_vectorcall():
    cdef TwoTier instance = TwoTier.__new__(TwoTier)
    return <char *>&instance.vectorcall - <char *><void *>instance


cdef Py_ssize_t vectorcall_offset = offset_of_vectorcall()
kv_make_vectorcall(<PyObject *>TwoTier, vectorcall_offset)


def two_tier(name):
    """Decorator: put the compiled path ``name`` before the Python function."""
    def decorate(general):
        cdef TwoTier function = TwoTier.__new__(TwoTier)
        function.vectorcall = <kv_vectorcall>call_two_tier
        function.fast = fast_path_named(name)
        function.general = general
        functools.update_wrapper(function, general)
        return function
    return decorate


include "_gate.pxi"


# Products up to this many multiply-adds run in our own kernels, larger ones in np.matmul.
cdef double own_limit = 2097152.0  # 128 cubed: beyond it the kernels' blocking no longer pays
# So do those of a matrix with many entries and few columns, which fill no registers.
cdef double large_matrix = 16384.0
cdef enum:
    NARROW = 16
    NARROW_PAIR = 8  # where each operand of a pull-back meets another


def own_product(Py_ssize_t m, Py_ssize_t k, Py_ssize_t n):
    """Whether an (m, k) by (k, n) product is one for our own kernels."""
    return own(m, k, n)


def own_pair(Py_ssize_t m, Py_ssize_t k, Py_ssize_t n):
    """Whether G Wᴴ and Xᴴ G for X (m, k) and W (k, n) are products for our own kernels."""
    return pair_is_own(m, k, n)


cdef inline bint own(Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept:
    return (<double>m * k * n <= own_limit
            and (n > NARROW or <double>m * k < large_matrix))


# G (m, n) times Wᴴ (n, k), and Xᴴ (k, m) times G.
cdef inline bint pair_is_own(Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept:
    return (<double>m * k * n <= own_limit
            and (min(m, k, n) >= NARROW_PAIR
                 or max(<double>m * k, <double>k * n, <double>m * n) < large_matrix))


# A B C of these sizes, in either association.
cdef inline bint chain_is_own(Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, Py_ssize_t q) noexcept:
    return own(m, n, p) and own(n, p, q) and own(m, max(n, p), q)


def own_chain(Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, Py_ssize_t q):
    """Whether A (m, n) times B (n, p) times C (p, q) is for our own kernels."""
    return chain_is_own(m, n, p, q)


# A size that no array has is left to the general tier, which says so.
cdef inline bint fits(Py_ssize_t m, Py_ssize_t n) noexcept:
    return <double>m * n < 1e17


# The GIL is worth releasing above this many multiply-adds or items moved.
cdef double release_limit = 32768.0


# ---- the compiled paths ------------------------------------------------------------------

# A B C by np.matmul, whose arguments need no checks here.
cdef object product_by_blas(PyObject **args, object result):
    a, b, c = <object>args[0], <object>args[1], <object>args[2]
    if left_association(a.shape[0], a.shape[1], c.shape[0], c.shape[1]):
        return numpy_matmul(numpy_matmul(a, b), c, result)
    return numpy_matmul(a, numpy_matmul(b, c), result)


cdef object fast_triple_product(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef int dtype, failed
    cdef matrix a, b, c, y
    if nargs != 3:
        return None
    dtype = common_dtype(args, 3)
    if dtype < 0:
        return None
    a, b, c = as_matrix(args[0]), as_matrix(args[1]), as_matrix(args[2])
    if a.cols != b.rows or b.cols != c.rows:
        return None
    if not fits(a.rows, c.cols):
        return None
    result = target_matrix(a.rows, c.cols, args, 3, out)
    if result is None:
        return None
    if not chain_is_own(a.rows, a.cols, b.cols, c.cols):
        return product_by_blas(args, result)
    y = as_matrix(<PyObject *>result)
    if <double>a.rows * a.cols * b.cols < release_limit:
        failed = triple_product(dtype, a, b, c, y)
    else:
        with nogil:
            failed = triple_product(dtype, a, b, c, y)
    if failed:
        raise MemoryError
    return result


# (Cᵀ ⊗ A) vec(B), order F: B is read, and Y written, as the transpose of a C-ordered matrix.
cdef object fast_vec_trick(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef int dtype, failed
    cdef matrix a, b, c, y
    cdef PyObject *outer_factors[2]
    cdef cnp.npy_intp size, stride
    cdef Py_ssize_t itemsize
    if nargs != 3 or not plain(args[1], 1):
        return None
    outer_factors[0], outer_factors[1] = args[0], args[2]
    dtype = common_dtype(outer_factors, 2)
    if dtype < 0 or kv_type(args[1]) != kv_type(args[0]):
        return None
    a, c = as_matrix(args[0]), as_matrix(args[2])
    if not (fits(a.cols, c.rows) and fits(a.rows, c.cols)):
        return None
    if kv_dims(args[1])[0] != a.cols * c.rows:
        return None
    if not chain_is_own(a.rows, a.cols, c.rows, c.cols):
        return None
    itemsize = kv_itemsize(args[0])
    stride = kv_strides(args[1])[0]
    b = view(kv_bytes(args[1]), a.cols, c.rows, stride, stride * a.cols)
    size = a.rows * c.cols
    result = target(1, &size, args, 3, out)
    if result is None:
        return None
    y = view(kv_bytes(<PyObject *>result), a.rows, c.cols, itemsize, itemsize * a.rows)
    if <double>a.rows * a.cols * c.rows < release_limit:
        failed = triple_product(dtype, a, b, c, y)
    else:
        with nogil:
            failed = triple_product(dtype, a, b, c, y)
    if failed:
        raise MemoryError
    return result


# G Wᵀ and Xᵀ G.
cdef object pull_back_by_blas(PyObject **args):
    g, x, w = <object>args[0], <object>args[1], <object>args[2]
    return numpy_matmul(g, w.T), numpy_matmul(x.T, g)


cdef object fast_matmul_vjp(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef int dtype, failed
    cdef matrix g, x, w, dx_out, dw_out
    if nargs != 3 or out != NULL:
        return None
    dtype = common_dtype(args, 3)
    if dtype < 0:
        return None
    g, x, w = as_matrix(args[0]), as_matrix(args[1]), as_matrix(args[2])
    if x.cols != w.rows or g.rows != x.rows or g.cols != w.cols:
        return None
    if not pair_is_own(g.rows, x.cols, g.cols):
        return None if cnp.PyTypeNum_ISCOMPLEX(kv_type(args[0])) else pull_back_by_blas(args)
    dx = new_matrix(x.rows, x.cols, args[0])
    dw = new_matrix(w.rows, w.cols, args[0])
    dx_out, dw_out = as_matrix(<PyObject *>dx), as_matrix(<PyObject *>dw)
    if <double>g.rows * x.cols * g.cols < release_limit:
        failed = matmul_vjp(dtype, True, g, x, w, dx_out, dw_out)
    else:
        with nogil:
            failed = matmul_vjp(dtype, True, g, x, w, dx_out, dw_out)
    if failed:
        raise MemoryError
    return dx, dw


cdef object fast_matmul_jvp(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef int dtype, failed
    cdef matrix dx, dw, x, w, y
    if nargs != 4:
        return None
    dtype = common_dtype(args, 4)
    if dtype < 0:
        return None
    dx, dw = as_matrix(args[0]), as_matrix(args[1])
    x, w = as_matrix(args[2]), as_matrix(args[3])
    if (x.cols != w.rows or dx.rows != x.rows or dx.cols != x.cols or dw.rows != w.rows
            or dw.cols != w.cols or not own(x.rows, x.cols, w.cols)
            or not fits(x.rows, w.cols)):
        return None
    result = target_matrix(x.rows, w.cols, args, 4, out)
    if result is None:
        return None
    y = as_matrix(<PyObject *>result)
    if <double>x.rows * x.cols * w.cols < release_limit:
        failed = matmul_jvp(dtype, dx, dw, x, w, y)
    else:
        with nogil:
            failed = matmul_jvp(dtype, dx, dw, x, w, y)
    if failed:
        raise MemoryError
    return result


include "_fast_kron.pxi"


# K_{m,n} x for a vector: the transpose of x read as an (n, m) matrix.
cdef object fast_commutation_matmul(PyObject **args, Py_ssize_t nargs, PyObject *out):
    cdef Py_ssize_t m, n, itemsize, stride
    cdef matrix x, y
    cdef cnp.npy_intp size
    if nargs != 3 or not plain(args[0], 1):
        return None
    if type(<object>args[1]) is not int or type(<object>args[2]) is not int:
        return None
    itemsize = kv_itemsize(args[0])
    if kernel_dtype(kv_type(args[0])) < 0:
        return None
    size = kv_dims(args[0])[0]
    try:
        m, n = <object>args[1], <object>args[2]
    except OverflowError:
        return None
    if m < 0 or n < 0 or <double>m * n > 1e18 or m * n != size:
        return None
    stride = kv_strides(args[0])[0]
    result = target(1, &size, args, 1, out)
    if result is None:
        return None
    x = view(kv_bytes(args[0]), m, n, stride, stride * m)
    y = view(kv_bytes(<PyObject *>result), m, n, itemsize * n, itemsize)
    if <double>size < release_limit:
        copy(itemsize, 0, x, y)
    else:
        with nogil:
            listen()
            copy(itemsize, 0, x, y)
        finish(0)
    return result


include "_fast_many_factors.pxi"
include "_fast_columns.pxi"


cdef fast_path fast_path_named(str name) except NULL:
    if name == "triple_product":
        return fast_triple_product
    if name == "vec_trick":
        return fast_vec_trick
    if name == "matmul_vjp":
        return fast_matmul_vjp
    if name == "matmul_jvp":
        return fast_matmul_jvp
    if name == "kron":
        return fast_kron
    if name == "bkron":
        return fast_bkron
    if name == "commutation_matmul":
        return fast_commutation_matmul
    if name == "kron_matvec":
        return fast_kron_matvec
    if name == "kron_vecmat":
        return fast_kron_vecmat
    if name == "kron_matmul":
        return fast_kron_matmul
    if name == "matmul_kron":
        return fast_matmul_kron
    if name == "kronsum_matmul":
        return fast_kronsum_matmul
    if name == "khatri_rao_matvec":
        return fast_khatri_rao_matvec
    raise ValueError(f"no compiled path {name!r}")
