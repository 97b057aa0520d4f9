"""How others compute MTTKRP, a product of the unfolded tensor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .framework_peers import _jitted, _torch
from .registry import Candidate, adapter
from .tensor_peers import _columnwise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .._typing import Array, Operands
    from .tensor_work import Mttkrp


def _split_product(work: Mttkrp, x: Array, mats: Sequence[Array]) -> Array:
    """One matrix product with the tensor where it lies, then weights and a sum."""
    before, behind = mats[: work.mode], mats[work.mode + 1 :]
    size = work.sizes[work.mode]
    if not before:
        return x.reshape(size, -1) @ _columnwise(behind)
    if not behind:
        return x.reshape(-1, size).T @ _columnwise(before)
    a, b = _columnwise(before), _columnwise(behind)
    if len(a) <= len(b):
        return (a[:, None, :] * (x.reshape(len(a), size, len(b)) @ b)).sum(0)
    y = (x.reshape(len(a), size * len(b)).T @ a).reshape(size, len(b), -1)
    return (y * b).sum(1)


def _mttkrp_einsum(work: Mttkrp) -> tuple[str, list[int]]:
    """Subscripts such as ``abc,bz,cz->az``, and which matrices they take."""
    axes = "abcdefgh"[: len(work.sizes)]
    others = [k for k in range(len(axes)) if k != work.mode]
    terms = ",".join([axes, *(f"{axes[k]}z" for k in others)])
    return f"{terms}->{axes[work.mode]}z", others


@adapter("numpy", "numpy", "mttkrp")
def unfolded(work: Mttkrp, operands: Operands) -> Iterator[Any]:
    """The tensor unfolded, times the formed product: the formula as it stands."""
    x, mats, _ = operands
    others = [a for k, a in enumerate(mats) if k != work.mode]
    size = work.sizes[work.mode]
    yield Candidate(lambda: np.moveaxis(x, work.mode, 0).reshape(size, -1) @ _columnwise(others))


@adapter("numpy matmul", "numpy", "mttkrp")
def numpy_mttkrp(work: Mttkrp, operands: Operands) -> Iterator[Any]:
    """A matrix product with the tensor where it lies, then weights and a sum."""
    yield Candidate(partial(_split_product, work, *operands[:2]))


@adapter("torch", "torch", "mttkrp")
def torch_mttkrp(work: Any, operands: Operands) -> Iterator[Any]:
    """The same in PyTorch."""
    yield Candidate(partial(_split_product, work, *_torch(operands[:2])))


@adapter("jax", "jax", "mttkrp")
def jax_mttkrp(work: Any, operands: Operands) -> Iterator[Any]:
    """The same, compiled."""
    yield Candidate(_jitted(partial(_split_product, work), *operands[:2]))


@adapter("numpy einsum", "numpy", "mttkrp")
def einsum_mttkrp(work: Mttkrp, operands: Operands) -> Iterator[Any]:
    """np.einsum along a contraction path found beforehand."""
    x, mats, _ = operands
    terms, others = _mttkrp_einsum(work)
    arrays = [x, *(mats[k] for k in others)]
    path = np.einsum_path(terms, *arrays, optimize="optimal")[0]
    yield Candidate(partial(np.einsum, terms, *arrays, optimize=path))


@adapter("opt_einsum", "opt_einsum", "mttkrp")
def opt_einsum_mttkrp(work: Any, operands: Operands) -> Iterator[Any]:
    """A contraction expression made beforehand."""
    from opt_einsum import contract_expression

    x, mats, _ = operands
    terms, others = _mttkrp_einsum(work)
    arrays = [x, *(mats[k] for k in others)]
    expression = contract_expression(terms, *(a.shape for a in arrays), optimize="optimal")
    yield Candidate(partial(expression, *arrays))


@adapter("tensorly", "tensorly", "mttkrp")
def tensorly_mttkrp(work: Any, operands: Operands) -> Iterator[Any]:
    """tenalg.unfolding_dot_khatri_rao, with the NumPy backend."""
    from tensorly.tenalg import unfolding_dot_khatri_rao

    x, mats, _ = operands
    yield Candidate(partial(unfolding_dot_khatri_rao, x, (None, mats), work.mode))
