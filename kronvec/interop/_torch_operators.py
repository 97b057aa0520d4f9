"""The custom operators of kronvec.interop.torch: kernels, shapes, autograd and vmap rules.

Each product f(z_1, …, z_n) of _multilinear.py becomes two operators on a list of tensors,

    kronvec::NAME(z) -> f(z)        kronvec::NAME_vjp(g, z) -> (dz_1, …, dz_n),

and the gradient of each is made of these two again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from .._kernels import DTYPES
from ..permutations import exchange
from ._multilinear import PRODUCTS, Product, pull_back_twice
from ._reading import split_axis

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Foreign

KERNEL_DTYPES = tuple(getattr(torch, dtype.name) for dtype in DTYPES)


class Operator(NamedTuple):
    """``apply(operands)`` and ``pull_back(g, operands)``."""

    apply: Callable[..., Any]
    pull_back: Callable[..., Any]


def _serves(*tensors: Any) -> bool:
    """Whether kronvec's kernels compute with these tensors."""
    return all(t.device.type == "cpu" and t.dtype in KERNEL_DTYPES for t in tensors)


def _array(tensor: Any) -> Any:
    """The tensor's memory; a copy where a conjugation or a sign is still to be carried out."""
    return tensor.numpy(force=True)


def _shape(product: Product, operands: Any) -> tuple[Any, ...]:
    batch = (
        torch.broadcast_shapes(*(z.shape[:-2] for z in operands)) if operands[0].ndim > 2 else ()
    )
    return (*batch, *product.core_shape([z.shape[-2:] for z in operands]))


def _generic_pull_back(product: Product, g: Foreign, operands: Any) -> Any:
    """The pull-back by torch's own operations, on any device."""
    if product.name == "matmul":
        x, w = operands
        gradients = [g @ w.mH, x.mH @ g]
    elif product.name == "triple_product":
        gradients = [_alone(product, g, operands, i, product.generic) for i in range(3)]
    else:
        gradients = _generic_kron_pull_back(g, operands)
    return [d.sum_to_size(z.shape).contiguous() for d, z in zip(gradients, operands, strict=True)]


def _generic_kron_pull_back(g: Foreign, operands: Any) -> Any:
    """One sweep forward, one backward: kronvec/_factor_gradients.py."""
    *factors, x = operands
    batch, columns = g.shape[:-2], g.shape[-1]
    sizes, before, behind = [], 1, x.shape[-2]
    for f in factors:
        behind = behind // f.shape[-1] if f.shape[-1] else 0
        sizes.append((before, behind * columns))
        before *= f.shape[-2]
    states, state = [], x
    for f, (left, right) in zip(factors, sizes, strict=True):
        states.append(state.reshape((*state.shape[: x.ndim - 2], left, f.shape[-1], right)))
        state = f.unsqueeze(-3) @ states[-1]
    gradients = []
    for f, state, (left, right) in zip(factors[::-1], states[::-1], sizes[::-1], strict=True):
        g = g.reshape((*batch, left, f.shape[-2], right))
        gradients.append((g @ state.mH).sum(-3))
        g = f.mH.unsqueeze(-3) @ g
    return [*gradients[::-1], g.reshape((*batch, *x.shape[-2:]))]


def _is_product(product: Product, operands: Any, i: Foreign) -> bool:
    """Whether dz_i is such a product itself."""
    return product.name == "triple_product" or (
        product.name == "kron_matmul" and i == len(operands) - 1
    )


def _alone(product: Product, g: Foreign, operands: Any, i: Foreign, apply: Any) -> Any:
    """dz_i as one product, on the batch axes of all operands; ``apply`` makes it."""
    if product.name == "kron_matmul":
        return apply([*(f.mH for f in operands[:-1]), g])
    a, b, c = operands
    return apply([[g, c.mH, b.mH], [a.mH, g, c.mH], [b.mH, a.mH, g]][i])


def product_gradients(
    product: Product, g: Foreign, operands: Any, needed: Any, operator: Operator
) -> list[Any]:
    """The gradients of those operands that need one, None for the others."""
    wanted = [i for i, each in enumerate(needed) if each]
    if len(wanted) == 1 and _is_product(product, operands, wanted[0]):
        (i,) = wanted
        gradient = _alone(product, g, operands, i, operator.apply).sum_to_size(operands[i].shape)
        return [gradient if j == i else None for j in range(len(operands))]
    gradients = operator.pull_back(g, list(operands))
    return [d if each else None for d, each in zip(gradients, needed, strict=True)]


