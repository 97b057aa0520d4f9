"""The command line: ``python -m kronvec demo | bench | info``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _counts(text: str) -> list[int]:
    counts = [int(number) for number in text.split(",")]
    if min(counts) < 1:
        raise ValueError("at least one thread")
    return counts


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="kronvec",
        description="Kronecker products and vec-ed matrices, applied without being formed.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="restore a real elevation map from 30%% of its pixels, then time vec_trick",
        description="Restores the elevation map that Matplotlib ships from 30% of its pixels: "
        "Gaussian-process regression whose covariance stays a sum of Kronecker products.  Writes "
        "a picture, then compares vec_trick with the naive np.kron(C.T, A) @ b.",
    )
    demo.add_argument(
        "--out", default="kronvec-demo.png", help="the picture (default: %(default)s)"
    )
    demo.add_argument("--seed", type=int, default=0, help="which pixels stay (default: 0)")
    bench = commands.add_parser(
        "bench",
        help="compare with the installed peers and with the hardware",
        description="Times every case in turns with the installed peers, after verifying their "
        "results; prints tables and writes bench.json and plots.",
    )
    bench.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="NAME",
        help="a group (grid, shapes, left, triple ...), a part of a name or a glob; repeatable",
    )
    bench.add_argument(
        "--peers", type=_names, metavar="A,B", help="only these ('' for none; default: all)"
    )
    bench.add_argument(
        "--threads",
        type=_counts,
        metavar="1,N",
        help="numbers of threads, one process each (default: 1 and all; 1 with --quick)",
    )
    bench.add_argument("--quick", action="store_true", help="less time for each case")
    bench.add_argument(
        "--out", default="kronvec-bench", help="the folder to write (default: %(default)s)"
    )
    bench.add_argument("--list", action="store_true", help="print the cases and peers, and stop")
    commands.add_parser(
        "info",
        help="print versions, the instruction set of each kernel, BLAS and thread pools",
    )
    arguments = parser.parse_args(argv)
    if arguments.command == "demo":
        from .demo import run

        run(arguments.out, seed=arguments.seed)
    elif arguments.command == "bench":
        from . import bench as benchmark

        if arguments.list:
            print(benchmark.listing())
            return 0
        results = benchmark.run(
            cases=arguments.case,
            peers=arguments.peers,
            threads=arguments.threads,
            quick=arguments.quick,
            out=arguments.out,
        )
        return 1 if any(one["failed"] for one in results["passes"]) else 0
    else:
        from .introspect import show_config

        show_config()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
