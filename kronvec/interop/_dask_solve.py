"""Systems with a Kronecker product over Dask: factor by factor, shifted, by conjugate gradients."""

from __future__ import annotations

import operator as python_operator
from functools import reduce
from typing import TYPE_CHECKING

import dask
import dask.array as da
import numpy as np

from ._dask_grid import apply_to_grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Foreign, Scalar


def eigenvectors(factors: Sequence[Foreign]) -> Any:
    """(w_i, V_i) of every Hermitian factor."""
    pairs = []
    for i, f in enumerate(factors):
        f = np.asarray(f)
        if not np.allclose(f, f.conj().T, rtol=1e-12, atol=1e-12 * np.abs(f).max(initial=0)):
            raise ValueError(
                f"solve: with a shift every factor must be Hermitian; factor {i} is not"
            )
        pairs.append(np.linalg.eigh(f))
    return pairs


def outer_product(values: Any) -> Any:
    """The eigenvalues of a Kronecker product, in its order."""
    return reduce(lambda a, b: np.multiply.outer(a, b).ravel(), values, np.ones(1))


def check_shifted(lead: Any, tail: Any, sigma: Scalar) -> None:
    """LinAlgError where an eigenvalue λ_i μ_j + σ is 0 to rounding."""
    tail = np.sort(tail)
    largest = np.abs(lead).max() * max(abs(tail[0]), abs(tail[-1])) + abs(sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        nearest = np.searchsorted(tail, np.where(lead != 0, -np.real(sigma) / lead, 0))
    smallest = min(
        np.abs(lead * tail[np.clip(nearest + step, 0, len(tail) - 1)] + sigma).min()
        for step in (-1, 0)
    )
    limit = np.finfo(np.float64).eps * largest * 8
    if not smallest > limit:
        raise np.linalg.LinAlgError(
            f"solve: K + {sigma} I is singular to working precision: its least eigenvalue is "
            f"{smallest:.3g} beside a largest of {largest:.3g}"
        )


class ShiftedSolve:
    """(⊗ F_i + σ I)⁻¹ = V (Λ + σ)⁻¹ Vᴴ on grids: two exchanges, chunked as before in the end."""

    def __init__(self, factors: Sequence[Foreign], split: Any, sigma: Scalar) -> None:
        pairs = eigenvectors(factors)
        self.split = split
        self.vectors = [v for _, v in pairs]
        self.adjoints = [np.ascontiguousarray(v.conj().T) for v in self.vectors]
        self.lead = outer_product([w for w, _ in pairs[:split]])
        self.tail = outer_product([w for w, _ in pairs[split:]])
        self.sigma = sigma
        check_shifted(self.lead, self.tail, sigma)

    def __call__(self, grid: Any) -> Any:
        dtype = np.result_type(grid.dtype, self.sigma, np.float64, *self.vectors)
        grid = apply_to_grid(self.adjoints, grid, self.split, dtype=dtype)
        lead = da.from_array(self.lead, chunks=(grid.chunks[0],))
        tail = da.from_array(self.tail, chunks=(grid.chunks[1],))
        grid = grid.map_blocks(
            _divide,
            lead[:, None, None],
            tail[None, :, None],
            self.sigma,
            dtype=dtype,
            meta=np.empty((0, 0, 0), dtype),
        )
        return apply_to_grid(self.vectors, grid, self.split, dtype=dtype)


def _divide(block: Any, lead: Any, tail: Any, sigma: Scalar) -> Any:
    return block / (lead * tail + sigma)


def conjugate_gradients(
    apply: Any,
    b: Foreign,
    *,
    preconditioner: Any = None,
    x0: Any = None,
    tol: float = 1e-10,
    maxiter: int = 1000,
) -> Any:
    """x with A x = b for a Hermitian positive definite A, on the workers that hold b.

    All columns of b are one vector of the iteration.  Two numbers come back to the client in
    each step; vectors stay where they are.
    """
    b = b.persist()
    x = da.zeros_like(b) if x0 is None else x0
    r = b if x0 is None else b - apply(x)
    z = r if preconditioner is None else preconditioner(r)
    p, r = dask.persist(z, r)
    rz, norm_b = map(float, dask.compute(_inner(r, z), _inner(b, b)))
    if norm_b == 0:
        return da.zeros_like(b)
    for _ in range(maxiter):
        ap = apply(p).persist()
        curvature = float(_inner(p, ap).compute())
        if not curvature > 0:
            raise np.linalg.LinAlgError("cg: the operator is not positive definite")
        x, r = x + (rz / curvature) * p, r - (rz / curvature) * ap
        z = r if preconditioner is None else preconditioner(r)
        x, r, z = dask.persist(x, r, z)
        rr, rz_next = map(float, dask.compute(_inner(r, r), _inner(r, z)))
        if rr <= tol**2 * norm_b:
            return x
        p, rz = (z + (rz_next / rz) * p).persist(), rz_next
    raise np.linalg.LinAlgError(
        f"cg: no convergence to {tol} in {maxiter} steps; the relative residual is "
        f"{(rr / norm_b) ** 0.5:.3g}"
    )


def _inner(a: Foreign, b: Foreign) -> Any:
    return (a.conj() * b).sum().real


def read_system(K: Any, shift: Any) -> Any:
    """(factors, scale, shift) of c ⊗ F_i + shift, from a Kronecker product or a sum with one."""
    from ..operators import Diagonal, Identity, KroneckerProduct
    from ..operators.combinations import unscaled
    from ..operators.sums import Sum

    scale, product = 1, K
    terms = K.terms if isinstance(K, Sum) else (K,)
    products = [t for t in terms if isinstance(unscaled(t)[1], KroneckerProduct)]
    if len(products) == 1:
        scale, product = unscaled(products[0])
        for term in terms:
            c, rest = unscaled(term)
            if isinstance(rest, Identity):
                shift = shift + c
            elif isinstance(rest, Diagonal):
                shift = shift + c * rest.d
            elif term is not products[0]:
                product = None
    if not isinstance(product, KroneckerProduct):
        raise TypeError(
            "solve: K must be a KroneckerProduct, or the sum of one with multiples of the identity "
            f"and Diagonals, got {type(K).__name__}"
        )
    factors = list(product.factors)
    for i, f in enumerate(factors):
        if f.shape[0] != f.shape[1]:
            raise ValueError(f"solve: every factor must be square; factor {i} is {f.shape}")
    return factors, scale, shift


def is_zero(shift: Any) -> Any:
    """The number 0, not an array of zeros."""
    return not hasattr(shift, "ndim") and python_operator.eq(shift, 0)
