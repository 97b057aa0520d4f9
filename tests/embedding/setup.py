"""One module that cimports kronvec, one that includes its header."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import kronvec


def extension(name, source):
    return Extension(
        f"kronvec_embedding.{name}",
        [f"kronvec_embedding/{source}"],
        include_dirs=[kronvec.get_include()],
    )


setup(
    ext_modules=cythonize(
        [extension("from_cython", "from_cython.pyx"), extension("from_c", "from_c.c")],
        language_level=3,
    )
)
