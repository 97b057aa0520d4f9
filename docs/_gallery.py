"""Which examples the site runs (those whose packages are installed), and what it says of others."""

import ast
import importlib.util
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Examples:
    """The scripts that run, as a regular expression over paths, and what others miss."""

    run: str
    missing: dict[str, list[str]] = field(default_factory=dict)


def packages(tree):
    """The packages that a script imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def choose(folder: Path) -> Examples:
    """Sort the scripts of a folder by whether all that they import is there."""
    run, missing = [], {}
    scripts = sorted(folder.glob("*.py"))
    beside = {path.stem for path in scripts}
    for path in scripts:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        absent = sorted(
            name
            for name in {*packages(tree)} - beside - {*sys.stdlib_module_names}
            if importlib.util.find_spec(name) is None
        )
        if absent:
            missing[path.stem] = absent
        else:
            run.append(re.escape(path.name))
    return Examples(rf"[/\\]({'|'.join(run) or '(?!)'})$", missing)


def finish_pages(examples: Examples):
    """A listener to ``source-read``: examples say so where they did not run."""

    def listener(app, docname, source):
        if not docname.startswith("gallery/"):
            return
        source[0] = ".. default-role:: literal\n\n" + source[0]  # prose, no reference
        names = examples.missing.get(docname.removeprefix("gallery/"))
        if names:
            note = (
                "\n.. note::\n\n   Not run when this site was built, so there is no picture. "
                f"Not installed: {', '.join(names)}.\n\n"
            )
            # After the title.
            source[0] = re.sub(r"\n={4,}\n", lambda title: title[0] + note, source[0], count=1)

    return listener
