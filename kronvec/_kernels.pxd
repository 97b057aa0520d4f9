# Drivers over the kernel table: strided matrices in, packing and workspace inside.
#
# Everything here is nogil and never raises: 0 is success, -1 means out of memory.  Callers
# have validated shapes; outputs do not overlap inputs.

cimport numpy as cnp

cdef extern from "simd/table.h":
    ctypedef struct kv_ahead:
        const char *at
        Py_ssize_t left, rows, bytes, gap
    ctypedef struct kv_table:
        int vector_bytes
        void (*mode_product[4])(
            Py_ssize_t L, Py_ssize_t Q, Py_ssize_t P, Py_ssize_t R,
            const void *f, Py_ssize_t f_q, Py_ssize_t f_p,
            const void *x, Py_ssize_t x_l, Py_ssize_t x_p,
            void *y, Py_ssize_t y_l, Py_ssize_t y_q, int flags, kv_ahead *ahead) noexcept nogil
        void (*mode_pair[4])(
            Py_ssize_t L, Py_ssize_t n, Py_ssize_t R, const void *f1, const void *f2,
            const void *x, Py_ssize_t x_l, Py_ssize_t x_1, Py_ssize_t x_2,
            void *y, Py_ssize_t y_l, Py_ssize_t y_1, Py_ssize_t y_2, int flags,
            kv_ahead *ahead) noexcept nogil
        void (*outer[4])(
            Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, Py_ssize_t q,
            const void *a, Py_ssize_t a_row, Py_ssize_t a_col,
            const void *b, Py_ssize_t b_row, void *y, Py_ssize_t y_row,
            int flags) noexcept nogil
        void (*khatri_rao[4])(
            Py_ssize_t m, Py_ssize_t p, Py_ssize_t n, const void *a, Py_ssize_t a_row,
            const void *b, Py_ssize_t b_row, void *y, Py_ssize_t y_row, int flags) noexcept nogil
        void (*small_triple_product[4])(
            Py_ssize_t batch, Py_ssize_t n, const void *a, Py_ssize_t a_batch,
            const void *b, Py_ssize_t b_batch, const void *c, Py_ssize_t c_batch,
            void *y, Py_ssize_t y_batch) noexcept nogil
        void (*small_vjp[4])(
            Py_ssize_t batch, Py_ssize_t n, const void *g, Py_ssize_t g_batch,
            const void *x, Py_ssize_t x_batch, const void *w, Py_ssize_t w_batch,
            void *dx, Py_ssize_t dx_batch, void *dw, Py_ssize_t dw_batch,
            int flags) noexcept nogil
        void (*row_sqnorm[4])(
            Py_ssize_t rows, Py_ssize_t n, const void *x, Py_ssize_t x_row,
            void *y, Py_ssize_t y_row) noexcept nogil
        void (*transpose[5])(
            Py_ssize_t batch, Py_ssize_t m, Py_ssize_t n, const void *x, Py_ssize_t x_batch,
            Py_ssize_t x_row, void *y, Py_ssize_t y_batch, Py_ssize_t y_row) noexcept nogil
        void (*transpose_square[5])(
            Py_ssize_t batch, Py_ssize_t n, void *x, Py_ssize_t x_batch,
            Py_ssize_t x_row) noexcept nogil
    int kv_small(Py_ssize_t n) nogil
    int kv_pair_fits(Py_ssize_t n, Py_ssize_t R, Py_ssize_t itemsize) nogil
    size_t kv_last_cache_bytes() nogil
    enum:
        KV_ACCUMULATE
        KV_STREAM_ABOVE
        KV_WHOLE_MODE
        KV_CONJUGATE
        KV_STREAM
        KV_f32
        KV_c64


# Work of more multiply-adds goes in pieces: so do products, copies and transpositions in place of a
# quarter of that many items, transpositions of twice that many bytes.
cdef Py_ssize_t most_work

# A strided matrix; strides count bytes.  conjugate reads it as its complex conjugate.
ctypedef struct matrix:
    char *data
    Py_ssize_t rows, cols, row_stride, col_stride
    bint conjugate


cdef enum: LOCAL_ITEMS = 1024

# Memory for one call: on the stack if it fits, else from NumPy's allocator.
ctypedef struct scratch:
    double local[LOCAL_ITEMS]
    void *heap


cdef inline matrix view(char *data, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t row_stride,
                        Py_ssize_t col_stride) noexcept nogil:
    cdef matrix a
    a.data, a.rows, a.cols = data, rows, cols
    a.row_stride, a.col_stride, a.conjugate = row_stride, col_stride, False
    return a


cdef inline matrix transposed(matrix a) noexcept nogil:
    a.rows, a.cols = a.cols, a.rows
    a.row_stride, a.col_stride = a.col_stride, a.row_stride
    return a


