"""The products that other packages differentiate, as multilinear maps of NumPy arrays.

f(z_1, …, z_n) is linear in each operand, so one pull-back serves every order of derivative: with

    f*(g, z) = (dz_1, …, dz_n),   ⟨dz_i, u⟩ = ⟨g, f(z with u for z_i)⟩,

the pull-back of cotangents (u_1, …, u_n) through f* itself is

    dg   = Σ_i f(z with u_i for z_i)
    dz_j = Σ_{i ≠ j} f*(g, z with u_i for z_i)_j.

An entry of ``PRODUCTS`` is all that a package needs to know of one product.  Operands are
matrices with equally many batch axes before them.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..derivatives import matmul_vjp
from ..kron_derivatives import kron_matmul_vjp, triple_product_vjp
from ..many_factors import kron_matmul
from ..products import triple_product

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Foreign


# Up to this many entries a fresh result and a copy of it take less time than ``out=``, which
# the compiled path of small calls leaves to Python.
COPIED = 1 << 12


class Product(NamedTuple):
    """``apply(operands, out)`` and ``pull_back(g, operands, conjugate)`` in NumPy."""

    name: str
    apply: Callable[..., Any]
    pull_back: Callable[..., Any]
    core_shape: Callable[..., Any]  # the last two axes of the result, from those of the operands
    generic: Callable[..., Any]  # the product by .mT, .reshape and @, of any array library


def _matmul(operands: Any, out: Foreign) -> None:
    """X W."""
    x, w = operands
    np.matmul(x, w, out=out)


def _matmul_pull_back(g: Foreign, operands: Any, conjugate: bool) -> Any:
    return matmul_vjp(g, *operands, conjugate=conjugate)


def _generic_matmul(operands: Any) -> Any:
    x, w = operands
    return x @ w


def _triple(operands: Any, out: Foreign) -> None:
    """A B C."""
    if out.size <= COPIED:
        out[...] = triple_product(*operands)
    else:
        triple_product(*operands, out=out)


def _triple_pull_back(g: Foreign, operands: Any, conjugate: bool) -> Any:
    return triple_product_vjp(g, *operands, conjugate=conjugate)


def _generic_triple(operands: Any) -> Any:
    a, b, c = operands
    (m, n), (p, q) = a.shape[-2:], c.shape[-2:]
    return (a @ b) @ c if m * p * (n + q) <= n * q * (m + p) else a @ (b @ c)


def _kron_matmul(operands: Any, out: Foreign) -> None:
    """(F1 ⊗ … ⊗ FN) X of the operands F1, …, FN, X."""
    *factors, x = operands
    if out.size <= COPIED:
        out[...] = kron_matmul(factors, x)
    else:
        kron_matmul(factors, x, out=out)


def _kron_matmul_pull_back(g: Foreign, operands: Any, conjugate: bool) -> Any:
    *factors, x = operands
    gradients, dx = kron_matmul_vjp(g, factors, x, conjugate=conjugate)
    return (*gradients, dx)


def _generic_kron_matmul(operands: Any) -> Any:
    *factors, x = operands
    batch, columns = x.shape[:-2], x.shape[-1]
    for i, f in enumerate(factors):
        before = prod(each.shape[-2] for each in factors[:i])
        behind = prod(each.shape[-1] for each in factors[i + 1 :]) * columns
        x = f[..., None, :, :] @ x.reshape((*batch, before, f.shape[-1], behind))
        batch = x.shape[:-3]
    return x.reshape((*batch, prod(f.shape[-2] for f in factors), columns))


PRODUCTS = {
    product.name: product
    for product in (
        Product(
            "matmul",
            _matmul,
            _matmul_pull_back,
            lambda shapes: (shapes[0][0], shapes[1][1]),
            _generic_matmul,
        ),
        Product(
            "triple_product",
            _triple,
            _triple_pull_back,
            lambda shapes: (shapes[0][0], shapes[2][1]),
            _generic_triple,
        ),
        Product(
            "kron_matmul",
            _kron_matmul,
            _kron_matmul_pull_back,
            lambda shapes: (prod(f[0] for f in shapes[:-1]), shapes[-1][1]),
            _generic_kron_matmul,
        ),
    )
}


def pull_back_twice(f: Foreign, pull_back: Any, g: Foreign, operands: Any, cotangents: Any) -> Any:
    """(dg, [dz_1, …]) of the pull-back f*, as above; a cotangent that is None is zero.

    ``f(operands)`` and ``pull_back(g, operands)`` are those of the package, adjoints or
    transposes as its own convention has it.
    """
    dg, gradients = None, [None] * len(operands)
    for i, u in enumerate(cotangents):
        if u is None:
            continue
        replaced = [*operands[:i], u, *operands[i + 1 :]]
        part = f(replaced)
        dg = part if dg is None else dg + part
        for j, d in enumerate(pull_back(g, replaced)):
            if i != j:
                gradients[j] = d if gradients[j] is None else gradients[j] + d
    return dg, gradients
