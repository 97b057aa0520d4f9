"""kronvec.cython_api as ctypes sees it: kronvec.h in Python, and calls on arrays."""

import ctypes
from ctypes import POINTER, c_int, c_size_t, c_ssize_t, c_void_p

import numpy as np

from kronvec import cython_api

DTYPE_CODES = {"float32": 0, "float64": 1, "complex64": 2, "complex128": 3}
OK, NO_MEMORY, BAD_DTYPE, BAD_SHAPE, SMALL_WORKSPACE = 0, -1, -2, -3, -4
ACCUMULATE, CONJUGATE = 1, 2
IDENTITY = -1


class Matrix(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        *((name, c_ssize_t) for name in ("rows", "cols", "row_stride", "col_stride")),
    ]


class Tensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("sizes", c_ssize_t * 3), ("strides", c_ssize_t * 3)]


MATRIX, TENSOR = POINTER(Matrix), POINTER(Tensor)
# In the order of the table.
TYPES = {
    "mode_product": (c_int, c_int, MATRIX, TENSOR, TENSOR, c_int),
    "triple_product": (c_int, c_int, MATRIX, MATRIX, MATRIX, MATRIX),
    "transpose": (c_int, c_ssize_t, MATRIX, MATRIX),
    "kron": (c_int, c_int, MATRIX, MATRIX, MATRIX),
    "matmul_vjp": (c_int, c_int, MATRIX, MATRIX, MATRIX, MATRIX, MATRIX, c_int),
    "plan_new": (c_void_p, c_int, c_int, POINTER(c_ssize_t), c_ssize_t, c_ssize_t),
    "plan_free": (None, c_void_p),
    "plan_workspace": (c_size_t, c_void_p, c_int),
    "plan_apply": (c_int, c_void_p, MATRIX, TENSOR, TENSOR, c_int, c_void_p, c_size_t),
}


class Table(ctypes.Structure):
    _fields_ = [("abi_version", c_int), ("size", c_size_t), *((n, c_void_p) for n in TYPES)]


def capsule_pointer(capsule, name):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, name.encode())


def capsule_name(capsule):
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return get(capsule).decode()


def exported(name):
    """The function of this name in ``__pyx_capi__``; all but plan_new without the GIL."""
    capsule = cython_api.__pyx_capi__[name]
    kind = ctypes.PYFUNCTYPE if name == "plan_new" else ctypes.CFUNCTYPE
    return kind(*TYPES[name])(capsule_pointer(capsule, capsule_name(capsule)))


def matrix(a):
    return Matrix(a.ctypes.data, *a.shape, *a.strides)


def tensor(x):
    return Tensor(x.ctypes.data, (c_ssize_t * 3)(*x.shape), (c_ssize_t * 3)(*x.strides))


def call(name, *arguments):
    """Call a function; two axes are a matrix, three a tensor, a dtype is its code."""

    def read(argument):
        if isinstance(argument, np.dtype):
            return DTYPE_CODES[argument.name]
        if isinstance(argument, np.ndarray):
            return (matrix if argument.ndim == 2 else tensor)(argument)
        return argument

    return exported(name)(*map(read, arguments))


class Plan:
    """A plan for factors of these (q, p) shapes, freed with the object."""

    def __init__(self, dtype, shapes, left=1, right=1):
        flat = [n for shape in shapes for n in shape]
        code = DTYPE_CODES.get(np.dtype(dtype).name, -1)
        sizes = (c_ssize_t * len(flat))(*flat)
        self.pointer = exported("plan_new")(code, len(shapes), sizes, left, right)

    def __del__(self):
        if hasattr(self, "pointer"):
            exported("plan_free")(self.pointer)

    def workspace(self, strided=False):
        return exported("plan_workspace")(self.pointer, strided)

    def apply(self, factors, x, y, flags=0, workspace=None, size=None):
        """Into y; a workspace of just the bytes needed unless one is given."""
        if workspace is None:
            strided = not (x.flags.c_contiguous and y.flags.c_contiguous)
            workspace = np.full(self.workspace(strided), 0xFF, np.uint8)
        listed = (Matrix * len(factors))(*(Matrix() if f is None else matrix(f) for f in factors))
        size = workspace.nbytes if size is None else size
        return exported("plan_apply")(
            self.pointer, listed, tensor(x), tensor(y), flags, workspace.ctypes.data, size
        )
