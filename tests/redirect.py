"""A pytest plugin: the tests of NumPy and SciPy meet our functions and operators.

``pytest -p redirect --pyargs numpy.… scipy.…``: `numpy.kron` is ours, every matrix that SciPy makes
a LinearOperator of is first made one of our operators, and its matrix equations are solved by ours.
"""

import importlib
import sys
from collections import Counter

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.sparse.linalg import _interface

import kronvec as kv
from kronvec.operators import KroneckerProduct, Sparse

USERS = ("_isolve", "_eigen", "_expm_multiply", "_onenormest", "_interface", "_norm", "_matfuncs")
redirected = Counter()
as_theirs = _interface.aslinearoperator


def ours(a):
    """1 ⊗ A, by the engine for a dense A."""
    if scipy.sparse.issparse(a):
        return KroneckerProduct(Sparse(a))
    return KroneckerProduct(np.ones((1, 1), np.asarray(a).dtype), np.asarray(a))


def aslinearoperator(a):
    """SciPy's, with one of our operators between."""
    if scipy.sparse.issparse(a) or isinstance(a, np.ndarray):
        a = np.atleast_2d(np.asarray(a)) if isinstance(a, np.ndarray) else a
        if a.ndim == 2 and a.dtype.kind in "biufc":
            redirected["operator"] += 1
            return as_theirs(ours(a))
    return as_theirs(a)


def counted(name):
    def solve(*args, **kwargs):
        redirected[name] += 1
        return getattr(kv, name)(*args, **kwargs)

    return solve


def pytest_configure(config):
    """Before the test modules are imported."""
    for name in USERS:
        importlib.import_module(f"scipy.sparse.linalg.{name}")
    for name, module in list(sys.modules.items()):
        known = name.startswith("scipy.sparse.linalg") and vars(module).get("aslinearoperator")
        if known is as_theirs:
            module.aslinearoperator = aslinearoperator
    for name in ("solve_sylvester", "solve_continuous_lyapunov", "solve_discrete_lyapunov"):
        setattr(scipy.linalg, name, counted(name))
    np.kron = counted("kron")


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"redirected: {dict(sorted(redirected.items()))}")
