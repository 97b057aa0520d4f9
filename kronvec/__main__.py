"""The command line: ``kronvec demo | bench | explain | info``, or ``python -m kronvec``."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._typing import Shape


EXAMPLES = """\
examples:
  kronvec demo                               restore a map from 30% of its pixels (a minute)
  kronvec bench --quick --case grid          one group of the benchmark
  kronvec explain '16^5'                     how (F1 ⊗ ... ⊗ F5) x of 16 x 16 factors would run
  kronvec info                               versions, instruction sets, caches, threads

kronvec COMMAND --help tells more.  Nothing is written but what --out names.
"""

EXPLAIN = """\
Prints the plan of a many-factor product: order, merges, passes over memory, the kernel of each
step, flops, bytes, and with --time how long it takes here.

A factor is written
  16      16 x 16                    3x4     3 rows, 4 columns
  16^5    five of 16 x 16            I8      the identity of size 8, which costs nothing
"""
EXPLAIN_EXAMPLES = """\
examples:
  kronvec explain 3x4 5 I8                   (A ⊗ B ⊗ I) x for A (3, 4), B (5, 5)
  kronvec explain '8^4' --vectors 1000       K X for X of 1000 columns
  kronvec explain '2^20' --dtype complex128 --time
  kronvec explain '16^3' --side right --vectors 1024    X K for X of 1024 rows
