"""One step of a many-factor product, on contiguous buffers, and a range of it for a thread."""

cimport numpy as cnp

from kronvec._kernels cimport *

cnp.import_array()

# Rows of x that meet the whole factor at a time where r = 1: they stay in L1.
cdef enum:
    ROW_BLOCK = 128


def mode_product(f, cnp.ndarray x, cnp.ndarray y, Py_ssize_t left, Py_ssize_t right,
                 bint accumulate, Py_ssize_t begin, Py_ssize_t end):
    """``y[l,q,r] (+)= sum_p f[q,p] x[l,p,r]`` with l < left and r < right.

    x and y are C-contiguous, of x's kernel dtype, f of that dtype or of its real one, with any
    strides.  Only l in [begin, end) is done if left > 1, else only r in [begin, end).
    """
    cdef int dtype = kernel_dtype(cnp.PyArray_TYPE(x))
    cdef int flags = KV_ACCUMULATE if accumulate else 0
    cdef Py_ssize_t item = kernel_itemsize(dtype), start, stop
    cdef matrix factor = view(cnp.PyArray_BYTES(f), f.shape[0], f.shape[1], f.strides[0],
                              f.strides[1])
    cdef Py_ssize_t q = factor.rows, p = factor.cols, f_item = f.itemsize
    cdef char *from_ = cnp.PyArray_BYTES(x)
    cdef char *to = cnp.PyArray_BYTES(y)
    cdef matrix rows, packed
    cdef scratch pack
    cdef int failed = 0
    if factor.row_stride % f_item or factor.col_stride % f_item:
        raise AssertionError("factor strides are not whole items")
    with nogil:
        if right == 1 and left > 1:
            # y = x fᵀ: rows of x against a packed fᵀ, whose rows are contiguous.
            packed = view(<char *>scratch_get(&pack, p * q * item), p, q, q * item, item)
            failed = -1 if packed.data == NULL else 0
            if not failed:
                copy(item, dtype, transposed(factor), packed)
                start = begin
                while start < end:
                    stop = min(start + ROW_BLOCK, end)
                    kernels().mode_product[dtype](
                        1, stop - start, p, q, from_ + start * p * item, p, 1, packed.data, 0, q,
                        to + start * q * item, 0, q, flags)
                    start = stop
            scratch_free(&pack)
        else:
            if f_item != item:  # a real factor on complex data: twice the columns
                dtype -= 2
                item = f_item
                right *= 2
                if left == 1:
                    begin, end = 2 * begin, 2 * end
            if left == 1:
                kernels().mode_product[dtype](
                    1, q, p, end - begin, factor.data, factor.row_stride // f_item,
                    factor.col_stride // f_item, from_ + begin * item, 0, right,
                    to + begin * item, 0, right, flags)
            else:
                kernels().mode_product[dtype](
                    end - begin, q, p, right, factor.data, factor.row_stride // f_item,
                    factor.col_stride // f_item, from_ + begin * p * right * item, p * right,
                    right, to + begin * q * right * item, q * right, right, flags)
    if failed:
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
