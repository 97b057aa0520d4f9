"""Peers that work on NumPy's arrays: NumPy itself, and packages on top of it."""

from __future__ import annotations

import math
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np

from . import mode_products
from .registry import (
    LARGEST_OPERATOR,
    MANY,
    Candidate,
    Unsuitable,
    adapter,
    as_left,
    columns,
    result_shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._typing import Array, Operands
    from .small_work import Commutation, FormedKron, TripleProduct
    from .work import ManyFactors


# ------------------------------------------------------------------------------------- NumPy


@adapter("numpy", "numpy", *MANY)
def naive(work: ManyFactors, operands: Operands) -> Iterator[Any]:
    """The Kronecker product formed, then one matrix product: the formula as it stands."""
    q, p = (math.prod(sizes) for sizes in zip(*work.shapes, strict=True))
    if q * p * np.result_type(operands[0][0]).itemsize > LARGEST_OPERATOR:
        raise Unsuitable("the formed Kronecker product would be too large")
    if work.kind == "matmul_kron":
        x, factors = operands
        yield Candidate(lambda: x @ reduce(np.kron, factors))
    else:
        factors, x = operands
        yield Candidate(lambda: reduce(np.kron, factors) @ x)


@adapter("numpy", "numpy", "kron")
def numpy_kron(work: FormedKron, operands: Operands) -> Iterator[Any]:
    """np.kron."""
    yield Candidate(partial(np.kron, *operands))


@adapter("numpy", "numpy", "commutation_matmul")
def numpy_transpose(work: Commutation, operands: Operands) -> Iterator[Any]:
    """A copy of the transposed matrix, or a gather."""
    x, m, n = operands
    transposed = x.reshape(n, m).T
    out = np.ones(transposed.shape, x.dtype)
    copy = partial(np.copyto, out, transposed)
    yield Candidate(transposed.copy, copy, np.ravel)
    indices = np.arange(m * n).reshape(n, m).T.ravel()
    yield Candidate(lambda: x[indices], partial(np.take, x, indices, out=out.reshape(-1)))


@adapter("numpy matmul", "numpy", *MANY)
def numpy_matmul(work: ManyFactors, operands: Operands) -> Iterator[Any]:
    """A batched product for each factor, in place on its axis or rotating the axes."""
    matrices, x, lead, trail = as_left(work, operands)
    for chain in (mode_products.batched, mode_products.rotating):
        out, spaces = mode_products.spaces(np.empty, x.dtype, work)
        yield Candidate(
            partial(chain, np.matmul, matrices, x, lead, trail),
            partial(chain, np.matmul, matrices, x, lead, trail, out=out, spaces=spaces),
        )


@adapter("numpy matmul", "numpy", "triple_product")
def numpy_triple(work: TripleProduct, operands: Operands) -> Iterator[Any]:
    """A @ B @ C, as written and from the right."""
    a, b, c = operands
    yield Candidate(lambda: a @ b @ c)
    if len(set(work.sizes)) > 1:
        yield Candidate(lambda: a @ (b @ c))


@adapter("numpy matmul", "numpy", "matmul_vjp")
def numpy_vjp(work: Any, operands: Operands) -> Iterator[Any]:
    """Two batched products."""
    g, x, w = operands
    xt, wt = x.swapaxes(-1, -2), w.swapaxes(-1, -2)
    yield Candidate(lambda: (np.matmul(g, wt), np.matmul(xt, g)), convert=tuple)


def subscripts(work: ManyFactors) -> tuple[list[list[int]], list[int]]:
    """Operands' subscripts and the result's, as lists of integers: x first, then the matrices."""
    n = len(work.shapes)
    inner, outer = list(range(2, 2 + n)), list(range(2 + n, 2 + 2 * n))
    pairs = [[o, i] for o, i in zip(outer, inner, strict=True)]
    return [[0, *inner, 1], *pairs], [0, *outer, 1]


def tensor(work: ManyFactors, x: Array, lead: int, trail: int) -> Array:
    """X as (lead, sizes..., trail)."""
    return x.reshape(lead, *work.sizes_in, trail)


@adapter("numpy einsum", "numpy", *MANY)
def numpy_einsum(work: ManyFactors, operands: Operands) -> Iterator[Any]:
    """np.einsum along a contraction path found beforehand."""
    matrices, x, lead, trail = as_left(work, operands)
    arrays = [tensor(work, x, lead, trail), *matrices]
    inputs, output = subscripts(work)
    terms = [part for pair in zip(arrays, inputs, strict=True) for part in pair]
    path = np.einsum_path(*terms, output, optimize="greedy")[0]
    call = partial(np.einsum, *terms, output, optimize=path)
    yield Candidate(call, convert=lambda y: y.reshape(result_shape(work)))


# ------------------------------------------------------------------------ packages on NumPy


@adapter("opt_einsum", "opt_einsum", *MANY)
def opt_einsum(work: Any, operands: Operands) -> Iterator[Any]:
    """A contraction expression made beforehand."""
    from opt_einsum import contract_expression, get_symbol

    matrices, x, lead, trail = as_left(work, operands)
    arrays = [tensor(work, x, lead, trail), *matrices]
    inputs, output = subscripts(work)
    left, right = ",".join("".join(map(get_symbol, s)) for s in inputs), map(get_symbol, output)
    shapes = [a.shape for a in arrays]
    effort = "greedy" if len(matrices) > 6 else "optimal"
    expression = contract_expression(f"{left}->{''.join(right)}", *shapes, optimize=effort)
    yield Candidate(partial(expression, *arrays), convert=lambda y: y.reshape(result_shape(work)))


@adapter("pyfastkron", "pyfastkron", *MANY)
def pyfastkron(work: Any, operands: Operands) -> Iterator[Any]:
    """FastKron on the CPU, from both sides."""
    from pyfastkron import fastkronnumpy

    matrices, x, to_result = columns(work, operands)
    if x.dtype not in (np.float32, np.float64):
        raise Unsuitable("float32 and float64 only")
    # It keeps scratch from call to call, pads with what is there, and doubles read as floats may
    # be NaN, which reaches every entry: a product of this dtype leaves finite numbers there.
    ones = np.ones((64, 64), x.dtype)
    fastkronnumpy.gemkm(np.ones((256, 64**2), x.dtype), [ones, ones])
    matrices = [np.ascontiguousarray(g) for g in matrices]
    transposed = [np.ascontiguousarray(g.T) for g in matrices]
    rows = np.ascontiguousarray(x.T)
    back = (lambda y: y) if work.kind == "matmul_kron" else (lambda y: y.T)
    yield Candidate(partial(fastkronnumpy.gemkm, rows, transposed), convert=back)
    yield Candidate(partial(fastkronnumpy.gekmm, matrices, x), convert=to_result)


@adapter("pykronecker", "pykronecker", *MANY)
def pykronecker(work: Any, operands: Operands) -> Iterator[Any]:
    """KroneckerProduct @ X."""
    from pykronecker import KroneckerProduct

    if any(q != p for q, p in work.shapes):
        raise Unsuitable("square factors only")
    if work.count > 16:
        raise Unsuitable("it compiles a program that grows with the columns")
    matrices, x, to_result = columns(work, operands)
    product = KroneckerProduct([np.ascontiguousarray(g) for g in matrices])
    x = x[:, 0].copy() if work.count == 1 else x

    def call() -> Any:
        y = product @ x
        return getattr(y, "block_until_ready", lambda: y)()  # it computes in JAX where that is

    yield Candidate(call, convert=lambda y: to_result(np.asarray(y)))


@adapter("pylops", "pylops", *MANY)
def pylops(work: Any, operands: Operands) -> Iterator[Any]:
    """Nested Kronecker operators."""
    from pylops import Kronecker, MatrixMult

    if work.count * math.prod(work.sizes_in[1:]) > 2000:
        raise Unsuitable("nested operators call Python for each column of each intermediate")
    matrices, x, to_result = columns(work, operands)
    parts = [MatrixMult(np.ascontiguousarray(g), dtype=g.dtype) for g in matrices]
    product = reduce(lambda a, b: Kronecker(a, b, dtype=x.dtype), parts)
    if work.count == 1:
        yield Candidate(partial(product.matvec, x[:, 0].copy()), convert=to_result)
    else:
        yield Candidate(partial(product.matmat, x), convert=to_result)


@adapter("tensorly", "tensorly", *MANY)
def tensorly(work: Any, operands: Operands) -> Iterator[Any]:
    """multi_mode_dot, with the NumPy backend."""
    from tensorly.tenalg import multi_mode_dot

    matrices, x, lead, trail = as_left(work, operands)
    x = tensor(work, x, lead, trail)
    modes = list(range(1, 1 + len(matrices)))
    call = partial(multi_mode_dot, x, matrices, modes=modes)
    yield Candidate(call, convert=lambda y: np.asarray(y).reshape(result_shape(work)))


@adapter("scipy sparse", "scipy", *MANY)
def scipy_sparse(work: Any, operands: Operands) -> Iterator[Any]:
    """Each I ⊗ F ⊗ I as a CSR matrix, made beforehand."""
    from scipy import sparse

    matrices, x, to_result = columns(work, operands)
    entries = sum(math.prod(work.sizes_in) * q for q in work.sizes_out)
    if entries * (x.itemsize + 4) > LARGEST_OPERATOR:
        raise Unsuitable("its sparse matrices would be too large")
    steps, before, after = [], 1, math.prod(work.sizes_in)
    for g in matrices:
        q, p = g.shape
        after //= p
        step = sparse.kron(sparse.identity(before, g.dtype), g, format="csr")
        steps.append(sparse.kron(step, sparse.identity(after, g.dtype), format="csr"))
        before *= q
    x = x[:, 0].copy() if work.count == 1 else x
    yield Candidate(lambda: reduce(lambda y, s: s @ y, steps, x), convert=to_result)
