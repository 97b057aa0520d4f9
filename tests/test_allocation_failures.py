"""An allocation that fails raises MemoryError, keeps nothing and leaves ``out`` as it was."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import SANITIZED

HERE = Path(__file__).parent
# Larger ones than the workspaces on the stack and small ones; more by hand: dtypes, sizes, names.
CASES = [("float64", "20,20,20,20"), ("complex64", "7,8,9,17"), ("object", "2,3,4,5")]
# Beyond what positions are kept for, halves are moved in panels.
PANELS = ("duplication_matmul", "duplication_pinv_matmul", "elimination_matmul")
CASES += [("float32", "1,513,1,1", *PANELS, "symmetrizer_matmul")]


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    compiler = shutil.which("gcc")
    if (
        sys.platform != "linux"
        or compiler is None
        or "glibc" not in os.confstr("CS_GNU_LIBC_VERSION")
    ):
        pytest.skip("replaces malloc of glibc")
    if SANITIZED:
        pytest.skip("the sanitizer has a malloc of its own")
    library = tmp_path_factory.mktemp("shim") / "failing_malloc.so"
    source = HERE / "failing_malloc.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case[:2]))
def test_every_allocation_may_fail(shim, case):
    path = os.pathsep.join(map(str, [HERE, *sys.path]))
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", HERE / "allocation_faults.py", *case],
        env={**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    report = json.loads(run.stdout)
    assert report["faults"] > report["calls"]
    assert report["wrong"] == []
