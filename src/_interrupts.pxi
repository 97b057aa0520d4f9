# Kernels in pieces, between which interrupt.h is asked whether to go on; and what Python sees of
# it.  Borders of pieces depend on sizes alone.

import threading

cdef extern from "Python.h":
    void *PyErr_Occurred()
    void PyErr_NoMemory()
    void PyErr_SetNone(object type)

cdef extern from "simd/interrupt.h":
    int kv_interrupted(Py_ssize_t work) nogil
    void kv_listen() nogil
    int kv_listen_again() nogil
    int kv_heard() nogil
    void kv_heed(const int *flag) nogil
    void kv_set_main_thread(unsigned long ident)
    enum: KV_PIECE

most_work = KV_PIECE


def _use_pieces(Py_ssize_t work):
    """Pieces of another size, for tests; returns what it was.

    Less than the least would never end: copies have no pieces below 64 by 64, a quarter of it.
    """
    global most_work
    cdef Py_ssize_t before = most_work
    most_work = max(work, 1 << 14)
    return before


class Stopped(BaseException):
    """Raised in a thread whose work ended because another one raised the flag."""


cdef class StopFlag:
    """What ends the work, in our own kernels, of the threads that are inside ``with flag``."""
    cdef int raised
    cdef object __weakref__

    def set(self):
        """End it, from any thread; for good."""
        self.raised = 1

    def is_set(self):
        return self.raised != 0

    def __enter__(self):
        kv_heed(&self.raised)

    def __exit__(self, *exception):
        kv_heed(NULL)


def _know_main_thread():
    kv_set_main_thread(threading.main_thread().ident)


_know_main_thread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_know_main_thread)


cdef bint interrupted(Py_ssize_t work) noexcept nogil:
    return kv_interrupted(work)


cdef void listen() noexcept nogil:
    kv_listen()


cdef int finish(int failed) except -1:
    if kv_heard():
        if PyErr_Occurred() == NULL:
            raise Stopped
        return -1
    if failed:
        raise MemoryError
    return 0


cdef bint begin_loop() noexcept nogil:
    return kv_listen_again() == 0


cdef void end_loop(bint failed) noexcept nogil:
    if kv_heard() or failed:
        with gil:
            if PyErr_Occurred() == NULL:
                if failed:
                    PyErr_NoMemory()
                else:
                    PyErr_SetNone(Stopped)


