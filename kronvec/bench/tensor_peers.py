"""How others compute Kronecker sums, sampled rows, and column-wise products."""

from __future__ import annotations

import math
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np

from . import mode_products
from .framework_peers import _jitted, _torch
from .registry import LARGEST_OPERATOR, Candidate, Unsuitable, adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from .._typing import Array, Operands
    from .tensor_work import KhatriRaoMatvec, KronSum, SampledRows


# -------------------------------------------------------------------------- Kronecker sums

MERGED = 64  # rows of neighbouring factors' formed sum


def merged(factors: Sequence[Array]) -> list[Array]:
    """The same sum of fewer factors: neighbours formed, up to ``MERGED`` rows."""
    groups: list[Array] = []
    for f in factors:
        if groups and len(groups[-1]) * len(f) <= MERGED:
            a, eye = groups.pop(), partial(np.eye, dtype=f.dtype)
            f = np.kron(a, eye(len(f))) + np.kron(eye(len(a)), f)
        groups.append(f)
    return groups


def _choices(factors: Sequence[Array]) -> list[list[Array]]:
    """The factors as they are, and merged where that leaves fewer."""
    fewer = merged(factors)
    given = list(factors)
    return [given, fewer] if len(fewer) < len(given) else [given]


@adapter("numpy matmul", "numpy", "kronsum_matmul")
def numpy_kronsum(work: KronSum, operands: Operands) -> Iterator[Any]:
    """A batched product for each term, of the factors or of formed sums of neighbours."""
    factors, x = operands
    for choice in _choices(factors):
        call = partial(mode_products.summed, np.matmul, choice, x)
        out, space = np.empty_like(x), np.empty_like(x)
        yield Candidate(call, partial(call, out=out, space=space))


@adapter("torch", "torch", "kronsum_matmul")
def torch_kronsum(work: Any, operands: Operands) -> Iterator[Any]:
    """The same in PyTorch."""
    import torch

    factors, x = operands
    for choice in _choices(factors):
        call = partial(mode_products.summed, torch.matmul, _torch(choice), _torch(x))
        out, space = _torch(np.empty_like(x)), _torch(np.empty_like(x))
        yield Candidate(call, partial(call, out=out, space=space))


@adapter("jax", "jax", "kronsum_matmul")
def jax_kronsum(work: Any, operands: Operands) -> Iterator[Any]:
    """The same in one compiled function."""
    import jax.numpy as jnp

    factors, x = operands
    for choice in _choices(factors):
        yield Candidate(_jitted(partial(mode_products.summed, jnp.matmul), choice, x))


@adapter("numpy einsum", "numpy", "kronsum_matmul")
def einsum_kronsum(work: KronSum, operands: Operands) -> Iterator[Any]:
    """np.einsum for each term."""
    factors, x = operands

    def call() -> Array:
        left, right = 1, x.size
        y: Any = None
        for f in factors:
            right //= len(f)
            term = np.einsum("qp,lpr->lqr", f, x.reshape(left, len(f), right), optimize=True)
            y = term.reshape(x.shape) if y is None else np.add(y, term.reshape(x.shape), out=y)
            left *= len(f)
        return y

    yield Candidate(call)


@adapter("scipy sparse", "scipy", "kronsum_matmul")
def scipy_kronsum(work: Any, operands: Operands) -> Iterator[Any]:
    """scipy.sparse.kronsum, which counts factors from the right, in CSR, made beforehand."""
    from scipy import sparse

    factors, x = operands
    entries = math.prod(work.sizes_in) * (sum(work.sizes_in) - len(factors) + 1)
    if entries * (x.itemsize + 4) > LARGEST_OPERATOR:
        raise Unsuitable("its sparse matrix would be too large")
    matrix = reduce(lambda a, b: sparse.kronsum(b, a, format="csr"), factors)
    vector = x[:, 0].copy() if work.count == 1 else x
    yield Candidate(partial(matrix.__matmul__, vector), convert=lambda y: y.reshape(x.shape))


@adapter("pykronecker", "pykronecker", "kronsum_matmul")
def pykronecker_kronsum(work: Any, operands: Operands) -> Iterator[Any]:
    """KroneckerSum @ X."""
    from pykronecker import KroneckerSum

    factors, x = operands
    if work.count > 16:
        raise Unsuitable("it compiles a program that grows with the columns")
    matrix, vector = KroneckerSum(factors), x[:, 0].copy() if work.count == 1 else x

    def call() -> Any:
        y = matrix @ vector
        return getattr(y, "block_until_ready", lambda: y)()  # it computes in JAX where that is

    yield Candidate(call, convert=lambda y: np.asarray(y).reshape(x.shape))


