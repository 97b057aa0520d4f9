# Plans that run without Python: the passes of a product or sum of plain factors that have the
# dtype of x, looked up by the sizes of a call.  Python makes each plan once (`plan_with`).

from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef extern from *:
    object PyArray_EMPTY(int ndim, cnp.npy_intp *dims, int typenum, int fortran)

cdef enum:
    MOST_PLANS = 1024  # that are kept

# The factors whose Kronecker product, or sum, is the matrix of a step: `count` from `first` on.
# Those of the axis before are another such run, of no factor where a step has one axis.
ctypedef struct recipe_t:
    int first, count, before_first, before_count


cdef class CompiledPlan:
    """The passes of a plan in C, all but the matrices."""
    cdef bint sums, merges
    cdef int n_passes, n_steps, workspaces
    cdef Py_ssize_t workspace_size
    cdef Py_ssize_t way  # entries of what is on the way to the matrix of a step
    cdef pass_t *passes
    cdef step_t *steps      # of all passes, one behind the other
    cdef recipe_t *recipes  # of each of them
    cdef Py_ssize_t *blocks
    cdef int *targets       # of each pass: -1 the result, else the number of a workspace

    def __cinit__(self, tuple passes, int workspaces, Py_ssize_t workspace_size, bint sums):
        cdef int i, k, at = 0
        cdef Py_ssize_t size
        cdef recipe_t *recipe
        self.n_passes, self.sums = len(passes), sums
        self.workspaces, self.workspace_size = workspaces, workspace_size
        self.n_steps = sum([len(sizes[8]) for sizes, _, _, _ in passes])
        self.passes = <pass_t *>calloc(self.n_passes, sizeof(pass_t))
        self.blocks = <Py_ssize_t *>calloc(self.n_passes, sizeof(Py_ssize_t))
        self.targets = <int *>calloc(self.n_passes, sizeof(int))
        self.steps = <step_t *>calloc(self.n_steps, sizeof(step_t))
        self.recipes = <recipe_t *>calloc(self.n_steps, sizeof(recipe_t))
        if not (self.passes and self.blocks and self.targets and self.steps and self.recipes):
            raise MemoryError
        for i in range(self.n_passes):
            sizes, self.blocks[i], self.targets[i], recipes = passes[i]
            read_pass(sizes, &self.passes[i])
            self.passes[i].steps = self.steps + at
            for k in range(self.passes[i].n_steps):
                read_step(sizes[8][k], &self.steps[at])
                recipe = &self.recipes[at]
                (recipe.first, recipe.count, recipe.before_first,
                 recipe.before_count) = recipes[k]
                size = self.steps[at].q * self.steps[at].p
                if recipe.before_count > 2 or recipe.count > 2:
                    self.way = max(self.way, 2 * size)
                self.merges = self.merges or recipe.count > 1
                at += 1

    def __dealloc__(self):
        free(self.passes)
        free(self.blocks)
        free(self.targets)
        free(self.steps)
        free(self.recipes)


cdef dict plans = {}
cdef object planner = None


def plan_with(function):
    """Let ``function(shapes, left, right, itemsize, sums, merge)`` make the plans.

    It returns the arguments of CompiledPlan but the last, or None for a plan that this module
    alone cannot carry out.
    """
    global planner
    planner = function


cdef object compiled_plan(int kind, int dtype, const matrix *f, int count, Py_ssize_t left,
                          Py_ssize_t right):
    cdef Py_ssize_t[6 + 2 * MOST_FACTORS] key
    cdef int i
    key[0], key[1], key[2] = kind, dtype, kernels().vector_bytes
    key[3], key[4], key[5] = left, right, count
    for i in range(count):
        key[6 + 2 * i], key[7 + 2 * i] = f[i].rows, f[i].cols
    name = PyBytes_FromStringAndSize(<char *>key, (6 + 2 * count) * sizeof(Py_ssize_t))
    plan = plans.get(name, plans)
    if plan is not plans:
        return plan
    shapes = tuple([(f[i].rows, f[i].cols) for i in range(count)])
    made = planner(shapes, left, right, kernel_itemsize(dtype), kind != PLAN_PRODUCT,
                   kind != PLAN_SUM_APART)
    plan = None if made is None else CompiledPlan(*made, kind != PLAN_PRODUCT)
    if len(plans) >= MOST_PLANS:
        plans.clear()
    plans[name] = plan
    return plan


cdef bint plan_merges(object plan):
    return (<CompiledPlan>plan).merges


# y = a ⊕ b ⊕ … of `count` square matrices, packed, n entries a row.
cdef void sum_of(int dtype, const matrix *f, int count, char *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), left = 1, right = n, l, r, p, q
    cdef int i, k, reals = 1 + (dtype >= KV_c64)
    cdef char *to
    cdef char *at
    memset(y, 0, n * n * item)
    for i in range(count):
        right //= f[i].rows
        for l in range(left):
            for p in range(f[i].rows):
                for q in range(f[i].cols):
                    at = f[i].data + p * f[i].row_stride + q * f[i].col_stride
                    for r in range(right):
                        to = y + (((l * f[i].rows + p) * right + r) * n
                                  + (l * f[i].rows + q) * right + r) * item
                        for k in range(reals):
                            if dtype & 1:
                                (<double *>to)[k] += (<double *>at)[k]
                            else:
                                (<float *>to)[k] += (<float *>at)[k]
        left *= f[i].rows


