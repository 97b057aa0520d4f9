"""Break the arithmetic of the compiled drivers, build anew, and count what no test notices.

usage: python .ci/driver_mutants.py [--count 100] [--seed 0] [--jobs 2] [--only PART]

What is broken are sums, products, quotients, bounds of loops, minima and maxima: sizes of blocks
and where they lie.  Choices between layouts (==, and, or) mostly lead to the same numbers.

Needs what `python setup.py build_ext` needs; works on copies.  What does not compile is no
mutant; one whose tests take four times as long as without it, alone, counts as killed.  Those
that change no number are listed in equal_mutants.toml, with what they change instead; they are not
built, and counted apart.  Prints a dot for each that is killed, the others, and what ran out of
time; the status is 1 if fewer than 90% of those not listed are killed.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from mutants import ROOT, judge_all, rate, tests_notice

# With the tests that know most about each: these run first.
DRIVERS = {
    "_kernels.pyx": ("products", "derivatives"),
    "_engine.pyx": ("many_factors", "compiled_plans", "guard_pages"),
    "_sums.pxi": ("kronecker_sums",),
    "_column_products.pxi": ("columnwise",),
    "_compiled_plans.pxi": ("compiled_plans", "many_factors"),
    "_embedded_plans.pxi": ("cython_api",),
    "_interrupts.pxi": ("pieces", "products"),
    "_movement.pxi": ("pieces", "permutations", "transpose_kernels"),
    "_workspaces.pxi": ("sizes", "workspaces"),
}
# What calls them, the quick ones first.
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
    "pieces",
    "guard_pages",
    "workspaces",
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


def equal_mutants():
    """(path, text before, text after or None) of those that change no number."""
    listed = tomllib.loads(Path(__file__).with_name("equal_mutants.toml").read_text("utf-8"))
    return {(each["file"], each["before"], each.get("after")) for each in listed["mutant"]}


def names_of(mutant):
    """What the list may call it, wherever its line goes."""
    path, _, before, after, _ = mutant
    return {(path.as_posix(), before, after), (path.as_posix(), before, None)}


def build(tree):
    """Whether the tree compiles; what a mutant leaves alone comes from the last build."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    return subprocess.run(command, cwd=tree, capture_output=True).returncode == 0


def test_files(driver):
    """What may notice a change of a driver, in the order in which to ask."""
    names = dict.fromkeys((*DRIVERS[driver], *TESTS))
    return [f"tests/test_{name}.py" for name in names]


def main():
    """0 if at least nine of ten are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="part of the names of drivers to change")
    given = parser.parse_args()

    drivers = [ROOT / "src" / name for name in DRIVERS if given.only in name]
    everything = [m for path in drivers for m in mutants_of(path)]
    if not everything:
        parser.error(f"no driver has {given.only!r} in its name")
    equal = equal_mutants()
    named = (names_of(m) for name in DRIVERS for m in mutants_of(ROOT / "src" / name))
    gone = equal.difference(*named)
    if gone:
        parser.error(f"equal_mutants.toml lists what no line gives: {gone}")
    chosen = random.Random(given.seed).sample(everything, min(given.count, len(everything)))
    print(f"{len(chosen)} of {len(everything)} mutants of {len(drivers)} files, seed {given.seed}")
    seconds = []

    def prepare(tree):
        if not build(tree):
            raise SystemExit("the sources do not build as they are")
        if not seconds:
            begin = time.monotonic()
            if tests_notice(tree, test_files("_kernels.pyx"), 3600) != "survived":
                raise SystemExit("the tests fail as they are")
            load = max(1, given.jobs / (os.cpu_count() or 1))
            seconds.append(4 * load * (time.monotonic() - begin))

    def judge(tree, mutant):
        if names_of(mutant) & equal:
            return "equal"
        path, _, _, _, after = mutant
        original = (tree / path).read_text(encoding="utf-8")
        (tree / path).write_text(after, encoding="utf-8")
        try:
            if not build(tree):
                return "does not compile"
            return tests_notice(tree, test_files(path.name), *seconds)
        finally:
            (tree / path).write_text(original, encoding="utf-8")

    found = judge_all(chosen, judge, given.jobs, prepare)
    print(f"\n{found.count('equal')} change no number and are not counted")
    results = [result for result in found if result not in ("does not compile", "equal")]
    return rate(["killed" if result == "out of time" else result for result in results])


if __name__ == "__main__":
    raise SystemExit(main())
