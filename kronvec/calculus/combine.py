"""How maps compose, add up and scale: to one term where the structure allows it.

    L1 (L2 dX R2) R1 = (L1 L2) dX (R2 R1), and two transpositions cancel
    M1 ∘ (M2 ∘ dX) = (M1 ∘ M2) ∘ dX
    tr(Aᵀ J dX) = tr((Jᵀ A)ᵀ dX)          J (dφ B) = dφ (J B)
    a gather after a gather is a gather    c J, d J with equal parts add up
    0 absorbs, dX -> dX vanishes, sums of a few terms are composed term by term

Each rule is a function of two maps that returns their simpler form, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from numbers import Number
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import shape_error
from .combinations import Composition, Scaled, Sum, Zero
from .maps import MatrixMap
from .matrices import Matrix, agree, as_matrix, times, transposed
from .terms import Hadamard, Index, Inner, Outer, Sandwich

if TYPE_CHECKING:
    from typing import Any

    from .._typing import Scalar


# Sums of more terms stay a link of the chain: multiplied out, X^(2^k) would have 2^k terms.
LONGEST_SUM = 32


def _first(rules: tuple[Callable[..., Any], ...], a: MatrixMap, b: MatrixMap) -> MatrixMap | None:
    return next((merged for rule in rules if (merged := rule(a, b)) is not None), None)


# ------------------------------------------------------------------------------------ scalings


def scale(c: Scalar, map: MatrixMap) -> MatrixMap:
    """``c`` times a map."""
    c = c[()] if isinstance(c, np.ndarray) else c
    if not isinstance(c, Number):
        raise TypeError(f"MatrixMap: can be multiplied by a number, not by {type(c).__name__}")
    if isinstance(map, Scaled):
        c, map = c * map.c, map.map
    if type(c) in (int, float) and c == 1:
        return map
    if isinstance(map, Zero):
        return map
    if c == 0:
        return Zero(map.in_shape, map.out_shape)
    if isinstance(map, Sum):
        return Sum(*(scale(c, term) for term in map.terms))
    return Scaled(c, map)


def _unscaled(map: MatrixMap) -> tuple[Scalar, MatrixMap]:
    """(c, J) of c J."""
    return (map.c, map.map) if isinstance(map, Scaled) else (1, map)


# ---------------------------------------------------------------------------------------- sums


def add(a: MatrixMap, b: MatrixMap) -> MatrixMap:
    """The sum of two maps between the same spaces."""
    if (a.in_shape, a.out_shape) != (b.in_shape, b.out_shape):
        raise shape_error(
            "sum of maps",
            f"both must map between the same shapes, not {a.in_shape} -> {a.out_shape} and "
            f"{b.in_shape} -> {b.out_shape}",
        )
    terms = list(a.terms if isinstance(a, Sum) else (a,))
    for term in b.terms if isinstance(b, Sum) else (b,):
        for i, other in enumerate(terms):
            merged = _first(_ADDITIONS, other, term)
            if merged is not None:
                terms[i : i + 1] = [] if isinstance(merged, Zero) else [merged]
                break
        else:
            terms.append(term)
    if not terms:
        return Zero(a.in_shape, a.out_shape)
    return terms[0] if len(terms) == 1 else Sum(*terms)


def _add_zero(a: MatrixMap, b: MatrixMap) -> Any:
    if isinstance(a, Zero):
        return b
    return a if isinstance(b, Zero) else None


def _add_same(a: MatrixMap, b: MatrixMap) -> MatrixMap | None:
    (c, k), (d, l) = _unscaled(a), _unscaled(b)
    if k is l or (isinstance(k, Sandwich) and isinstance(l, Sandwich) and _same(k, l)):
        return scale(c + d, k)
    return None


def _same(a: Sandwich, b: Sandwich) -> bool:
    alike = a.transposed == b.transposed
    return alike and agree(a.left, b.left) and agree(a.right, b.right)


def _scaled_matrix(c: Scalar, m: Matrix) -> Matrix:
    return m if type(c) is int and c == 1 else m.times(c)


def _add_entries(a: MatrixMap, b: MatrixMap) -> MatrixMap | None:
    """Hadamard, inner and outer terms, by their matrices."""
    (c, k), (d, l) = _unscaled(a), _unscaled(b)
    kinds: tuple[tuple[Any, str], ...] = ((Hadamard, "m"), (Inner, "a"), (Outer, "b"))
    for kind, name in kinds:
        if isinstance(k, kind) and isinstance(l, kind):
            total = _scaled_matrix(c, getattr(k, name)) + _scaled_matrix(d, getattr(l, name))
            if kind is Hadamard:
                return Hadamard(total, k.in_shape)
            return kind(total, k.in_shape, k.out_shape)
    return None


def _add_sandwiches(a: MatrixMap, b: MatrixMap) -> Any:
    """L dX R + L dX S = L dX (R + S), and likewise on the left."""
    (c, k), (d, l) = _unscaled(a), _unscaled(b)
    if not (isinstance(k, Sandwich) and isinstance(l, Sandwich)):
        return None
    if k.transposed != l.transposed:
        return None
    shapes = k.in_shape, k.out_shape
    if agree(k.left, l.left) and k.right is not None and l.right is not None:
        right = _scaled_matrix(c, k.right) + _scaled_matrix(d, l.right)
        return Sandwich(k.left, right, *shapes, transposed=k.transposed)
    if agree(k.right, l.right) and k.left is not None and l.left is not None:
        left = _scaled_matrix(c, k.left) + _scaled_matrix(d, l.left)
        return Sandwich(left, k.right, *shapes, transposed=k.transposed)
    return None


def _add_chains(a: MatrixMap, b: MatrixMap) -> Any:
    """J K + L K = (J + L) K and J K + J L = J (K + L), where the sum in brackets is one term."""
    (c, k), (d, l) = _unscaled(a), _unscaled(b)
    first, second = list(_chain(k)), list(_chain(l))
    if len(first) != len(second) or len(first) == 1:
        return None
    differ = [i for i, (p, q) in enumerate(zip(first, second, strict=True)) if p is not q]
    if not differ:
        return scale(c + d, k)
    if len(differ) == 1:
        (i,) = differ
        merged = _first(_ADDITIONS, scale(c, first[i]), scale(d, second[i]))
        if merged is not None:
            return reduce(compose, [*first[:i], merged, *first[i + 1 :]])
    return None


_ADDITIONS: tuple[Callable[..., Any], ...] = (
    _add_zero,
    _add_same,
    _add_entries,
    _add_sandwiches,
    _add_chains,
)


# -------------------------------------------------------------------------------- compositions


def compose(after: MatrixMap, before: MatrixMap) -> MatrixMap:
    """The chain rule: dX -> after(before(dX))."""
    if after.in_shape != before.out_shape:
        raise shape_error(
            "composition of maps",
            f"a map from shape {after.in_shape} cannot follow one to shape {before.out_shape}",
        )
    (c, a), (d, b) = _unscaled(after), _unscaled(before)
    return scale(c * d, _compose(a, b))


def _compose(a: MatrixMap, b: MatrixMap) -> MatrixMap:
    if isinstance(a, Zero) or isinstance(b, Zero):
        return Zero(b.in_shape, a.out_shape)
    terms, more = (each.terms if isinstance(each, Sum) else (each,) for each in (a, b))
    if 1 < len(terms) * len(more) <= LONGEST_SUM:
        return reduce(add, [compose(term, other) for term in terms for other in more])
    chain = [*_chain(a), *_chain(b)]
    i = len(_chain(a)) - 1
    while i < len(chain) - 1:
        merged = _first(_COMPOSITIONS, chain[i], chain[i + 1])
        if merged is None:
            i += 1
        else:
            chain[i : i + 2] = [merged]
            i = max(0, i - 1)
    return chain[0] if len(chain) == 1 else Composition(*chain)


def _chain(map: MatrixMap) -> tuple[MatrixMap, ...]:
    return map.maps if isinstance(map, Composition) else (map,)


def _identities(a: MatrixMap, b: MatrixMap) -> MatrixMap | None:
    """A map that changes nothing but the shape takes that shape along."""
    for identity, other in ((a, b), (b, a)):
        if isinstance(identity, Sandwich) and identity.is_identity:
            if identity.in_shape == identity.out_shape:
                return other
            if isinstance(other, (Sandwich, Inner, Outer)):
                return _with_shapes(other, b.in_shape, a.out_shape)
    return None


def _with_shapes(term: Any, in_shape: Any, out_shape: Any) -> Any:
    if isinstance(term, Sandwich):
        return Sandwich(term.left, term.right, in_shape, out_shape, transposed=term.transposed)
    kind, m = (Inner, term.a) if isinstance(term, Inner) else (Outer, term.b)
    return kind(m, in_shape, out_shape)


def _sandwiches(a: MatrixMap, b: MatrixMap) -> Sandwich | None:
    if not (isinstance(a, Sandwich) and isinstance(b, Sandwich)):
        return None
    shapes = b.in_shape, a.out_shape
    if not a.transposed:
        left, right = times(a.left, b.left), times(b.right, a.right)
        return Sandwich(left, right, *shapes, transposed=b.transposed)
    left = times(a.left, transposed(b.right))
    right = times(transposed(b.left), a.right)
    return Sandwich(left, right, *shapes, transposed=not b.transposed)


def _hadamards(a: MatrixMap, b: MatrixMap) -> Hadamard | None:
    if isinstance(a, Hadamard) and isinstance(b, Hadamard):
        return Hadamard(a.m * b.m, b.in_shape)
    return None


def _inner_after(a: MatrixMap, b: MatrixMap) -> Inner | None:
    """tr(Aᵀ J dX): the gradient is pulled back."""
    if not isinstance(a, Inner):
        return None
    if isinstance(b, Sandwich):
        left, right = transposed(b.left), transposed(b.right)
        pulled = times(times(left, a.a), right)
        return Inner(pulled.T if b.transposed else pulled, b.in_shape, a.out_shape)
    if isinstance(b, Hadamard):
        return Inner(a.a * b.m, b.in_shape, a.out_shape)
    gradient = b._pull(a.a.array.conj()).conj()
    return Inner(Matrix(gradient), b.in_shape, a.out_shape)


def _after_outer(a: MatrixMap, b: MatrixMap) -> Outer | None:
    """J (dφ B) = dφ (J B)."""
    if not isinstance(b, Outer):
        return None
    if isinstance(a, Sandwich):
        inside = b.b.T if a.transposed else b.b
        return Outer(times(times(a.left, inside), a.right), b.in_shape, a.out_shape)
    if isinstance(a, Hadamard):
        return Outer(a.m * b.b, b.in_shape, a.out_shape)
    return Outer(Matrix(as_matrix(a._apply(b.b.array))), b.in_shape, a.out_shape)


def _gathers(a: MatrixMap, b: MatrixMap) -> Any:
    """dF.flat[target] += (dX.flat[source]): gathers after gathers, scatters before scatters."""
    if not (isinstance(a, Index) and isinstance(b, Index)):
        return None
    shapes = b.in_shape, a.out_shape
    if b.target is None:  # a reads what b has gathered
        n = prod(b._out)
        number = np.arange(n) if b.source is None else b.source
        source = number if a.source is None else number[a.source]
        return Index(source, a.target, *shapes, f"{a.name} {b.name}")
    return None


_COMPOSITIONS: tuple[Callable[..., Any], ...] = (
    _identities,
    _sandwiches,
    _hadamards,
    _inner_after,
    _after_outer,
    _gathers,
)
