"""Sums and products of operators, simplified where the structure allows.

    c (d K) = (c d) K          0 + ... never: a sum keeps its terms' NaN and infinities
    I K = K = K I              diag(a) diag(b) = diag(ab)      K⁻¹ K = I
    (A ⊗ B)(C ⊗ D) = AC ⊗ BD   where the sizes match
    K_{n,m} K_{m,n} = I        K_{p,m} (A ⊗ B) K_{n,q} = B ⊗ A, A (m, n), B (p, q)
    A ⊗ B + A ⊗ C = A ⊗ (B + C)           (A ⊕ B) + (C ⊕ D) = (A + C) ⊕ (B + D)
    A ⊗ I + I ⊗ B = A ⊕ B                 diag(a) + diag(b) = diag(a + b)
    P Pᵀ = I                   for rows P of the identity, none twice
    L D = D⁺ D = I             N N = N K = K N = N            K D = N D = D
    DᵀD = diag(1 or 2)
    (A ⊗ₛ A)(C ⊗ₛ C) = AC ⊗ₛ AC

Each rule is a function of two neighbours that returns their simpler form, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import TYPE_CHECKING

import numpy as np

from .._scaling import is_one
from .._shapes import shape_error
from ._base import Operator
from .combinations import Product, Scaled, check_scale, unscaled
from .commutation import Commutation
from .dense import Dense
from .diagonal import Diagonal
from .duplication import Duplication, DuplicationPinv
from .elimination import Elimination
from .identity import Identity
from .inverse import Inverse
from .kronecker_product import KroneckerProduct
from .kronecker_sum import KroneckerSum
from .restriction import Extension, Restriction
from .sums import Sum
from .symmetric_kronecker import SymmetricKronecker
from .symmetrizer import Symmetrizer
from .triangular import Triangular

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Scalar
    from ..operators._base import Operator


def is_scalar(value: Scalar) -> bool:
    """Whether it is a single number."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return isinstance(value, (Number, np.number)) and not isinstance(value, Operator)


# ------------------------------------------------------------------------------------ scalings


def multiply(scale: Scalar, operator: Operator) -> Operator:
    """``scale`` times an operator."""
    scale = scale[()] if isinstance(scale, np.ndarray) else scale
    if operator.dtype != object:
        check_scale(scale, operator)
    if isinstance(operator, Scaled):
        scale, operator = scale * operator.scale, operator.operator
    if type(scale) in (int, float) and scale == 1:
        return operator
    if isinstance(operator, Diagonal):
        return Diagonal(scale * operator.d)
    if isinstance(operator, Sum):
        return Sum(*(multiply(scale, term) for term in operator.terms))
    if isinstance(operator, KroneckerSum):
        return KroneckerSum(*(multiply(scale, f) for f in operator.factors))
    if type(operator) is Dense:
        return Dense(scale * operator.array)
    return Scaled(scale, operator)


# ---------------------------------------------------------------------------------------- sums


def add(left: Operator, right: Operator) -> Operator:
    """The sum of two operators of one shape."""
    if left.shape != right.shape:
        raise shape_error("operator sum", "the shapes must be equal", left=left, right=right)
    terms = list(_terms(left))
    for term in _terms(right):
        for i, other in enumerate(terms):
            merged = _first(_ADDITIONS, other, term)
            if merged is not None:
                terms[i] = merged
                break
        else:
            terms.append(term)
    return terms[0] if len(terms) == 1 else Sum(*terms)


def _terms(operator: Operator) -> tuple[Operator, ...]:
    return operator.terms if isinstance(operator, Sum) else (operator,)


def _add_dense(a: Operator, b: Operator) -> Dense | None:
    if isinstance(a, Dense) and isinstance(b, Dense):
        return Dense(a.array + b.array)
    return None


def _add_equal(a: Operator, b: Operator) -> Operator | None:
    """c K + d K = (c + d) K."""
    (c, k), (d, l) = unscaled(a), unscaled(b)
    same = k is l or (isinstance(k, Identity) and isinstance(l, Identity))
    return multiply(c + d, k) if same and is_scalar(c + d) else None


def _add_diagonals(a: Operator, b: Operator) -> Diagonal | None:
    d, e = _diagonal_of(a), _diagonal_of(b)
    if d is None or e is None or not (isinstance(a, Diagonal) or isinstance(b, Diagonal)):
        return None
    return Diagonal(d + e)


