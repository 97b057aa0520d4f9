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
            mode_product(
                s.dtype, 1, stop - start, s.p, s.q, x + start * s.p * item, s.p, 1, s.f, 0, s.q,
                y + start * s.q * item, 0, s.q, flags, NULL)
            start = stop
        return
    reals = s.inner * width * (item // kernel_itemsize(s.dtype))
    mode_product(s.dtype, outer, s.q, s.p, reals, s.f, s.f_q, s.f_p, x, s.p * reals, reals,
                 y, s.q * reals, reals, flags, NULL)


# rows of `bytes` bytes each, x_row and y_row bytes apart: y = x.
cdef inline void copy_rows(Py_ssize_t rows, Py_ssize_t bytes, const char *x, Py_ssize_t x_row,
                           char *y, Py_ssize_t y_row) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(y + i * y_row, x + i * x_row, bytes)


# The block of `width` columns at x and y, whose rows are `right` items apart, or `count` of them
# where that is all columns; packed where there are buffers.
cdef void sum_block(const step_t *steps, int n_steps, Py_ssize_t count, Py_ssize_t rows,
                    Py_ssize_t width, Py_ssize_t right, int item, const char *x, char *y,
                    char **buffers, bint accumulate) noexcept nogil:
    cdef int i
    cdef Py_ssize_t row = width * item, apart = right * item
    cdef const char *source = x
    cdef char *target = y
    cdef bint packed = buffers[0] != NULL
    if width == right:
        rows, row = 1, count * rows * row
    if packed:
        copy_rows(rows, row, x, apart, buffers[0], row)
        if accumulate:
            copy_rows(rows, row, y, apart, buffers[1], row)
        source, target = buffers[0], buffers[1]
    for i in range(n_steps):
        sum_step(&steps[i], count, width, item, source, target,
                 KV_ACCUMULATE if accumulate or i > 0 else 0)
    if packed:
        copy_rows(rows, row, buffers[1], row, y, apart)


# Whether vectors of x or y would lie across lines of the cache, and a copy of the block that does
# not is soon paid for: little else than loads and stores is done on it.
cdef inline bint pays_to_align(const pass_t *s, const char *x, const char *y,
                               Py_ssize_t size) noexcept nogil:
    return ((<uintptr_t>x | <uintptr_t>y) & 63 != 0 and size >= 32768 and s.n_steps > 1
            and s.steps[0].q <= KV_WHOLE_MODE)


# Blocks [begin, end) of a pass; -1 where memory is short.
cdef int execute_sum(const pass_t *s, int item, const char *x, char *y, bint accumulate,
                     Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t rows = s.rows_in, right = s.right, width = s.width
    cdef Py_ssize_t panels = (right + width - 1) // width, unit, l, start, at
    cdef Py_ssize_t size = min(s.together, s.left) * rows * width * item, each = block_work(s)
    cdef char *buffers[3]
    cdef char *memory
    cdef scratch work
    work.heap = NULL
    buffers[0] = buffers[1] = NULL
    if width != right or pays_to_align(s, x, y, size):
        memory = <char *>scratch_get(&work, room(size, 0))
        if memory == NULL:
            return -1
        place_buffers(memory, size, x, buffers)
    for unit in range(begin, end):
        if interrupted(each):
            break
        l = unit // panels * s.together
        start = unit % panels * width
        at = (l * rows * right + start) * item
        sum_block(s.steps, s.n_steps, min(s.together, s.left - l), rows,
                  min(width, right - start), right, item, x + at, y + at, buffers, accumulate)
    scratch_free(&work)
    return 0


def run_sum_pass(tuple sizes, list factors, cnp.ndarray x, cnp.ndarray y, bint accumulate,
                 Py_ssize_t begin, Py_ssize_t end):
    """Blocks [begin, end) of a pass of a Kronecker sum; arguments as `run_pass` takes them.

    ``accumulate`` adds to y; otherwise y is not read.
    """
    cdef step_t[STEPS] steps
    cdef pass_t sweep
    cdef int item = kernel_itemsize(kernel_dtype(cnp.PyArray_TYPE(x))), failed
    read_pass(sizes, &sweep)
    read_steps(sizes[8], factors, steps)
    sweep.steps = steps
    with nogil:
        listen()
        failed = execute_sum(&sweep, item, cnp.PyArray_BYTES(x), cnp.PyArray_BYTES(y), accumulate,
                             begin, end)
    finish(failed)