"""

Arguments = argparse.Namespace


def names(text: str) -> list[str]:
    """``a,b`` -> ["a", "b"]."""
    return [name.strip() for name in text.split(",") if name.strip()]


def counts(text: str) -> list[int]:
    """``1,2`` -> [1, 2]."""
    numbers = [int(number) for number in text.split(",")]
    if min(numbers) < 1:
        raise ValueError("at least one thread")
    return numbers


def positive(text: str) -> int:
    """A count from 1."""
    number = int(text)
    if number < 1:
        raise ValueError("at least 1")
    return number


def factors(word: str) -> list[tuple[str, int, int]]:
    """``3x4^2`` -> [("", 3, 4), ("", 3, 4)]; ``I8`` -> [("I", 8, 8)]."""
    found = re.fullmatch(r"(?:(I?)(\d+)|(\d+)x(\d+))(?:\^(\d+))?", word)
    if found is None:
        raise argparse.ArgumentTypeError(f"{word!r} is no factor: write 16, 3x4, 16^5 or I8")
    identity, size, rows, columns, times = found.groups()
    one = (identity or "", int(size or rows), int(size or columns))
    return [one] * int(times or 1)


def parser() -> argparse.ArgumentParser:
    """What the commands take, and their help."""
    teach = argparse.RawDescriptionHelpFormatter
    whole = argparse.ArgumentParser(
        prog="kronvec",
        description="Kronecker products and vec-ed matrices, applied without being formed.",
        epilog=EXAMPLES,
        formatter_class=teach,
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser(
        "demo",
        help="restore a real elevation map from 30%% of its pixels, then time vec_trick",
        description="Restores the elevation map that Matplotlib ships from 30% of its pixels: "
        "Gaussian-process regression whose covariance stays a sum of Kronecker products.  Writes "
        "a picture, then compares vec_trick with the naive np.kron(C.T, A) @ b.",
    )
    one.set_defaults(run=demo)
    one.add_argument("--out", default="kronvec-demo.png", help="the picture (default: %(default)s)")
    one.add_argument("--seed", type=int, default=0, help="which pixels stay (default: 0)")

    one = commands.add_parser(
        "bench",
        help="compare with the installed peers and with the hardware",
        description="Times every case in turns with the installed peers, after verifying their "
        "results; prints tables and writes bench.json and plots.",
    )
    one.set_defaults(run=bench)
    one.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="NAME",
        help="a group (grid, shapes, left, triple ...), a part of a name or a glob; repeatable",
    )
    one.add_argument(
        "--peers", type=names, metavar="A,B", help="only these ('' for none; default: all)"
    )
    one.add_argument(
        "--threads",
        type=counts,
        metavar="1,N",
        help="numbers of threads, one process each (default: 1 and all; 1 with --quick)",
    )
    one.add_argument("--quick", action="store_true", help="less time for each case")
    one.add_argument(
        "--out", default="kronvec-bench", help="the folder to write (default: %(default)s)"
    )
    one.add_argument("--list", action="store_true", help="print the cases and peers, and stop")

    one = commands.add_parser(
        "explain",
        help="how a many-factor product of these shapes would be computed",
        description=EXPLAIN,
        epilog=EXPLAIN_EXAMPLES,
        formatter_class=teach,
    )
    one.set_defaults(run=explain)
    one.add_argument("factors", nargs="+", type=factors, metavar="FACTOR", help="from the left")
    one.add_argument(
        "--vectors",
        type=positive,
        default=1,
        metavar="K",
        help="columns of X in K X, rows of X in X K (default: 1)",
    )
    one.add_argument("--side", choices=("left", "right"), default="left", help="(default: left)")
    one.add_argument(
        "--dtype",
        choices=("float32", "float64", "complex64", "complex128"),
        default="float64",
        help="(default: float64)",
    )
    one.add_argument("--time", action="store_true", help="run it on random numbers, too")

    one = commands.add_parser(
        "info",
        help="versions, the instruction set of each kernel, caches, BLAS and thread pools",
        description="Prints what kronvec found on this machine; paste it into a bug report.  "
        "KRONVEC_ISA=baseline, avx2 ... lowers the instruction set.",
    )
    one.set_defaults(run=info)
    return whole


def demo(given: Arguments) -> int:
    """Run the demo."""
    from .demo import run

    run(given.out, seed=given.seed)
    return 0


def bench(given: Arguments) -> int:
    """Run the benchmark; 1 if a case failed."""
    from . import bench as benchmark

    if given.list:
        print(benchmark.listing())
        return 0
    results = benchmark.run(
        cases=given.case,
        peers=given.peers,
        threads=given.threads,
        quick=given.quick,
        out=given.out,
    )
    return 1 if any(one["failed"] for one in results["passes"]) else 0


def explain(given: Arguments) -> int:
    """Print a plan, and how long it takes."""
    from .explain import explain as plan_of
    from .operators import Identity

    listed = [one for word in given.factors for one in word]
    stand_ins = [Identity(rows) if mark else (rows, columns) for mark, rows, columns in listed]
    size = prod(rows if given.side == "right" else columns for _, rows, columns in listed)
    if given.side == "right":
        shape: Shape = (given.vectors, size)
    else:
        shape = (size, given.vectors) if given.vectors > 1 else (size,)
    print(plan_of(stand_ins, shape, side=given.side, dtype=given.dtype))
    if given.time:
        print(timing(given, listed, shape))
    return 0


def timing(given: Arguments, listed: Sequence[tuple[str, int, int]], shape: Sequence[int]) -> str:
    """The least time of the product on random numbers, into an array that is there."""
    import numpy as np

    from . import kron_matmul, matmul_kron
    from .bench.machine import least_seconds
    from .operators import Identity

    rng = np.random.default_rng(0)

    def random(*size: int) -> Any:
        return rng.standard_normal(size).astype(given.dtype)

    operands = [Identity(rows) if mark else random(rows, cols) for mark, rows, cols in listed]
    x = random(*shape)
    if given.side == "right":
        out = matmul_kron(x, operands)
        seconds = least_seconds(lambda: matmul_kron(x, operands, out=out), 0.5)
    else:
        out = kron_matmul(operands, x)
        seconds = least_seconds(lambda: kron_matmul(operands, x, out=out), 0.5)
    return f"here: {seconds * 1e3:.4g} ms, the least over half a second, into out="


def info(given: Arguments) -> int:
    """Print the configuration."""
    from .introspect import show_config

    show_config()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for failure, 2 for bad usage, 130 for Ctrl-C.

    The commands' own errors of input, and those of memory, are one line on stderr.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a pipe may not know ⊗; print ? then
    given = parser().parse_args(argv)
    try:
        return given.run(given)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `kronvec bench --list | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryError, ValueError) as error:
        print(f"kronvec {given.command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
