# The kernels themselves on arrays, for the tests: arrays of one kernel dtype, last axis
# contiguous; no driver, no packing, no validation beyond assertions.


cdef int _slot(arrays) except -1:
    dtype = kernel_dtype(arrays[0].dtype.num)
    assert dtype >= 0 and all(a.dtype == arrays[0].dtype for a in arrays)
    assert all(a.size == 0 or a.shape[a.ndim - 1] == 1 or a.strides[a.ndim - 1] == a.itemsize
               for a in arrays[1:])
    return dtype


cdef void *_data(array) except? NULL:
    return cnp.PyArray_DATA(<cnp.ndarray>array)


cdef Py_ssize_t _stride(array, int axis) except? -1:
    return array.strides[axis] // array.itemsize


def run_mode_product(f, x, y, accumulate=False, conjugate=False, stream=False):
    """y[l,q,r] (+)= sum_p f[q,p] x[l,p,r]; f of any strides."""
    cdef int flags = (KV_ACCUMULATE if accumulate else 0) | (KV_CONJUGATE if conjugate else 0)
    flags |= KV_STREAM if stream else 0
    L, P, R = x.shape
    assert f.shape[1] == P and y.shape == (L, f.shape[0], R)
    kv_active.mode_product[_slot((f, x, y))](
        L, f.shape[0], P, R, _data(f), _stride(f, 0), _stride(f, 1), _data(x), _stride(x, 0),
        _stride(x, 1), _data(y), _stride(y, 0), _stride(y, 1), flags, NULL)


def run_mode_pair(f1, f2, x, y, accumulate=False, stream=False):
    """y[l,q1,q2,r] (+)= sum f1[q1,p1] f2[q2,p2] x[l,p1,p2,r]; n and r as pair_fits says."""
    L, n, n2, R = x.shape
    assert n == n2 and f1.shape == f2.shape == (n, n) and y.shape == x.shape
    assert f1.flags.c_contiguous and f2.flags.c_contiguous and pair_fits(n, R, x.itemsize)
    cdef int flags = (KV_ACCUMULATE if accumulate else 0) | (KV_STREAM if stream else 0)
    assert R > 1 or (x.flags.c_contiguous and y.flags.c_contiguous)
    kv_active.mode_pair[_slot((f1, f2, x, y))](
        L, n, R, _data(f1), _data(f2), _data(x), _stride(x, 0), _stride(x, 1), _stride(x, 2),
        _data(y), _stride(y, 0), _stride(y, 1), _stride(y, 2), flags, NULL)


def run_transpose(x, y):
    """y[b,j,i] = x[b,i,j] for items of 1, 2, 4, 8 or 16 bytes."""
    batch, m, n = x.shape
    assert y.shape == (batch, n, m) and x.dtype == y.dtype and x.itemsize in (1, 2, 4, 8, 16)
    cdef int slot = item_slot(x.itemsize)
    kv_active.transpose[slot](batch, m, n, _data(x), _stride(x, 0), _stride(x, 1), _data(y),
                              _stride(y, 0), _stride(y, 1))


def run_transpose_square(x):
    """x[b,i,j] <-> x[b,j,i] for items of 1, 2, 4, 8 or 16 bytes."""
    batch, n, columns = x.shape
    assert n == columns and x.itemsize in (1, 2, 4, 8, 16)
    kv_active.transpose_square[item_slot(x.itemsize)](batch, n, _data(x), _stride(x, 0),
                                                      _stride(x, 1))


def run_transpose_rectangle(x):
    """Each (p, q) array x[b] of items of any size, contiguous, becomes its transpose (q, p)."""
    batch, p, q = x.shape
    assert x.flags.c_contiguous
    if transpose_in_place(x.itemsize, batch, p, q, <char *>_data(x), x.strides[0]):
        raise MemoryError


def run_outer(a, b, y, stream=False):
    """y[i*p + k, j*q + l] = a[i,j] b[k,l]; a of any strides."""
    m, n = a.shape
    p, q = b.shape
    assert y.shape == (m * p, n * q)
    kv_active.outer[_slot((a, b, y))](m, n, p, q, _data(a), _stride(a, 0), _stride(a, 1), _data(b),
                                      _stride(b, 0), _data(y), _stride(y, 0),
                                      KV_STREAM if stream else 0)


def run_khatri_rao(a, b, y, stream=False):
    """y[i*p + k, j] = a[i,j] b[k,j]."""
    m, n = a.shape
    p = len(b)
    assert b.shape == (p, n) and y.shape == (m * p, n)
    kv_active.khatri_rao[_slot((b, a, y))](m, p, n, _data(a), _stride(a, 0), _data(b),
                                           _stride(b, 0), _data(y), _stride(y, 0),
                                           KV_STREAM if stream else 0)


def run_small_triple_product(a, b, c, y):
    """y = a b c over a batch of (n, n), each C-contiguous, n as kv_small says."""
    batch, n, _ = a.shape
    assert a.shape == b.shape == c.shape == y.shape and kv_small(n)
    kv_active.small_triple_product[_slot((a, b, c, y))](
        batch, n, _data(a), _stride(a, 0), _data(b), _stride(b, 0), _data(c), _stride(c, 0),
        _data(y), _stride(y, 0))


def run_small_vjp(g, x, w, dx, dw, conjugate=True):
    """dx = g w^H, dw = x^H g over a batch of (n, n), each C-contiguous, n as kv_small says."""
    batch, n, _ = g.shape
    assert g.shape == x.shape == w.shape == dx.shape == dw.shape and kv_small(n)
    kv_active.small_vjp[_slot((g, x, w, dx, dw))](
        batch, n, _data(g), _stride(g, 0), _data(x), _stride(x, 0), _data(w), _stride(w, 0),
        _data(dx), _stride(dx, 0), _data(dw), _stride(dw, 0), KV_CONJUGATE if conjugate else 0)


def run_row_sqnorm(x, y):
    """y[i] = sum_j |x[i,j]|^2, y real."""
    rows, n = x.shape
    assert y.shape == (rows,) and y.dtype == x.real.dtype
    kv_active.row_sqnorm[_slot((x,))](rows, n, _data(x), _stride(x, 0), _data(y), _stride(y, 0))
