# Products of many factors for compiled code: a plan of kronvec/_plan.py as plain memory, and its
# passes without Python.  The workspace holds, in this order and as far as needed: the matrices of
# the steps, room to multiply out factors, intermediates, blocks of the engine, packed x and y.

from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree

import sys

from kronvec import _kernels, _plan

cdef enum:
    LINE = 64  # bytes that parts of a workspace are aligned to

# Where the matrix of a step comes from: members[start : start + before] are the factors of the
# first of two axes, the `count` behind them those of the axis.
ctypedef struct source_t:
    int start, before, count

ctypedef struct plan_t:
    int dtype, count, passes, workspaces
    Py_ssize_t left, rows_in, rows_out, right
    Py_ssize_t matrices, merged, intermediate, blocks  # bytes
    Py_ssize_t *shapes     # as given, two for each factor
    engine.pass_t *work    # for each pass
    engine.step_t *steps   # of each pass, STEPS apart
    int *turns             # -1: it writes the result, else the number of a workspace
    source_t *sources      # for each step of each pass, STEPS apart
    int *members           # numbers of factors, step after step


cdef inline Py_ssize_t lines(Py_ssize_t size) noexcept nogil:
    return (size + LINE - 1) // LINE * LINE


# ---- making one ----------------------------------------------------------------------------

