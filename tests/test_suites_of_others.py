"""Tests of NumPy and SciPy, with our functions and operators in the place of theirs.

Riccati equations among them have no solver of ours, and run as they are.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kronvec as kv

pytest.importorskip("scipy.sparse.linalg.tests.test_interface", reason="SciPy without its tests")

# Modules of tests, what is redirected in them and how often at least.
SUITES = {
    "kron": (["numpy.matrixlib.tests", "numpy.lib.tests.test_shape_base"], "kron", 50),
    "equations": (["scipy.linalg.tests.test_solvers"], "solve_sylvester", 100),
    "operators": (
        ["scipy.sparse.linalg.tests.test_interface", "scipy.sparse.linalg.tests.test_onenormest"],
        "operator",
        50,
    ),
    "iterative solvers": (["scipy.sparse.linalg._isolve.tests"], "operator", 2000),
}


@pytest.mark.parametrize("name", SUITES)
def test_they_pass_with_ours_in_their_place(name):
    modules, counted, least = SUITES[name]
    folders = [str(Path(__file__).parent), str(Path(kv.__file__).parents[1])]
    options = ["-q", "-p", "redirect", "-p", "no:cacheprovider", "-W", "ignore", "--pyargs"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, *options, *modules],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*folders, *sys.path])},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr
    redirected = dict(re.findall(r"'(\w+)': (\d+)", result.stdout.rsplit("redirected:", 1)[1]))
    assert int(redirected[counted]) >= least, redirected
