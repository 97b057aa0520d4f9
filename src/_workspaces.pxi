# Memory for what a call needs in between.

# The bytes of a matrix; of one that no memory holds more than there can be, not their rest.
cdef inline size_t bytes_of(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t itemsize) noexcept nogil:
    if <double>rows * cols * itemsize > 1e18:
        return <size_t>1 << 62
    return rows * cols * itemsize


cdef size_t on_stack = LOCAL_ITEMS * sizeof(double)


def _use_stack(size_t nbytes):
    """The largest workspace on the stack, for tests, which want none there; returns what it was."""
    global on_stack
    cdef size_t before = on_stack
    on_stack = min(nbytes, LOCAL_ITEMS * sizeof(double))
    return before


cdef void *scratch_get(scratch *s, size_t nbytes) noexcept nogil:
    s.heap = NULL
    if nbytes <= on_stack:
        return <void *>s.local
    s.heap = PyDataMem_NEW(nbytes)
    return s.heap


cdef void scratch_free(scratch *s) noexcept nogil:
    if s.heap != NULL:
        PyDataMem_FREE(s.heap)
