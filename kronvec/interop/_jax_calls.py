"""How JAX reaches the products of _multilinear.py, and their derivatives of every order.

A product f(z_1, …, z_n) and its pull-back f*(g, z) are two functions with a custom_vjp each,
made of one another; each is one call of kronvec on the CPU.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from .._kernels import DTYPES
from ..permutations import transpose_into
from ._multilinear import PRODUCTS, pull_back_twice

if TYPE_CHECKING:
    from .._typing import Foreign


TARGET = "kronvec"


def _apply(product: Any, operands: Any, results: Any) -> None:
    product.apply(operands, results[0])


def _pull_back(product: Any, operands: Any, results: Any) -> None:
    g, *operands = operands
    for result, d in zip(results, product.pull_back(g, operands, False), strict=True):
        result[...] = d


def _exchange(operands: Any, results: Any) -> None:
    transpose_into(results[0], operands[0])


# What a call target computes, by number: the numbers are part of compiled programs.
FUNCTIONS = [
    *(partial(f, product) for product in PRODUCTS.values() for f in (_apply, _pull_back)),
    _exchange,
]
NUMBERS = {
    **{(name, pulls): 2 * i + pulls for i, name in enumerate(PRODUCTS) for pulls in (False, True)},
    ("exchange", False): len(FUNCTIONS) - 1,
}


def _register() -> str:
    """How kronvec is called: KRONVEC_JAX_CALLS, or "ffi" where the target is, else "callback"."""
    wanted = os.environ.get("KRONVEC_JAX_CALLS", "")
    if wanted not in ("", "ffi", "callback"):
        raise ValueError(f"KRONVEC_JAX_CALLS must be 'ffi' or 'callback', got {wanted!r}")
    if wanted == "callback":
        return wanted
    try:
        from .. import _xla
    except ImportError:
        if wanted:
            raise
        return "callback"
    _xla.functions[:] = FUNCTIONS  # type: ignore[assignment]  # all can be called
    jax.ffi.register_ffi_target(TARGET, _xla.target(), platform="cpu")
    return "ffi"


CALLS = _register()


def _through_callback(number: Any, structures: Any, *operands: Any) -> Any:
    results = [np.empty(s.shape, s.dtype) for s in structures]
    FUNCTIONS[number]([np.asarray(z) for z in operands], results)
    return results


def _call(name: str, pulls: Any, shapes: Any, *operands: Any) -> Any:
    """The results of one call of kronvec; the mapped axis of vmap becomes a batch axis."""
    dtype, number = operands[0].dtype, NUMBERS[name, pulls]
    structures = [jax.ShapeDtypeStruct(s, dtype) for s in shapes]
    # Every sample has gradients of its own: nothing is summed along a mapped axis.
    method = "broadcast_all" if pulls else "expand_dims"
    if CALLS == "ffi":
        call = jax.ffi.ffi_call(TARGET, structures, vmap_method=method)
        return call(*operands, function=np.int64(number))

    def host(*arrays: Any) -> Any:
        batch = np.broadcast_shapes(*(a.shape[: a.ndim - operands[0].ndim] for a in arrays))
        mapped = [jax.ShapeDtypeStruct((*batch, *s.shape), s.dtype) for s in structures]
        return _through_callback(number, mapped, *arrays)

    return jax.pure_callback(host, structures, *operands, vmap_method=method)


def _generic_pull_back(name: str, g: Foreign, *operands: Any) -> Any:
    """The pull-back by jax.numpy."""
    _, transpose = jax.vjp(lambda *z: PRODUCTS[name].generic(z), *operands)
    return list(transpose(g))


def _serves(operands: Any) -> bool:
    return operands[0].dtype in DTYPES and all(z.size for z in operands)


def apply_product(name: str, *operands: Any) -> Any:
    """f(z_1, …, z_n) of aligned operands of one dtype."""
    if not _serves(operands):
        return PRODUCTS[name].generic(operands)
    return _product(name, *operands)


def pull_back_product(name: str, g: Foreign, *operands: Any) -> Any:
    """(dz_1, …, dz_n)."""
    if not _serves((g, *operands)):
        return _generic_pull_back(name, g, *operands)
    return _pulled_back(name, g, *operands)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _product(name: str, *operands: Any) -> Any:
    product = PRODUCTS[name]
    batch = jnp.broadcast_shapes(*(z.shape[:-2] for z in operands))
    shape = (*batch, *product.core_shape([z.shape[-2:] for z in operands]))
    return jax.lax.platform_dependent(
        *operands,
        cpu=lambda *z: _call(name, False, [shape], *z)[0],
        default=lambda *z: product.generic(z),
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _pulled_back(name: str, g: Foreign, *operands: Any) -> Any:
    shapes = [z.shape for z in operands]
    return jax.lax.platform_dependent(
        g,
        *operands,
        cpu=lambda *z: list(_call(name, True, shapes, *z)),
        default=partial(_generic_pull_back, name),
    )


def exchange_axes(x: Foreign) -> Any:
    """x (..., p, q, k) -> (..., q, p, k)."""
    return _exchanged(x) if _serves([x]) else x.swapaxes(-3, -2)


@jax.custom_vjp
def _exchanged(x: Foreign) -> Any:
    shape = (*x.shape[:-3], x.shape[-2], x.shape[-3], x.shape[-1])
    return jax.lax.platform_dependent(
        x,
        cpu=lambda x: _call("exchange", False, [shape], x)[0],
        default=lambda x: x.swapaxes(-3, -2),
    )


def _keep(f: Foreign, name: str, *operands: Any) -> Any:
    return f(name, *operands), operands


def _product_backward(name: str, operands: Any, g: Foreign) -> Any:
    return tuple(_pulled_back(name, g, *operands))


def _pulled_back_backward(name: str, kept: Any, cotangents: Any) -> Any:
    g, *operands = kept
    dg, gradients = pull_back_twice(
        lambda z: _product(name, *z),
        lambda g, z: _pulled_back(name, g, *z),
        g,
        operands,
        cotangents,
    )
    return dg, *gradients


_product.defvjp(partial(_keep, _product), _product_backward)
_pulled_back.defvjp(partial(_keep, _pulled_back), _pulled_back_backward)
_exchanged.defvjp(lambda x: (_exchanged(x), None), lambda _, g: (_exchanged(g),))
