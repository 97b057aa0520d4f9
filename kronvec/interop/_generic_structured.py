"""vech and its matrices, subsystems, tensors over an array-API namespace ``xp``."""

from __future__ import annotations

import math
import operator
from functools import reduce

import numpy as np

from .._factor_shapes import check_alike
from .._shapes import (
    broadcast_batch,
    check_axis_length,
    check_order,
    check_side,
    check_size,
    check_square,
    check_triangle_length,
    shape_error,
)
from .._subsystem_shapes import (
    check_factor_shapes,
    check_subsystems,
    check_traceable,
    read_subsystems,
)
from .._triangle import (
    for_size,
    lower_positions,
    off_diagonal,
    off_diagonal_scale,
    square_positions,
    triangle_size,
    vec_positions,
)
from ._generic_products import (
    broadcast_to,
    check_matrices,
    device_of,
    khatri_rao,
    promoted,
    transpose,
)


def beside(xp, values, like, dtype=None):
    """NumPy's values as an array on the device of ``like``."""
    return xp.asarray(values, dtype=dtype, device=device_of(like))


def take(xp, a, positions, axis=-1):
    """The entries at NumPy's positions along an axis."""
    return xp.take(a, beside(xp, positions, a), axis=a.ndim + axis)


def _floating(xp, a):
    """The array in a dtype that has halves."""
    inexact = xp.isdtype(a.dtype, ("real floating", "complex floating"))
    return a if inexact else xp.astype(a, xp.float64)


def _real(xp, a):
    return xp.real(a).dtype if xp.isdtype(a.dtype, "complex floating") else a.dtype


# ---- vech --------------------------------------------------------------------------------


def _lower(xp, function, a, order):
    check_order(function, order)
    check_matrices(function, a=a)
    n = check_square(function, "a", a)
    return take(xp, xp.reshape(a, (*a.shape[:-2], n * n)), for_size(lower_positions, n, order)), n


def _scale(xp, v, n, order):
    """1 on the diagonal and √2 off it, in the real type of v."""
    return beside(xp, off_diagonal_scale(n, np.dtype(float), order), v, _real(xp, v))


def vech(xp, a, *, order="F"):
    """The lower triangle."""
    return _lower(xp, "vech", a, order)[0]


def svec(xp, a, *, order="F"):
    """vech with the off-diagonals times √2."""
    triangle, n = _lower(xp, "svec", a, order)
    triangle = _floating(xp, triangle)
    return triangle * _scale(xp, triangle, n, order)


def _symmetric(xp, function, v, order, hermitian):
    n = check_triangle_length(function, "v", v)
    a = take(xp, v, for_size(square_positions, n, order))
    a = xp.reshape(a, (*v.shape[:-1], n, n))
    if not (hermitian and xp.isdtype(v.dtype, "complex floating")):
        return a
    return xp.where(beside(xp, np.triu(np.ones((n, n), bool), 1), v), xp.conj(a), a)


def unvech(xp, v, *, hermitian=False, order="F"):
    """The symmetric matrix with this lower triangle."""
    check_order("unvech", order)
    return _symmetric(xp, "unvech", v, order, hermitian)


def smat(xp, v, *, hermitian=False, order="F"):
    """The symmetric matrix with this svec."""
    check_order("smat", order)
    n = check_triangle_length("smat", "v", v)
    v = _floating(xp, v)
    return _symmetric(xp, "smat", v / _scale(xp, v, n, order), order, hermitian)


# ---- duplication, elimination, symmetrizer -----------------------------------------------
# Each takes an axis of x at one list of positions or adds two; ``mask`` says where the last of
# them counts, ``weights`` multiply the sum.


def _duplicate(n):
    return [for_size(square_positions, n)], None, None


def _fold(n):
    return [for_size(vec_positions, n), for_size(lower_positions, n)], off_diagonal(n), None


def _average(n):
    return [for_size(vec_positions, n), for_size(lower_positions, n)], None, 0.5


def _duplicate_halves(n):
    places = for_size(square_positions, n)
    return [places], None, (1 - off_diagonal(n) / 2)[places]


def _pick(n):
    return [for_size(vec_positions, n)], None, None


def _spread(n):
    return [for_size(square_positions, n)], np.triu(np.ones((n, n), bool)).ravel(), None


def _symmetrize(n):
    places = np.arange(n * n)
    return [places, places.reshape(n, n).T.ravel()], None, 0.5


def _squared(n):
    return n * n


