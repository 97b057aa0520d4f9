"""kronvec for compiled code: what cython_api.pxd declares and include/kronvec.h documents.

The functions check sizes and hand over to the drivers of _kernels and to the engine; the table
of them in the capsule ``_c_api`` is what ``kronvec_import()`` finds.
"""

from cpython.pycapsule cimport PyCapsule_New

from kronvec cimport _engine as engine
from kronvec cimport _kernels as k


cdef extern from "kronvec.h" nogil:
    # `functions` of the .pxd, to be filled in.
    ctypedef struct table "kronvec_functions":
        int abi_version
        size_t size
        int (*mode_product)(int, const matrix *, const tensor *, const tensor *,
                            int) noexcept nogil
        int (*triple_product)(int, const matrix *, const matrix *, const matrix *,
                              const matrix *) noexcept nogil
        int (*transpose)(Py_ssize_t, const matrix *, const matrix *) noexcept nogil
        int (*kron)(int, const matrix *, const matrix *, const matrix *) noexcept nogil
        int (*matmul_vjp)(int, const matrix *, const matrix *, const matrix *, const matrix *,
                          const matrix *, int) noexcept nogil
        plan *(*plan_new)(int, int, const Py_ssize_t *, Py_ssize_t, Py_ssize_t) except NULL
        void (*plan_free)(plan *) noexcept nogil
        size_t (*plan_workspace)(const plan *, int) noexcept nogil
        int (*plan_apply)(const plan *, const matrix *, const tensor *, const tensor *, int,
                          void *, size_t) noexcept nogil


# ---- reading operands ----------------------------------------------------------------------

cdef inline k.matrix read(const matrix *a) noexcept nogil:
    return k.view(<char *>a.data, a.rows, a.cols, a.row_stride, a.col_stride)


# x[l, :, :]
cdef inline k.matrix slice_of(const tensor *x, Py_ssize_t l) noexcept nogil:
    return k.view(<char *>x.data + l * x.strides[0], x.sizes[1], x.sizes[2], x.strides[1],
                  x.strides[2])


cdef inline bint is_dtype(int dtype) noexcept nogil:
    return k.KV_f32 <= dtype < k.KV_f32 + 4


cdef inline bint is_shape(const matrix *a, Py_ssize_t rows, Py_ssize_t cols) noexcept nogil:
    return a.rows == rows and a.cols == cols and rows >= 0 and cols >= 0


# Whether c = a b, which may be more than a size can be.
cdef inline bint is_product(Py_ssize_t c, Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return <double>a * b < 9e18 and c == a * b


cdef inline bint are_sizes(const tensor *x, Py_ssize_t left, Py_ssize_t rows,
                           Py_ssize_t right) noexcept nogil:
    return (x.sizes[0] == left and x.sizes[1] == rows and x.sizes[2] == right
            and left >= 0 and rows >= 0 and right >= 0)


# Rows of items that kernels read as they lie.
cdef inline bint streams(const tensor *x, Py_ssize_t item) noexcept nogil:
    return (x.strides[2] == item and x.strides[0] % item == 0 and x.strides[1] % item == 0)


# ---- the products --------------------------------------------------------------------------

cdef int mode_product(int dtype, const matrix *f, const tensor *x, const tensor *y,
                      int flags) noexcept nogil:
    cdef k.matrix factor
    cdef Py_ssize_t item, l, left = x.sizes[0], right = x.sizes[2]
    cdef int adding = flags & ACCUMULATE
    if not is_dtype(dtype) or flags & ~(ACCUMULATE | CONJUGATE):
        return BAD_DTYPE
    if not is_shape(f, y.sizes[1], x.sizes[1]) or not are_sizes(y, left, f.rows, right):
        return BAD_SHAPE
    if left == 0 or right == 0 or f.rows == 0:
        return OK
    item = k.kernel_itemsize(dtype)
    factor = read(f)
    factor.conjugate = flags & CONJUGATE != 0
    if right == 1:
        return k.matmul(
            dtype, k.view(<char *>x.data, left, f.cols, x.strides[0], x.strides[1]),
            k.transposed(factor), k.view(<char *>y.data, left, f.rows, y.strides[0], y.strides[1]),
            adding)
    if (left > 1 and streams(x, item) and streams(y, item) and f.row_stride % item == 0
            and f.col_stride % item == 0):
        k.kernels().mode_product[dtype](
            left, f.rows, f.cols, right, f.data, f.row_stride // item, f.col_stride // item,
            x.data, x.strides[0] // item, x.strides[1] // item, y.data, y.strides[0] // item,
            y.strides[1] // item, flags, NULL)
        return OK
    for l in range(left):
        if k.matmul(dtype, factor, slice_of(x, l), slice_of(y, l), adding) < 0:
            return NO_MEMORY
    return OK


cdef int triple_product(int dtype, const matrix *a, const matrix *b, const matrix *c,
                        const matrix *y) noexcept nogil:
    if not is_dtype(dtype):
        return BAD_DTYPE
    if not (is_shape(a, y.rows, b.rows) and is_shape(c, b.cols, y.cols)):
        return BAD_SHAPE
    return k.triple_product(dtype, read(a), read(b), read(c), read(y))


cdef int transpose(Py_ssize_t itemsize, const matrix *x, const matrix *y) noexcept nogil:
    if itemsize < 1:
        return BAD_DTYPE
    if not is_shape(y, x.cols, x.rows):
        return BAD_SHAPE
    if itemsize in (1, 2, 4, 8, 16):
        k.transpose_batch(itemsize, 1, read(x), 0, read(y), 0)
    else:
        k.transpose_runs(itemsize, read(x), read(y))
    return OK


cdef int kron(int dtype, const matrix *a, const matrix *b, const matrix *y) noexcept nogil:
    if not is_dtype(dtype):
        return BAD_DTYPE
    if not (is_shape(a, a.rows, a.cols) and is_shape(b, b.rows, b.cols)
            and is_product(y.rows, a.rows, b.rows) and is_product(y.cols, a.cols, b.cols)):
        return BAD_SHAPE
    return k.outer(dtype, read(a), read(b), read(y))


cdef int matmul_vjp(int dtype, const matrix *g, const matrix *x, const matrix *w,
                    const matrix *dx, const matrix *dw, int flags) noexcept nogil:
    if not is_dtype(dtype) or flags & ~CONJUGATE:
        return BAD_DTYPE
    if not (is_shape(g, x.rows, w.cols) and is_shape(w, x.cols, g.cols)
            and is_shape(dx, x.rows, x.cols) and is_shape(dw, w.rows, w.cols)):
        return BAD_SHAPE
    return k.matmul_vjp(dtype, flags & CONJUGATE != 0, read(g), read(x), read(w), read(dx),
                        read(dw))


include "_embedded_plans.pxi"


# ---- the table -----------------------------------------------------------------------------

cdef table everything
everything.abi_version = ABI_VERSION
everything.size = sizeof(everything)
everything.mode_product = mode_product
everything.triple_product = triple_product
everything.transpose = transpose
everything.kron = kron
everything.matmul_vjp = matmul_vjp
everything.plan_new = plan_new
everything.plan_free = plan_free
everything.plan_workspace = plan_workspace
everything.plan_apply = plan_apply

_c_api = PyCapsule_New(&everything, "kronvec.cython_api._c_api", NULL)
abi_version = ABI_VERSION
