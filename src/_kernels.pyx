"""Drivers over the kernel table, the switch between instruction sets, and raw kernels for tests."""

import os

from libc.string cimport memcpy
cimport numpy as cnp
import numpy as np

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    void *PyDataMem_NEW(size_t nbytes) nogil
    void PyDataMem_FREE(void *block) nogil

cdef extern from "simd/table.h":
    ctypedef struct kv_entry:
        const char *kernel
        const char *slot
        const char *isa
    const kv_table *kv_active
    const char *kv_isa_name(int index) nogil
    const char *kv_use_isa(const char *name) nogil
    int kv_initialize(const char *name) nogil
    int kv_describe(int index, kv_entry *entry) nogil
    void kv_transpose_runs(
        Py_ssize_t m, Py_ssize_t n, Py_ssize_t run, const char *x, Py_ssize_t x_row,
        Py_ssize_t x_column, char *y, Py_ssize_t y_row, Py_ssize_t y_column) nogil
    void kv_transpose_square_runs(Py_ssize_t n, Py_ssize_t run, char *x) nogil
    void kv_transpose_rectangle(
        Py_ssize_t p, Py_ssize_t q, Py_ssize_t run, char *x, char *scratch) nogil
    Py_ssize_t kv_rectangle_scratch(Py_ssize_t p, Py_ssize_t q, Py_ssize_t run) nogil


cdef const kv_table *kernels() noexcept nogil:
    return kv_active


# The dtypes that have kernels, in the order of the table.
DTYPES = tuple(np.dtype(name) for name in ("float32", "float64", "complex64", "complex128"))


def _initialize():
    requested = os.environ.get("KRONVEC_ISA")
    name = requested.encode() if requested else b""
    if kv_initialize(<const char *>name if requested else NULL) < 0:
        raise ImportError(
            f"KRONVEC_ISA={requested!r} names no instruction set of this CPU; "
            f"available: {', '.join(available_isas())}"
        )


def available_isas():
    """The instruction sets that this CPU has and kernels exist for, lowest first."""
    names = []
    while kv_isa_name(len(names)) != NULL:
        names.append(kv_isa_name(len(names)).decode())
    return tuple(names)


def _use_isa(name):
    """Serve all calls by the named instruction set from now on; returns the one before."""
    encoded = name.encode()
    before = kv_use_isa(encoded)
    if before == NULL:
        raise ValueError(f"no instruction set {name!r}; available: {', '.join(available_isas())}")
    return before.decode()


def kernel_table():
    """{kernel: {dtype or item: instruction set}} of the table in use."""
    names = {"f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128"}
    table = {}
    cdef kv_entry entry
    cdef int index = 0
    while kv_describe(index, &entry):
        slot = entry.slot.decode()
        table.setdefault(entry.kernel.decode(), {})[names.get(slot, slot)] = entry.isa.decode()
        index += 1
    return table


def pair_fits(Py_ssize_t n, Py_ssize_t r, Py_ssize_t itemsize):
    """Whether one kernel takes two axes of n, r items behind, on the instruction set in use."""
    return bool(kv_pair_fits(n, r, itemsize))


def vector_bytes():
    """The width of a vector of the instruction set in use."""
    return kv_active.vector_bytes


_initialize()

include "_interrupts.pxi"
include "_workspaces.pxi"


# ---- packing -----------------------------------------------------------------------------

cdef inline void conjugate_in_place(int dtype, Py_ssize_t count, char *data) noexcept nogil:
    cdef Py_ssize_t i
    if dtype == KV_c64:
        for i in range(count):
            (<float *>data)[2 * i + 1] = -(<float *>data)[2 * i + 1]
    else:
        for i in range(count):
            (<double *>data)[2 * i + 1] = -(<double *>data)[2 * i + 1]


cdef inline bint whole_items(matrix a, Py_ssize_t itemsize) noexcept nogil:
    return a.row_stride % itemsize == 0 and a.col_stride % itemsize == 0


