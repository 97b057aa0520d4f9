"""What testing_malloc.c offers to the process in which it is preloaded."""

import contextlib
import ctypes
import functools
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import SANITIZED, using
from kronvec import _kernels

HERE = Path(__file__).parent
NAME = "testing_malloc"
SET_HANDLER = 304  # of NumPy's table of functions, which never changes
GUARD_SIDES = {"end": 1, "start": 2}

shim = ctypes.CDLL(None) if NAME in os.environ.get("LD_PRELOAD", "") else None


def run(folder, *args):
    """A Python process with testing_malloc, built in the folder; skips where there can be none."""
    compiler = shutil.which("gcc")
    if compiler is None or platform.libc_ver()[0] != "glibc" or sys.maxsize < 2**32:
        pytest.skip("replaces malloc of glibc")
    if SANITIZED:
        pytest.skip("the sanitizer has a malloc of its own")
    library = Path(folder) / f"{NAME}.so"
    command = [compiler, "-Wall", "-Werror", "-shared", "-fPIC", "-O1", "-pthread", "-o", library]
    subprocess.run([*command, HERE / f"{NAME}.c"], check=True)
    path = os.pathsep.join(map(str, [HERE, *sys.path]))
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", *args],
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=900,
    )


@functools.cache
def handle_arrays():
    """The data of NumPy's arrays, too, come from testing_malloc from here on."""
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_GetPointer.restype = ctypes.POINTER(ctypes.c_void_p)
    handler = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(shim, "array_handler")))
    capsule = python.PyCapsule_New(handler, b"mem_handler", None)
    table = python.PyCapsule_GetPointer(
        ctypes.py_object(np._core._multiarray_umath._ARRAY_API), None
    )
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[SET_HANDLER])(capsule)


@contextlib.contextmanager
def guarded_workspaces(side):
    """What calls allocate lies between guard pages, too, where testing_malloc is preloaded.

    Nothing of it lies on the stack, and all is full of NaNs before it is written.
    """
    if shim is None:
        yield
        return
    handle_arrays()
    with using(_kernels._use_stack, 0):
        shim.guard_blocks(GUARD_SIDES[side])
        try:
            yield
        finally:
            shim.guard_blocks(0)