# The kernel number of a NumPy type number, -1 where there is none.
cdef inline int kernel_dtype(int typenum) noexcept nogil:
    if typenum == cnp.NPY_FLOAT:
        return KV_f32
    if typenum == cnp.NPY_DOUBLE:
        return KV_f32 + 1
    if typenum == cnp.NPY_CFLOAT:
        return KV_c64
    if typenum == cnp.NPY_CDOUBLE:
        return KV_c64 + 1
    return -1


cdef inline Py_ssize_t kernel_itemsize(int dtype) noexcept nogil:
    return 4 << (dtype & 1) << (dtype >> 1)


# The movement kernel of items of 1, 2, 4, 8 or 16 bytes.
cdef inline int item_slot(Py_ssize_t itemsize) noexcept nogil:
    cdef int slot = 0
    while itemsize > 1:
        itemsize >>= 1
        slot += 1
    return slot


# The cheaper association of A B C, A (m, n), B (n, p), C (p, q): (A B) C first?
cdef inline bint left_association(Py_ssize_t m, Py_ssize_t n, Py_ssize_t p,
                                  Py_ssize_t q) noexcept nogil:
    return <double>m * p * (<double>n + q) <= <double>n * q * (<double>m + p)


# The kernel table in use.
cdef const kv_table *kernels() noexcept nogil

# Ctrl-C (src/simd/interrupt.h).  What Python calls without the GIL begins with listen() and, with
# the GIL again, ends with finish(failed), which raises MemoryError for -1, or what a signal's
# handler raised.  The loop of a ufunc runs if begin_loop() and ends with end_loop(failed).
cdef void listen() noexcept nogil
cdef int finish(int failed) except -1
cdef bint begin_loop() noexcept nogil
cdef void end_loop(bint failed) noexcept nogil
# To be asked in long loops: whether to end this one, after so many multiply-adds or items moved.
cdef bint interrupted(Py_ssize_t work) noexcept nogil
# The same where a turn takes less than asking would: `since` adds up work until that pays.
cdef inline bint interrupted_since(Py_ssize_t work, Py_ssize_t *since) noexcept nogil:
    since[0] += work
    if since[0] < 65536:
        return False
    work, since[0] = since[0], 0
    return interrupted(work)


cdef void mode_product_pieces(int dtype, Py_ssize_t L, Py_ssize_t Q, Py_ssize_t P, Py_ssize_t R,
                              const char *f, Py_ssize_t f_q, Py_ssize_t f_p, const char *x,
                              Py_ssize_t x_l, Py_ssize_t x_p, char *y, Py_ssize_t y_l,
                              Py_ssize_t y_q, int flags, kv_ahead *ahead) noexcept nogil


# The kernel, in pieces where there is much to do.
cdef inline void mode_product(int dtype, Py_ssize_t L, Py_ssize_t Q, Py_ssize_t P, Py_ssize_t R,
                              const char *f, Py_ssize_t f_q, Py_ssize_t f_p, const char *x,
                              Py_ssize_t x_l, Py_ssize_t x_p, char *y, Py_ssize_t y_l,
                              Py_ssize_t y_q, int flags, kv_ahead *ahead) noexcept nogil:
    if <size_t>L * <size_t>Q * <size_t>P * <size_t>R <= <size_t>most_work:
        kernels().mode_product[dtype](L, Q, P, R, f, f_q, f_p, x, x_l, x_p, y, y_l, y_q, flags,
                                      ahead)
    else:
        mode_product_pieces(dtype, L, Q, P, R, f, f_q, f_p, x, x_l, x_p, y, y_l, y_q, flags, ahead)


# y[i] = sum_j |x[i,j]|^2 of contiguous rows, real of the same precision.
cdef void square_norms(int dtype, Py_ssize_t rows, Py_ssize_t n, const char *x,
                       char *y) noexcept nogil
cdef void *scratch_get(scratch *s, size_t nbytes) noexcept nogil
cdef void scratch_free(scratch *s) noexcept nogil
cdef void copy(Py_ssize_t itemsize, int dtype, matrix a, matrix y) noexcept nogil
cdef void transpose_batch(Py_ssize_t itemsize, Py_ssize_t batch, matrix x, Py_ssize_t x_batch,
                          matrix y, Py_ssize_t y_batch) noexcept nogil
cdef void transpose_runs(Py_ssize_t run, matrix x, matrix y) noexcept nogil
cdef int transpose_in_place(Py_ssize_t run, Py_ssize_t batch, Py_ssize_t p, Py_ssize_t q, char *x,
                            Py_ssize_t x_batch) noexcept nogil
cdef int matmul(int dtype, matrix a, matrix b, matrix y, int flags=*) noexcept nogil
cdef int triple_product(int dtype, matrix a, matrix b, matrix c, matrix y) noexcept nogil
cdef int outer(int dtype, matrix a, matrix b, matrix y) noexcept nogil
cdef int matmul_vjp(int dtype, bint conjugate, matrix g, matrix x, matrix w, matrix dx,
                    matrix dw) noexcept nogil
cdef int matmul_jvp(int dtype, matrix dx, matrix dw, matrix x, matrix w,
                    matrix y) noexcept nogil
