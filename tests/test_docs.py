"""Docstrings: present, in sections, and true (their examples run); so does the README."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import kronvec as kv
import kronvec.calculus

PROMISED = [
    "vec",
    "unvec",
    "vech",
    "unvech",
    "svec",
    "smat",
    "vec_reorder",
    "kron",
    "bkron",
    "triple_product",
    "vec_trick",
    "kron_matvec",
    "kron_vecmat",
    "kron_matmul",
    "matmul_kron",
    "kronsum",
    "kronsum_matmul",
    "khatri_rao",
    "khatri_rao_matvec",
    "face_splitting",
    "face_splitting_matvec",
    "mttkrp",
    "partial_trace",
    "partial_transpose",
    "realignment",
    "nearest_kron",
    "commutation_matmul",
    "commutation_indices",
    "commutation_matrix",
    "duplication_matmul",
    "duplication_indices",
    "duplication_matrix",
    "duplication_pinv_matmul",
    "duplication_pinv_matrix",
    "elimination_matmul",
    "elimination_indices",
    "elimination_matrix",
    "symmetrizer_matmul",
    "symmetrizer_indices",
    "symmetrizer_matrix",
    "vech_kron",
    "vech_kron_matvec",
    "symmetric_kron",
    "symmetric_kron_matvec",
    "symmetrizer_kron",
    "symmetrizer_kron_matvec",
    "matmul_vjp",
    "matmul_jvp",
    "linear_vjp",
    "triple_product_vjp",
    "vec_trick_vjp",
    "kron_vjp",
    "kron_matmul_vjp",
    "per_sample_sqnorm",
    "solve_sylvester",
    "solve_continuous_lyapunov",
    "solve_discrete_lyapunov",
    "explain",
    "get_include",
    "show_config",
    "patch_numpy",
    "test",
]

PUBLIC = {
    name: getattr(kv, name)
    for name in kv.__all__
    if callable(getattr(kv, name)) and not inspect.isclass(getattr(kv, name))
} | {
    f"calculus.{name}": getattr(kronvec.calculus, name)
    for name in kronvec.calculus.__all__
    if not inspect.isclass(getattr(kronvec.calculus, name))
}
every_function = pytest.mark.parametrize("name", PUBLIC)


def modules():
    """Every module of the package that imports without optional dependencies."""
    for info in pkgutil.walk_packages(kv.__path__, "kronvec."):
        if any(part in info.name for part in ("__main__", "bench", "demo")):
            continue
        if info.name == "kronvec._xla":  # there where kronvec was built beside jaxlib
            continue
        try:
            yield importlib.import_module(info.name)
        except ImportError:  # an extra that is not installed
            if not info.name.startswith("kronvec.interop."):
                raise


def documented():
    """(name, docstring) of the package, its modules, and their functions, classes and methods."""
    for module in [kv, *modules()]:
        yield module.__name__, module.__doc__
        for name, thing in vars(module).items():
            if callable(thing) and getattr(thing, "__module__", None) == module.__name__:
                yield f"{module.__name__}.{name}", thing.__doc__
                if inspect.isclass(thing):
                    for attribute, member in vars(thing).items():
                        doc = member.__doc__ if hasattr(member, "__doc__") else None
                        if callable(member) or isinstance(member, property):
                            yield f"{module.__name__}.{name}.{attribute}", doc


DOCTESTS = {name: doc for name, doc in documented() if doc and ">>>" in doc}
# Operations on values are made by a function, and belong to its module.
DOCTESTS |= {
    name: function.__doc__
    for name, function in PUBLIC.items()
    if function.__doc__ not in DOCTESTS.values() and ">>>" in (function.__doc__ or "")
}


def run_examples(source, name, path=None):
    """Run the ``>>>`` examples of a text; the report of what differs is the message."""
    test = doctest.DocTestParser().get_doctest(source, {}, name, path, 0)
    assert test.examples
    report = []
    doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(
        test, out=report.append
    )
    assert not report, "".join(report)


@pytest.mark.parametrize("name", DOCTESTS)
def test_docstring_examples_run(name):
    run_examples(DOCTESTS[name], name)


@pytest.mark.parametrize("name", kronvec.calculus.__all__)
def test_public_classes_of_the_calculus_have_an_example_or_attributes(name):
    thing = getattr(kronvec.calculus, name)
    if inspect.isclass(thing):
        assert re.search(r"^(Examples|Attributes)\n-+$", inspect.getdoc(thing), re.MULTILINE)


def test_every_promised_name_is_public():
    assert set(PROMISED) <= set(kv.__all__)
    assert len(kv.__all__) == len(set(kv.__all__))
    for name in kv.__all__:
        assert hasattr(kv, name)


@every_function
def test_public_docstrings_have_their_sections(name):
    function = PUBLIC[name]
    doc = inspect.getdoc(function)
    headings = re.findall(r"^(\w[\w ]*)\n-+$", doc, re.MULTILINE)
    signature = inspect.signature(function)
    assert len(doc.splitlines()[0]) <= 100 and doc.splitlines()[0].endswith((".", "``", "Ω"))
    if signature.parameters:
        assert "Parameters" in headings
    if signature.return_annotation not in (None, "None"):
        assert "Returns" in headings
    assert "Examples" in headings


@every_function
def test_public_docstrings_describe_every_parameter(name):
    doc = inspect.getdoc(PUBLIC[name])
    for parameter in inspect.signature(PUBLIC[name]).parameters:
        assert re.search(rf"^(?:.*, )?\*{{0,2}}{parameter}\b.*$", doc, re.MULTILINE), parameter


# --------------------------------------------------------------------------------------
# README and the pages under docs/

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def code_blocks(path):
    """The Python blocks of a page, each with the number of its first line."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [
        (text.count("\n", 0, match.start(1)), match[1])
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


BLOCKS = code_blocks(README)


@pytest.mark.skipif(not BLOCKS, reason="no README beside the tests, or nothing to run in it")
def test_readme_examples_run():
    namespace = {"np": np, "kv": kv}
    for line, block in BLOCKS:
        if ">>>" in block:
            run_examples(block, f"README line {line}", str(README))
        else:
            exec(compile(block, f"README line {line}", "exec"), namespace)


# What the pages on other packages need; their blocks are programs, not sessions.
NEEDED = {"interop.md": ("torch", "jax")}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_of_pages_run(path):
    """The blocks of a page are one session, as a reader types it; errors name its lines."""
    blocks, session = code_blocks(path), ""
    if not blocks:
        pytest.skip("no Python to run")
    if path.name in NEEDED:
        for package in NEEDED[path.name]:
            pytest.importorskip(package)
        for line, block in blocks:
            exec(compile(block, f"{path.name} line {line}", "exec"), {})
        return
    for line, block in blocks:
        assert ">>>" in block, f"line {line}: a block without a prompt is not checked"
        session += "\n" * (line - session.count("\n")) + block
    run_examples(session, path.name, str(path))


def test_the_quantum_page_agrees_with_qutip():
    pytest.importorskip("qutip")
    text = (ROOT / "docs" / "howto" / "quantum.md").read_text(encoding="utf-8")
    exec(re.search(r"^```py\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1], {})
