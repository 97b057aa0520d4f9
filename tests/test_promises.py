"""Every test that docs/promises.md names exists, and every target of the Makefiles."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "promises.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)))
MAKEFILES = "".join(
    path.read_text() for path in (ROOT / "Makefile", ROOT / ".ci" / "checks.mk") if path.exists()
)
TARGETS = sorted(set(re.findall(r"`make ([\w-]+)`", TEXT)))

pytestmark = pytest.mark.skipif(not TEXT, reason="no page beside the tests")


@pytest.mark.parametrize(("file", "test"), NAMED, ids="::".join)
def test_the_named_test_exists(file, test):
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert test in names


@pytest.mark.parametrize("target", TARGETS)
def test_the_named_target_exists(target):
    assert re.search(rf"^{target}:", MAKEFILES, re.MULTILINE)


def test_every_promise_names_what_holds_it():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "held by" not in line]
    rows = [row for row in rows if not row.startswith("| ---")]
    assert len(rows) > 20
    for row in rows:
        _, _, holders, *_ = re.split(r"(?<!\\)\|", row)
        assert re.search(r"`[\w/]+\.py::\w+`|`make [\w-]+`", holders), row
    assert len(NAMED) > 30
