"""cimport kronvec.cython_api: every function once, and the time of a call."""

from libc.stdlib cimport free, malloc

from kronvec cimport cython_api as kv

kv.import_kronvec()


cdef kv.matrix rows(const double[:, ::1] a) noexcept nogil:
    return kv.c_order(&a[0, 0], a.shape[0], a.shape[1], sizeof(double))


def triple_product(double[:, ::1] a, double[:, ::1] b, double[:, ::1] c, double[:, ::1] y,
                   Py_ssize_t count):
    """y = a b c, ``count`` times over; the status."""
    cdef kv.matrix A = rows(a), B = rows(b), C = rows(c), Y = rows(y)
    cdef int status = kv.OK
    cdef Py_ssize_t _i
    with nogil:
        for _i in range(count):
            status |= kv.triple_product(kv.F64, &A, &B, &C, &Y)
    return status


def others(double[:, ::1] a, double[:, ::1] b, double[:, ::1] product, double[:, ::1] flipped,
           double[:, ::1] dx, double[:, ::1] dw, double[:, ::1] mode):
    """a ⊗ b, aᵀ, the gradients of a b for the cotangent a b, and a b as a mode product."""
    cdef kv.matrix A = rows(a), B = rows(b), G = rows(mode)
    cdef kv.matrix Product = rows(product), Flipped = rows(flipped), DX = rows(dx), DW = rows(dw)
    cdef kv.tensor X = kv.c_order_tensor(&b[0, 0], 1, b.shape[0], b.shape[1], sizeof(double))
    cdef kv.tensor Y = kv.c_order_tensor(&mode[0, 0], 1, a.shape[0], b.shape[1], sizeof(double))
    cdef int status
    with nogil:
        status = kv.kron(kv.F64, &A, &B, &Product)
        status |= kv.transpose(sizeof(double), &A, &Flipped)
        status |= kv.mode_product(kv.F64, &A, &X, &Y, 0)
        status |= kv.matmul_vjp(kv.F64, &G, &A, &B, &DX, &DW, kv.CONJUGATE)
    return status


def many_factors(double[:, ::1] f, int times, double[::1] x, double[::1] y):
    """y = (f ⊗ … ⊗ f) x, by a plan and a workspace of our own."""
    cdef kv.matrix factors[16]
    cdef Py_ssize_t shapes[32]
    cdef kv.tensor X = kv.c_order_tensor(&x[0], 1, x.shape[0], 1, sizeof(double))
    cdef kv.tensor Y = kv.c_order_tensor(&y[0], 1, y.shape[0], 1, sizeof(double))
    cdef kv.plan *plan
    cdef void *workspace
    cdef int i, status
    for i in range(times):
        factors[i] = rows(f)
        shapes[2 * i], shapes[2 * i + 1] = f.shape[0], f.shape[1]
    plan = kv.plan_new(kv.F64, times, shapes, 1, 1)
    with nogil:
        workspace = malloc(kv.plan_workspace(plan, False))
        status = kv.plan_apply(plan, factors, &X, &Y, 0, workspace, kv.plan_workspace(plan, False))
        free(workspace)
        kv.plan_free(plan)
    return status


def refuse(int count):
    """A plan that cannot be: the exception comes through."""
    cdef Py_ssize_t shape[2]
    kv.plan_new(kv.F64, count, shape, 1, 1)
