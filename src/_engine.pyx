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
    STEPS = 32  # that one pass may have
    # Rows of x that meet the whole factor at a time where r = 1: they stay in L1.
    ROW_BLOCK = 128

# One mode product within a block: axis of size p -> q, `outer` rows before it, `inner` behind.
ctypedef struct step_t:
    Py_ssize_t outer, q, p, inner
    const char *f
    Py_ssize_t f_q, f_p   # in items
    int dtype             # the kernel's: a real factor on complex data is a real kernel
    bint by_rows          # r = 1: y = x fᵀ, f packed transposed


# y[o, q, i, r] = Σ_p f[q, p] x[o, p, i, r], r < width; rows of x and y are x_row, y_row items
# apart.  Where they are `width` apart, i and r are one contiguous axis.
cdef void run_step(const step_t *s, Py_ssize_t width, int item, const char *x, Py_ssize_t x_row,
                   char *y, Py_ssize_t y_row) noexcept nogil:
    cdef Py_ssize_t scale = 1, start, stop, o
    if s.by_rows:
        start = 0
        while start < s.outer:
            stop = min(start + ROW_BLOCK, s.outer)
            kernels().mode_product[s.dtype](
                1, stop - start, s.p, s.q, x + start * s.p * item, s.p, 1, s.f, 0, s.q,
                y + start * s.q * item, 0, s.q, 0)
            start = stop
        return
    if item != kernel_itemsize(s.dtype):
        scale = 2  # interleaved complex data under a real kernel
    if x_row == width and y_row == width:
        kernels().mode_product[s.dtype](
            s.outer, s.q, s.p, s.inner * width * scale, s.f, s.f_q, s.f_p,
            x, s.p * s.inner * width * scale, s.inner * width * scale,
            y, s.q * s.inner * width * scale, s.inner * width * scale, 0)
    elif s.inner == 1:
        kernels().mode_product[s.dtype](
            s.outer, s.q, s.p, width * scale, s.f, s.f_q, s.f_p,
            x, s.p * x_row * scale, x_row * scale, y, s.q * y_row * scale, y_row * scale, 0)
    else:
        for o in range(s.outer):
            kernels().mode_product[s.dtype](
                s.inner, s.q, s.p, width * scale, s.f, s.f_q, s.f_p,
                x + o * s.p * s.inner * x_row * item, x_row * scale, s.inner * x_row * scale,
                y + o * s.q * s.inner * y_row * item, y_row * scale, s.inner * y_row * scale, 0)


# A step that may write over what it reads.
cdef inline bint in_place(const step_t *s) noexcept nogil:
    return not s.by_rows and s.q == s.p and 2 <= s.q <= KV_WHOLE_MODE


# A first step that reads its rows more than once reads them from a packed block: rows that lie
# a power of two apart would share a few sets of the cache.
cdef inline bint packs(const step_t *s, Py_ssize_t width, Py_ssize_t x_row) noexcept nogil:
    return x_row != width and s.q > KV_WHOLE_MODE


cdef void run_block(const step_t *steps, int count, Py_ssize_t width, int item, const char *x,
                    Py_ssize_t x_row, char *y, Py_ssize_t y_row, char **buffers) noexcept nogil:
    cdef int i, free = 0
    cdef const char *source = x
    cdef char *target
    cdef Py_ssize_t source_row = x_row, rows, r
    if packs(&steps[0], width, x_row):
        rows = steps[0].outer * steps[0].p * steps[0].inner
        for r in range(rows):
            memcpy(buffers[0] + r * width * item, x + r * x_row * item, width * item)
        source, source_row, free = buffers[0], width, 1
    for i in range(count):
        if i == count - 1:
            run_step(&steps[i], width, item, source, source_row, y, y_row)
            return
        if i > 0 and in_place(&steps[i]):
            target = <char *>source
        else:
            target = buffers[free]
            free = 1 - free
        run_step(&steps[i], width, item, source, source_row, target, width)
        source = target
        source_row = width