# ---------------------------------------------------------------------------- sampled rows


@adapter("numpy", "numpy", "sampled_rows")
def formed_rows(work: SampledRows, operands: Operands) -> Iterator[Any]:
    """The sampled rows formed, each a Kronecker product of rows, times x."""
    factors, x, rows = operands
    if work.samples * x.nbytes > LARGEST_OPERATOR:
        raise Unsuitable("the formed rows would be too large")

    def pair(a: Array, b: Array) -> Any:
        return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)

    yield Candidate(lambda: reduce(pair, (f[i] for f, i in zip(factors, rows, strict=True))) @ x)


def _all_rows(
    matmul: np.ufunc,
    empty: Callable[..., Any],
    work: SampledRows,
    factors: Sequence[Array],
    x: Array,
    rows: tuple[Array],
) -> Iterator[Any]:
    """All rows by a product for each factor, then a gather; or a gather before the last."""
    for chain in (mode_products.batched, mode_products.rotating):
        out, spaces = mode_products.spaces(empty, x.dtype, work)
        every = partial(chain, matmul, factors, x, 1, 1, out=out, spaces=spaces)
        yield Candidate(partial(_rows_of, every, work, rows))

    def last_for_samples() -> Array:
        y = mode_products.batched(matmul, factors[:-1], x, 1, work.sizes_in[-1])
        y = y.reshape(*work.sizes_out[:-1], -1)[rows[:-1]]
        return (y * factors[-1][rows[-1]]).sum(-1)

    yield Candidate(last_for_samples)


@adapter("numpy matmul", "numpy", "sampled_rows")
def numpy_all_rows(work: SampledRows, operands: Operands) -> Iterator[Any]:
    """All rows by a batched product for each factor, then a gather."""
    yield from _all_rows(np.matmul, np.empty, work, *operands)


@adapter("torch", "torch", "sampled_rows")
def torch_sampled(work: Any, operands: Operands) -> Iterator[Any]:
    """All rows and a gather, or the sampled rows of each factor in one einsum."""
    import torch

    factors, x, rows = operands
    factors, x, rows = _torch(factors), _torch(x), tuple(_torch(rows))
    yield from _all_rows(torch.matmul, torch.empty, work, factors, x, rows)
    if work.samples * x.nbytes > LARGEST_OPERATOR:
        return  # einsum would form the rows
    terms, cube = _sample_subscripts(work), x.reshape(work.sizes_in)
    yield Candidate(
        lambda: torch.einsum(terms, *(f[i] for f, i in zip(factors, rows, strict=True)), cube)
    )


def _sample_subscripts(work: SampledRows) -> str:
    """``sa,sb,sc,abc->s``."""
    axes = "abcdefghijklmnop"[: len(work.shapes)]
    return ",".join(f"s{axis}" for axis in axes) + f",{axes}->s"


@adapter("numpy einsum", "numpy", "sampled_rows")
def einsum_sampled(work: SampledRows, operands: Operands) -> Iterator[Any]:
    """np.einsum of the sampled rows of each factor and x, along a path found beforehand."""
    factors, x, rows = operands
    if work.samples * x.nbytes > LARGEST_OPERATOR:
        raise Unsuitable("its contraction, without BLAS, would take seconds")
    terms, cube = _sample_subscripts(work), x.reshape(work.sizes_in)
    picked = [f[i] for f, i in zip(factors, rows, strict=True)]
    path = np.einsum_path(terms, *picked, cube, optimize="optimal")[0]
    yield Candidate(
        lambda: np.einsum(
            *(terms, *(f[i] for f, i in zip(factors, rows, strict=True)), cube), optimize=path
        )
    )


# ------------------------------------------------------------------- column-wise products


def _column_pair(a: Array, b: Array) -> Array:
    """A ⊙ B by broadcasting, in NumPy, PyTorch or JAX."""
    return (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[1])


def _rows_of(every: Any, work: SampledRows, rows: Any) -> Array:
    return every().reshape(work.sizes_out)[rows]


def _columnwise(mats: Sequence[Array]) -> Array:
    return reduce(_column_pair, mats)


def _formed_into(multiply: Any, mats: Any, out: Array) -> Any:
    """A1 ⊙ … ⊙ AN with the last product into ``out``."""
    a, b = _columnwise(mats[:-1]), mats[-1]
    multiply(a[:, None, :], b[None, :, :], out=out.reshape(len(a), len(b), -1))
    return out


