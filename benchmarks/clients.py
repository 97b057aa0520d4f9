"""Packages that form Kronecker products, with NumPy's kron, with ours, and with what replaces it.

    python benchmarks/clients.py                      # every case of the packages installed
    python benchmarks/clients.py statsmodels toqito   # these packages
    python benchmarks/clients.py --tests statsmodels  # its own tests, with and without the patch

Each case runs in turns in one process, on one thread; the least processor time counts.  Results
must be equal.  ``kron`` is the part of the time that numpy.kron takes: more cannot be gained by
replacing it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from client_cases import CASES  # noqa: E402

import kronvec as kv  # noqa: E402

DISTRIBUTIONS = {"cirq": "cirq-core"}
#: the tests of each package that has any in its wheel, in modules that use Kronecker products
TESTS = {
    "statsmodels": ["statsmodels.tsa.vector_ar"],
    "qutip": [
        f"qutip.tests.core.test_{name}"
        for name in ("tensor", "superoper", "superop_reps", "ptrace", "operators")
    ],
    "cirq": [
        f"cirq.{name}_test"
        for name in (
            *("linalg.combinators", "linalg.decompositions", "ops.matrix_gates"),
            *("ops.controlled_gate", "ops.common_channels", "ops.pauli_string_phasor"),
        )
    ],
    "toqito": [
        f"toqito.{name}"
        for name in ("matrix_ops", "channels", "channel_ops", "matrices", "states", "perms")
    ],
}


def installed(package):
    """The package's version, or None."""
    try:
        return version(DISTRIBUTIONS.get(package, package))
    except PackageNotFoundError:
        return None


class Timed:
    """numpy.kron, its calls and their time counted."""

    def __init__(self, function):
        self.function, self.calls, self.seconds = function, 0, 0.0

    def __call__(self, *args, **kwargs):
        """Call it."""
        begin = time.process_time()
        try:
            return self.function(*args, **kwargs)
        finally:
            self.seconds += time.process_time() - begin
            self.calls += 1


def seconds(call, target=0.02):
    """Processor time of one call, of as many as take ``target`` seconds."""
    count, begin = 0, time.process_time()
    while True:
        call()
        count += 1
        elapsed = time.process_time() - begin
        if elapsed >= target:
            return elapsed / count


def patched(call):
    """The call under ``patch_numpy``."""

    def run():
        with kv.patch_numpy():
            return call()

    return run


def share_of_kron(call):
    """(calls of numpy.kron, the part of the time spent in it)."""
    original, np.kron = np.kron, Timed(np.kron)
    try:
        begin = time.process_time()
        call()
        return np.kron.calls, np.kron.seconds / max(time.process_time() - begin, 1e-9)
    finally:
        np.kron = original


def agree(got, expected):
    """Raise unless the results are equal within rounding."""
    expected = np.asarray(expected)
    scale = float(np.abs(expected).max()) if expected.dtype.kind in "fc" else 0
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-7, atol=1e-9 * scale)


def measure(case, rounds):
    """A row of the table."""
    call, instead = case.build()
    expected = call()
    ours = patched(call)
    agree(ours(), expected)
    runs = [call, ours]
    if instead is not None:
        agree(instead(), expected)
        runs.append(instead)
    kron_calls, share = share_of_kron(call)
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        best = [min(old, seconds(run)) for old, run in zip(best, runs, strict=True)]
    plain = best[0]
    replaced = f"{plain / best[2]:9.1f}" if instead is not None else " " * 9
    return (
        f"{case!s:76s}  {plain * 1e6:10.1f}  {kron_calls:6d}  {share:5.0%}  "
        f"{plain / best[1]:7.2f}  {replaced}"
    )


def table(packages, rounds):
    """Print a row for each case, and which packages are absent."""
    named = dict.fromkeys(case.package for case in CASES)
    present = {name: installed(name) for name in packages or named}
    print(f"kronvec {kv.__version__}, NumPy {np.__version__}; load {os.getloadavg()[0]:.1f}")
    for name, number in present.items():
        print(f"{name} {number}" if number else f"{name} is absent")
    print(f"\n{'case':76s}  {'plain, µs':>10s}  {'krons':>6s}  {'share':>5s}  ", end="")
    print(f"{'patched':>7s}  {'replaced':>9s}")
    for case in CASES:
        if present.get(case.package):
            print(measure(case, rounds), flush=True)


def run_tests(packages):
    """The packages' own tests with numpy.kron as it is and as ours; 1 if the outcomes differ."""
    here = Path(__file__).resolve().parent
    paths = [str(here), str(Path(kv.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    differ = 0
    for name in packages or TESTS:
        if not installed(name):
            print(f"{name} is absent")
            continue
        outcomes = []
        for plugin in ([], ["-p", "patched_numpy"]):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin]
            command += ["--pyargs", *TESTS[name]]
            done = subprocess.run(
                command,
                env=environment,
                cwd=tempfile.gettempdir(),  # far from the settings of our own tests
                capture_output=True,
                text=True,
                check=False,
            )
            outcomes.append(done.returncode)
            how = "patched" if plugin else "plain"
            tail = done.stdout.splitlines()[-2 if plugin else -1 :] or done.stderr.splitlines()[-1:]
            print(f"{name} {installed(name)}, {how}: {'; '.join(tail)}", flush=True)
        differ |= outcomes[0] != outcomes[1]
    return differ


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", nargs="*", help="only these")
    parser.add_argument("--tests", action="store_true", help="run the packages' own tests")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.tests:
        raise SystemExit(run_tests(options.packages))
    table(options.packages, options.rounds)


if __name__ == "__main__":
    main()