def _diagonal_of(operator: Operator) -> Any:
    """The diagonal, a number for c I; None for another operator."""
    c, k = unscaled(operator)
    if isinstance(k, Identity):
        return c
    return k.d if isinstance(k, Diagonal) and is_one(c) else None


def _add_kronecker_sums(a: Operator, b: Operator) -> KroneckerSum | None:
    """A ⊕ B + C ⊕ D = (A + C) ⊕ (B + D), A ⊗ I + I ⊗ B = A ⊕ B."""
    first, second = _as_kronecker_sum(a), _as_kronecker_sum(b)
    if first is None or second is None or first.sizes != second.sizes:
        return None
    return KroneckerSum(*map(add, first.factors, second.factors))


def _as_kronecker_sum(operator: Operator) -> KroneckerSum | None:
    """A product of one factor and identities is a sum with zeros elsewhere."""
    if isinstance(operator, KroneckerSum):
        return operator
    c, k = unscaled(operator)
    if not isinstance(k, KroneckerProduct) or any(f.shape[0] != f.shape[1] for f in k.factors):
        return None
    others = [i for i, f in enumerate(k.factors) if not isinstance(f, Identity)]
    if len(others) != 1:
        return None
    zeros: list[Operator] = [Diagonal(np.zeros(f.shape[0], k.dtype)) for f in k.factors]
    zeros[others[0]] = multiply(c, k.factors[others[0]])
    return KroneckerSum(*zeros)


def _add_products(a: Operator, b: Operator) -> KroneckerProduct | None:
    """Products that differ in one factor."""
    (c, k), (d, l) = unscaled(a), unscaled(b)
    if not (isinstance(k, KroneckerProduct) and isinstance(l, KroneckerProduct)):
        return None
    if [f.shape for f in k.factors] != [f.shape for f in l.factors]:
        return None
    pairs = zip(k.factors, l.factors, strict=True)
    different = [i for i, (f, g) in enumerate(pairs) if not _same(f, g)]
    if len(different) != 1:
        return None
    i = different[0]
    merged = add(multiply(c, k.factors[i]), multiply(d, l.factors[i]))
    return KroneckerProduct(*k.factors[:i], merged, *k.factors[i + 1 :])


def _same(f: Operator, g: Operator) -> bool:
    """Whether two factors are evidently the same matrix."""
    if f is g or (isinstance(f, Identity) and isinstance(g, Identity)):
        return True
    return type(f) is type(g) is Dense and f.array is g.array


_ADDITIONS: tuple[Callable[..., Any], ...] = (
    _add_equal,
    _add_diagonals,
    _add_dense,
    _add_products,
    _add_kronecker_sums,
)


# ------------------------------------------------------------------------------------ products


def compose(left: Operator, right: Operator) -> Operator:
    """The product of two operators."""
    if left.shape[1] != right.shape[0]:
        need = "the columns of the left must equal the rows of the right"
        raise shape_error("operator product", need, left=left, right=right)
    (c, left), (d, right) = unscaled(left), unscaled(right)
    product = _simplified([*_operators(left), *_operators(right)])
    return product if is_one(c) and is_one(d) else multiply(c * d, product)


def _operators(operator: Operator) -> tuple[Operator, ...]:
    return operator.operators if isinstance(operator, Product) else (operator,)


def _simplified(chain: Sequence[Operator]) -> Operator:
    """The product of a chain, its neighbours merged until none can be."""
    i = 0
    while i < len(chain) - 1:
        merged = _first(_PRODUCTS, chain[i], chain[i + 1])
        taken = 2
        if merged is None and i + 2 < len(chain):
            merged, taken = _commuted(*chain[i : i + 3]), 3
        if merged is None:
            i += 1
            continue
        scale, merged = unscaled(merged)
        chain = [*chain[:i], *_operators(merged), *chain[i + taken :]]
        if not is_one(scale):
            return multiply(scale, _simplified(chain))
        i = max(0, i - 2)
    return chain[0] if len(chain) == 1 else Product(*chain)


def _first(rules: tuple[Callable[..., Any], ...], a: Operator, b: Operator) -> Operator | None:
    return next((merged for rule in rules if (merged := rule(a, b)) is not None), None)