def _operator(name: str, schema: Any) -> Any:
    """Decorator: the kernel of all devices becomes the operator of that name.

    `torch.library.custom_op` would also look for results that are operands, at each call.
    """

    def register(kernel: Any) -> Any:
        torch.library.define(name, schema, tags=torch.Tag.pt2_compliant_tag)
        torch.library.impl(name, "default", kernel)
        return getattr(torch.ops.kronvec, name.removeprefix("kronvec::")).default

    return register


def _define(product: Product) -> Operator:
    name = f"kronvec::{product.name}"

    @_operator(name, "(Tensor[] operands) -> Tensor")
    def apply(operands: Any) -> Any:
        if not _serves(*operands):
            return product.generic(operands).contiguous()
        result = torch.empty(_shape(product, operands), dtype=operands[0].dtype)
        product.apply([_array(z) for z in operands], result.numpy())
        return result

    @_operator(name + "_vjp", "(Tensor g, Tensor[] operands) -> Tensor[]")
    def pull_back(g: Foreign, operands: Any) -> Any:
        if not _serves(g, *operands):
            return _generic_pull_back(product, g, operands)
        arrays = [_array(z) for z in operands]
        gradients = product.pull_back(_array(g), arrays, True)
        return [torch.from_numpy(np.ascontiguousarray(d)) for d in gradients]

    @torch.library.register_fake(apply)
    def _(operands: Any) -> Any:
        return operands[0].new_empty(_shape(product, operands))

    @torch.library.register_fake(pull_back)
    def _(g: Foreign, operands: Any) -> Any:
        return [z.new_empty(z.shape) for z in operands]

    # ---- autograd ----

    def keep_operands(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[0])

    def backward(ctx: Any, g: Foreign) -> Any:
        return product_gradients(product, g, ctx.saved_tensors, ctx.needs_input_grad[0], operator)

    def keep_all(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], *inputs[1])

    def backward_twice(ctx: Any, cotangents: Any) -> Any:
        g, *operands = ctx.saved_tensors
        return pull_back_twice(apply, pull_back, g, operands, cotangents)

    torch.library.register_autograd(apply, backward, setup_context=keep_operands)
    torch.library.register_autograd(pull_back, backward_twice, setup_context=keep_all)

    # ---- vmap: the mapped axis becomes the first batch axis ----

    def map_apply(info: Any, in_dims: Any, operands: Any) -> Any:
        (dims,) = in_dims
        return apply([_front(z, d, 1) for z, d in zip(operands, dims, strict=True)]), 0

    def map_pull_back(info: Any, in_dims: Any, g: Foreign, operands: Any) -> Any:
        dim, dims = in_dims
        # every sample has gradients of its own: nothing is summed along the mapped axis
        g = _front(g, dim, info.batch_size)
        operands = [_front(z, d, info.batch_size) for z, d in zip(operands, dims, strict=True)]
        return pull_back(g, operands), [0] * len(operands)

    torch.library.register_vmap(apply, map_apply)
    torch.library.register_vmap(pull_back, map_pull_back)

    operator = Operator(apply, pull_back)
    return operator


def _front(tensor: Any, dim: Any, size: int) -> Any:
    """The mapped axis moved to the front, or a new one there."""
    if dim is None:
        return tensor.unsqueeze(0).expand(size, *tensor.shape)
    return tensor.movedim(dim, 0)


OPERATORS = {name: _define(product) for name, product in PRODUCTS.items()}


# --------------------------------------------------------------------------------------
# The commutation matrix: the axis of x is (p, q), whose parts are exchanged


@_operator("kronvec::commutation_matmul", "(Tensor x, int p, int q, int axis) -> Tensor")
def EXCHANGE(x: Foreign, p: int, q: int, axis: int) -> Any:
    """The axis split into (p, q), the parts exchanged."""
    if not _serves(x):
        parts = split_axis(x, p, q, axis).swapaxes(-3, -2)
        return parts.clone(memory_format=torch.contiguous_format).view(x.shape)
    result = torch.empty(x.shape, dtype=x.dtype)
    exchange("commutation_matmul", _array(x), p, q, axis=axis, out=result.numpy())
    return result


@torch.library.register_fake(EXCHANGE)
def _(x: Foreign, p: int, q: int, axis: int) -> Any:
    return x.new_empty(x.shape)


def _keep_sizes(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.sizes = inputs[1:]


def _exchange_back(ctx: Any, g: Foreign) -> Any:
    p, q, axis = ctx.sizes
    return EXCHANGE(g, q, p, axis), None, None, None


torch.library.register_autograd(EXCHANGE, _exchange_back, setup_context=_keep_sizes)


def _map_exchange(info: Any, in_dims: Any, x: Foreign, p: int, q: int, axis: int) -> Any:
    return EXCHANGE(x.movedim(in_dims[0], 0), p, q, axis), 0


torch.library.register_vmap(EXCHANGE, _map_exchange)
