"""The pages: links lead somewhere, terms have one spelling, tables are those of the figures."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FILES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "src" / "README.md"]
PAGES = [path for path in [*FILES, *sorted(DOCS.rglob("*.md"))] if path.exists()]

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="no docs beside the tests")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def prose(path):
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)


def load(name, path):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- links -------------------------------------------------------------------------------


def anchors(path):
    """What the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def source(page, target):
    """The file that a link leads to; pages that the site makes stand for what they are made of."""
    path = (page.parent / target).resolve()
    if path.parent == DOCS / "gallery":
        return ROOT / "examples" / ("README.rst" if path.stem == "index" else f"{path.stem}.py")
    return path


@every_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = source(page, name) if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


@every_page
def test_files_that_are_named_exist(page):
    """Files of the repository in code style: `docs/interop.md`, `tests/test_pages.py`."""
    for name in re.findall(
        r"`((?:docs|tests|src|kronvec|benchmarks|examples)/[\w/.\-]+)`", prose(page)
    ):
        path = ROOT / name
        assert path.exists() or "NAME" in name or list(ROOT.glob(name + "*")), name


def toctrees(path):
    """The pages that the toctrees of a page name."""
    for block in re.findall(
        r"```\{toctree\}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL
    ):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                yield (path.parent / line).resolve()


def test_every_page_can_be_reached_from_the_start_page():
    reached, new = set(), {DOCS / "index"}
    while new:
        reached |= new
        files = [page.with_suffix(".md") for page in new]
        new = {target for file in files if file.exists() for target in toctrees(file)} - reached
    assert {page.with_suffix("") for page in DOCS.rglob("*.md")} <= reached


# ---- terms -------------------------------------------------------------------------------

# The spelling to use, and what it is spelled like elsewhere.
TERMS = {
    "Khatri-Rao": r"Khatri[–— ]Rao|khatri-rao product|Khatri-rao",
    "Moore-Penrose": r"Moore[–— ]Penrose",
    "Kronecker sum": r"kronecker sum|Kronecker-sum|tensor sum",
    "Kronecker product": r"kronecker product|Kronecker-product|tensor product of matrices",
    "vec-ed": r"vec'd|vecced|vec’d|vectori[sz]ed matri",
    "mode product": r"mode-\w+ product|n-mode product",
    "face-splitting": r"face splitting",
    "cotangent": r"co-tangent",
    "commutation matrix": r"commutation-matrix|vec-permutation matrix",
    "symmetrizer": r"symmetri[s]er|symmetri[zs]ation matrix",
    "matricized": r"matricised",
    "pseudoinverse": r"pseudo-inverse|pseudo inverse",
    "Jacobian": r"\bjacobian (?:of|matrix)",
    "Hermitian": r"\bhermitian matri",
    "numerator layout": r"numerator-layout",
    "row-major, column-major": r"(?:row|column) major",
    "diagonalize": r"diagonalis",
}
PROSE = sorted(
    path
    for pattern in ("kronvec/**/*.py", "src/**/*.*", "docs/**/*.md", "docs/**/*.rst", "*.md")
    for path in ROOT.glob(pattern)
    if not {"generated", "gallery", "build"} & set(path.parts)
    and path.suffix in (".py", ".pyx", ".pxi", ".h", ".c", ".md", ".rst")
)


@pytest.mark.parametrize("term", TERMS)
def test_terms_have_one_spelling(term):
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in PROSE
        for found in re.finditer(TERMS[term], path.read_text(encoding="utf-8"))
    ]
    assert not wrong, f"write {term}"


# ---- figures -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures():
    script = ROOT / "benchmarks" / "figures.py"
    if not script.exists():
        pytest.skip("no benchmarks beside the tests")
    pytest.importorskip("rich")  # for the units of the demo's table
    return load("figures", script)


def test_tables_are_those_of_the_figures(figures):
    made, used = figures.tables(), set()
    for page in figures.pages():
        text = page.read_text(encoding="utf-8")
        used |= set(re.findall(r"<!-- table: (\w+) -->", text))
        assert figures.replaced(text, made) == text, f"{page.name}: run `make figures`"
    assert used == set(made)


def test_the_figures_keep_what_the_tables_need_of_a_benchmark(figures):
    row = {"kronvec": {"fresh": 1.0}, "numpy": {"fresh": 3.0}, "np fill": {"reference": 1.0}}
    verdict = dict(label="A @ B @ C", cases=1, mean=3.0, worst=3.0, worst_case="triple/f64/2")
    one = {
        "threads": 1,
        "machine": {"peak": {"float32": 2e9, "float64": 1e9}, "copy": {"4096": 1e9}},
        "peers": {"numpy": "2"},
        "verdicts": [verdict | {"met": True}],
        "rows": [{"name": "triple/f64/2", "seconds": row, "limit_seconds": 1.0, "extra_bytes": {}}],
    }
    machine = {"cpu": "a", "cpus": 1, "system": "b"}
    results = {"machine": machine, "versions": {}, "isa": "avx2", "seconds": 1.0, "passes": [one]}
    kept = figures.kept(results)
    assert figures.ratios_of_peers(kept) == {"numpy": {"triple/f64/2": 3.0}}
    assert "| 1 | 3.00 | 3.00 |" in figures.targets(kept)
    assert "extra_bytes" not in kept["rows"][0]


# ---- gallery -----------------------------------------------------------------------------


def test_examples_without_their_packages_are_shown_and_say_so(tmp_path):
    gallery = load("_gallery", DOCS / "_gallery.py")
    (tmp_path / "one.py").write_text("import math, two\n")
    (tmp_path / "two.py").write_text("import math\nfrom no_such_package.part import thing\n")
    examples = gallery.choose(tmp_path)
    assert examples.missing == {"two": ["no_such_package"]}
    assert re.search(examples.run, "examples/one.py")
    assert not re.search(examples.run, "examples/two.py")
    listener = gallery.finish_pages(examples)
    page = ["\n.. _sphx_glr_gallery_two.py:\n\n\nTwo sides\n=========\n\nText\n"]
    listener(None, "gallery/two", page)
    head, _, rest = page[0].partition("\n.. note::\n")
    assert head.endswith("Two sides\n=========\n")
    assert "no_such_package" in rest
    page = ["Pages\n=====\n"]
    listener(None, "tutorial", page)
    assert page == ["Pages\n=====\n"]
