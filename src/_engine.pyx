"""Carries out one pass of a many-factor plan: a group of mode products, block by block in cache.

A pass sees its operand as x[l, i, r], i running over the axes of the group, and cuts r into
panels of ``width``.  The block x[l, :, panel] is taken through all steps of the group: the
first reads it where it lies, the last writes where the result belongs, and what is between
stays in two buffers of cache size.
"""

from libc.stdint cimport uintptr_t
from libc.string cimport memcpy
cimport numpy as cnp

from kronvec._kernels cimport *

cnp.import_array()

cdef enum:
    # Rows of x that meet the whole factor at a time where r = 1: they stay in L1.
    ROW_BLOCK = 128
    # Rows shorter than this that begin within a line take longer past the caches than into them.
    SHORT_ROW_BYTES = 512
    # Of rows that are packed at a time.
    CHUNK_BYTES = 16384

cdef float ONE_FLOAT = 1
cdef double ONE_DOUBLE = 1

# The same for two axes: y[l, o, q1, q2, i, r] = Σ f1[q1, p1] f2[q2, p2] x[l, o, p1, p2, i, r].
cdef void run_pair(const step_t *s, Py_ssize_t outer, Py_ssize_t width, int item, const char *x,
                   Py_ssize_t x_row, char *y, Py_ssize_t y_row, int flags,
                   kv_ahead *ahead) noexcept nogil:
    cdef Py_ssize_t n = s.p, scale = 1, run = s.inner, o
    cdef const char *f2 = s.f + n * n * kernel_itemsize(s.dtype)
    if item != kernel_itemsize(s.dtype):
        scale = 2
    if x_row == width and y_row == width:
        run *= width * scale
        kernels().mode_pair[s.dtype](outer, n, run, s.f, f2, x, n * n * run, n * run, run,
                                     y, n * n * run, n * run, run, flags, ahead)
        return
    x_row *= scale
    y_row *= scale
    if run == 1:
        kernels().mode_pair[s.dtype](outer, n, width * scale, s.f, f2, x, n * n * x_row,
                                     n * x_row, x_row, y, n * n * y_row, n * y_row, y_row, flags,
                                     ahead)
        return
    for o in range(outer):
        kernels().mode_pair[s.dtype](
            run, n, width * scale, s.f, f2, x + o * n * n * run * x_row // scale * item, x_row,
            n * run * x_row, run * x_row, y + o * n * n * run * y_row // scale * item, y_row,
            n * run * y_row, run * y_row, flags, ahead)


# y[l, o, q, i, r] = Σ_p f[q, p] x[l, o, p, i, r], l < count, r < width; rows of x and y are x_row,
# y_row items apart.  Where they are `width` apart, i and r are one contiguous axis; count is 1
# elsewhere.
cdef void run_step(const step_t *s, Py_ssize_t count, Py_ssize_t width, int item, const char *x,
                   Py_ssize_t x_row, char *y, Py_ssize_t y_row, int flags,
                   kv_ahead *ahead) noexcept nogil:
    cdef Py_ssize_t scale = 1, start, stop, o, outer = s.outer * count
    if s.pair:
        run_pair(s, outer, width, item, x, x_row, y, y_row, flags, ahead)
        return
    if s.by_rows:
        start = 0
        while start < outer:
            stop = min(start + ROW_BLOCK, outer)
            mode_product(
                s.dtype, 1, stop - start, s.p, s.q, x + start * s.p * item, s.p, 1, s.f, 0, s.q,
                y + start * s.q * item, 0, s.q, flags, ahead)
            start = stop
        return
    if item != kernel_itemsize(s.dtype):
        scale = 2  # interleaved complex data under a real kernel
    if x_row == width and y_row == width:
        mode_product(
            s.dtype, outer, s.q, s.p, s.inner * width * scale, s.f, s.f_q, s.f_p,
            x, s.p * s.inner * width * scale, s.inner * width * scale,
            y, s.q * s.inner * width * scale, s.inner * width * scale, flags, ahead)
    elif s.inner == 1:
        mode_product(
            s.dtype, outer, s.q, s.p, width * scale, s.f, s.f_q, s.f_p,
            x, s.p * x_row * scale, x_row * scale, y, s.q * y_row * scale, y_row * scale, flags,
            ahead)
    else:
        for o in range(outer):
            mode_product(
                s.dtype, s.inner, s.q, s.p, width * scale, s.f, s.f_q, s.f_p,
                x + o * s.p * s.inner * x_row * item, x_row * scale, s.inner * x_row * scale,
                y + o * s.q * s.inner * y_row * item, y_row * scale, s.inner * y_row * scale,
                flags, ahead)


# A step that may write over what it reads.
cdef inline bint in_place(const step_t *s) noexcept nogil:
    return s.pair or not s.by_rows and s.q == s.p and 2 <= s.q <= KV_WHOLE_MODE


