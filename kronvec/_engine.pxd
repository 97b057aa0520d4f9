# One pass of a many-factor plan on raw memory, for _engine and cython_api; not installed.

cdef enum:
    STEPS = 32  # that one pass may have

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
    step_t steps[32]      # STEPS

# The sizes of a pass and its steps, from what _plan.Pass.sizes is; the matrices are left open.
cdef int read_sizes(tuple sizes, pass_t *work) except -1
# Bytes of memory that run_blocks needs on items of `item` bytes; 0 for none.
cdef Py_ssize_t buffer_bytes(const pass_t *work, int item) noexcept nogil
# Blocks [begin, end) of a pass on contiguous x and y of kernel dtype `dtype`; `memory` has
# buffer_bytes.  A step `adding` of one entry along all rows makes it y = adding y + ...; without
# an entry, y += ...; NULL does not read y.
cdef void run_blocks(const pass_t *work, int dtype, const char *x, char *y, Py_ssize_t begin,
                     Py_ssize_t end, const step_t *adding, char *memory) noexcept nogil
