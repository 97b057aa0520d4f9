# kronvec from Cython: nogil functions over strided memory.
#
#     from kronvec cimport cython_api as kv
#     kv.import_kronvec()                     # once, when the module is imported
#
#     cdef kv.matrix a = kv.c_order(&values[0, 0], 4, 4, sizeof(double)), ...
#     cdef int status = kv.triple_product(kv.F64, &a, &b, &c, &y)
#
# Compile with include_dirs=[kronvec.get_include()].  kronvec.h there says what each function
# computes, demands and returns; this file only names it.

cdef extern from "kronvec.h" nogil:
    enum:
        ABI_VERSION "KRONVEC_ABI_VERSION"
        F32 "KRONVEC_F32"
        F64 "KRONVEC_F64"
        C64 "KRONVEC_C64"
        C128 "KRONVEC_C128"
        OK "KRONVEC_OK"
        NO_MEMORY "KRONVEC_NO_MEMORY"
        BAD_DTYPE "KRONVEC_BAD_DTYPE"
        BAD_SHAPE "KRONVEC_BAD_SHAPE"
        SMALL_WORKSPACE "KRONVEC_SMALL_WORKSPACE"
        ACCUMULATE "KRONVEC_ACCUMULATE"
        CONJUGATE "KRONVEC_CONJUGATE"
        IDENTITY "KRONVEC_IDENTITY"
    ctypedef struct matrix "kronvec_matrix":
        void *data
        Py_ssize_t rows, cols, row_stride, col_stride
    ctypedef struct tensor "kronvec_tensor":
        void *data
        Py_ssize_t sizes[3]
        Py_ssize_t strides[3]
    ctypedef struct plan "kronvec_plan"
    ctypedef struct functions "kronvec_functions":
        int abi_version
    matrix c_order "kronvec_c_order"(const void *data, Py_ssize_t rows, Py_ssize_t cols,
                                     Py_ssize_t itemsize)
    matrix transposed "kronvec_transposed"(matrix a)
    tensor c_order_tensor "kronvec_c_order_tensor"(
        const void *data, Py_ssize_t left, Py_ssize_t rows, Py_ssize_t right, Py_ssize_t itemsize)

cdef extern from "kronvec.h":
    # Raises ImportError unless the kronvec at hand is one that this module was compiled for.
    const functions *import_kronvec "kronvec_import"() except NULL

cdef int mode_product(int dtype, const matrix *f, const tensor *x, const tensor *y,
                      int flags) noexcept nogil
cdef int triple_product(int dtype, const matrix *a, const matrix *b, const matrix *c,
                        const matrix *y) noexcept nogil
cdef int transpose(Py_ssize_t itemsize, const matrix *x, const matrix *y) noexcept nogil
cdef int kron(int dtype, const matrix *a, const matrix *b, const matrix *y) noexcept nogil
cdef int matmul_vjp(int dtype, const matrix *g, const matrix *x, const matrix *w,
                    const matrix *dx, const matrix *dw, int flags) noexcept nogil
cdef plan *plan_new(int dtype, int count, const Py_ssize_t *shapes, Py_ssize_t left,
                    Py_ssize_t right) except NULL
cdef void plan_free(plan *p) noexcept nogil
cdef size_t plan_workspace(const plan *p, int strided) noexcept nogil
cdef int plan_apply(const plan *p, const matrix *factors, const tensor *x, const tensor *y,
                    int flags, void *workspace, size_t workspace_bytes) noexcept nogil