#: name -> (the matrix, its transpose, rows, columns)
_HALVES = {
    "duplication_matmul": (_duplicate, _fold, _squared, triangle_size),
    "duplication_pinv_matmul": (_average, _duplicate_halves, triangle_size, _squared),
    "elimination_matmul": (_pick, _spread, triangle_size, _squared),
    "symmetrizer_matmul": (_symmetrize, _symmetrize, _squared, _squared),
}


def _half_matmul(function, xp, x, n, side, transposed):
    n = check_size(function, "n", n)
    left = check_side(function, side) == "left"
    forwards = left != bool(transposed)
    matrix, transposed_matrix, rows, columns = _HALVES[function]
    if x.ndim < 1:
        raise shape_error(function, "x must be a vector (at least 1 axis)", x=x)
    axis = -2 if left and x.ndim > 1 else -1
    length = (columns if forwards else rows)(n)
    check_axis_length(function, "x", x, axis, length, f"for n = {n} and side={side!r}")
    places, mask, weights = (matrix if forwards else transposed_matrix)(n)
    terms = [take(xp, x, positions, axis) for positions in places]
    tail = (...,) if axis == -1 else (..., None)
    if mask is not None:
        terms[-1] = xp.where(beside(xp, mask[tail], x), terms[-1], xp.zeros_like(terms[-1]))
    total = reduce(operator.add, terms)
    if function in ("duplication_pinv_matmul", "symmetrizer_matmul"):
        total = _floating(xp, total)
    if weights is None:
        return total
    if not isinstance(weights, float):
        weights = beside(xp, weights[tail], x, _real(xp, total))
    return total * weights


def duplication_matmul(xp, x, n, *, side="left", transposed=False):
    """D_n x."""
    return _half_matmul("duplication_matmul", xp, x, n, side, transposed)


def duplication_pinv_matmul(xp, x, n, *, side="left", transposed=False):
    """D_n⁺ x."""
    return _half_matmul("duplication_pinv_matmul", xp, x, n, side, transposed)


def elimination_matmul(xp, x, n, *, side="left", transposed=False):
    """L_n x."""
    return _half_matmul("elimination_matmul", xp, x, n, side, transposed)


def symmetrizer_matmul(xp, x, n, *, side="left", transposed=False):
    """N_n x."""
    return _half_matmul("symmetrizer_matmul", xp, x, n, side, transposed)


# ---- subsystems --------------------------------------------------------------------------


def _split(xp, function, m, systems):
    """m with the axes r_1 … r_N, c_1 … c_N of the subsystems' groups, and the batch axes."""
    check_matrices(function, m=m)
    check_subsystems(function, m, systems)
    batch, groups = tuple(m.shape[:-2]), systems.groups
    return xp.reshape(m, (*batch, *(g[0] for g in groups), *(g[1] for g in groups))), batch


def partial_trace(xp, m, dims, axis):
    """Σ over the diagonals of the subsystems traced out."""
    function = "partial_trace"
    systems = read_subsystems(function, dims, axis)
    check_traceable(function, systems.pairs, systems.axes)
    split, batch = _split(xp, function, m, systems)
    groups, lead = systems.groups, len(batch)
    kept = [i for i, g in enumerate(groups) if not g[2]]
    traced = [i for i, g in enumerate(groups) if g[2]]
    axes = [*kept, *(i + len(groups) for i in kept), *traced, *(i + len(groups) for i in traced)]
    split = xp.permute_dims(split, (*range(lead), *(lead + i for i in axes)))
    size = math.prod(groups[i][0] for i in traced)
    flat = xp.reshape(split, (*batch, *systems.left_shape, size * size))
    return xp.sum(flat[..., :: size + 1], axis=-1, dtype=m.dtype)


def partial_transpose(xp, m, dims, axis):
    """The two axes of some subsystems exchanged."""
    systems = read_subsystems("partial_transpose", dims, axis)
    split, batch = _split(xp, "partial_transpose", m, systems)
    groups, lead = systems.groups, len(batch)
    order = [i + len(groups) if g[2] else i for i, g in enumerate(groups)]
    order += [i if g[2] else i + len(groups) for i, g in enumerate(groups)]
    split = xp.permute_dims(split, (*range(lead), *(lead + i for i in order)))
    return xp.reshape(split, (*batch, *systems.flipped_shape))


