# What products with Khatri-Rao products are made of, for kronvec/_columns.py: matrix products with
# few columns, or of few terms, at which BLAS is slow.


# Rows of a second matrix that all of the first meets: they stay in cache.
cdef inline Py_ssize_t rows_at_once(Py_ssize_t row_bytes) noexcept nogil:
    return max(16, 65536 // max(1, row_bytes))


cdef matrix matrix_at(cnp.ndarray a, int first) except *:
    return view(cnp.PyArray_BYTES(a), cnp.PyArray_DIM(a, first), cnp.PyArray_DIM(a, first + 1),
                cnp.PyArray_STRIDE(a, first), cnp.PyArray_STRIDE(a, first + 1))


def khatri_rao(cnp.ndarray a, cnp.ndarray b, cnp.ndarray y):
    """``y[i p + k, j] = a[i, j] b[k, j]`` for C-contiguous matrices of one kernel dtype."""
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(y))
    cdef Py_ssize_t m = a.shape[0], n = a.shape[1], p = b.shape[0]
    cdef bint stream = m * p * n >= last_cache_bytes // kernel_itemsize(dtype)
    with nogil:
        listen()
        column_products(dtype, m, p, n, cnp.PyArray_BYTES(a), n, cnp.PyArray_BYTES(b), n,
                        cnp.PyArray_BYTES(y), n, KV_STREAM if stream else 0)
    finish(0)


def add_product(cnp.ndarray a, cnp.ndarray b, cnp.ndarray y, bint accumulate):
    """``y (+)= a b`` for aligned matrices of one kernel dtype, y apart from the others."""
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(y)), failed
    cdef matrix f = matrix_at(a, 0), x = matrix_at(b, 0), target = matrix_at(y, 0)
    cdef Py_ssize_t step = rows_at_once(x.cols * kernel_itemsize(dtype)), k = step
    with nogil:
        listen()
        failed = matmul(dtype, cols_of(f, 0, min(k, x.rows)), rows_of(x, 0, min(k, x.rows)),
                        target, KV_ACCUMULATE if accumulate else 0)
        while k < x.rows and not failed and not kv_interrupted(step * f.rows * x.cols):
            failed = matmul(dtype, cols_of(f, k, min(k + step, x.rows)),
                            rows_of(x, k, min(k + step, x.rows)), target, KV_ACCUMULATE)
            k += step
    finish(failed)


# y += w ∘ t for each row of t, all packed; behind t there is room for as much.
cdef void add_weighted(int dtype, Py_ssize_t rows, Py_ssize_t columns, const char *w, char *t,
                       char *y) noexcept nogil:
    cdef double one = 1
    cdef float short_one = 1
    cdef const char *f = <const char *>&one if dtype & 1 else <const char *>&short_one
    cdef Py_ssize_t reals = rows * columns * (1 + (dtype >= KV_c64))
    cdef char *weighted = t + rows * columns * kernel_itemsize(dtype)
    column_products(dtype, 1, rows, columns, w, columns, t, columns, weighted, columns, 0)
    mode_product(
        KV_f32 + (dtype & 1), 1, 1, 1, reals, f, 0, 0, weighted, 0, reals, y, 0, reals,
        KV_ACCUMULATE, NULL)


def add_weighted_product(cnp.ndarray x, cnp.ndarray weights, cnp.ndarray rows, cnp.ndarray y):
    """``y[i, c] += Σ_l Σ_r x[l, i, r] weights[l, c] rows[r, c]``, aligned, of one kernel dtype.

    All but x are C-contiguous.  What has fewer rows is weighted: ``rows``, or x[l] times them.
    """
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(y)), failed = 0
    cdef Py_ssize_t item = kernel_itemsize(dtype), l, r = 0, stop
    cdef Py_ssize_t left = x.shape[0], right = x.shape[2], columns = y.shape[1]
    cdef Py_ssize_t step = rows_at_once(columns * item)
    cdef Py_ssize_t stride = cnp.PyArray_STRIDE(x, 0)
    cdef matrix f = matrix_at(x, 1), target = matrix_at(y, 0), part, taken, result
    cdef const char *weight = cnp.PyArray_BYTES(weights)
    cdef char *data = cnp.PyArray_BYTES(rows)
    cdef char *buffer
    cdef bint weighs_result = y.shape[0] < right
    cdef scratch work
    with nogil:
        listen()
        step = min(step, right)
        buffer = <char *>scratch_get(&work, max(step, 2 * f.rows) * columns * item)
        failed = -1 if buffer == NULL else 0
        while r < right and not failed:
            stop = min(r + step, right)
            taken = view(data + r * columns * item, stop - r, columns, columns * item, item)
            result = view(buffer, f.rows, columns, columns * item, item)
            for l in range(left):
                part = view(f.data + l * stride + r * f.col_stride, f.rows, stop - r,
                            f.row_stride, f.col_stride)
                if weighs_result:
                    failed = matmul(dtype, part, taken, result, 0)
                    add_weighted(dtype, f.rows, columns, weight + l * columns * item, buffer,
                                 target.data)
                else:
                    column_products(
                        dtype, 1, stop - r, columns, weight + l * columns * item, columns,
                        taken.data, columns, buffer, columns, 0)
                    failed = matmul(dtype, part, view(buffer, stop - r, columns, columns * item,
                                                      item), target, KV_ACCUMULATE)
                failed = failed or kv_interrupted((stop - r) * f.rows * columns)
                if failed:
                    break
            r = stop
        scratch_free(&work)
    finish(failed)
