"""Check what is embedded against NumPy, and say what a call costs."""

import ctypes
import subprocess
import sys
import time

import numpy as np

from kronvec_embedding import from_c, from_cython

# Nanoseconds that a 4 x 4 triple product may take, the call included: the least of many repeats.
LIMIT = 60
CALLS, REPEATS = 20_000, 200

# Imports a module after the ABI of kronvec has been made another, or its table a shorter one.
POKE = """
import ctypes, kronvec.cython_api as api
get = ctypes.pythonapi.PyCapsule_GetPointer
get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
address = get(api._c_api, b"kronvec.cython_api._c_api")
ctypes.{kind}.from_address(address + {offset}).value = {value}
import kronvec_embedding.{module}
"""


def check_values():
    """Every function against NumPy."""
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((3, 4, 4))
    for module in (from_cython, from_c):
        y = np.full((4, 4), np.nan)
        assert module.triple_product(a, b, c, y, 1) == 0
        assert np.allclose(y, a @ b @ c)
        assert module.triple_product(a, b, c, np.empty((4, 5)), 1) == -3
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((3, 5))
    shapes = (6, 15), (3, 2), (2, 3), (3, 5), (2, 5)
    product, flipped, dx, dw, mode = (np.full(shape, np.nan) for shape in shapes)
    assert from_cython.others(a, b, product, flipped, dx, dw, mode) == 0
    for got, expected in (
        (product, np.kron(a, b)),
        (flipped, a.T),
        (mode, a @ b),
        (dx, a @ b @ b.T),
        (dw, a.T @ a @ b),
    ):
        assert np.allclose(got, expected)
    f, x, y = rng.standard_normal((3, 3)), rng.standard_normal(81), np.full(81, np.nan)
    assert from_cython.many_factors(f, 4, x, y) == 0
    assert np.allclose(y, np.kron(np.kron(f, f), np.kron(f, f)) @ x)
    column, y = x[:9, None].copy(), np.full((9, 1), np.nan)
    assert from_c.kron_matvec(f, column, y) == 0
    assert np.allclose(y, np.kron(f, f) @ column)
    try:
        from_cython.refuse(0)
    except ValueError as error:
        assert "kronvec plan" in str(error)
    else:
        raise AssertionError("a plan for no factor")


def check_abi():
    """A kronvec of another ABI, or an older one, is refused at import."""
    size = ctypes.sizeof(ctypes.c_size_t)
    for kind, offset, value, what in (
        ("c_int", 0, 99, "compile this module anew"),
        ("c_size_t", size, 24, "upgrade kronvec"),
    ):
        for module in ("from_c", "from_cython"):
            program = POKE.format(kind=kind, offset=offset, value=value, module=module)
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
            assert done.returncode == 1, (module, what)
            assert "ImportError" in done.stderr and what in done.stderr, done.stderr


def time_calls():
    """Nanoseconds of a 4 x 4 triple product from Cython and from C."""
    a, b, c, y = np.random.default_rng(0).standard_normal((4, 4, 4))
    best = dict.fromkeys([from_cython, from_c], float("inf"))
    for _ in range(REPEATS):
        for module in best:
            begin = time.perf_counter()
            module.triple_product(a, b, c, y, CALLS)
            best[module] = min(best[module], (time.perf_counter() - begin) / CALLS * 1e9)
    return best


check_values()
check_abi()
for module, nanoseconds in time_calls().items():
    print(f"{module.__name__}: a 4 x 4 triple product takes {nanoseconds:.0f} ns")
    assert nanoseconds < LIMIT, f"more than {LIMIT} ns"
