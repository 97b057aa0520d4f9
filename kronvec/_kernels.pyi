"""The instruction sets, and the raw kernels for the tests (see src/README.md)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES: tuple[np.dtype[Any], ...]

def available_isas() -> tuple[str, ...]: ...
def _use_isa(name: str) -> str: ...
def kernel_table() -> dict[str, dict[str, str]]: ...
def left_first(m: int, n: int, p: int, q: int) -> bool: ...
def run_mode_product(
    f: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    accumulate: bool = False,
    conjugate: bool = False,
) -> None: ...
def run_transpose(x: NDArray[Any], y: NDArray[Any]) -> None: ...
def run_outer(a: NDArray[Any], b: NDArray[Any], y: NDArray[Any]) -> None: ...
def run_small_triple_product(
    a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], y: NDArray[Any]
) -> None: ...
def run_small_vjp(
    g: NDArray[Any],
    x: NDArray[Any],
    w: NDArray[Any],
    dx: NDArray[Any],
    dw: NDArray[Any],
    conjugate: bool = True,
) -> None: ...
def run_row_sqnorm(x: NDArray[Any], y: NDArray[Any]) -> None: ...