# The steps of a pass and their matrices, packed transposed where by_rows; how many they are.
cdef int read_steps(tuple sizes, list factors, step_t *steps) except -1:
    cdef int count = 0
    cdef cnp.ndarray f
    if len(sizes) > STEPS:
        raise ValueError("too many steps in one pass")
    for outer, q, p, inner, by_rows in sizes:
        f = factors[count]
        steps[count].outer, steps[count].q = outer, q
        steps[count].p, steps[count].inner = p, inner
        steps[count].by_rows = by_rows
        steps[count].dtype = kernel_dtype(cnp.PyArray_TYPE(f))
        steps[count].f = cnp.PyArray_BYTES(f)
        steps[count].f_q = cnp.PyArray_STRIDE(f, 0) // cnp.PyArray_ITEMSIZE(f)
        steps[count].f_p = cnp.PyArray_STRIDE(f, 1) // cnp.PyArray_ITEMSIZE(f)
        count += 1
    return count


# Room for two blocks of `size` bytes; buffers[0] is NULL where there is none.  A load 4096
# bytes behind a store in flight waits for it: x and the buffers lie at different places of a
# page.
cdef void two_buffers(scratch *work, Py_ssize_t size, const char *x,
                      char **buffers) noexcept nogil:
    cdef Py_ssize_t stretch = (size + 4095) // 4096 * 4096 + 2048
    buffers[0] = <char *>scratch_get(work, 2 * stretch + 8192)
    if buffers[0] != NULL:
        buffers[0] = <char *>((<uintptr_t>buffers[0] + 4095) & ~<uintptr_t>4095)
        buffers[0] += ((<uintptr_t>x + 1024) & <uintptr_t>4095) // 64 * 64
        buffers[1] = buffers[0] + stretch


def run_pass(tuple sizes, list factors, cnp.ndarray x, cnp.ndarray y, Py_ssize_t begin,
             Py_ssize_t end):
    """Blocks [begin, end) of a pass over flat C-contiguous arrays of one kernel dtype.

    ``sizes`` is (left, rows_in, rows_out, right, width, block items, ((outer, q, p, inner,
    by_rows), ...)); ``factors`` holds the matrix of each step, packed transposed for by_rows.
    """
    cdef step_t[STEPS] steps
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(x)), count
    cdef int item = kernel_itemsize(dtype)
    cdef Py_ssize_t rows_in = sizes[1], rows_out = sizes[2], right = sizes[3], width = sizes[4]
    cdef Py_ssize_t block = sizes[5], panels, unit, l, r, w
    cdef const char *from_ = cnp.PyArray_BYTES(x)
    cdef char *to = cnp.PyArray_BYTES(y)
    cdef char *buffers[2]
    cdef bint buffered
    cdef scratch work
    count = read_steps(sizes[6], factors, steps)
    panels = (right + width - 1) // width if width else 0
    work.heap = NULL
    buffers[0] = buffers[1] = NULL
    with nogil:
        buffered = count > 1 or packs(&steps[0], width, right)
        if buffered:
            two_buffers(&work, block * item, from_, buffers)
        if not buffered or buffers[0] != NULL:
            for unit in range(begin, end):
                l = unit // panels
                r = unit % panels * width
                w = min(width, right - r)
                run_block(steps, count, w, item, from_ + (l * rows_in * right + r) * item, right,
                          to + (l * rows_out * right + r) * item, right, buffers)
        scratch_free(&work)
    if buffered and buffers[0] == NULL:
        raise MemoryError


def row_sqnorm(cnp.ndarray x):
    """``y[i] = sum_j |x[i,j]|^2`` for a C-contiguous x of a kernel dtype."""
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(x))
    cdef Py_ssize_t rows = x.shape[0], n = x.shape[1]
    cdef cnp.npy_intp size = rows
    y = cnp.PyArray_EMPTY(1, &size, cnp.NPY_DOUBLE if dtype & 1 else cnp.NPY_FLOAT, 0)
    with nogil:
        kernels().row_sqnorm[dtype](rows, n, cnp.PyArray_DATA(x), n,
                                    cnp.PyArray_DATA(<cnp.ndarray>y), 1)
    return y


include "_sums.pxi"
