"""One extension per Cython module; everything else is in pyproject.toml."""

from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

SIMD = [
    f"src/simd/{name}.c" for name in ("dispatch", "runs", "isa_baseline", "isa_avx2", "isa_avx512")
]
HEADERS = sorted(str(path) for path in Path("src/simd").glob("*.[hd]*"))
# What other packages include, and cython_api.
PUBLIC = "kronvec/include"


def extension(name, *sources, public=False):
    return Extension(
        f"kronvec.{name}",
        [f"src/{name}.pyx", *sources],
        include_dirs=["src", numpy.get_include(), *([PUBLIC] if public else [])],
        depends=[*HEADERS, *([f"{PUBLIC}/kronvec.h"] if public else [])],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_2_1_API_VERSION"),
        ],
    )


setup(
    ext_modules=cythonize(
        [
            extension("_kernels", *SIMD),
            extension("_engine"),
            extension("_fastpath"),
            extension("_ufuncs"),
            extension("cython_api", public=True),
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
