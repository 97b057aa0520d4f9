"""What runs when kronvec is imported and used: no network, no process, no file written, no pickle.

An audit hook (PEP 578) sees what the interpreter itself does; the sources are read for the rest.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kronvec as kv

PACKAGE = Path(kv.__file__).parent
ROOT = PACKAGE.parent

# Prints what the hook has seen since NumPy was imported, with the file of the Python frame.
PROGRAM = """
import json, os, sys
import numpy as np, collections, dataclasses, functools, concurrent.futures  # not ours
seen = []
def hook(event, args):
    if event == "open":
        path, mode, flags = args
        writes = mode is None and flags & (os.O_WRONLY | os.O_RDWR) or set(mode or "") & set("wax+")
        if not writes:
            return
    elif event == "compile":
        if args[0] is None or os.path.exists(str(args[1])):
            return  # an imported module
    elif event == "exec":
        if not args[0].co_filename.startswith("<") or args[0].co_filename.startswith("<frozen"):
            return
    elif not event.startswith(WATCHED):
        return
    seen.append([event, repr(args)[:200], sys._getframe(1).f_code.co_filename])
WATCHED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.remove", "os.rename", "os.mkdir", "os.putenv", "pickle.", "marshal.load", "ctypes.",
    "urllib.", "http.", "ftplib.", "shutil.", "tempfile.", "winreg.",
)
sys.addaudithook(hook)
{program}
print(json.dumps(seen))
"""
# The standard library makes methods of strings of its own, and reads signatures.
MAKERS = (
    "<frozen importlib._bootstrap_external>",
    "ast.py",
    "dataclasses.py",
    os.path.join("collections", "__init__.py"),
    "typing.py",
    "enum.py",
)

USE = """
import kronvec as kv
from kronvec import calculus, operators
rng = np.random.default_rng(0)
a, b = rng.normal(size=(2, 30, 30))
for dtype in ("float32", "float64", "complex64", "complex128", "float16", "int8", "object"):
    kv.kron(a.astype(dtype), b.astype(dtype))
    kv.kron_matmul([a.astype(dtype)[:3, :3]] * 3, np.ones((27, 2), dtype))
    kv.triple_product(a.astype(dtype), b.astype(dtype), a.astype(dtype))
kv.kron_matmul([a, b], np.ones((900, 3)), workers=2)
kv.matmul_vjp(a, a, b), kv.kron_vjp(np.ones((900, 900)), a, b)
kv.commutation_matmul(np.ones(900), 30, 30)
kv.explain([a, b], 900)
operators.KroneckerProduct(a, b).solve(np.ones(900))
X = calculus.Variable(a, name="X")
str(calculus.D(X @ X.T, X))
"""


def audit(program):
    """The events of a program in a fresh interpreter, but those of imports and of dataclasses."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{program}", program)],
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    return [each for each in seen if not each[2].endswith(MAKERS)]


def test_importing_does_nothing_but_import():
    assert audit("import kronvec, kronvec.operators, kronvec.calculus") == []


def test_computing_touches_neither_network_nor_processes_nor_files():
    assert audit(USE) == []


@pytest.mark.parametrize(
    ("program", "event"),
    [
        ("import socket; socket.socket().close()", "socket."),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("open(os.devnull, 'w').close()", "open"),
        ("eval('1 + 1')", "compile"),
        ("exec('x = 1')", "exec"),
        ("import pickle; pickle.loads(pickle.dumps(np.ones(2)))", "pickle.find_class"),
    ],
)
def test_the_audit_would_see_it(program, event):
    assert any(each[0].startswith(event) for each in audit(program))


# --------------------------------------------------------------------------------------
# The sources

FORBIDDEN = {
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "socket", "ssl", "urllib"),
    *("http", "ftplib", "smtplib", "requests", "subprocess", "multiprocessing", "tempfile"),
}
# The benchmark measures in processes of its own, when it is called.
ALLOWED = {("bench/launch.py", "subprocess"), ("bench/launch.py", "tempfile")}


def modules_and_calls(path):
    """(imported packages, names of called functions) of a source, wherever they stand."""
    imported, called = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call):
            called.add(ast.unparse(node.func))
    return imported, called


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_no_module_loads_pickles_runs_strings_or_opens_connections(path):
    imported, called = modules_and_calls(path)
    name = path.relative_to(PACKAGE).as_posix()
    assert {each for each in imported & FORBIDDEN if (name, each) not in ALLOWED} == set()
    assert not called & {"eval", "exec", "compile", "__import__", "os.system", "np.load"}


# --------------------------------------------------------------------------------------
# What is installed beside it

PROJECT = ROOT / "pyproject.toml"
OLDEST = ROOT / ".ci" / "oldest.py"
checkout = pytest.mark.skipif(not OLDEST.exists(), reason="no checkout around the tests")


@checkout
def test_every_dependency_has_a_lower_bound():
    project = tomllib.loads(PROJECT.read_text())
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    extras = project["project"]["optional-dependencies"]
    lines += [line for extra in extras.values() for line in extra]
    for line in lines:
        assert re.match(r"kronvec\[|[\w.\[\]-]+[>=]=[\d.]+", line), line


@checkout
def test_the_oldest_versions_are_read_from_the_project():
    command = [sys.executable, str(OLDEST), "test"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    numpy = tomllib.loads(PROJECT.read_text())["project"]["dependencies"][0]
    assert printed[0] == numpy.replace(">=", "==")
    assert {line.split("==")[0] for line in printed} == {"numpy", "scipy", "pytest", "hypothesis"}
