"""Who may import whom, read from the sources."""

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kronvec as kv

PACKAGE = Path(kv.__file__).parent
SOURCES = Path(__file__).parents[1] / "src"

# Lower layers never import higher ones.  A name stands for a module or a folder of the package;
# what is not listed is a module of functions, like products.
LAYERS = [
    [
        "_kernels",
        "_fastpath",
        "_ufuncs",
        "_shapes",
        "_factor_shapes",
        "_threads",
        "_machine",
        "_reference_vec",
        "_reference_sums",
        "_reference_vech",
        "_reference_subsystems",
        "_reference",
    ],
    ["_merging"],
    ["_plan"],
    ["products"],
    ["operators"],
    ["calculus"],
    ["interop"],
    ["introspect"],
    ["__init__"],
    ["bench", "demo", "__main__"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))
every_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def layer(name):
    return RANK.get(name, RANK["products"])


def dotted(path):
    """``operators/_base.py`` -> ("operators", "_base")"""
    return path.relative_to(PACKAGE).with_suffix("").parts


def imports(path, everywhere=False):
    """(absolute module path, names imported from it) of the statements run at import.

    ``everywhere`` counts those inside functions and under TYPE_CHECKING too.
    """
    here = ("kronvec", *dotted(path))

    def visit(node):
        deferred = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if (deferred or typing_only) and not everywhere:
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name.split("."), []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(here[: -node.level]) if node.level else []
            module = base + (node.module.split(".") if node.module else [])
            yield module, [alias.name for alias in node.names]
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")))


def internal(path):
    """The parts of the package that a module imports when it is imported."""
    for module, names in imports(path):
        if module[0] == "kronvec":
            yield from [module[1:]] if len(module) > 1 else [[name] for name in names]


@every_module
def test_imports_point_downwards(path):
    mine = dotted(path)
    for target in internal(path):
        if target and target[0] != mine[0]:
            assert layer(target[0]) <= layer(mine[0]), f"{'.'.join(mine)} imports {target}"


def test_modules_import_each_other_in_no_circle():
    graph = {}
    for path in MODULES:
        mine = ".".join(dotted(path))
        targets = {".".join(target) for target in internal(path)}
        graph[mine] = {t for t in targets if t and t != mine}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(graph)


@every_module
def test_modules_need_nothing_but_numpy_to_be_imported(path):
    if dotted(path)[0] in ("bench", "demo", "interop"):
        pytest.skip("optional by nature")
    for module, _ in imports(path):
        assert module[0] in {"kronvec", "numpy", *sys.stdlib_module_names}, ".".join(module)


def test_the_reference_imports_numpy_alone():
    files = sorted(PACKAGE.glob("_reference*.py"))
    own = {("kronvec", f.stem) for f in files} | {("kronvec", "_typing")}  # annotations
    outside = {tuple(module) for f in files for module, _ in imports(f, everywhere=True)} - own
    assert {module[0] for module in outside} - set(sys.stdlib_module_names) == {"numpy"}


def test_validation_imports_nothing_of_ours():
    assert list(internal(PACKAGE / "_shapes.py")) == []


def test_kronvec_imports_nothing_optional():
    program = (
        "import sys, numpy; before = set(sys.modules); import kronvec; "
        "print(*{m.split('.')[0] for m in set(sys.modules) - before}, sep='\\n')"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    new = set(result.stdout.split())
    assert "kronvec" in new
    assert not new & {"scipy", "matplotlib", "rich", "threadpoolctl", "torch", "jax", "dask"}
    assert {m for m in new if "cython" not in m} <= {"kronvec", *sys.stdlib_module_names}


@pytest.mark.parametrize("folder", [PACKAGE, SOURCES, Path(__file__).parent], ids=lambda f: f.name)
def test_no_file_is_longer_than_four_hundred_lines(folder):
    if not folder.is_dir():
        pytest.skip("an installed package has no sources")
    kinds = {".py", ".pyx", ".pxd", ".pxi", ".c", ".h", ".def"}
    files = [f for f in folder.rglob("*") if f.suffix in kinds]
    generated = [f for f in files if f.suffix == ".c" and f.with_suffix(".pyx").exists()]
    written = set(files) - set(generated)
    lengths = {str(f.relative_to(folder)): len(f.read_text().splitlines()) for f in written}
    assert lengths
    assert {name: n for name, n in lengths.items() if n > 400} == {}


# --------------------------------------------------------------------------------------
# The C sources

simd = pytest.mark.skipif(not (SOURCES / "simd").is_dir(), reason="no sources here")


def holders(*words):
    """The C files that contain any of the words."""
    files = [f for f in (SOURCES / "simd").iterdir() if f.suffix in (".c", ".h", ".def")]
    return {f.name for f in files if any(word in f.read_text() for word in words)}


@simd
def test_cpu_features_are_known_to_dispatch_alone():
    assert holders("__builtin_cpu", "cpuid") == {"dispatch.c"}


@simd
def test_vector_builtins_are_known_to_the_two_kinds_of_vectors_alone():
    builtins = ("__builtin_shuffle", "__builtin_ia32", "_mm256_", "_mm512_", "_mm_", "vector_size")
    assert holders(*builtins) == {"vec.inc.h", "shuffle.inc.h"}


@simd
def test_templates_are_included_by_the_dtype_list_alone():
    """isa_*.c includes isa.inc.h, which includes the kernels, which include no kernel."""
    names = {f.name for f in (SOURCES / "simd").glob("*.inc.h")} - {"isa.inc.h"}
    for f in (SOURCES / "simd").glob("isa_*.c"):
        assert '#include "isa.inc.h"' in f.read_text()
        assert not [n for n in names if f'#include "{n}"' in f.read_text()]


@pytest.mark.skipif("PYTHONPATH" in os.environ, reason="found there, not installed")
def test_a_script_beside_a_folder_of_that_name_imports_the_package(tmp_path):
    (tmp_path / "kronvec").mkdir()  # as a checkout may be called
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    command = [sys.executable, "-c", "import kronvec; print(kronvec.kron_matvec)"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
