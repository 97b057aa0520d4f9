"""One extension per Cython module; everything else is in pyproject.toml."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

SIMD = [
    f"src/simd/{name}.c"
    for name in ("dispatch", "interrupt", "runs", "isa_baseline", "isa_avx2", "isa_avx512")
]
HEADERS = sorted(str(path) for path in Path("src/simd").glob("*.[hd]*"))
# What other packages include, and cython_api.
PUBLIC = "kronvec/include"


def extension(name, *sources, include_dirs=(), depends=()):
    return Extension(
        f"kronvec.{name}",
        [f"src/{name}.pyx", *sources],
        include_dirs=["src", numpy.get_include(), *include_dirs],
        depends=[*HEADERS, *depends],
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
    )
)
