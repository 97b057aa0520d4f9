"""Workspaces between guard pages, full of NaNs before they are written, none of them on the stack.

The calls are those of test_guard_pages.py, in a process whose malloc is testing_malloc.c.
"""

import preloaded


def test_workspaces_lie_between_guard_pages(tmp_path):
    tests = preloaded.HERE / "test_guard_pages.py"
    options = ("-q", "-x", "-o", "addopts=", "-p", "no:cacheprovider")
    options += ("-k", "not public_functions")  # which make their products by the same drivers
    done = preloaded.run(tmp_path, "-m", "pytest", *options, tests)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
