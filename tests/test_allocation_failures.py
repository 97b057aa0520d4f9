"""An allocation that fails raises MemoryError, keeps nothing and leaves ``out`` as it was."""

import json

import pytest

import preloaded

# Larger ones than the workspaces on the stack and small ones; more by hand: dtypes, sizes, names.
CASES = [("float64", "20,20,20,20"), ("complex64", "7,8,9,17"), ("object", "2,3,4,5")]
# Beyond what positions are kept for, halves are moved in panels.
PANELS = ("duplication_matmul", "duplication_pinv_matmul", "elimination_matmul")
CASES += [("float32", "1,513,1,1", *PANELS, "symmetrizer_matmul")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case[:2]))
def test_every_allocation_may_fail(tmp_path, case):
    run = preloaded.run(tmp_path, preloaded.HERE / "allocation_faults.py", *case)
    assert run.returncode == 0, run.stderr[-2000:]
    report = json.loads(run.stdout)
    assert report["faults"] > report["calls"]
    assert report["wrong"] == []
