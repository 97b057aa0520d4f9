# Passes and plans in C, for the compiled paths of public functions (_compiled_plans.pxi) and for
# cython_api; not installed.

from kronvec._kernels cimport matrix

cdef enum:
    STEPS = 32  # that one pass may have
    MOST_FACTORS = 32
    # The kinds of plans: a product; a sum whose steps may merge factors, and one without merges.
    PLAN_PRODUCT = 0
    PLAN_SUM = 1
    PLAN_SUM_APART = 2

# One mode product within a block: axis of size p -> q, `outer` rows before it, `inner` behind.
ctypedef struct step_t:
    Py_ssize_t outer, q, p, inner
    const char *f
    Py_ssize_t f_q, f_p   # in items
    int dtype             # the kernel's: a real factor on complex data is a real kernel
    bint by_rows          # r = 1: y = x fᵀ, f packed transposed
    bint pair             # two axes of p; f is the matrix of the first, and behind it the other's

# x (left, rows_in, right) -> y (left, rows_out, right) in blocks: a panel of `width` columns of
# one x[l], or `together` whole x[l], or for `across` the columns that `width` of them make.
ctypedef struct pass_t:
    Py_ssize_t left, rows_in, rows_out, right, width, block, together
    bint across
    int n_steps
    step_t *steps

# The members of a pass but the steps, and those of a step but the matrix, from what
# _plan.Pass.sizes is.
cdef void read_pass(tuple sizes, pass_t *s) except *
cdef void read_step(tuple sizes, step_t *s) except *
# Bytes of memory that run_blocks needs on items of `item` bytes; 0 for none.
cdef Py_ssize_t buffer_bytes(const pass_t *s, int item) noexcept nogil
# Blocks [begin, end) of a pass on contiguous x and y; `memory` has buffer_bytes.  A step `beta` of
# one entry along all rows makes it y = beta y + ...; without an entry, y += ...; NULL does not
# read y.
cdef void run_blocks(const pass_t *s, int item, const char *x, char *y, Py_ssize_t begin,
                     Py_ssize_t end, const step_t *beta, char *memory) noexcept nogil

# The plan for `count` factors along axis j of X[left, j, right], None where there is none.
cdef object compiled_plan(int kind, int dtype, const matrix *f, int count, Py_ssize_t left,
                          Py_ssize_t right)
# Whether a step takes several factors at once.
cdef bint plan_merges(object plan)
# y = the product, or the sum, of the factors f times x; both contiguous.
cdef int run_plan(object compiled, int dtype, int typenum, const matrix *f, const char *x,
                  char *y) except -1