@adapter("numpy", "numpy", "khatri_rao")
def numpy_khatri_rao(work: Any, operands: Operands) -> Iterator[Any]:
    """By broadcasting."""
    out = np.empty((math.prod(work.rows), work.columns), operands[0].dtype)
    into = partial(_formed_into, np.multiply, operands, out)
    yield Candidate(partial(_columnwise, operands), into)


@adapter("torch", "torch", "khatri_rao")
def torch_khatri_rao(work: Any, operands: Operands) -> Iterator[Any]:
    """By broadcasting, or einsum."""
    import torch

    mats = _torch(operands)
    out = torch.empty((math.prod(work.rows), work.columns), dtype=mats[0].dtype)
    yield Candidate(partial(_columnwise, mats), partial(_formed_into, torch.mul, mats, out))

    def pair(a: Array, b: Array) -> Any:
        return torch.einsum("ij,kj->ikj", a, b).reshape(-1, a.shape[1])

    yield Candidate(lambda: reduce(pair, mats))


@adapter("numpy einsum", "numpy", "khatri_rao")
def einsum_khatri_rao(work: Any, operands: Operands) -> Iterator[Any]:
    """np.einsum for each pair."""

    def pair(a: Array, b: Array) -> Any:
        return np.einsum("ij,kj->ikj", a, b).reshape(-1, a.shape[1])

    yield Candidate(lambda: reduce(pair, operands))


@adapter("jax", "jax", "khatri_rao")
def jax_khatri_rao(work: Any, operands: Operands) -> Iterator[Any]:
    """By broadcasting, compiled."""
    yield Candidate(_jitted(lambda *mats: _columnwise(mats), *operands))


@adapter("scipy", "scipy", "khatri_rao")
def scipy_khatri_rao(work: Any, operands: Operands) -> Iterator[Any]:
    """scipy.linalg.khatri_rao for each pair."""
    from scipy.linalg import khatri_rao

    yield Candidate(lambda: reduce(khatri_rao, operands))


@adapter("tensorly", "tensorly", "khatri_rao")
def tensorly_khatri_rao(work: Any, operands: Operands) -> Iterator[Any]:
    """tenalg.khatri_rao, with the NumPy backend."""
    from tensorly.tenalg import khatri_rao

    yield Candidate(partial(khatri_rao, list(operands)))


def _matvec(work: KhatriRaoMatvec, mats: Sequence[Array], x: Array) -> Array:
    """(A ⊙ B) x = vec(A diag(x) Bᵀ), its transpose Σ_i A ∘ (X B), of halves of the matrices."""
    half = (len(mats) + 1) // 2
    a, b = _columnwise(mats[:half]), _columnwise(mats[half:])
    if work.transposed:
        return (a * (x.reshape(len(a), len(b)) @ b)).sum(0)
    return ((a * x) @ b.T).reshape(-1)


@adapter("numpy", "numpy", "khatri_rao_matvec")
def formed_matvec(work: KhatriRaoMatvec, operands: Operands) -> Iterator[Any]:
    """The product formed, times x: the formula as it stands."""
    mats, x = operands
    if math.prod(work.rows) * work.columns * x.itemsize > LARGEST_OPERATOR:
        raise Unsuitable("the formed product would be too large")
    yield Candidate(lambda: x @ _columnwise(mats) if work.transposed else _columnwise(mats) @ x)


@adapter("numpy matmul", "numpy", "khatri_rao_matvec")
def numpy_matvec(work: KhatriRaoMatvec, operands: Operands) -> Iterator[Any]:
    """A product of two weighted matrices."""
    yield Candidate(partial(_matvec, work, *operands))


@adapter("torch", "torch", "khatri_rao_matvec")
def torch_matvec(work: Any, operands: Operands) -> Iterator[Any]:
    """The same in PyTorch."""
    yield Candidate(partial(_matvec, work, *_torch(operands)))


@adapter("jax", "jax", "khatri_rao_matvec")
def jax_matvec(work: Any, operands: Operands) -> Iterator[Any]:
    """The same, compiled."""
    yield Candidate(_jitted(partial(_matvec, work), *operands))


@adapter("tensorly", "tensorly", "khatri_rao_matvec")
def tensorly_matvec(work: Any, operands: Operands) -> Iterator[Any]:
    """The vector of a tensor in CP form."""
    from tensorly.cp_tensor import cp_to_vec

    if work.transposed:
        raise Unsuitable("not among its operations")
    mats, x = operands
    yield Candidate(lambda: cp_to_vec((x, mats)))