# y = a ⊗ b ⊗ … or a ⊕ b ⊕ …, packed; `room` holds what is between.
cdef int matrix_of(int dtype, bint sums, const matrix *f, int count, matrix y,
                   char *room) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype), rows = f[0].rows, cols = f[0].cols
    cdef Py_ssize_t size = y.rows * y.cols * item
    cdef matrix made = f[0], target
    cdef int i
    if count == 1:
        copy(item, dtype, f[0], y)
    elif sums:
        sum_of(dtype, f, count, y.data, y.rows)
    else:
        for i in range(1, count):
            rows *= f[i].rows
            cols *= f[i].cols
            target = y
            if i < count - 1:
                target = view(room + (i & 1) * size, rows, cols, cols * item, item)
            if outer(dtype, made, f[i], target) < 0:
                return -1
            made = target
    return 0


# Whether a step takes its factor as it lies; what its matrix takes room for otherwise.
cdef inline bint as_it_lies(const step_t *s, const recipe_t *recipe, const matrix *f,
                            Py_ssize_t item) noexcept nogil:
    f += recipe.first
    return (recipe.count == 1 and recipe.before_count == 0
            and (not s.by_rows or (f.rows == 1 or f.row_stride == item)
                 and (f.cols == 1 or f.col_stride == f.rows * item)))


# Bytes of a matrix: the next one begins with a line of the cache, too.
cdef inline Py_ssize_t matrix_bytes(const step_t *s, Py_ssize_t item) noexcept nogil:
    return (s.q * s.p * (2 if s.pair else 1) * item + 63) // 64 * 64


cdef Py_ssize_t room_of(CompiledPlan plan, const matrix *f, Py_ssize_t item) noexcept nogil:
    cdef Py_ssize_t room = 128 + plan.way * item
    cdef int i
    for i in range(plan.n_steps):
        if not as_it_lies(&plan.steps[i], &plan.recipes[i], f, item):
            room += matrix_bytes(&plan.steps[i], item)
    return room


# The matrices of the steps, those that need it made in `room`.
cdef int set_matrices(CompiledPlan plan, int dtype, const matrix *f, step_t *steps,
                      char *room) noexcept nogil:
    cdef Py_ssize_t item = kernel_itemsize(dtype)
    cdef char *at = <char *>((<uintptr_t>room + 63) & ~<uintptr_t>63)
    cdef char *way = at
    cdef matrix y
    cdef matrix[MOST_FACTORS] flipped
    cdef const matrix *taken
    cdef const recipe_t *recipe
    cdef int i, k
    at += (plan.way * item + 63) // 64 * 64
    for i in range(plan.n_steps):
        recipe = &plan.recipes[i]
        taken = f + recipe.first
        steps[i] = plan.steps[i]
        steps[i].dtype = dtype
        if as_it_lies(&steps[i], recipe, f, item):
            steps[i].f = taken.data
            steps[i].f_q, steps[i].f_p = taken.row_stride // item, taken.col_stride // item
            continue
        y = view(at, steps[i].q, steps[i].p, steps[i].p * item, item)
        steps[i].f = at
        steps[i].f_q, steps[i].f_p = steps[i].p, 1
        if steps[i].pair:
            if matrix_of(dtype, plan.sums, f + recipe.before_first, recipe.before_count, y,
                         way) < 0:
                return -1
            y.data += steps[i].q * steps[i].p * item
        elif steps[i].by_rows:  # (A ⊗ B)ᵀ = Aᵀ ⊗ Bᵀ
            for k in range(recipe.count):
                flipped[k] = transposed(taken[k])
            taken = flipped
            y = view(at, steps[i].p, steps[i].q, steps[i].q * item, item)
        if matrix_of(dtype, plan.sums, taken, recipe.count, y, way) < 0:
            return -1
        at += matrix_bytes(&steps[i], item)
    return 0


# All passes from x to y.
cdef int run_plan(object compiled, int dtype, int typenum, const matrix *f, const char *x,
                  char *y) except -1:
    cdef CompiledPlan plan = compiled
    cdef Py_ssize_t item = kernel_itemsize(dtype)
    cdef cnp.npy_intp size = plan.workspace_size
    cdef char *workspaces[2]
    cdef char *target
    cdef const char *source = x
    cdef step_t *steps
    cdef pass_t sweep
    cdef scratch work
    cdef int i, failed = 0
    first = second = None
    if plan.workspaces > 0:
        first = PyArray_EMPTY(1, &size, typenum, 0)
        workspaces[0] = cnp.PyArray_BYTES(first)
    if plan.workspaces > 1:
        second = PyArray_EMPTY(1, &size, typenum, 0)
        workspaces[1] = cnp.PyArray_BYTES(second)
    with nogil:
        listen()
        steps = <step_t *>scratch_get(&work, plan.n_steps * sizeof(step_t)
                                      + room_of(plan, f, item))
        failed = -1 if steps == NULL else set_matrices(plan, dtype, f, steps,
                                                       <char *>(steps + plan.n_steps))
        for i in range(plan.n_passes):
            if failed or interrupted(0):
                break
            sweep = plan.passes[i]
            sweep.steps = steps + (sweep.steps - plan.steps)
            if plan.sums:
                failed = execute_sum(&sweep, item, x, y, i > 0, 0, plan.blocks[i])
                continue
            target = y if plan.targets[i] < 0 else workspaces[plan.targets[i]]
            failed = execute(&sweep, item, source, target, 0, plan.blocks[i], NULL)
            source = target
        scratch_free(&work)
    return finish(failed)
