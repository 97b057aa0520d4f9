"""Compare the sdist and the wheel in a folder with what git tracks.

usage: python .ci/check_dist.py FOLDER
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

# Declarations that only our own modules cimport.
INTERNAL = {"kronvec/_engine.pxd", "kronvec/_kernels.pxd"}


def tracked():
    """The files of the project, as git knows them."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
        text=True,
    )
    return {name for name in listing.stdout.splitlines() if Path(name).exists()}


def in_sdist(path):
    """The files of an sdist without what setuptools adds."""
    with tarfile.open(path) as archive:
        names = {m.name.split("/", 1)[1] for m in archive.getmembers() if m.isfile()}
    return {n for n in names if ".egg-info/" not in n} - {"PKG-INFO", "setup.cfg"}


def in_wheel(path):
    """The files of a wheel without its metadata; a compiled module by the name of its source."""
    names = zipfile.ZipFile(path).namelist()
    names = [n for n in names if ".dist-info/" not in n]
    return {
        n.split(".")[0].replace("kronvec/", "src/") + ".pyx" if n.endswith((".so", ".pyd")) else n
        for n in names
    } - {"src/_xla.pyx"}


def compare(what, got, wanted):
    """Print the differences; whether there are none."""
    for name in sorted(wanted - got):
        print(f"{what} lacks {name}")
    for name in sorted(got - wanted):
        print(f"{what} holds {name}")
    return got == wanted


def main(folder):
    """0 if both hold what they should and nothing else."""
    (sdist,), (wheel,) = Path(folder).glob("*.tar.gz"), Path(folder).glob("*.whl")
    files = tracked()
    modules = {n for n in files if n.startswith("src/") and n.endswith(".pyx")}
    package = {
        n
        for n in files
        if n.startswith("kronvec/") and n.endswith((".py", ".pyi", ".pxd", ".h", "py.typed"))
    } - INTERNAL
    modules.discard("src/_xla.pyx")  # made only beside jaxlib
    good = [
        compare("the sdist", in_sdist(sdist), files),
        compare("the wheel", in_wheel(wheel), modules | package),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