# How much of an axis makes a piece of about `most`, an index along it being `each`: a multiple of
# `grain`, all pieces about as large.
cdef Py_ssize_t piece(Py_ssize_t size, double each, double most, Py_ssize_t grain) noexcept nogil:
    cdef Py_ssize_t count = <Py_ssize_t>min(<double>size, size * each / most) + 1
    return max(grain, ((size + count - 1) // count + grain - 1) // grain * grain)


def _piece(Py_ssize_t size, double each, double most, Py_ssize_t grain):
    """The same, for tests."""
    return piece(size, each, most, grain)


# The kernel mode_product.
cdef void mode_product_pieces(int dtype, Py_ssize_t L, Py_ssize_t Q, Py_ssize_t P, Py_ssize_t R,
                              const char *f, Py_ssize_t f_q, Py_ssize_t f_p, const char *x,
                              Py_ssize_t x_l, Py_ssize_t x_p, char *y, Py_ssize_t y_l,
                              Py_ssize_t y_q, int flags, kv_ahead *ahead) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), step, i = 0, n
    cdef double work = <double>L * Q * P * R
    if L > 1:
        step = piece(L, work / L, most_work, 1)
        while i < L and not kv_interrupted(most_work):
            n = min(step, L - i)
            mode_product(dtype, n, Q, P, R, f, f_q, f_p, x + i * x_l * item, x_l, x_p,
                         y + i * y_l * item, y_l, y_q, flags, ahead)
            i += step
    elif R > 512:
        step = piece(R, work / R, most_work, 512)
        while i < R and not kv_interrupted(most_work):
            n = min(step, R - i)
            mode_product(dtype, 1, Q, P, n, f, f_q, f_p, x + i * item, 0, x_p, y + i * item, 0,
                         y_q, flags, ahead)
            i += step
    elif Q > 512:
        step = piece(Q, work / Q, most_work, 512)
        while i < Q and not kv_interrupted(most_work):
            n = min(step, Q - i)
            mode_product(dtype, 1, n, P, R, f + i * f_q * item, f_q, f_p, x, 0, x_p,
                         y + i * y_q * item, 0, y_q, flags, ahead)
            i += step
    else:
        step = piece(P, work / P, most_work, 64)
        while i < P and not kv_interrupted(most_work):
            n = min(step, P - i)
            kv_active.mode_product[dtype](1, Q, n, R, f + i * f_p * item, f_q, f_p,
                                          x + i * x_p * item, 0, x_p, y, 0, y_q, flags, ahead)
            flags |= KV_ACCUMULATE
            i += step


# The kernel outer.
cdef void outer_product(int dtype, Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, Py_ssize_t q,
                        const char *a, Py_ssize_t a_row, Py_ssize_t a_col, const char *b,
                        Py_ssize_t b_row, char *y, Py_ssize_t y_row, int flags) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), step, i = 0
    cdef double work = <double>m * n * p * q
    if work <= most_work // 4:
        kv_active.outer[dtype](m, n, p, q, a, a_row, a_col, b, b_row, y, y_row, flags)
    elif m > 1:
        step = piece(m, work / m, most_work // 4, 1)
        while i < m and not kv_interrupted(most_work // 4):
            outer_product(dtype, min(step, m - i), n, p, q, a + i * a_row * item, a_row, a_col, b,
                          b_row, y + i * p * y_row * item, y_row, flags)
            i += step
    elif p > 1:
        step = piece(p, work / p, most_work // 4, 1)
        while i < p and not kv_interrupted(most_work // 4):
            outer_product(dtype, 1, n, min(step, p - i), q, a, a_row, a_col, b + i * b_row * item,
                          b_row, y + i * y_row * item, y_row, flags)
            i += step
    elif n > 1:
        step = piece(n, q, most_work // 4, max(1, 64 // q))
        while i < n and not kv_interrupted(most_work // 4):
            outer_product(dtype, 1, min(step, n - i), 1, q, a + i * a_col * item, a_row, a_col, b,
                          b_row, y + i * q * item, y_row, flags)
            i += step
    else:
        step = piece(q, 1, most_work // 4, 64)
        while i < q and not kv_interrupted(most_work // 4):
            kv_active.outer[dtype](1, 1, 1, min(step, q - i), a, a_row, a_col, b + i * item, b_row,
                                   y + i * item, y_row, flags)
            i += step


# The kernel khatri_rao.
cdef void column_products(int dtype, Py_ssize_t m, Py_ssize_t p, Py_ssize_t n, const char *a,
                          Py_ssize_t a_row, const char *b, Py_ssize_t b_row, char *y,
                          Py_ssize_t y_row, int flags) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), step, i = 0
    cdef double work = <double>m * p * n
    if work <= most_work // 4:
        kv_active.khatri_rao[dtype](m, p, n, a, a_row, b, b_row, y, y_row, flags)
    elif m > 1:
        step = piece(m, work / m, most_work // 4, 1)
        while i < m and not kv_interrupted(most_work // 4):
            column_products(dtype, min(step, m - i), p, n, a + i * a_row * item, a_row, b, b_row,
                            y + i * p * y_row * item, y_row, flags)
            i += step
    elif p > 1:
        step = piece(p, n, most_work // 4, 1)
        while i < p and not kv_interrupted(most_work // 4):
            column_products(dtype, 1, min(step, p - i), n, a, a_row, b + i * b_row * item, b_row,
                            y + i * y_row * item, y_row, flags)
            i += step
    else:
        step = piece(n, 1, most_work // 4, 64)
        while i < n and not kv_interrupted(most_work // 4):
            kv_active.khatri_rao[dtype](1, 1, min(step, n - i), a + i * item, a_row, b + i * item,
                                        b_row, y + i * item, y_row, flags)
            i += step


# The kernel row_sqnorm on contiguous rows; that of a long one is the sum over its pieces.
cdef void square_norms(int dtype, Py_ssize_t rows, Py_ssize_t n, const char *x,
                       char *y) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), size = 8 if dtype & 1 else 4, step, i = 0, j
    cdef double part, total
    cdef float short_part
    if n <= most_work // 4:
        step = piece(rows, n, most_work // 4, 1)
        while i < rows and not kv_interrupted(step * n):
            kv_active.row_sqnorm[dtype](min(step, rows - i), n, x + i * n * item, n, y + i * size,
                                        1)
            i += step
        return
    step = piece(n, 1, most_work // 4, 64)
    for i in range(rows):
        total, j = 0, 0
        while j < n and not kv_interrupted(step):
            if dtype & 1:
                kv_active.row_sqnorm[dtype](1, min(step, n - j), x + (i * n + j) * item, n, &part,
                                            1)
            else:
                kv_active.row_sqnorm[dtype](1, min(step, n - j), x + (i * n + j) * item, n,
                                            &short_part, 1)
                part = short_part
            total += part
            j += step
        if dtype & 1:
            (<double *>y)[i] = total
        else:
            (<float *>y)[i] = <float>total


# The kernel transpose; pieces are large enough to be written past the caches.
cdef void transpose_items(Py_ssize_t item, Py_ssize_t batch, Py_ssize_t m, Py_ssize_t n,
                          const char *x, Py_ssize_t x_batch, Py_ssize_t x_row, char *y,
                          Py_ssize_t y_batch, Py_ssize_t y_row) noexcept nogil:
    cdef Py_ssize_t step, i = 0
    cdef double most = most_work * 2 // item
    if <double>batch * m * n <= most:
        kv_active.transpose[item_slot(item)](batch, m, n, x, x_batch, x_row, y, y_batch, y_row)
    elif batch > 1:
        step = piece(batch, <double>m * n, most, 1)
        while i < batch and not kv_interrupted(most_work):
            transpose_items(item, min(step, batch - i), m, n, x + i * x_batch * item, x_batch,
                            x_row, y + i * y_batch * item, y_batch, y_row)
            i += step
    elif m >= n:
        step = piece(m, n, most, 64)
        while i < m and not kv_interrupted(most_work):
            kv_active.transpose[item_slot(item)](1, min(step, m - i), n, x + i * x_row * item, 0,
                                                 x_row, y + i * item, 0, y_row)
            i += step
    else:
        step = piece(n, m, most, 64)
        while i < n and not kv_interrupted(most_work):
            kv_active.transpose[item_slot(item)](1, m, min(step, n - i), x + i * item, 0, x_row,
                                                 y + i * y_row * item, 0, y_row)
            i += step


# The kernel transpose_square on one large x (n, n): the tiles above the diagonal change places with
# those below, by way of two buffers whose rows are no power of two apart.
cdef void transpose_large_square(Py_ssize_t item, Py_ssize_t n, char *x) noexcept nogil:
    cdef int slot = item_slot(item)
    cdef Py_ssize_t side = min(512 // item, 64), row = n * item, stride = side + 64 // item
    cdef Py_ssize_t i = 0, j, r, rows, columns
    cdef char[64 * 576] upper_tile, lower_tile
    cdef char *upper
    cdef char *lower
    while i < n and not kv_interrupted(2 * side * (n - i)):
        rows = min(side, n - i)
        kv_active.transpose_square[slot](1, rows, x + i * row + i * item, 0, n)
        j = i + side
        while j < n:
            columns = min(side, n - j)
            upper, lower = x + i * row + j * item, x + j * row + i * item
            kv_active.transpose[slot](1, rows, columns, upper, 0, n, upper_tile, 0, stride)
            kv_active.transpose[slot](1, columns, rows, lower, 0, n, lower_tile, 0, stride)
            for r in range(rows):
                memcpy(upper + r * row, lower_tile + r * stride * item, columns * item)
            for r in range(columns):
                memcpy(lower + r * row, upper_tile + r * stride * item, rows * item)
            j += side
        i += side
