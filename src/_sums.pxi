# One pass of a Kronecker sum: y[l,:,r] (+)= Σ_i (I ⊗ F_i ⊗ I) x[l,:,r] over the axes of a group,
# block by block.  A block that lies scattered (rows of a panel `right` items apart) is packed,
# x and y both: every axis of the group reads all of x and adds to all of y.

# y[l, o, q, r] (+)= Σ_p f[q, p] x[l, o, p, r], l < count, on a contiguous block: r runs over
# inner * width items.
cdef inline void sum_step(const step_t *s, Py_ssize_t count, Py_ssize_t width, int item,
                          const char *x, char *y, int flags) noexcept nogil:
    cdef Py_ssize_t reals, start = 0, stop, outer = s.outer * count
    if s.by_rows:
        while start < outer:
            stop = min(start + ROW_BLOCK, outer)
            kernels().mode_product[s.dtype](
                1, stop - start, s.p, s.q, x + start * s.p * item, s.p, 1, s.f, 0, s.q,
                y + start * s.q * item, 0, s.q, flags, NULL)
            start = stop
        return
    reals = s.inner * width * (item // kernel_itemsize(s.dtype))
    kernels().mode_product[s.dtype](outer, s.q, s.p, reals, s.f, s.f_q, s.f_p, x, s.p * reals,
                                    reals, y, s.q * reals, reals, flags, NULL)


# rows of `bytes` bytes each, x_row and y_row bytes apart: y = x.
cdef inline void copy_rows(Py_ssize_t rows, Py_ssize_t bytes, const char *x, Py_ssize_t x_row,
                           char *y, Py_ssize_t y_row) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(y + i * y_row, x + i * x_row, bytes)


# The block of `width` columns at x and y, whose rows are `right` items apart, or `count` of them
# where that is all columns.
cdef void sum_block(const step_t *steps, int n_steps, Py_ssize_t count, Py_ssize_t rows,
                    Py_ssize_t width, Py_ssize_t right, int item, const char *x, char *y,
                    char **buffers, bint accumulate) noexcept nogil:
    cdef int i
    cdef Py_ssize_t row = width * item
    cdef const char *source = x
    cdef char *target = y
    if width != right:
        copy_rows(rows, row, x, right * item, buffers[0], row)
        if accumulate:
            copy_rows(rows, row, y, right * item, buffers[1], row)
        source, target = buffers[0], buffers[1]
    for i in range(n_steps):
        sum_step(&steps[i], count, width, item, source, target,
                 KV_ACCUMULATE if accumulate or i > 0 else 0)
    if width != right:
        copy_rows(rows, row, buffers[1], row, y, right * item)


def run_sum_pass(tuple sizes, list factors, cnp.ndarray x, cnp.ndarray y, bint accumulate,
                 Py_ssize_t begin, Py_ssize_t end):
    """Blocks [begin, end) of a pass of a Kronecker sum; arguments as `run_pass` takes them.

    ``accumulate`` adds to y; otherwise y is not read.
    """
    cdef pass_t pass_
    cdef int item = kernel_itemsize(kernel_dtype(cnp.PyArray_TYPE(x)))
    cdef Py_ssize_t left, rows, right, width, together, panels, unit, l, start
    cdef char *memory = NULL
    cdef const char *from_ = cnp.PyArray_BYTES(x)
    cdef char *to = cnp.PyArray_BYTES(y)
    cdef char *buffers[3]
    cdef scratch work
    read_sizes(sizes, &pass_)
    read_matrices(factors, &pass_)
    left, rows, right = pass_.left, pass_.rows_in, pass_.right
    width, together = pass_.width, pass_.together
    panels = (right + width - 1) // width
    work.heap = NULL
    buffers[0] = buffers[1] = NULL
    with nogil:
        if width != right:
            memory = <char *>scratch_get(&work, room(rows * width * item, 0))
            if memory != NULL:
                place_buffers(memory, rows * width * item, from_, buffers)
        if width == right or memory != NULL:
            for unit in range(begin, end):
                l = unit // panels * together
                start = unit % panels * width
                sum_block(pass_.steps, pass_.n_steps, min(together, left - l), rows,
                          min(width, right - start), right, item,
                          from_ + (l * rows * right + start) * item,
                          to + (l * rows * right + start) * item, buffers, accumulate)
        scratch_free(&work)
    if width != right and memory == NULL:
        raise MemoryError
