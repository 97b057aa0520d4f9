"""A pytest plugin: ``numpy.kron`` is kronvec's, and its calls are counted.

``pytest -p patched_numpy`` loads it before any test, so that ``from numpy import kron`` gets ours.
"""

import functools

import numpy as np

import kronvec

_calls = [0]
kronvec.patch_numpy()


@functools.wraps(np.kron)
def _counted(*args, **kwargs):
    _calls[0] += 1
    return kronvec.kron(*args, **kwargs)


np.kron = _counted


def pytest_terminal_summary(terminalreporter):
    """Say how often the tests came by here."""
    terminalreporter.write_line(f"numpy.kron was kronvec's in {_calls[0]} calls")