# A first step that reads its rows more than once reads them from packed chunks: rows that lie
# a power of two apart would share a few sets of the cache.
cdef inline bint packs(const step_t *s, Py_ssize_t width, Py_ssize_t x_row) noexcept nogil:
    return x_row != width and s.q > KV_WHOLE_MODE and not s.pair


# Bytes of a row of a chunk, whole register tiles: all rows stay in the first-level cache, as far
# as three vectors each allow.
cdef inline Py_ssize_t chunk_bytes(const step_t *s) noexcept nogil:
    return max(192, CHUNK_BYTES // s.p // 192 * 192)


# run_step for such a step; the chunk's rows lie in `buffer`.
cdef void run_packed(const step_t *s, Py_ssize_t width, int item, const char *x, Py_ssize_t x_row,
                     char *y, Py_ssize_t y_row, char *buffer, int flags,
                     kv_ahead *ahead) noexcept nogil:
    cdef Py_ssize_t chunk = chunk_bytes(s) // item, scale = item // kernel_itemsize(s.dtype)
    cdef Py_ssize_t o, i, p, r, w, before = (<uintptr_t>y & <uintptr_t>63) // item
    cdef const char *source
    cdef char *target
    for o in range(s.outer):
        for i in range(s.inner):
            source = x + (o * s.p * s.inner + i) * x_row * item
            target = y + (o * s.q * s.inner + i) * y_row * item
            r = 0
            while r < width:
                w = min(chunk - before if r == 0 else chunk, width - r)  # then y + r is aligned
                for p in range(s.p):
                    memcpy(buffer + p * chunk * item, source + (p * s.inner * x_row + r) * item,
                           w * item)
                mode_product(
                    s.dtype, 1, s.q, s.p, w * scale, s.f, s.f_q, s.f_p, buffer, 0, chunk * scale,
                    target + r * item, 0, s.inner * y_row * scale, flags, ahead)
                r += w


# The next block, which the kernels ask for while they work on this one.
cdef inline kv_ahead block_ahead(const char *x, Py_ssize_t rows, Py_ssize_t row,
                                 Py_ssize_t stride) noexcept nogil:
    cdef kv_ahead ahead
    cdef Py_ssize_t before = <uintptr_t>x & <uintptr_t>63
    if row == stride:
        rows, row, stride = 1, rows * row, rows * row
    ahead.at = x - before
    ahead.bytes = ahead.left = row + before
    ahead.rows = rows
    ahead.gap = stride - ahead.bytes
    return ahead


# The steps on one block.  A step `beta` of one entry along all rows makes it y = beta y + ...;
# without an entry, beta = 1.
cdef void run_block(const step_t *steps, int n_steps, Py_ssize_t count, Py_ssize_t width, int item,
                    const char *x, Py_ssize_t x_row, char *y, Py_ssize_t y_row, char **buffers,
                    int flags, const step_t *beta, kv_ahead *ahead) noexcept nogil:
    cdef int i, free = 0
    cdef const char *source = x
    cdef char *target
    cdef Py_ssize_t source_row = x_row
    for i in range(n_steps - 1):
        if i > 0 and in_place(&steps[i]):
            target = <char *>source
        else:
            target = buffers[free]
            free = 1 - free
        if packs(&steps[i], width, source_row):
            run_packed(&steps[i], width, item, source, source_row, target, width, buffers[2], 0,
                       ahead)
        else:
            run_step(&steps[i], count, width, item, source, source_row, target, width, 0, ahead)
        source = target
        source_row = width
    if beta != NULL:
        flags = KV_ACCUMULATE
        if beta.f != NULL:
            run_step(beta, count, width, item, y, y_row, y, y_row, 0, ahead)
    if packs(&steps[n_steps - 1], width, source_row):
        run_packed(&steps[n_steps - 1], width, item, source, source_row, y, y_row, buffers[2],
                   flags, ahead)
    else:
        run_step(&steps[n_steps - 1], count, width, item, source, source_row, y, y_row, flags,
                 ahead)


# Rows x[l, :], l < count, as the columns of a block, through the steps, and back as rows of y.
cdef void run_across(const step_t *steps, int n_steps, Py_ssize_t count, int item, const char *x,
                     Py_ssize_t rows_in, char *y, Py_ssize_t rows_out, char **buffers,
                     const step_t *beta, kv_ahead *ahead) noexcept nogil:
    cdef int slot = item_slot(item), i, at = 0
    cdef step_t one
    kernels().transpose[slot](1, count, rows_in, x, 0, rows_in, buffers[0], 0, count)
    for i in range(n_steps):
        if in_place(&steps[i]):
            run_step(&steps[i], 1, count, item, buffers[at], count, buffers[at], count, 0, ahead)
        else:
            run_step(&steps[i], 1, count, item, buffers[at], count, buffers[1 - at], count, 0,
                     ahead)
            at = 1 - at
    if beta == NULL:
        kernels().transpose[slot](1, rows_out, count, buffers[at], 0, count, y, 0, rows_out)
        return
    kernels().transpose[slot](1, rows_out, count, buffers[at], 0, count, buffers[1 - at], 0,
                              rows_out)
    if beta.f != NULL:
        run_step(beta, count, 1, item, y, 1, y, 1, 0, ahead)
    one = beta[0]
    one.dtype = KV_f32 + (one.dtype & 1)
    one.f = <const char *>&ONE_DOUBLE
    if one.dtype == KV_f32:
        one.f = <const char *>&ONE_FLOAT
    run_step(&one, count, 1, item, buffers[1 - at], 1, y, 1, KV_ACCUMULATE, ahead)


# The sizes of a step (see run_pass).
cdef void read_step(tuple sizes, step_t *s) except *:
    s.outer, s.q, s.p, s.inner, s.by_rows, s.pair = sizes


# The steps of a pass and their matrices.
cdef void read_steps(tuple sizes, list factors, step_t *steps) except *:
    cdef int i
    cdef cnp.ndarray f
    for i in range(len(sizes)):
        f = factors[i]
        read_step(sizes[i], &steps[i])
        steps[i].dtype = kernel_dtype(cnp.PyArray_TYPE(f))
        steps[i].f = cnp.PyArray_BYTES(f)
        steps[i].f_q = cnp.PyArray_STRIDE(f, 0) // cnp.PyArray_ITEMSIZE(f)
        steps[i].f_p = cnp.PyArray_STRIDE(f, 1) // cnp.PyArray_ITEMSIZE(f)


# Room for two blocks of `size` bytes and `more`.  A load 4096 bytes behind a store in flight waits
# for it: x and the buffers lie at different places of a page.
cdef inline Py_ssize_t stretch(Py_ssize_t size) noexcept nogil:
    return (size + 4095) // 4096 * 4096 + 2048


cdef inline Py_ssize_t room(Py_ssize_t size, Py_ssize_t more) noexcept nogil:
    return 2 * stretch(size) + more + 8192


cdef void place_buffers(char *memory, Py_ssize_t size, const char *x,
                        char **buffers) noexcept nogil:
    buffers[0] = <char *>((<uintptr_t>memory + 4095) & ~<uintptr_t>4095)
    buffers[0] += ((<uintptr_t>x + 1024) & <uintptr_t>4095) // 64 * 64
    buffers[1] = buffers[0] + stretch(size)
    buffers[2] = buffers[1] + stretch(size)


# All but the steps.
cdef void read_pass(tuple sizes, pass_t *s) except *:
    s.left, s.rows_in, s.rows_out, s.right = sizes[0], sizes[1], sizes[2], sizes[3]
    s.width, s.block, s.together, s.across = sizes[4], sizes[5], sizes[6], sizes[7]
    s.n_steps = len(sizes[8])
    if s.n_steps > STEPS:
        raise ValueError("too many steps in one pass")


# Bytes of one of the two blocks of a pass.
cdef inline Py_ssize_t block_bytes(const pass_t *s, int item) noexcept nogil:
    if not s.across and s.n_steps == 1:
        return 0
    return min(s.together, s.left) * s.block * item


cdef Py_ssize_t buffer_bytes(const pass_t *s, int item) noexcept nogil:
    cdef const step_t *first = &s.steps[0]
    if s.across or s.n_steps > 1 or packs(first, s.width, s.right):
        return room(block_bytes(s, item), chunk_bytes(first) * first.p)
    return 0


# Multiply-adds of a block, a few at least.
cdef Py_ssize_t block_work(const pass_t *s) noexcept nogil:
    cdef Py_ssize_t rows = s.width if s.across else s.width * min(s.together, s.left), i
    cdef double work = 64
    for i in range(s.n_steps):
        work += (<double>s.steps[i].outer * s.steps[i].q * s.steps[i].p * s.steps[i].inner
                 * (2 * s.steps[i].q if s.steps[i].pair else 1) * rows)
    return <Py_ssize_t>min(work, 1e15)


cdef void run_blocks(const pass_t *s, int item, const char *x, char *y, Py_ssize_t begin,
                     Py_ssize_t end, const step_t *beta, char *memory) noexcept nogil:
    cdef Py_ssize_t left = s.left, right = s.right, width = s.width, together = s.together
    cdef Py_ssize_t panels = (right + width - 1) // width if width else 0
    cdef Py_ssize_t unit, l, r, w, n, next_l, next_r, work = block_work(s)
    cdef char *buffers[3]
    cdef int flags = 0
    cdef kv_ahead ahead
    if (left * s.rows_out * right * item >= KV_STREAM_ABOVE and y != x
            and (<uintptr_t>y & 63 == 0
                 or s.steps[s.n_steps - 1].inner * width * item >= SHORT_ROW_BYTES)):
        flags = KV_STREAM
    buffers[0] = buffers[1] = buffers[2] = NULL
    if memory != NULL:
        place_buffers(memory, block_bytes(s, item), x, buffers)
    for unit in range(begin, end):
        if interrupted(work):
            return
        ahead.rows = 0
        if s.across:
            l = unit * width
            n = min(width, left - l)
            if unit + 1 < end:
                ahead = block_ahead(x + (l + n) * s.rows_in * item,
                                    min(width, left - l - n) * s.rows_in, item, item)
            run_across(s.steps, s.n_steps, n, item, x + l * s.rows_in * item, s.rows_in,
                       y + l * s.rows_out * item, s.rows_out, buffers, beta, &ahead)
            continue
        l = unit // panels * together
        r = unit % panels * width
        n = min(together, left - l)
        w = min(width, right - r)
        if unit + 1 < end:
            next_l = (unit + 1) // panels * together
            next_r = (unit + 1) % panels * width
            ahead = block_ahead(x + (next_l * s.rows_in * right + next_r) * item,
                                min(together, left - next_l) * s.rows_in,
                                min(width, right - next_r) * item, right * item)
        run_block(s.steps, s.n_steps, n, w, item, x + (l * s.rows_in * right + r) * item, right,
                  y + (l * s.rows_out * right + r) * item, right, buffers, flags, beta, &ahead)


# The same in memory of its own; -1 where that is short.
cdef int execute(const pass_t *s, int item, const char *x, char *y, Py_ssize_t begin,
                 Py_ssize_t end, const step_t *beta) noexcept nogil:
    cdef Py_ssize_t needed = buffer_bytes(s, item)
    cdef char *memory = NULL
    cdef scratch work
    work.heap = NULL
    if needed:
        memory = <char *>scratch_get(&work, needed)
        if memory == NULL:
            return -1
    run_blocks(s, item, x, y, begin, end, beta, memory)
    scratch_free(&work)
    return 0


def run_pass(tuple sizes, list factors, cnp.ndarray x, cnp.ndarray y, Py_ssize_t begin,
             Py_ssize_t end, cnp.ndarray beta=None):
    """Blocks [begin, end) of a pass over flat C-contiguous arrays of one kernel dtype.

    y = (the steps) x, or beta y + (the steps) x for a ``beta`` of one entry.

    ``sizes`` is (left, rows_in, rows_out, right, width, block items, together, across, ((outer,
    q, p, inner, by_rows, pair), ...)); ``factors`` holds the matrix of each step, packed
    transposed for by_rows, the two of a pair in one array.  A block is one panel of ``width``
    columns, or ``together`` whole x[l], or for ``across`` the columns that ``width`` of them make.
    """
    cdef step_t[STEPS] steps
    cdef pass_t sweep
    cdef step_t scale
    cdef const step_t *adding = NULL
    cdef int item = kernel_itemsize(kernel_dtype(cnp.PyArray_TYPE(x))), failed
    read_pass(sizes, &sweep)
    if (cnp.PyArray_SIZE(x) < sweep.left * sweep.rows_in * sweep.right
            or cnp.PyArray_SIZE(y) < sweep.left * sweep.rows_out * sweep.right):
        raise ValueError("a pass over more than there is")
    read_steps(sizes[8], factors, steps)
    sweep.steps = steps
    if beta is not None:
        scale.outer, scale.q, scale.p, scale.inner = 1, 1, 1, sweep.rows_out
        scale.f = NULL if beta.item() == 1 else cnp.PyArray_BYTES(beta)
        scale.f_q, scale.f_p, scale.by_rows, scale.pair = 1, 1, False, False
        scale.dtype = kernel_dtype(cnp.PyArray_TYPE(beta))
        adding = &scale
    with nogil:
        listen()
        failed = execute(&sweep, item, cnp.PyArray_BYTES(x), cnp.PyArray_BYTES(y), begin, end,
                         adding)
    finish(failed)


def row_sqnorm(cnp.ndarray x):
    """``y[i] = sum_j |x[i,j]|^2`` for a C-contiguous x of a kernel dtype."""
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(x))
    cdef cnp.npy_intp rows = x.shape[0]
    y = cnp.PyArray_EMPTY(1, &rows, cnp.NPY_DOUBLE if dtype & 1 else cnp.NPY_FLOAT, 0)
    cdef char *target = cnp.PyArray_BYTES(<cnp.ndarray>y)
    with nogil:
        listen()
        square_norms(dtype, rows, x.shape[1], cnp.PyArray_BYTES(x), target)
    finish(0)
    return y


include "_sums.pxi"
include "_compiled_plans.pxi"
