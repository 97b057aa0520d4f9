"""The reference: every public name has a docstring, an example that doctest runs, and a page."""

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest

import kronvec as kv
import kronvec.calculus
import kronvec.operators
from test_docs import run_examples

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
PACKAGE = Path(kv.__file__).parent

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="no docs beside the tests")

MODULES = {"kronvec": kv, "kronvec.operators": kv.operators, "kronvec.calculus": kv.calculus}
PUBLIC = [
    (module, name)
    for module, contents in MODULES.items()
    for name in contents.__all__
    if not inspect.ismodule(getattr(contents, name))
]
# Interop modules are read, not imported: their packages may be absent.
SCRIPTS = ("dask_benchmark",)
INTEROP = sorted(
    path
    for path in (PACKAGE / "interop").glob("*.py")
    if not path.stem.startswith("_") and path.stem not in SCRIPTS
)


def listed():
    """From module to the names in the autosummary tables under docs/reference."""
    names = defaultdict(list)
    for path in REFERENCE.glob("*.rst"):
        module = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"\.\. (?:current)?module:: (\S+)", line):
                module = found[1]
            elif found := re.match(r"   (\w+)$", line):
                names[module].append(found[1])
    return names


def exported(path):
    """The names in ``__all__`` of a source file; its definitions by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
    made = {getattr(node, "name", None): node for node in tree.body}
    return names, made


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_has_one_page(module):
    names = listed()[module]
    assert sorted(names) == sorted(name for owner, name in PUBLIC if owner == module)


@pytest.mark.parametrize("path", INTEROP, ids=lambda path: path.stem)
def test_each_public_name_of_interop_has_one_page(path):
    names, _ = exported(path)
    if names:
        assert sorted(listed()[f"kronvec.interop.{path.stem}"]) == sorted(names)
    else:
        text = (REFERENCE / "interop.rst").read_text(encoding="utf-8")
        assert f"automodule:: kronvec.interop.{path.stem}" in text


def test_each_name_of_the_compiled_interface_is_on_its_page():
    text = (PACKAGE / "cython_api.pxd").read_text(encoding="utf-8")
    functions = re.findall(
        r"^(?:cdef|    matrix|    tensor)\b[^\n]*?\b(\w+)(?: \"\w+\")?\(", text, re.M
    )
    constants = re.findall(r"^        ([A-Z]\w+) \"", text, re.M)
    structures = re.findall(r"^    ctypedef struct (\w+)", text, re.M)
    assert len(functions) > 9 and len(constants) > 9 and len(structures) == 4
    page = (REFERENCE / "cython_api.rst").read_text(encoding="utf-8")
    table = set(re.findall(r"``(\w+)``", page))
    assert {*functions, *constants, *structures} <= table


def test_every_reference_page_is_in_the_index():
    index = (REFERENCE / "index.md").read_text(encoding="utf-8")
    assert {path.stem for path in REFERENCE.glob("*.rst")} <= set(index.split())


# Made by arithmetic, not by name: the page of operators shows how.
MADE = {"Scaled", "Sum", "Product"}


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_every_public_name_has_a_docstring_with_an_example(module, name):
    thing = getattr(MODULES[module], name)
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    assert own and own.strip()
    assert ">>>" in own or (module == "kronvec.operators" and name in MADE), "no example"


def test_the_page_of_operators_shows_what_arithmetic_makes():
    text = (REFERENCE / "operators.rst").read_text(encoding="utf-8")
    run_examples(text, "operators.rst")
    assert all(f"is a {name}\n" in text for name in MADE)


@pytest.mark.parametrize("path", INTEROP, ids=lambda path: path.stem)
def test_every_public_function_of_interop_has_a_docstring(path):
    names, made = exported(path)
    for name in names:
        if isinstance(made.get(name), (ast.FunctionDef, ast.ClassDef)):
            assert ast.get_docstring(made[name]), name


# --------------------------------------------------------------------------------------
# types


def public_functions(thing, name):
    """(name, function) of a public function, or of a class: __init__, public methods, properties.

    Methods are those of the package, wherever in the hierarchy they are.
    """
    if not inspect.isclass(thing):
        yield name, thing
        return
    for owner in thing.__mro__:
        for attribute, member in vars(owner).items() if is_ours(owner) else ():
            member = getattr(member, "fget", getattr(member, "func", member))  # of properties
            member = getattr(member, "__func__", member)
            public = attribute == "__init__" or not attribute.startswith("_")
            if public and inspect.isfunction(member) and is_ours(member):
                yield f"{owner.__name__}.{attribute}", member


def is_ours(thing):
    """Whether its source is the package's: a named tuple's methods are made by Python."""
    return thing.__module__.startswith("kronvec")


FUNCTIONS = {
    f"{module}.{label}": function
    for module, name in PUBLIC
    for label, function in public_functions(getattr(MODULES[module], name), name)
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_and_method_has_types_and_a_docstring(name):
    signature = inspect.signature(FUNCTIONS[name])
    untyped = [
        p.name
        for p in signature.parameters.values()
        if p.annotation is p.empty and p.name not in ("self", "cls")
    ]
    assert not untyped
    assert signature.return_annotation is not signature.empty
    assert inspect.getdoc(FUNCTIONS[name]) or name.endswith(".__init__")  # the class has it


def functions_of(node):
    """The public functions of a definition in a source: itself, or a class's public methods."""
    inner = [node] if isinstance(node, ast.FunctionDef) else getattr(node, "body", [])
    return [
        each
        for each in inner
        if isinstance(each, ast.FunctionDef)
        and (each.name == "__init__" or not each.name.startswith("_"))
    ]


@pytest.mark.parametrize("path", INTEROP, ids=lambda path: path.stem)
def test_every_public_function_of_interop_has_types(path):
    names, made = exported(path)
    for name in names:
        for function in functions_of(made.get(name)):
            parameters = function.args
            given = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
            given += [a for a in (parameters.vararg, parameters.kwarg) if a]
            assert function.returns, f"{name}.{function.name}"
            assert not [a.arg for a in given if not (a.annotation or a.arg in ("self", "cls"))]
