"""Peers that bring arrays of their own: PyTorch and what is built on it, JAX, qulacs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from . import mode_products
from .registry import MANY, Candidate, Unsuitable, adapter, as_left, columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from .._typing import Array, Operands


# ------------------------------------------------------------------------------------ PyTorch


def _torch(tree: Any) -> Any:
    import torch

    if isinstance(tree, (list, tuple)):
        return [_torch(branch) for branch in tree]
    return torch.from_numpy(tree)  # strides stay


@adapter("torch", "torch", *MANY)
def torch_matmul(work: Any, operands: Operands) -> Iterator[Any]:
    """A batched product for each factor, in place on its axis or rotating the axes."""
    import torch

    matrices, x, lead, trail = as_left(work, operands)
    matrices, x = _torch(matrices), _torch(x)
    for chain in (mode_products.batched, mode_products.rotating):
        out, spaces = mode_products.spaces(torch.empty, x.dtype, work)
        yield Candidate(
            partial(chain, torch.matmul, matrices, x, lead, trail),
            partial(chain, torch.matmul, matrices, x, lead, trail, out=out, spaces=spaces),
        )


@adapter("torch", "torch", "triple_product")
def torch_triple(work: Any, operands: Operands) -> Iterator[Any]:
    """A @ B @ C, as written and from the right."""
    a, b, c = _torch(operands)
    yield Candidate(lambda: a @ b @ c)
    if len(set(work.sizes)) > 1:
        yield Candidate(lambda: a @ (b @ c))


@adapter("torch", "torch", "matmul_vjp")
def torch_vjp(work: Any, operands: Operands) -> Iterator[Any]:
    """Two batched products."""
    g, x, w = _torch(operands)
    xt, wt = x.mT, w.mT
    yield Candidate(lambda: (g @ wt, xt @ g), convert=lambda pair: [y.numpy() for y in pair])


@adapter("torch", "torch", "kron")
def torch_kron(work: Any, operands: Operands) -> Iterator[Any]:
    """torch.kron."""
    import torch

    a, b = _torch(operands)
    out = torch.empty((work.m * work.n,) * 2, dtype=a.dtype)
    yield Candidate(partial(torch.kron, a, b), partial(torch.kron, a, b, out=out))


@adapter("torch", "torch", "commutation_matmul")
def torch_transpose(work: Any, operands: Operands) -> Iterator[Any]:
    """A contiguous copy of the transposed matrix."""
    import torch

    x, m, n = operands
    transposed = torch.from_numpy(x).reshape(n, m).T
    out = torch.ones(m, n, dtype=transposed.dtype)
    yield Candidate(
        partial(transposed.clone, memory_format=torch.contiguous_format),
        partial(out.copy_, transposed),
        lambda y: y.numpy().reshape(-1),
    )


@adapter("linear_operator", "linear_operator", *MANY)
def linear_operator(work: Any, operands: Operands) -> Iterator[Any]:
    """KroneckerProductLinearOperator @ X."""
    from linear_operator.operators import KroneckerProductLinearOperator

    matrices, x, to_result = columns(work, operands)
    product = KroneckerProductLinearOperator(*_torch([np.ascontiguousarray(g) for g in matrices]))
    x = _torch(x)
    yield Candidate(lambda: product @ x, convert=lambda y: to_result(y.numpy()))


# ---------------------------------------------------------------------------------------- JAX


def _jitted(function: Callable[..., Any], *arguments: Any) -> Any:
    """The compiled function on these arguments, waiting for its result."""
    import jax

    arguments = jax.tree.map(jax.numpy.asarray, arguments)
    compiled = jax.jit(function).lower(*arguments).compile()
    return lambda: jax.block_until_ready(compiled(*arguments))


@adapter("jax", "jax", *MANY)
def jax_matmul(work: Any, operands: Operands) -> Iterator[Any]:
    """One compiled function with a batched product for each factor."""
    import jax.numpy as jnp

    matrices, x, lead, trail = as_left(work, operands)
    for chain in (mode_products.batched, mode_products.rotating):

        def apply(matrices: Sequence[Array], x: Array, chain: Any = chain) -> Any:
            return chain(jnp.matmul, matrices, x, lead, trail)

        yield Candidate(_jitted(apply, matrices, x))


@adapter("jax", "jax", "triple_product")
def jax_triple(work: Any, operands: Operands) -> Iterator[Any]:
    """A @ B @ C, as written and from the right, compiled."""
    yield Candidate(_jitted(lambda a, b, c: a @ b @ c, *operands))
    if len(set(work.sizes)) > 1:
        yield Candidate(_jitted(lambda a, b, c: a @ (b @ c), *operands))


@adapter("jax", "jax", "matmul_vjp")
def jax_vjp(work: Any, operands: Operands) -> Iterator[Any]:
    """Two batched products, compiled together."""

    def pair(g: Array, x: Array, w: Array) -> Any:
        return g @ w.swapaxes(-1, -2), x.swapaxes(-1, -2) @ g

    yield Candidate(_jitted(pair, *operands), convert=lambda ys: [np.asarray(y) for y in ys])


@adapter("jax", "jax", "kron")
def jax_kron(work: Any, operands: Operands) -> Iterator[Any]:
    """jax.numpy.kron, compiled."""
    import jax.numpy as jnp

    yield Candidate(_jitted(jnp.kron, *operands))


@adapter("jax", "jax", "commutation_matmul")
def jax_transpose(work: Any, operands: Operands) -> Iterator[Any]:
    """The transposed matrix, compiled."""
    x, m, n = operands
    yield Candidate(_jitted(lambda x: x.reshape(n, m).T.reshape(-1), x))


# ------------------------------------------------------------------------------------- qulacs


@adapter("qulacs", "qulacs", "matmul_kron")
def qulacs(work: Any, operands: Operands) -> Iterator[Any]:
    """One-qubit gates on a state vector, in place: the factors are unitary, so nothing grows."""
    from qulacs import QuantumCircuit, QuantumState
    from qulacs.circuit import QuantumCircuitOptimizer
    from qulacs.gate import DenseMatrix

    x, factors = operands
    if x.dtype != np.complex128 or work.count != 1 or set(work.shapes) != {(2, 2)}:
        raise Unsuitable("one state vector of complex128 only")
    n = len(factors)
    for block in (1, 2, 4):  # gates merged into dense ones of up to this many qubits
        state, circuit = QuantumState(n), QuantumCircuit(n)
        for qubit, f in enumerate(reversed(factors)):
            circuit.add_gate(DenseMatrix(qubit, f.T))
        if block > 1:
            QuantumCircuitOptimizer().optimize(circuit, block)
        state.load(x[0])
        call = partial(circuit.update_quantum_state, state)
        yield Candidate(call, call, lambda _, state=state: state.get_vector()[None])  # type: ignore[misc]  # a default binds
