"""Times this checkout against another commit, or against the stored baseline.

usage: python benchmarks/compare.py [--base HEAD~1] [--case grid] [--rounds 3]
       python benchmarks/compare.py --base docs/_figures/bench.json

Commits are built once, into build/compare, and timed in turns with the checkout on this machine;
the least time of each case counts.  The stored baseline, which `make figures` writes, may be of
another machine: compared with it is the fraction of the hardware's limit that a case reaches.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "build" / "compare"
NOTABLE = 0.1  # what two runs on a shared machine differ by anyway


def git(*words: str) -> str:
    """What git says."""
    return subprocess.check_output(["git", *words], cwd=ROOT, text=True).strip()


def built(commit: str) -> Path:
    """The folder that holds the package of a commit, built if it is not there."""
    site = BUILT / git("rev-parse", f"{commit}^{{commit}}")
    if not site.exists():
        with tempfile.TemporaryDirectory() as folder:
            pack = ["git", "archive", "--format=zip", site.name]
            with zipfile.ZipFile(io.BytesIO(subprocess.check_output(pack, cwd=ROOT))) as files:
                files.extractall(folder)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--target", str(site), folder], check=True)
    return site


def measured(package: Path, cases: list[str]) -> dict[str, dict]:
    """Case -> row of bench.json, by the benchmark of the package in this folder."""
    chosen = [word for case in cases for word in ("--case", case)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kronvec", "bench", "--threads", "1", "--peers", ""]
        subprocess.run(
            [*command, "--quick", *chosen, "--out", folder],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(package)},
            stdout=subprocess.DEVNULL,
        )
        results = json.loads((Path(folder) / "bench.json").read_text(encoding="utf-8"))
    return {row["name"]: row for one in results["passes"] for row in one["rows"]}


def seconds(row: dict) -> float:
    """The least time of a case, into a fresh result or an array that is there."""
    return min(row["seconds"]["kronvec"].values())


def fraction(row: dict) -> float:
    """The part of the roofline that a case reaches."""
    return row["limit_seconds"] / seconds(row)


def against_commit(base: str, cases: list[str], rounds: int) -> dict[str, float]:
    """Case -> the time of the base over that of the checkout, least of the rounds."""
    least: list[dict[str, float]] = [{}, {}]
    packages = (built(base), ROOT)
    for done in range(rounds):
        for best, package in zip(least, packages, strict=True):
            for name, row in measured(package, cases).items():
                best[name] = min(best.get(name, math.inf), seconds(row))
        print(f"round {done + 1} of {rounds}", file=sys.stderr)
    before, now = least
    return {name: before[name] / now[name] for name in now if name in before}


def against_baseline(file: Path, cases: list[str]) -> dict[str, float]:
    """Case -> the checkout's fraction of the limit over the stored one."""
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    stored = {row["name"]: fraction(row) for row in rows}
    now = measured(ROOT, cases)
    return {name: fraction(row) / stored[name] for name, row in now.items() if name in stored}


def report(ratios: dict[str, float], base: str) -> None:
    """Groups by their geometric mean, then the cases that differ notably."""
    from rich.console import Console
    from rich.table import Table

    groups: dict[str, list[float]] = {}
    for name, ratio in ratios.items():
        groups.setdefault(name.split("/")[0], []).append(ratio)
    table = Table(title=f"Speed against {base}: above 1 is faster now")
    for column in ("group or case", "cases", "ratio"):
        table.add_column(column, justify="left" if column.startswith("group") else "right")
    for group, values in groups.items():
        mean = math.exp(sum(map(math.log, values)) / len(values))
        table.add_row(group, str(len(values)), f"{mean:.2f}")
    table.add_section()
    for name, ratio in sorted(ratios.items(), key=lambda item: item[1]):
        if abs(math.log(ratio)) > math.log1p(NOTABLE):
            table.add_row(name, "", f"[{'red' if ratio < 1 else 'green'}]{ratio:.2f}")
    Console().print(table)


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="HEAD~1", help="a commit or a file (default: HEAD~1)")
    parser.add_argument("--case", action="append", default=[], help="as in `kronvec bench`")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    given = parser.parse_args()
    if Path(given.base).suffix == ".json":
        report(against_baseline(Path(given.base), given.case), given.base)
    else:
        report(against_commit(given.base, given.case, given.rounds), given.base)


if __name__ == "__main__":
    main()
