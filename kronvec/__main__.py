"""The command line: ``python -m kronvec demo | info``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


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
        "Gaussian-process regression in which the only large operation is kron_matvec.  Writes "
        "a picture, then compares vec_trick with the naive np.kron(C.T, A) @ b.",
    )
    demo.add_argument(
        "--out", default="kronvec-demo.png", help="the picture (default: %(default)s)"
    )
    demo.add_argument("--seed", type=int, default=0, help="which pixels stay (default: 0)")
    commands.add_parser(
        "info",
        help="print versions, the instruction set of each kernel, BLAS and thread pools",
    )
    arguments = parser.parse_args(argv)
    if arguments.command == "demo":
        from .demo import run

        run(arguments.out, seed=arguments.seed)
    else:
        from .introspect import show_config

        show_config()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