cdef plan *plan_new(int dtype, int count, const Py_ssize_t *shapes, Py_ssize_t left,
                    Py_ssize_t right) except NULL:
    cdef plan_t *made
    cdef object q, p, rows_in, rows_out, largest
    cdef int i
    if not is_dtype(dtype):
        raise ValueError(f"kronvec plan: no dtype {dtype}")
    if count < 1 or left < 0 or right < 0:
        raise ValueError(f"kronvec plan: {count} factors, left {left}, right {right}")
    listed, rows_in, rows_out = [], 1, 1
    for i in range(count):
        q, p = <object>shapes[2 * i], <object>shapes[2 * i + 1]
        if p < 0 or q < IDENTITY:
            raise ValueError(f"kronvec plan: factor {i} has shape ({q}, {p})")
        listed.append((p,) if q == IDENTITY else (q, p))
        rows_in, rows_out = rows_in * p, rows_out * (p if q == IDENTITY else q)
    itemsize = k.kernel_itemsize(dtype)
    passes, turns = (), []
    if rows_in and rows_out and left and right:
        lanes = max(1, k.kernels().vector_bytes // itemsize)
        plan_ = _plan.make_plan(tuple(listed), left, right, itemsize, lanes, False)
        passes, turns = plan_.passes, plan_.turns(left * rows_out * right)
    largest = max(left * rows_in * right, left * rows_out * right)
    for each in passes:
        largest = max(largest, each.output_size)
    if largest * itemsize > sys.maxsize // 8:
        raise ValueError(f"kronvec plan: {largest * itemsize} bytes are more than there can be")
    made = <plan_t *>PyMem_RawCalloc(1, sizeof(plan_t))
    if made == NULL:
        raise MemoryError
    try:
        made.dtype, made.count = dtype, count
        made.left, made.right, made.rows_in, made.rows_out = left, right, rows_in, rows_out
        fill(made, shapes, passes, turns)
    except BaseException:
        plan_free(<plan *>made)
        raise
    return <plan *>made


cdef int fill(plan_t *made, const Py_ssize_t *shapes, passes, turns) except -1:
    cdef engine.pass_t *work
    cdef source_t *source
    cdef Py_ssize_t item = k.kernel_itemsize(made.dtype), size
    cdef int i, j, member = 0, n_passes = len(passes)
    made.shapes = <Py_ssize_t *>PyMem_RawCalloc(2 * made.count, sizeof(Py_ssize_t))
    made.members = <int *>PyMem_RawCalloc(made.count, sizeof(int))
    made.turns = <int *>PyMem_RawCalloc(n_passes, sizeof(int))
    made.work = <engine.pass_t *>PyMem_RawCalloc(n_passes, sizeof(engine.pass_t))
    made.steps = <engine.step_t *>PyMem_RawCalloc(n_passes * engine.STEPS, sizeof(engine.step_t))
    made.sources = <source_t *>PyMem_RawCalloc(n_passes * engine.STEPS, sizeof(source_t))
    if NULL in (made.shapes, made.members, made.turns, made.work, made.steps, made.sources):
        raise MemoryError
    memcpy(made.shapes, shapes, 2 * made.count * sizeof(Py_ssize_t))
    made.passes = n_passes
    for i, each in enumerate(passes):
        work = &made.work[i]
        sizes = each.sizes
        engine.read_pass(sizes, work)
        work.steps = made.steps + i * engine.STEPS
        for j in range(work.n_steps):
            engine.read_step(sizes[8][j], &work.steps[j])
        made.turns[i] = turns[i]
        made.workspaces = max(made.workspaces, made.turns[i] + 1)
        if made.turns[i] >= 0:
            made.intermediate = max(made.intermediate, lines(each.output_size * item))
        made.blocks = max(made.blocks, engine.buffer_bytes(work, item))
        for j, step in enumerate(each.steps):
            source = &made.sources[i * engine.STEPS + j]
            source.start, source.before, source.count = member, len(step.before), len(step.factors)
            for number in (*step.before, *step.factors):
                made.members[member] = number
                member += 1
            size = step.q * step.p * item
            made.matrices += lines(2 * size if source.before else size)
            if source.count > 1 or source.before > 1:
                made.merged = max(made.merged, lines(size))
    return 0


cdef void plan_free(plan *p) noexcept nogil:
    cdef plan_t *made = <plan_t *>p
    if made != NULL:
        PyMem_RawFree(made.shapes)
        PyMem_RawFree(made.members)
        PyMem_RawFree(made.turns)
        PyMem_RawFree(made.work)
        PyMem_RawFree(made.steps)
        PyMem_RawFree(made.sources)
        PyMem_RawFree(made)


cdef size_t plan_workspace(const plan *p, int strided) noexcept nogil:
    cdef const plan_t *made = <const plan_t *>p
    cdef Py_ssize_t item = k.kernel_itemsize(made.dtype), size
    size = (made.matrices + 3 * made.merged + made.workspaces * made.intermediate
            + made.blocks)
    if strided and made.passes:
        size += lines(made.left * made.rows_in * made.right * item)
        size += lines(made.left * made.rows_out * made.right * item)
    return size + LINE if size else 0


# ---- running one ---------------------------------------------------------------------------

cdef inline k.matrix packed(char *data, Py_ssize_t rows, Py_ssize_t cols,
                            Py_ssize_t item) noexcept nogil:
    return k.view(data, rows, cols, cols * item, item)


# target = F1 ⊗ … of the `count` factors numbered in `members`, or its transpose; `room` takes
# three of it.
cdef int form(int dtype, const matrix *factors, const int *members, int count, bint transposed_,
              bint conjugate, char *target, char *room, Py_ssize_t merged) noexcept nogil:
    cdef Py_ssize_t item = k.kernel_itemsize(dtype)
    cdef k.matrix f, behind, next_
    cdef int i
    for i in range(count - 1, -1, -1):
        f = read(&factors[members[i]])
        if transposed_:
            f = k.transposed(f)
        f.conjugate = conjugate
        next_ = packed(target if count == 1 else room + (i % 2 if i == count - 1 else 2) * merged,
                       f.rows, f.cols, item)
        k.copy(item, dtype, f, next_)
        if i == count - 1:
            behind = next_
            continue
        f = next_
        next_ = packed(target if i == 0 else room + i % 2 * merged, f.rows * behind.rows,
                       f.cols * behind.cols, item)
        if k.outer(dtype, f, behind, next_) < 0:
            return NO_MEMORY
        behind = next_
    return OK


# The matrices of the steps of a pass: those that kernels read as they lie, and others at `place`,
# which moves on.
cdef int place_matrices(const plan_t *made, int number, engine.pass_t *work,
                        const matrix *factors, bint conjugate, char **place,
                        char *room) noexcept nogil:
    cdef Py_ssize_t item = k.kernel_itemsize(made.dtype), size
    cdef const source_t *source
    cdef const matrix *f
    cdef const int *members
    cdef engine.step_t *step
    cdef int i
    for i in range(work.n_steps):
        step = &work.steps[i]
        source = &made.sources[number * engine.STEPS + i]
        members = made.members + source.start
        size = step.q * step.p * item
        step.dtype = made.dtype
        f = &factors[members[0]]
        if (source.count == 1 and not source.before and not step.by_rows and not conjugate
                and f.row_stride % item == 0 and f.col_stride % item == 0):
            step.f = <const char *>f.data
            step.f_q, step.f_p = f.row_stride // item, f.col_stride // item
            continue
        step.f, step.f_q, step.f_p = place[0], step.p, 1
        if source.before:
            if form(made.dtype, factors, members, source.before, False, conjugate, place[0], room,
                    made.merged) < 0:
                return NO_MEMORY
            place[0] += size
        if form(made.dtype, factors, members + source.before, source.count,
                step.by_rows and not step.pair, conjugate, place[0], room, made.merged) < 0:
            return NO_MEMORY
        place[0] = <char *>step.f + lines(2 * size if source.before else size)
    return OK


cdef inline bint is_contiguous(const tensor *x, Py_ssize_t item) noexcept nogil:
    cdef Py_ssize_t expected = item
    cdef int axis
    for axis in range(2, -1, -1):
        if x.sizes[axis] != 1 and x.strides[axis] != expected:
            return False
        expected *= x.sizes[axis]
    return True


# y = x, of the same sizes.
cdef void copy_tensor(Py_ssize_t item, const tensor *x, const tensor *y) noexcept nogil:
    cdef Py_ssize_t l
    if x.sizes[2] == 1:
        k.copy(item, 0, k.view(<char *>x.data, x.sizes[0], x.sizes[1], x.strides[0], x.strides[1]),
               k.view(<char *>y.data, x.sizes[0], x.sizes[1], y.strides[0], y.strides[1]))
        return
    for l in range(x.sizes[0]):
        k.copy(item, 0, slice_of(x, l), slice_of(y, l))


cdef bint fits(const plan_t *made, const matrix *factors, const tensor *x,
               const tensor *y) noexcept nogil:
    cdef int i
    for i in range(made.count):
        if made.shapes[2 * i] != IDENTITY and not is_shape(
                &factors[i], made.shapes[2 * i], made.shapes[2 * i + 1]):
            return False
    return (are_sizes(x, made.left, made.rows_in, made.right)
            and are_sizes(y, made.left, made.rows_out, made.right))


# The passes, from contiguous x to contiguous y.
cdef int run(const plan_t *made, const matrix *factors, bint conjugate, const char *x, char *y,
             char *place) noexcept nogil:
    cdef char *room = place + made.matrices
    cdef char *intermediates = room + 3 * made.merged
    cdef char *blocks = intermediates + made.workspaces * made.intermediate
    cdef const engine.pass_t *pass_
    cdef engine.pass_t work
    cdef engine.step_t[engine.STEPS] steps
    cdef const char *source = x
    cdef char *target
    cdef Py_ssize_t units
    cdef int i
    for i in range(made.passes):
        pass_ = &made.work[i]
        work = pass_[0]
        work.steps = steps
        memcpy(steps, pass_.steps, pass_.n_steps * sizeof(engine.step_t))
        if place_matrices(made, i, &work, factors, conjugate, &place, room) < 0:
            return NO_MEMORY
        target = y
        if made.turns[i] >= 0:
            target = intermediates + made.turns[i] * made.intermediate
        if work.across:
            units = (work.left + work.width - 1) // work.width
        else:
            units = ((work.left + work.together - 1) // work.together
                     * ((work.right + work.width - 1) // work.width))
        engine.run_blocks(&work, k.kernel_itemsize(made.dtype), source, target, 0, units, NULL,
                          blocks if engine.buffer_bytes(&work, k.kernel_itemsize(made.dtype))
                          else NULL)
        source = target
    return OK


cdef int plan_apply(const plan *p, const matrix *factors, const tensor *x, const tensor *y,
                    int flags, void *workspace, size_t workspace_bytes) noexcept nogil:
    cdef const plan_t *made = <const plan_t *>p
    cdef Py_ssize_t item = k.kernel_itemsize(made.dtype), l
    cdef double[2] zero = [0, 0]
    cdef tensor packed_x = x[0], packed_y = y[0]
    cdef bint strided
    cdef char *place = <char *>((<uintptr_t>workspace + LINE - 1) // LINE * LINE)
    cdef char *end
    if flags & ~CONJUGATE:
        return BAD_DTYPE
    if not fits(made, factors, x, y):
        return BAD_SHAPE
    if made.left * made.rows_out * made.right == 0:
        return OK
    if made.rows_in == 0:
        for l in range(made.left):
            k.copy(item, 0, k.view(<char *>zero, made.rows_out, made.right, 0, 0), slice_of(y, l))
        return OK
    if made.passes == 0:
        copy_tensor(item, x, y)
        return OK
    strided = not (is_contiguous(x, item) and is_contiguous(y, item))
    if workspace_bytes < plan_workspace(p, strided):
        return SMALL_WORKSPACE
    end = place + plan_workspace(p, False) - LINE if plan_workspace(p, False) else place
    if not is_contiguous(x, item):
        packed_x = c_order_tensor(end, made.left, made.rows_in, made.right, item)
        end += lines(made.left * made.rows_in * made.right * item)
        copy_tensor(item, x, &packed_x)
    if not is_contiguous(y, item):
        packed_y = c_order_tensor(end, made.left, made.rows_out, made.right, item)
    if run(made, factors, flags & CONJUGATE and made.dtype >= k.KV_c64, <char *>packed_x.data,
           <char *>packed_y.data, place) < 0:
        return NO_MEMORY
    if packed_y.data != y.data:
        copy_tensor(item, &packed_y, y)
    return OK
