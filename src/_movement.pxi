# Drivers of the movement kernels: transpositions of a batch, of runs, and in place.

cdef enum:
    LARGE_SQUARE = 2048  # rows of one that is transposed in place tile by tile

# y[b,i,j] = x[b,j,i] for items of 1, 2, 4, 8 or 16 bytes, any strides; batch strides in bytes.
cdef void transpose_batch(Py_ssize_t itemsize, Py_ssize_t batch, matrix x, Py_ssize_t x_batch,
                          matrix y, Py_ssize_t y_batch) noexcept nogil:
    cdef Py_ssize_t i
    cdef matrix a = transposed(x)
    if (x.col_stride == itemsize and y.col_stride == itemsize and whole_items(x, itemsize)
            and whole_items(y, itemsize) and x_batch % itemsize == 0 and y_batch % itemsize == 0):
        transpose_items(
            itemsize, batch, x.rows, x.cols, x.data, x_batch // itemsize, x.row_stride // itemsize,
            y.data, y_batch // itemsize, y.row_stride // itemsize)
        return
    for i in range(batch):
        if kv_interrupted(x.rows * x.cols):
            return
        copy(itemsize, 0, a, y)
        a.data += x_batch
        y.data += y_batch


# y[i,j] = x[j,i] where an item is a run of bytes.
cdef void transpose_runs(Py_ssize_t run, matrix x, matrix y) noexcept nogil:
    kv_transpose_runs(x.rows, x.cols, run, x.data, x.row_stride, x.col_stride, y.data,
                      y.row_stride, y.col_stride)


# Each of a batch of contiguous (p, q) arrays of runs becomes its transpose, in its own memory.
cdef int transpose_in_place(Py_ssize_t run, Py_ssize_t batch, Py_ssize_t p, Py_ssize_t q, char *x,
                            Py_ssize_t x_batch) noexcept nogil:
    cdef bint item = run in (1, 2, 4, 8, 16)
    cdef scratch work
    cdef char *memory
    cdef Py_ssize_t i, step
    if p <= 1 or q <= 1 or run == 0:
        return 0
    if p == q and item and p >= LARGE_SQUARE:
        for i in range(batch):
            transpose_large_square(run, p, x + i * x_batch)
        return 0
    if p == q and item and x_batch % run == 0:
        step = piece(batch, <double>p * p, most_work // 4, 1)
        i = 0
        while i < batch and not kv_interrupted(step * p * p):
            kv_active.transpose_square[item_slot(run)](min(step, batch - i), p, x + i * x_batch,
                                                       x_batch // run, p)
            i += step
        return 0
    memory = <char *>scratch_get(&work, kv_rectangle_scratch(p, q, run))
    if memory == NULL:
        return -1
    for i in range(batch):
        if kv_interrupted(p * q):
            break
        if p == q:
            kv_transpose_square_runs(p, run, x + i * x_batch)
        else:
            kv_transpose_rectangle(p, q, run, x + i * x_batch, memory)
    scratch_free(&work)
    return 0
