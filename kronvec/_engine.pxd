# Plans in C, for the compiled paths of public functions (_compiled_plans.pxi).

from kronvec._kernels cimport matrix

cdef enum:
    MOST_FACTORS = 32
    # The kinds of plans: a product; a sum whose steps may merge factors, and one without merges.
    PLAN_PRODUCT = 0
    PLAN_SUM = 1
    PLAN_SUM_APART = 2

# The plan for `count` factors along axis j of X[left, j, right], None where there is none.
cdef object compiled_plan(int kind, int dtype, const matrix *f, int count, Py_ssize_t left,
                          Py_ssize_t right)
# Whether a step takes several factors at once.
cdef bint plan_merges(object plan)
# y = the product, or the sum, of the factors f times x; both contiguous.
cdef int run_plan(object compiled, int dtype, int typenum, const matrix *f, const char *x,
                  char *y) except -1
