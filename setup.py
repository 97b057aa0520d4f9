"""One extension per Cython module; everything else is in pyproject.toml.

Where SOURCE_DATE_EPOCH is set, the bytes of sdist and wheel depend neither on when nor on where
they are built: see https://reproducible-builds.org/docs/source-date-epoch.
"""

import gzip
import os
import sysconfig
import tarfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

# What takes longest to compile comes first.
SIMD = [
    f"src/simd/{name}.c"
    for name in ("isa_avx512", "isa_avx2", "isa_baseline", "runs", "interrupt", "dispatch")
]
HEADERS = sorted(str(path) for path in Path("src/simd").glob("*.[hd]*"))
# What other packages include, and cython_api.
PUBLIC = "kronvec/include"

EPOCH = os.environ.get("SOURCE_DATE_EPOCH")
# Debug information names folders: of the sources, and of an environment made for the build.
FOLDERS = {
    os.getcwd(): ".",
    numpy.get_include(): "numpy",
    sysconfig.get_path("include"): "python",
    sysconfig.get_path("platinclude"): "python",
}
REPRODUCIBLE = [f"-ffile-prefix-map={folder}={name}" for folder, name in FOLDERS.items()]
# Lines for debuggers and profilers, no variables: with -g the kernels take half as long again.
FLAGS = ["-g1", *(REPRODUCIBLE if EPOCH else [])] if os.name == "posix" else []


class ParallelBuild(build_ext):
    """Compiles the sources of an extension side by side, as build_ext does extensions."""

    def build_extensions(self):
        compile_all = self.compiler.compile

        def compile_each(sources, **options):
            with ThreadPoolExecutor(int(self.parallel or 1)) as pool:
                objects = pool.map(lambda source: compile_all([source], **options), sources)
                return [name for names in objects for name in names]

        self.compiler.compile = compile_each
        super().build_extensions()


class ReproducibleSdist(sdist):
    """An sdist whose bytes follow from its files: one time, no owner, modes without the umask."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        if EPOCH is None or format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)

        def normal(entry):
            entry.mtime, entry.uid, entry.gid = int(EPOCH), 0, 0
            entry.uname = entry.gname = ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        path = f"{base_name}.tar.gz"
        with (
            open(path, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=int(EPOCH)) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(base_dir, filter=normal)  # folders in the order of their names
        return path


def extension(name, *sources, include_dirs=(), depends=()):
    return Extension(
        f"kronvec.{name}",
        [f"src/{name}.pyx", *sources],
        include_dirs=["src", numpy.get_include(), *include_dirs],
        depends=[*HEADERS, *depends],
        extra_compile_args=FLAGS,
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_2_1_API_VERSION"),
        ],
    )


def for_jax():
    """The call target of kronvec.interop.jax, where jaxlib's headers are.

    KRONVEC_JAX=0 leaves it out, KRONVEC_JAX=1 fails without them.
    """
    wanted = os.environ.get("KRONVEC_JAX", "")
    found = find_spec("jaxlib") if wanted != "0" else None
    if found is None or found.origin is None:
        if wanted == "1":
            raise SystemExit("KRONVEC_JAX=1 needs jaxlib: pip install --no-build-isolation")
        return []
    return [extension("_xla", include_dirs=[str(Path(found.origin).parent / "include")])]


setup(
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
    cmdclass={"build_ext": ParallelBuild, "sdist": ReproducibleSdist},
    ext_modules=cythonize(
        [
            extension("_kernels", *SIMD),
            extension("_engine"),
            extension("_fastpath"),
            extension("_ufuncs"),
            extension("cython_api", include_dirs=[PUBLIC], depends=[f"{PUBLIC}/kronvec.h"]),
            *for_jax(),
        ],
        include_path=["."],
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "freethreading_compatible": True,
        },
    ),
)
