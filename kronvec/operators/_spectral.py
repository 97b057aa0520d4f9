"""Eigenvalues and singular values of what is made of factors; who is Hermitian."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from ._solving import inexact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Array, DType, Scalar
    from .kronecker_product import KroneckerProduct
    from .kronecker_sum import KroneckerSum


def principal_power(w: Array, p: float) -> Array:
    """exp(p log w) of eigenvalues: complex where one is negative; 0 for 0 and p > 0.

    Negative ones are above the cut of the logarithm, -1 - 0i as -1 + 0i.
    """
    if p < 0 and not np.all(w):
        raise np.linalg.LinAlgError(f"a zero eigenvalue has no power {p}")
    if w.dtype.kind != "c" and (w < 0).any():
        w = w.astype(np.result_type(w, np.complex64))
    return (w + 0) ** p


def factorwise(
    operator: KroneckerProduct | KroneckerSum,
    method: str,
    *arguments: int,
    function: str | None = None,
) -> list[Any]:
    """What a hook gives for each factor; errors name the factor, and the method that was called."""
    results = []
    for i, f in enumerate(operator.factors):
        try:
            results.append(getattr(f, method)(*arguments))
        except np.linalg.LinAlgError as error:
            name = f"{type(operator).__name__}.{function or method.removeprefix('_')}"
            raise np.linalg.LinAlgError(f"{name}: factor {i}, {f!r}: {error}") from None
    return results


def outer_fold(ufunc: np.ufunc, vectors: Sequence[Array]) -> Array:
    """Every combination of entries, one of each vector, in Kronecker order."""
    return reduce(lambda a, b: ufunc.outer(a, b).ravel(), vectors)


def check_nonzero(function: str, w: Array, scale: Scalar) -> None:
    """Eigenvalues that must not vanish beside numbers of this size."""
    if len(w) and (np.abs(w) <= np.finfo(w.dtype).eps * scale).any():
        least = w[np.abs(w).argmin()]
        raise np.linalg.LinAlgError(f"{function}: singular, the eigenvalue {least} vanishes")


def unit_power(sign: Any, n: int) -> Any:
    """signⁿ of 0 or of a number of modulus 1, which roundings must not move away from it."""
    power = sign**n
    return power / abs(power) if power else power


def slogdet_of(w: Array, dtype: DType) -> tuple[Scalar, Scalar]:
    """Sign and logarithm of the product of eigenvalues; real for a real matrix."""
    size = np.abs(w)
    if not size.all():
        return dtype.type(0), -size.dtype.type(np.inf)
    sign = (w / size).prod()
    if dtype.kind != "c" and w.dtype.kind == "c":
        sign = np.sign(sign.real)
    return dtype.type(sign), np.log(size).sum()


def is_hermitian(a: Array) -> bool:
    """Whether a = aᴴ to working precision, |a - aᴴ| <= 8 n u max |a|."""
    if a.shape[0] != a.shape[1]:
        return False
    adjoint = a.conj().T
    if np.array_equal(a, adjoint):
        return True
    dtype = inexact(a.dtype)
    if dtype.kind not in "fc":
        return False
    size = np.abs(a).max(initial=0)
    return bool(np.abs(a - adjoint).max(initial=0) <= 4 * len(a) * np.finfo(dtype).eps * size)