def realignment(xp, m, shape_a, shape_b, *, order="F", inverse=False):
    """R(A ⊗ B) = vec(A) vec(B)ᵀ."""
    check_order("realignment", order)
    check_matrices("realignment", m=m)
    shapes = check_factor_shapes("realignment", m, shape_a, shape_b, realigned=inverse)
    (rows, columns), (p, q) = shapes
    batch = tuple(m.shape[:-2])
    blocks, flat = (rows * p, columns * q), (rows * columns, p * q)
    if not inverse:
        split, axes, shape = (rows, p, columns, q), (0, 2, 1, 3), flat
        axes = axes if order == "C" else (2, 0, 3, 1)
    elif order == "C":
        split, axes, shape = (rows, columns, p, q), (0, 2, 1, 3), blocks
    else:
        split, axes, shape = (columns, rows, q, p), (1, 3, 0, 2), blocks
    moved = xp.reshape(m, (*batch, *split))
    moved = xp.permute_dims(moved, (*range(len(batch)), *(len(batch) + i for i in axes)))
    return xp.reshape(moved, (*batch, *shape))


# ---- columnwise and tensors --------------------------------------------------------------


def _columns_times(function, xp, mats, x, transposed, axis):
    """(A1 ⊙ … ⊙ AN) x; of A1 and the product of the others, of which only that is formed."""
    mats = list(mats)
    if not mats:
        raise ValueError(f"{function}: at least one matrix is needed")
    check_matrices(function, **{f"matrix_{i}": a for i, a in enumerate(mats)})
    n = check_alike(function, mats, axis)
    x, *mats = promoted(xp, x, *mats)
    if axis == -2:
        mats = [transpose(xp, a) for a in mats]
    named = {f"matrix_{i}": a for i, a in enumerate(mats)}
    rows = math.prod(a.shape[-2] for a in mats)
    if x.ndim < 1 or x.shape[-1] != (rows if transposed else n):
        raise shape_error(
            function, f"x must have {rows if transposed else n} entries on axis -1", x=x, **named
        )
    batch = broadcast_batch(function, core={"x": 1}, x=x, **named)
    first = mats[0]
    rest = khatri_rao(xp, mats[1:]) if len(mats) > 1 else xp.ones_like(first[..., :1, :])
    if transposed:
        folded = xp.reshape(x, (*x.shape[:-1], first.shape[-2], rest.shape[-2]))
        return xp.sum(first * xp.matmul(folded, rest), axis=-2, dtype=x.dtype)
    product = xp.matmul(first * x[..., None, :], transpose(xp, rest))
    return xp.reshape(broadcast_to(xp, product, (*batch, *product.shape[-2:])), (*batch, rows))


def khatri_rao_matvec(xp, mats, x, *, transposed=False):
    """(A1 ⊙ … ⊙ AN) x."""
    return _columns_times("khatri_rao_matvec", xp, mats, x, bool(transposed), -1)


def face_splitting_matvec(xp, mats, x, *, transposed=False):
    """(A1 • … • AN) x, whose transpose is a Khatri-Rao product."""
    return _columns_times("face_splitting_matvec", xp, mats, x, not transposed, -2)


def mttkrp(xp, x, mats, mode):
    """X_(mode) times the Khatri-Rao product of the other matrices."""
    mats = list(mats)
    count = len(mats)
    if not mats or x.ndim < count:
        raise shape_error("mttkrp", f"x needs an axis for each of the {count} matrices", x=x)
    mode = operator.index(mode)
    if not -count <= mode < count:
        raise ValueError(f"mttkrp: mode must be one of {count} axes, got {mode}")
    mode %= count
    others = [a for i, a in enumerate(mats) if i != mode]
    batch, core = tuple(x.shape[: x.ndim - count]), tuple(x.shape[x.ndim - count :])
    named = {f"matrix_{i}": a for i, a in enumerate(mats) if i != mode}
    check_matrices("mttkrp", **named)
    check_alike("mttkrp", others or mats, -1)
    rest = core[:mode] + core[mode + 1 :]
    if any(a.shape[-2] != n for a, n in zip(others, rest, strict=True)):
        raise shape_error("mttkrp", "matrices need as many rows as x has entries", x=x, **named)
    x, *others = promoted(xp, x, *others)
    axes = (*range(len(batch) + mode), *range(len(batch) + mode + 1, x.ndim))
    axes = (*axes[: len(batch)], len(batch) + mode, *axes[len(batch) :])
    unfolded = xp.reshape(xp.permute_dims(x, axes), (*batch, core[mode], math.prod(rest)))
    if not others:
        columns = mats[0].shape[-1]
        return broadcast_to(xp, unfolded, (*unfolded.shape[:-1], columns)) + 0
    return xp.matmul(unfolded, khatri_rao(xp, others))


FUNCTIONS = {
    function.__name__: function
    for function in (
        *(vech, unvech, svec, smat),
        *(duplication_matmul, duplication_pinv_matmul, elimination_matmul, symmetrizer_matmul),
        *(partial_trace, partial_transpose, realignment),
        *(khatri_rao_matvec, face_splitting_matvec, mttkrp),
    )
}
