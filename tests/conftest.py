"""Hypothesis: the same examples on every machine; pytest-run-parallel: what runs on one thread.

Hypothesis has no deadlines: machines are noisy.
"""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "kronvec",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kronvec")

# Files whose tests change, or count, what belongs to the whole process.
ALONE = {
    "test_allocation_failures": "starts processes that do the work",
    "test_bench": "measures times",
    "test_calculus_cost": "counts what the process allocates",
    "test_docs": "doctest takes the place of sys.stdout",
    "test_interrupts": "signals reach the main thread alone",
    "test_isa": "changes the instruction set in use",
    "test_layering": "ast.parse of CPython 3.11 is for one thread",
    "test_memory": "counts what the process allocates",
    "test_numpy_compat": "patches NumPy",
    "test_pieces": "changes the size of pieces",
    "test_processes": "starts processes that use all CPUs",
    "test_promises": "ast.parse of CPython 3.11 is for one thread",
    "test_reference": "ast.parse of CPython 3.11 is for one thread",
    "test_supply_chain": "ast.parse of CPython 3.11 is for one thread",
    "test_threads": "has threads of its own",
    "test_workspaces": "starts a process that does the work",
}


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item):
    """Mark what `make test-parallel` must not run on several threads at once."""
    reason = ALONE.get(item.path.stem)
    fixtures = getattr(item, "fixturenames", ())
    code = getattr(getattr(item, "function", None), "__code__", None)
    names = getattr(code, "co_names", ())
    if "isa" in fixtures or "use_isa" in names:
        reason = ALONE["test_isa"]
    if "memmap" in fixtures:
        reason = "the threads would write to one buffer"
    if {"tracemalloc", "peak_of"} & set(names):
        reason = ALONE["test_memory"]
    if reason:
        item.add_marker(pytest.mark.thread_unsafe(reason=reason))
