"""Break the Python layer in small ways and count the breaks that no test notices.

usage: python .ci/mutants.py DATA [--count 200] [--seed 0] [--jobs 2] [--seconds 240] [--only PART]

DATA is a coverage file with contexts (`make mutants` records one): it tells which tests run the
changed line.  A mutant is killed when one of them fails; one whose tests do not end in time counts
as a survivor.  Prints the survivors; the status is 1 if fewer than 90% are killed.
"""

import argparse
import ast
import contextlib
import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[1]
# Measured, drawn and told rather than computed.
LEFT_OUT = ("bench", "demo", "__main__.py")
COPIED = ("kronvec", "tests", "docs", "examples", "src", "README.md", "pyproject.toml", "setup.py")

# Seconds after which a test loops for ever, where pytest knows to end it (9.0).
ONE_TEST = 240

PATHS = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
TEST_FILES = {p.stem: p.relative_to(ROOT) for p in (ROOT / "tests").rglob("test_*.py")}

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}


def changed(node):
    """Texts that may stand in the place of a node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        ops = [COMPARISONS[type(node.ops[0])](), *node.ops[1:]]
        yield ast.unparse(ast.Compare(node.left, ops, node.comparators))
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        text = any(isinstance(a, (ast.JoinedStr, ast.List)) for a in (node.left, node.right))
        if not text:
            yield ast.unparse(ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.unparse(ast.BoolOp(other, node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield ast.unparse(node.operand)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield str(node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield ast.unparse(ast.IfExp(node.test, node.orelse, node.body))


def sites(tree):
    """Nodes of what runs in functions: no annotations, messages, decorators or docstrings."""

    def expressions(node):
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.Raise | ast.JoinedStr) or not isinstance(child, ast.AST):
                    continue
                yield from expressions(child)

    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name not in ("__repr__", "__str__"):
            for statement in node.body:
                if not isinstance(statement, ast.Raise):
                    yield from expressions(statement)


def mutants_of(path):
    """(path, line, text before, text after, whole source after) of every change of a file."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw = source.encode()
    seen = set()
    for node in sites(ast.parse(source)):
        if not hasattr(node, "lineno"):
            continue
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = raw[begin:end].decode()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            texts = ["pass"]  # a check is not made
        elif isinstance(node, ast.Return) and node.value is not None:
            texts = ["return None"]
        elif isinstance(node, ast.If):
            begin, end = (
                starts[node.test.lineno - 1] + node.test.col_offset,
                starts[node.test.end_lineno - 1] + node.test.end_col_offset,
            )
            before = raw[begin:end].decode()
            texts = [f"not ({before})"]
        else:
            texts = [f"({text})" for text in changed(node)]
        for text in texts:
            if text != before and (begin, end, text) not in seen:
                seen.add((begin, end, text))
                after = (raw[:begin] + text.encode() + raw[end:]).decode()
                yield path.relative_to(ROOT), node.lineno, before, text, after


@functools.cache
def contexts_of(data, path):
    """Line -> the test functions that run it."""
    by_line = {}
    for name in data.measured_files():
        if name.endswith(f"/{path}"):
            for number, contexts in data.contexts_by_lineno(name).items():
                by_line.setdefault(number, set()).update(set(contexts) - {""})
    return by_line


def tests_of(data, path, line):
    """Node ids of the test functions that run the line; of the whole file for None."""
    by_line = contexts_of(data, path)
    contexts = set().union(*by_line.values()) if line is None else by_line.get(line, set())
    ids = set()
    for context in contexts:
        module, _, function = context.removeprefix("tests.").partition(".")
        if module in TEST_FILES and function:
            ids.add(f"{TEST_FILES[module]}::{function.split('.')[0]}")
    return sorted(ids)


def copy_tree(tree):
    """What the tests need, in a folder of its own."""
    tree.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            cached = shutil.ignore_patterns("__pycache__")  # of what is not mutated
            shutil.copytree(ROOT / name, tree / name, ignore=cached)
        else:
            shutil.copy(ROOT / name, tree / name)


def tests_notice(tree, ids, seconds):
    """Whether the tests fail: "killed", "survived", "out of time" where they do not end."""
    tests = subprocess.Popen(
        [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        + ["-o", "addopts=", "-o", f"faulthandler_timeout={ONE_TEST}"]
        + ["-o", "faulthandler_exit_on_timeout=true", *ids],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), *PATHS])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return "survived" if tests.wait(seconds) == 0 else "killed"
    except subprocess.TimeoutExpired:
        return "out of time"
    finally:
        with contextlib.suppress(ProcessLookupError):  # what tests started, too
            os.killpg(tests.pid, signal.SIGKILL)
        tests.wait()


def verdict(mutant, ids, tree, seconds):
    """Whether the tests notice; "not run" where there are none."""
    path, _, _, _, after = mutant
    if not ids:
        return "not run"
    target = tree / path
    original = target.read_text(encoding="utf-8")
    target.write_text(after, encoding="utf-8")
    try:
        return tests_notice(tree, ids, seconds)
    finally:
        target.write_text(original, encoding="utf-8")


def judge_all(mutants, judge, jobs, prepare=lambda tree: None):
    """What judge(tree, mutant) says of each, `jobs` at a time in copies of the project."""
    trees: Queue[Path] = Queue()

    def in_a_tree(mutant):
        tree = trees.get()
        try:
            found = judge(tree, mutant)
        finally:
            trees.put(tree)
        if found != "does not compile":
            report(mutant, found)
        return found

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        for number in range(jobs):
            tree = Path(folder) / str(number)
            copy_tree(tree)
            prepare(tree)
            trees.put(tree)
        return list(pool.map(in_a_tree, mutants))


def report(mutant, found):
    """A dot for what was killed, a line for what was not."""
    path, line, before, after, _ = mutant
    if found == "killed":
        print(".", end="", flush=True)
    else:
        before, after = (" ".join(text.split())[:90] for text in (before, after))
        print(f"\n{found}: {path}:{line}: {before}  ->  {after}", flush=True)


def rate(results):
    """Print how many came to what; 0 if at least nine of ten are killed."""
    print()
    for kind in sorted(set(results)):
        print(f"{kind}: {results.count(kind)}")
    killed = results.count("killed") / max(1, len(results))
    print(f"{killed:.1%} killed")
    return 0 if killed >= 0.9 else 1


def main():
    """0 if at least nine of ten are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="coverage data with contexts")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=240, help="for the tests of one mutant")
    parser.add_argument("--only", default="", help="part of the paths to change")
    given = parser.parse_args()

    import coverage  # driver_mutants.py does without

    data = coverage.CoverageData(given.data)
    data.read()
    files = sorted((ROOT / "kronvec").rglob("*.py"))
    files = [p for p in files if not set(LEFT_OUT) & set(p.relative_to(ROOT / "kronvec").parts)]
    ran = [p for p in files if tests_of(data, p.relative_to(ROOT), None)]
    print("without tests here (an extra is absent):", *(p.name for p in set(files) - set(ran)))
    everything = [m for p in ran if given.only in str(p) for m in mutants_of(p)]
    chosen = random.Random(given.seed).sample(everything, min(given.count, len(everything)))
    print(f"{len(chosen)} of {len(everything)} mutants of {len(ran)} files, seed {given.seed}")

    def judge(tree, mutant):
        return verdict(mutant, tests_of(data, mutant[0], mutant[1]), tree, given.seconds)

    results = judge_all(chosen, judge, given.jobs)
    return rate(results)


if __name__ == "__main__":
    raise SystemExit(main())
