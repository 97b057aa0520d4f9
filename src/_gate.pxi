# The gate: whether a call is another array library's, asked before the Python tier.  Included by
# _fastpath.pyx.

cdef extern from *:
    """
    /* What no other library's array is of: the exact types that calls are made of. */
    static inline int kv_is_plain(PyObject *value)
    {
        return PyArray_CheckExact(value) || value == Py_None || PyFloat_CheckExact(value)
            || PyLong_CheckExact(value) || PyUnicode_CheckExact(value) || PyBool_Check(value)
            || PyComplex_CheckExact(value);
    }
    """
    bint kv_is_plain(PyObject *value) noexcept

# Longer lists are data; these may be the factors of a product, or pairs of them.
cdef enum:
    LONGEST_LIST = 64
    DEEPEST_LIST = 8


cdef int any_foreign(object is_foreign, PyObject **values, Py_ssize_t count, int depth) except -1:
    """Whether one of the values, or of those in lists among them, is another library's array."""
    cdef Py_ssize_t i
    for i in range(count):
        if kv_is_plain(values[i]):
            continue
        if is_foreign_value(is_foreign, <object>values[i], depth):
            return 1
    return 0


cdef int is_foreign_value(object is_foreign, object value, int depth) except -1:
    cdef PyObject *item
    cdef Py_ssize_t i
    if not (PyList_CheckExact(value) or PyTuple_CheckExact(value)):
        return is_foreign(type(value))
    if depth == DEEPEST_LIST or PySequence_Fast_GET_SIZE(value) > LONGEST_LIST:
        return 0
    i = 0
    while i < PySequence_Fast_GET_SIZE(value):  # what runs below may shorten a list
        item = PySequence_Fast_GET_ITEM(value, i)
        if not kv_is_plain(item) and is_foreign_value(is_foreign, <object>item, depth + 1):
            return 1
        i += 1
    return 0


cdef class Gate(TwoTier):
    """A public function, its arguments looked at first; ``__wrapped__`` is without that."""
    cdef object is_foreign, elsewhere


cdef object call_gate(Gate self, PyObject **args, size_t nargsf, PyObject *kwnames):
    cdef Py_ssize_t i, nargs = PyVectorcall_NARGS(nargsf)
    cdef Py_ssize_t named = 0 if kwnames == NULL else len(<tuple>kwnames)
    # The values of keywords lie behind the others.
    if any_foreign(self.is_foreign, args, nargs + named, 0):
        given = tuple([<object>args[i] for i in range(nargs)])
        keywords = {(<tuple>kwnames)[i]: <object>args[nargs + i] for i in range(named)}
        return self.elsewhere(self.general, given, keywords)
    return PyObject_Vectorcall(self.general, args, nargsf, kwnames)


kv_make_vectorcall(<PyObject *>Gate, vectorcall_offset)


def gated(function, is_foreign, elsewhere):
    """``function``; ``elsewhere(function, args, kwargs)`` where a type among them is foreign."""
    cdef Gate gate = Gate.__new__(Gate)
    gate.vectorcall = <kv_vectorcall>call_gate
    gate.general = function
    gate.is_foreign = is_foreign
    gate.elsewhere = elsewhere
    functools.update_wrapper(gate, function)
    return gate