cdef inline matrix rows_of(matrix a, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    a.data += start * a.row_stride
    a.rows = stop - start
    return a


cdef inline matrix cols_of(matrix a, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    a.data += start * a.col_stride
    a.cols = stop - start
    return a


# y = a (conj(a) if a.conjugate), any strides.
cdef void copy(Py_ssize_t itemsize, int dtype, matrix a, matrix y) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef char *from_
    cdef char *to
    if y.row_stride == itemsize and y.col_stride != itemsize:
        a, y = transposed(a), transposed(y)
    if <double>a.rows * a.cols > most_work // 4:
        copy_pieces(itemsize, dtype, a, y)
        return
    if a.col_stride == itemsize and y.col_stride == itemsize:
        for i in range(a.rows):
            memcpy(y.data + i * y.row_stride, a.data + i * a.row_stride, a.cols * itemsize)
    elif (a.row_stride == itemsize and y.col_stride == itemsize
          and a.rows * a.cols > 64 and whole_items(a, itemsize) and whole_items(y, itemsize)):
        kv_active.transpose[item_slot(itemsize)](
            1, a.cols, a.rows, a.data, 0, a.col_stride // itemsize, y.data, 0,
            y.row_stride // itemsize)
    else:
        for i in range(a.rows):
            from_ = a.data + i * a.row_stride
            to = y.data + i * y.row_stride
            if itemsize == 8:
                for j in range(a.cols):
                    memcpy(to + j * y.col_stride, from_ + j * a.col_stride, 8)
            elif itemsize == 4:
                for j in range(a.cols):
                    memcpy(to + j * y.col_stride, from_ + j * a.col_stride, 4)
            else:
                for j in range(a.cols):
                    memcpy(to + j * y.col_stride, from_ + j * a.col_stride, itemsize)
    if a.conjugate and dtype >= KV_c64:
        for i in range(y.rows):
            for j in range(y.cols):
                conjugate_in_place(dtype, 1, y.data + i * y.row_stride + j * y.col_stride)


# The same for large ones.
cdef void copy_pieces(Py_ssize_t itemsize, int dtype, matrix a, matrix y) noexcept nogil:
    cdef bint by_rows = a.rows >= a.cols
    cdef Py_ssize_t size = max(a.rows, a.cols), start = 0, step, stop
    step = piece(size, min(a.rows, a.cols), most_work // 4, 64)
    while start < size and not kv_interrupted(most_work // 4):
        stop = min(start + step, size)
        if by_rows:
            copy(itemsize, dtype, rows_of(a, start, stop), rows_of(y, start, stop))
        else:
            copy(itemsize, dtype, cols_of(a, start, stop), cols_of(y, start, stop))
        start = stop


cdef inline matrix contiguous(char *data, Py_ssize_t rows, Py_ssize_t cols,
                              Py_ssize_t itemsize) noexcept nogil:
    return view(data, rows, cols, cols * itemsize, itemsize)


# `a` as rows that a kernel can stream: contiguous, whole items apart, not conjugated.
cdef inline bint streams(matrix a, int dtype, Py_ssize_t itemsize) noexcept nogil:
    return ((a.col_stride == itemsize or a.cols == 1) and a.row_stride % itemsize == 0
            and not (a.conjugate and dtype >= KV_c64))


# Replace `a` by a packed copy in `s`.
cdef int pack(int dtype, Py_ssize_t itemsize, matrix *a, scratch *s) noexcept nogil:
    cdef char *data = <char *>scratch_get(s, bytes_of(a.rows, a.cols, itemsize))
    if data == NULL:
        return -1
    cdef matrix packed = contiguous(data, a.rows, a.cols, itemsize)
    copy(itemsize, dtype, a[0], packed)
    a[0] = packed
    return 0


# ---- matrix products -----------------------------------------------------------------------

# y = a b, or y += a b for KV_ACCUMULATE: the mode product with L = 1, f = a, x = b and r
# along the columns of b.
cdef int matmul(int dtype, matrix a, matrix b, matrix y, int flags=0) noexcept nogil:
    cdef Py_ssize_t itemsize = kernel_itemsize(dtype)
    cdef scratch packed_a, packed_b, packed_y
    cdef matrix target
    cdef int failed = 0
    if y.rows == 0 or y.cols == 0:
        return 0
    if y.row_stride == itemsize and (y.col_stride != itemsize or y.cols == 1):
        # Column-major result: yᵀ = bᵀ aᵀ has contiguous rows.
        target = transposed(a)
        a, b, y = transposed(b), target, transposed(y)
    packed_a.heap = packed_b.heap = packed_y.heap = NULL
    target = y
    if not whole_items(a, itemsize):
        failed = pack(dtype, itemsize, &a, &packed_a)
    if not failed and not streams(b, dtype, itemsize):
        failed = pack(dtype, itemsize, &b, &packed_b)
    if not failed and not streams(y, dtype, itemsize):
        target = contiguous(<char *>scratch_get(&packed_y, bytes_of(y.rows, y.cols, itemsize)),
                            y.rows, y.cols, itemsize)
        failed = -1 if target.data == NULL else 0
        if not failed and flags & KV_ACCUMULATE:
            copy(itemsize, dtype, y, target)
    if not failed:
        mode_product(
            dtype, 1, y.rows, b.rows, y.cols, a.data, a.row_stride // itemsize,
            a.col_stride // itemsize, b.data, 0, b.row_stride // itemsize, target.data, 0,
            target.row_stride // itemsize, flags | (KV_CONJUGATE if a.conjugate else 0), NULL)
        if target.data != y.data:
            copy(itemsize, dtype, target, y)
    scratch_free(&packed_a)
    scratch_free(&packed_b)
    scratch_free(&packed_y)
    return failed


# A square matrix that the small kernels take as it is.
cdef inline bint small_square(matrix a, Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    return (a.rows == n and a.cols == n and a.col_stride == itemsize
            and a.row_stride == n * itemsize)


# y = a b c by the cheaper association; the intermediate stays in cache: it is made for a
# block of rows of a (or of columns of c) at a time.
cdef int triple_product(int dtype, matrix a, matrix b, matrix c, matrix y) noexcept nogil:
    cdef Py_ssize_t itemsize = kernel_itemsize(dtype)
    cdef Py_ssize_t n = a.cols, p = b.cols, start, stop, step
    cdef scratch work
    cdef scratch packed[3]
    cdef matrix part
    cdef int failed = 0
    if y.row_stride == itemsize and (y.col_stride != itemsize or y.cols == 1):
        part = transposed(a)
        a, b, c, y = transposed(c), transposed(b), part, transposed(y)
        n, p = p, n
    if (kv_small(n) and a.rows == n and p == n and c.cols == n
            and small_square(y, n, itemsize)):
        # On this few elements packing costs less than a second kernel call.
        packed[0].heap = packed[1].heap = packed[2].heap = NULL
        if not small_square(a, n, itemsize):
            pack(dtype, itemsize, &a, &packed[0])
        if not small_square(b, n, itemsize):
            pack(dtype, itemsize, &b, &packed[1])
        if not small_square(c, n, itemsize):
            pack(dtype, itemsize, &c, &packed[2])
        kv_active.small_triple_product[dtype](1, n, a.data, 0, b.data, 0, c.data, 0, y.data, 0)
        return 0
    if y.rows == 0 or y.cols == 0:
        return 0
    if left_association(a.rows, n, p, c.cols):
        step = max(64, 32768 // itemsize // max(p, 1))
        step = min(step, a.rows)
        part.data = <char *>scratch_get(&work, bytes_of(step, p, itemsize))
        failed = -1 if part.data == NULL else 0
        start = 0
        while start < a.rows and not failed:
            stop = min(start + step, a.rows)
            part = contiguous(part.data, stop - start, p, itemsize)
            failed = matmul(dtype, rows_of(a, start, stop), b, part)
            if not failed:
                failed = matmul(dtype, part, c, rows_of(y, start, stop))
            start = stop
    else:
        step = max(64, 32768 // itemsize // max(n, 1))
        step = min(step, c.cols)
        part.data = <char *>scratch_get(&work, bytes_of(step, n, itemsize))
        failed = -1 if part.data == NULL else 0
        start = 0
        while start < c.cols and not failed:
            stop = min(start + step, c.cols)
            part = contiguous(part.data, n, stop - start, itemsize)
            failed = matmul(dtype, b, cols_of(c, start, stop), part)
            if not failed:
                failed = matmul(dtype, a, part, cols_of(y, start, stop))
            start = stop
    scratch_free(&work)
    return failed


# dx = g w^H, dw = x^H g (transposes without conjugate).
cdef int matmul_vjp(int dtype, bint conjugate, matrix g, matrix x, matrix w, matrix dx,
                    matrix dw) noexcept nogil:
    cdef Py_ssize_t itemsize = kernel_itemsize(dtype), n = g.rows
    cdef int failed
    if (kv_small(n) and small_square(g, n, itemsize) and small_square(x, n, itemsize)
            and small_square(w, n, itemsize) and small_square(dx, n, itemsize)
            and small_square(dw, n, itemsize)):
        kv_active.small_vjp[dtype](1, n, g.data, 0, x.data, 0, w.data, 0, dx.data, 0, dw.data, 0,
                                   KV_CONJUGATE if conjugate else 0)
        return 0
    w.conjugate = x.conjugate = conjugate
    failed = matmul(dtype, g, transposed(w), dx)
    return failed if failed else matmul(dtype, transposed(x), g, dw)


# y = dx w + x dw.
cdef int matmul_jvp(int dtype, matrix dx, matrix dw, matrix x, matrix w,
                    matrix y) noexcept nogil:
    cdef int failed = matmul(dtype, dx, w, y)
    return failed if failed else matmul(dtype, x, dw, y, KV_ACCUMULATE)


# Larger results would only push everything else out of the cache.
cdef Py_ssize_t last_cache_bytes = kv_last_cache_bytes()


# y = a ⊗ b.
cdef int outer(int dtype, matrix a, matrix b, matrix y) noexcept nogil:
    cdef Py_ssize_t itemsize = kernel_itemsize(dtype)
    cdef scratch packed_a, packed_b, packed_y
    cdef matrix target = y
    cdef int failed = 0
    if y.rows == 0 or y.cols == 0:
        return 0
    # What lies column by column, and a single column, is written as rows of the transpose.
    if y.row_stride == itemsize and (y.col_stride != itemsize or y.cols == 1):
        a, b, y = transposed(a), transposed(b), transposed(y)
        target = y
    packed_a.heap = packed_b.heap = packed_y.heap = NULL
    if not whole_items(a, itemsize):
        failed = pack(dtype, itemsize, &a, &packed_a)
    if not failed and not streams(b, dtype, itemsize):
        failed = pack(dtype, itemsize, &b, &packed_b)
    if not failed and not streams(y, dtype, itemsize):
        target = contiguous(<char *>scratch_get(&packed_y, bytes_of(y.rows, y.cols, itemsize)),
                            y.rows, y.cols, itemsize)
        failed = -1 if target.data == NULL else 0
    if not failed:
        outer_product(
            dtype, a.rows, a.cols, b.rows, b.cols, a.data, a.row_stride // itemsize,
            a.col_stride // itemsize, b.data, b.row_stride // itemsize, target.data,
            target.row_stride // itemsize,
            KV_STREAM if y.rows * y.cols >= last_cache_bytes // itemsize else 0)
        if target.data != y.data:
            copy(itemsize, dtype, target, y)
    scratch_free(&packed_a)
    scratch_free(&packed_b)
    scratch_free(&packed_y)
    return failed


def left_first(Py_ssize_t m, Py_ssize_t n, Py_ssize_t p, Py_ssize_t q):
    """Whether (A B) C needs no more flops than A (B C) for A (m, n), B (n, p), C (p, q)."""
    return left_association(m, n, p, q)


include "_column_products.pxi"
include "_movement.pxi"
include "_raw_kernels.pxi"
