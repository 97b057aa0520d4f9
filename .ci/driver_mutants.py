"""Break the arithmetic of the compiled drivers, build anew, and count what no test notices.

usage: python .ci/driver_mutants.py [--count 100] [--seed 0] [--only PART]

What is broken are sums, products, quotients, bounds of loops, minima and maxima: sizes of blocks
and where they lie.  Choices between layouts (==, and, or) mostly lead to the same numbers.

Needs what `python setup.py build_ext` needs; works on a copy.  A mutant that does not compile is
left out; one whose tests take three times as long as without it counts as killed.  Prints the
survivors, and what ran out of time; the status is 1 if fewer than 90% are killed.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutants import ROOT, copy_tree, rate, report, tests_notice

DRIVERS = (
    "_kernels.pyx",
    "_engine.pyx",
    "_sums.pxi",
    "_column_products.pxi",
    "_compiled_plans.pxi",
    "_embedded_plans.pxi",
    "_interrupts.pxi",
    "_movement.pxi",
)
# What calls them, the quick ones first: most mutants do not see the others.
TESTS = (
    "products",
    "derivatives",
    "columnwise",
    "permutations",
    "many_factors",
    "kronecker_sums",
    "identity_factors",
    "sampled_rows",
    "compiled_plans",
    "cython_api",
    "transpose_kernels",
    "many_factor_operands",
    "threads",
    "overlap",
    "guard_pages",
)
# Spaces around: neither pointers nor casts.
CHANGES = {
    " + ": " - ",
    " - ": " + ",
    " * ": " + ",
    " // ": " * ",
    " % ": " // ",
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    " += ": " -= ",
    "min(": "max(",
    "max(": "min(",
}
NOT_CODE = re.compile(r'"[^"\n]*"|#.*')


def bare(source):
    """The source, blanks for docstrings, strings, comments, declarations and errors."""

    def blank(match):
        return re.sub(r"[^\n]", "\0", match.group())

    source = re.sub(r'""".*?"""', blank, source, flags=re.S)
    lines = NOT_CODE.sub(blank, source).split("\n")
    skipped = re.compile(r"\S|\s*(raise|cdef .*\) except|cdef .*:$|const |def |from |import )")
    return "\n".join("\0" * len(line) if skipped.match(line) else line for line in lines)


def mutants_of(path):
    """(path, line, text before, text after, whole source after) of every change of a driver."""
    source = path.read_text(encoding="utf-8")
    code = bare(source)
    places = [
        (m.start(), m.end(), CHANGES[m.group()])
        for old in CHANGES
        for m in re.finditer(re.escape(old), code)
    ]
    for begin, end, new in sorted(places):
        line = source.count("\n", 0, begin)
        after = source[:begin] + new + source[end:]
        texts = (text.split("\n")[line].strip() for text in (source, after))
        yield path.relative_to(ROOT), line + 1, *texts, after


def build(tree):
    """Whether the tree compiles; what a mutant leaves alone comes from the last build."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    return subprocess.run(command, cwd=tree, capture_output=True).returncode == 0


def main():
    """0 if at least nine of ten are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the names of drivers to change")
    given = parser.parse_args()

    drivers = [ROOT / "src" / name for name in DRIVERS if given.only in name]
    everything = [m for path in drivers for m in mutants_of(path)]
    order = random.Random(given.seed).sample(everything, len(everything))
    print(f"{given.count} of {len(everything)} mutants of {len(drivers)} files, seed {given.seed}")
    tests = [f"tests/test_{name}.py" for name in TESTS]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        copy_tree(tree)
        if not build(tree):
            raise SystemExit("the sources do not build as they are")
        begin = time.monotonic()
        if tests_notice(tree, tests, 3600) != "survived":
            raise SystemExit("the tests fail as they are")
        seconds = 3 * (time.monotonic() - begin)
        for mutant in order:
            if len(results) == given.count:
                break
            path, _, _, _, after = mutant
            original = (tree / path).read_text(encoding="utf-8")
            (tree / path).write_text(after, encoding="utf-8")
            try:
                if build(tree):
                    found = tests_notice(tree, tests, seconds)
                    results.append("killed" if found == "out of time" else found)
                    report(mutant, found)
            finally:
                (tree / path).write_text(original, encoding="utf-8")
    return rate(results)


if __name__ == "__main__":
    raise SystemExit(main())
