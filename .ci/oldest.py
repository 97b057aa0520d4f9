"""Print the oldest version of everything that an installation may meet, as pyproject.toml has it.

usage: python .ci/oldest.py [EXTRA ...]      name==version of ``name>=version``, one a line
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def requirements(extras):
    """What the package and some of its extras need; an extra may name others of its own."""
    pending = [*PROJECT["dependencies"]]
    pending += [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    while pending:
        line = pending.pop(0)
        own = re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", line)
        if own:
            extras = [extra.strip() for extra in own[1].split(",")]
            pending += [each for e in extras for each in PROJECT["optional-dependencies"][e]]
        else:
            yield line


def oldest(line):
    """``numpy==2.1`` of ``numpy>=2.1``; anything else is an error."""
    name, bound = re.fullmatch(r"([\w.\[\]-]+)>=([\d.]+)", line).groups()
    return f"{name}=={bound}"


if __name__ == "__main__":
    print(*dict.fromkeys(oldest(line) for line in requirements(sys.argv[1:])), sep="\n")