def _times_identity(a: Operator, b: Operator) -> Operator | None:
    if isinstance(a, Identity):
        return b
    return a if isinstance(b, Identity) else None


def _times_inverse(a: Operator, b: Operator) -> Any:
    if (isinstance(a, Inverse) and a.operator is b) or (isinstance(b, Inverse) and b.operator is a):
        return Identity(a.shape[0])
    return None


def _times_dense(a: Operator, b: Operator) -> Operator | None:
    if isinstance(a, Triangular) and isinstance(b, Triangular) and a.lower == b.lower:
        return Triangular(a.array @ b.array, lower=a.lower)
    if isinstance(a, Dense) and isinstance(b, Dense):
        return Dense(a.array @ b.array)
    if isinstance(a, Diagonal) and isinstance(b, Dense):
        return Dense(a.d[:, None] * b.array)
    if isinstance(a, Dense) and isinstance(b, Diagonal):
        return Dense(a.array * b.d)
    if isinstance(a, Diagonal) and isinstance(b, Diagonal):
        return Diagonal(a.d * b.d)
    return None


def _times_commutation(a: Operator, b: Operator) -> Any:
    if isinstance(a, Commutation) and isinstance(b, Commutation) and (a.m, a.n) == (b.n, b.m):
        return Identity(a.shape[0])
    return None


def _times_restriction(a: Operator, b: Operator) -> Any:
    if not (isinstance(a, Restriction) and isinstance(b, Extension) and a.is_injective):
        return None
    same = np.array_equal(a.indices, b.restriction.indices)
    return Identity(a.shape[0]) if same else None


def _times_half_permutation(a: Operator, b: Operator) -> Operator | None:
    """On symmetric matrices L and D⁺ undo D, and K and N change nothing."""
    if isinstance(b, Duplication) and b.is_itself and a.shape[1] == b.shape[0]:
        if isinstance(a, Duplication):
            return Diagonal(b._gram())
        if isinstance(a, (Elimination, DuplicationPinv)) and a.is_itself:
            return Identity(a.shape[0])
        if _is_square_commutation(a) or isinstance(a, Symmetrizer):
            return b
    kinds = [isinstance(each, Symmetrizer) for each in (a, b)]
    if all(kinds):
        return a
    if any(kinds) and any(_is_square_commutation(each) for each in (a, b)):
        return a if kinds[0] else b
    return None


def _is_square_commutation(operator: Operator) -> bool:
    return isinstance(operator, Commutation) and operator.m == operator.n


def _times_symmetric_kronecker(a: Operator, b: Operator) -> SymmetricKronecker | None:
    if not (isinstance(a, SymmetricKronecker) and isinstance(b, SymmetricKronecker)):
        return None
    if a.a is not a.b or b.a is not b.b:
        return None
    return SymmetricKronecker(a.a @ b.a)


def _times_kronecker(a: Operator, b: Operator) -> KroneckerProduct | None:
    """(A ⊗ B)(C ⊗ D) = AC ⊗ BD."""
    if not (isinstance(a, KroneckerProduct) and isinstance(b, KroneckerProduct)):
        return None
    if [f.shape[1] for f in a.factors] != [f.shape[0] for f in b.factors]:
        return None
    return KroneckerProduct(*map(compose, a.factors, b.factors))


def _commuted(a: Operator, k: Operator, b: Operator) -> KroneckerProduct | None:
    """K_{p,m} (A ⊗ B) K_{n,q} = B ⊗ A for A (m, n), B (p, q)."""
    if not (isinstance(a, Commutation) and isinstance(b, Commutation)):
        return None
    if not isinstance(k, KroneckerProduct):
        return None
    for split in range(1, len(k.factors)):
        first, second = KroneckerProduct(*k.factors[:split]), KroneckerProduct(*k.factors[split:])
        (m, n), (p, q) = first.shape, second.shape
        if (a.m, a.n, b.m, b.n) == (p, m, n, q):
            return KroneckerProduct(*second.factors, *first.factors)
    return None


_PRODUCTS: tuple[Callable[..., Any], ...] = (
    _times_identity,
    _times_inverse,
    _times_dense,
    _times_commutation,
    _times_kronecker,
    _times_half_permutation,
    _times_symmetric_kronecker,
    _times_restriction,
)
