"""The custom operators as autograd functions: what `torch.func` differentiates.

The gradients that `torch.library` registers are not seen by `torch.func.grad` and its like; those
of an `autograd.Function` are seen by all, but not by `torch.compile`, which takes the operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ._multilinear import PRODUCTS, pull_back_twice
from ._torch_operators import EXCHANGE, OPERATORS, Operator, product_gradients

if TYPE_CHECKING:
    from typing import Any

    from .._typing import Foreign


class _Product(torch.autograd.Function):
    """f(z_1, …, z_n)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(name: str, *operands: Any) -> Any:
        return OPERATORS[name].apply(list(operands))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.name = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, g: Foreign) -> Any:
        needed = ctx.needs_input_grad[1:]
        own = Operator(_apply_of(ctx.name), _pull_back_of(ctx.name))
        return (
            None,
            *product_gradients(PRODUCTS[ctx.name], g, list(ctx.saved_tensors), needed, own),
        )


class _PullBack(torch.autograd.Function):
    """f*(g, z) = (dz_1, …, dz_n)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(name: str, g: Foreign, *operands: Any) -> Any:
        return tuple(OPERATORS[name].pull_back(g, list(operands)))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.name = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        g, *operands = ctx.saved_tensors
        dg, gradients = pull_back_twice(
            _apply_of(ctx.name), _pull_back_of(ctx.name), g, operands, cotangents
        )
        return (None, dg, *gradients)


class _Exchange(torch.autograd.Function):
    """The axis split into (p, q), the parts exchanged."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Foreign, p: int, q: int, axis: int) -> Any:
        return EXCHANGE(x, p, q, axis)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.sizes = inputs[1:]

    @staticmethod
    def backward(ctx: Any, g: Foreign) -> Any:
        p, q, axis = ctx.sizes
        return apply_exchange(g, q, p, axis), None, None, None


def _apply_of(name: str) -> Any:
    return lambda operands: apply_product(name, operands)


def _pull_back_of(name: str) -> Any:
    return lambda g, operands: pull_back_product(name, g, operands)


def _plain(*tensors: Any) -> bool:
    """Whether the operators are to be called as they are: compiled, or no gradient asked for."""
    if torch.compiler.is_compiling():
        return True
    return not (torch.is_grad_enabled() and any(z.requires_grad for z in tensors))


def apply_product(name: str, operands: Any) -> Any:
    """f(z_1, …, z_n) of aligned operands of one dtype."""
    if _plain(*operands):
        return OPERATORS[name].apply(operands)
    return _Product.apply(name, *operands)


def pull_back_product(name: str, g: Foreign, operands: Any) -> Any:
    """(dz_1, …, dz_n)."""
    if _plain(g, *operands):
        return OPERATORS[name].pull_back(g, operands)
    return _PullBack.apply(name, g, *operands)


def apply_exchange(x: Foreign, p: int, q: int, axis: int) -> Any:
    """x with the two parts of its axis exchanged."""
    if _plain(x):
        return EXCHANGE(x, p, q, axis)
    return _Exchange.apply(x, p, q, axis)
