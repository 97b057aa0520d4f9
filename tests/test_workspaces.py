"""Workspaces between guard pages, full of NaNs before they are written, none of them on the stack.

The calls are those of test_guard_pages.py, in a process whose malloc is testing_malloc.c.
"""

import signal

import pytest

import preloaded

COUNT = """
import numpy as np
import kronvec as kv
from kronvec import _kernels
from preloaded import guarded_workspaces, shim

f, x = [np.ones((5, 5))] * 3, np.ones((125, 9))
kv.kron_matmul(f, x)  # plans are made once
with guarded_workspaces("end"):
    counts = [shim.guarded_blocks()]
    assert _kernels._use_stack(8192) == 0
    kv.kron_matmul(f, x)
    counts.append(shim.guarded_blocks())
    assert _kernels._use_stack(0) == 8192
    kv.kron_matmul(f, x)
    counts.append(shim.guarded_blocks())
assert counts[2] - counts[1] > counts[1] - counts[0], counts
"""

OVERRUN = """
import ctypes
import numpy as np
from preloaded import guarded_workspaces

with guarded_workspaces("{side}"):
    a = np.empty(100, np.uint8)
assert a.min() == 255
ctypes.memset(a.ctypes.data + {offset}, 0, 1)
"""


def test_workspaces_of_the_stack_are_guarded_blocks(tmp_path):
    done = preloaded.run(tmp_path, "-c", COUNT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("side, outside", [("end", 100), ("start", -1)])
def test_a_byte_too_far_faults(tmp_path, side, outside):
    done = preloaded.run(tmp_path, "-c", OVERRUN.format(side=side, offset=50))
    assert done.returncode == 0, done.stderr
    done = preloaded.run(tmp_path, "-c", OVERRUN.format(side=side, offset=outside))
    assert done.returncode == -signal.SIGSEGV


def test_workspaces_lie_between_guard_pages(tmp_path):
    tests = preloaded.HERE / "test_guard_pages.py"
    options = ("-q", "-x", "-o", "addopts=", "-p", "no:cacheprovider")
    options += ("-k", "not public_functions")  # which make their products by the same drivers
    done = preloaded.run(tmp_path, "-m", "pytest", *options, tests)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
