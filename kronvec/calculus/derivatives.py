"""Derivatives of expressions: structured by the chain rule, or applied in one sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from .._shapes import as_array, shape_error
from .block import Block
from .combinations import Zero
from .combine import add, compose
from .expressions import Expression, Variable
from .maps import MatrixMap
from .matrices import matrix_shape
from .terms import identity_map

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import ArrayLike

    from .._typing import Array, Shape
    from ..calculus.expressions import Expression

    Variables: TypeAlias = list[Variable] | tuple[Variable, ...]


@overload
def D(f: Expression, x: Variable) -> MatrixMap: ...
@overload
def D(f: Expression, x: Variables) -> Block: ...
def D(f: Expression, x: Variable | Variables) -> MatrixMap | Block:
    """The derivative of an expression: the linear map dX -> dF, structured.

    Parameters
    ----------
    f : Expression
        Computed from variables; the derivative is at their values.
    x : Variable, or a sequence of them

    Returns
    -------
    MatrixMap
        A `Block` of maps for a sequence.

    Raises
    ------
    TypeError
        f is no expression, or x no variable.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapters 5 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import D, Variable, inv
    >>> X = Variable(np.array([[2.0, 0.0], [1.0, 1.0]]), "X")
    >>> print(D(inv(X), X))
    -X⁻ᵀ ⊗ X⁻¹
    >>> D(inv(X), X).jvp(np.eye(2)) + 0.0
    array([[-0.25,  0.  ],
           [ 0.75, -1.  ]])
    """
    if isinstance(x, (tuple, list)):
        return Block([D(f, each) for each in x])
    _check("D", f, x)
    maps: dict[int, MatrixMap] = {id(x): identity_map(x.shape)}
    for node in _ordered(f, [x])[0]:
        locals_: dict[int, MatrixMap] = {}  # an operand in two places is passed once
        for i, operand in enumerate(node.operands):
            after = node.local(i) if id(operand) in maps else None
            if after is not None:
                before = locals_.get(id(operand))
                locals_[id(operand)] = after if before is None else add(before, after)
        total = None
        for operand, after in locals_.items():
            term = compose(after, maps[operand])
            total = term if total is None else add(total, term)
        maps[id(node)] = Zero(x.shape, node.shape) if total is None else total
    return maps.get(id(f), Zero(x.shape, f.shape))


def jvp(f: Expression, x: Variable, dx: ArrayLike) -> Array:
    """The directional derivative of f along dX, by one forward sweep.

    Parameters
    ----------
    f : Expression
    x : Variable
    dx : array_like, shape ``(..., *x.shape)``

    Returns
    -------
    ndarray, shape ``(..., *f.shape)``

    Raises
    ------
    TypeError
        f is no expression, or x no variable.
    ValueError
        dx does not have the shape of x.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import Variable, jvp
    >>> X = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> jvp(X @ X, X, np.eye(2))
    array([[2., 4.],
           [6., 8.]])
    """
    _check("jvp", f, x)
    dx = _batch_of("jvp", "dx", dx, x.shape)
    batch = dx.shape[: dx.ndim - x.ndim]
    tangents = {id(x): dx.reshape((*batch, *matrix_shape(x.shape)))}
    for node in _ordered(f, [x])[0]:
        total: Any = None
        for i, operand in enumerate(node.operands):
            tangent = tangents.get(id(operand))
            local = None if tangent is None else node.local(i)
            if local is not None and tangent is not None:
                term = local._apply(tangent)
                total = term if total is None else total + term
        if total is not None:
            tangents[id(node)] = total
    found = tangents.get(id(f))
    if found is None:
        return np.zeros((*batch, *f.shape), f.dtype)
    return found.reshape((*batch, *f.shape))


@overload
def vjp(f: Expression, x: Variable, g: ArrayLike) -> Array: ...
@overload
def vjp(f: Expression, x: Variables, g: ArrayLike) -> tuple[Array, ...]: ...
def vjp(f: Expression, x: Variable | Variables, g: ArrayLike) -> Array | tuple[Array, ...]:
    """The cotangent Jᴴ G of x, by one reverse sweep.

    Parameters
    ----------
    f : Expression
    x : Variable, or a sequence of them
    g : array_like, shape ``(..., *f.shape)``

    Returns
    -------
    ndarray, shape ``(..., *x.shape)``, or a tuple of them
        With Re tr(Gᴴ J dX) = Re tr((Jᴴ G)ᴴ dX) for every dX.

    Raises
    ------
    TypeError
        f is no expression, or x no variable.
    ValueError
        g does not have the shape of f.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import Variable, vjp
    >>> X = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> vjp(X @ X, X, np.eye(2))
    array([[2., 6.],
           [4., 8.]])
    """
    several = isinstance(x, (tuple, list))
    variables = list(x) if isinstance(x, (tuple, list)) else [x]
    for each in variables:
        _check("vjp", f, each)
    g = _batch_of("vjp", "g", g, f.shape)
    batch = g.shape[: g.ndim - f.ndim]
    cotangents = _sweep(f, variables, g.reshape((*batch, *matrix_shape(f.shape))))
    shapes = [(*batch, *each.shape) for each in variables]
    results = tuple(
        np.zeros(shape, each.dtype) if c is None else c.reshape(shape)
        for each, c, shape in zip(variables, cotangents, shapes, strict=True)
    )
    return results if several else results[0]


@overload
def grad(phi: Expression, x: Variable) -> Array: ...
@overload
def grad(phi: Expression, x: Variables) -> tuple[Array, ...]: ...
def grad(phi: Expression, x: Variable | Variables) -> Array | tuple[Array, ...]:
    """The gradient of a scalar expression: the matrix A of dφ = tr(Aᵀ dX), by one reverse sweep.

    Parameters
    ----------
    phi : Expression
        A scalar.
    x : Variable, or a sequence of them

    Returns
    -------
    ndarray, of the shape of x, or a tuple of them

    Raises
    ------
    TypeError
        phi is no scalar expression, or x no variable.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), table 9.2.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import Variable, grad, logdet
    >>> X = Variable(np.diag([2.0, 4.0]))
    >>> grad(logdet(X), X)
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    if not isinstance(phi, Expression) or phi.size != 1:
        shape = getattr(phi, "shape", None)
        raise TypeError(f"grad: phi must be a scalar expression, got {type(phi).__name__} {shape}")
    one = np.ones(phi.shape, phi.dtype)
    if isinstance(x, (tuple, list)):
        return tuple(
            _gradient(phi, each, g, one) for each, g in zip(x, vjp(phi, x, one), strict=True)
        )
    return _gradient(phi, x, vjp(phi, x, one), one)


def _gradient(phi: Expression, x: Variable, cotangent: Array, one: Array) -> Any:
    """A of its conjugate; for a complex φ of a real x from Re(Aᴴ) and Re(i Aᴴ), which is Im A."""
    if phi.dtype.kind == "c" and x.dtype.kind != "c":
        return cotangent + 1j * vjp(phi, x, 1j * one)
    return cotangent.conj()


def _check(function: str, f: Expression, x: Expression) -> None:
    if not isinstance(f, Expression):
        raise TypeError(f"{function}: f must be an expression, got {type(f).__name__}")
    if not isinstance(x, Variable):
        raise TypeError(f"{function}: x must be a Variable, got {type(x).__name__}")


def _batch_of(function: str, name: str, value: Any, shape: Shape) -> Array:
    value = np.asarray(as_array(function, name, value))
    if value.ndim < len(shape) or value.shape[value.ndim - len(shape) :] != shape:
        raise shape_error(function, f"the last axes of {name} must be {shape}", **{name: value})
    return value


def _ordered(f: Expression, variables: Sequence[Expression]) -> tuple[list[Expression], set[int]]:
    """What f is made of and depends on the variables: operands before results, without those.

    Also the ids of these expressions and of the variables.
    """
    leads = {id(v): True for v in variables}
    order: list[Expression] = []
    stack = [(f, False)]
    while stack:
        node, operands_done = stack.pop()
        if operands_done:
            leads[id(node)] = any(leads.get(id(o), False) for o in node.operands)
            if leads[id(node)]:
                order.append(node)
        elif id(node) not in leads:
            leads[id(node)] = False
            stack.append((node, True))
            stack.extend((o, False) for o in node.operands if o.depends)
    return order, {key for key, on in leads.items() if on}


def _sweep(f: Expression, variables: Sequence[Expression], g: Array) -> list[Array | None]:
    """The cotangents of the variables, None where f does not depend on one."""
    order, on_path = _ordered(f, variables)
    cotangents = {id(f): g}
    for node in reversed(order):
        received = cotangents.pop(id(node), None)
        for i, operand in enumerate(node.operands):
            local = node.local(i) if received is not None and id(operand) in on_path else None
            if local is None or received is None:
                continue
            term = local._pull(received)
            if operand.dtype.kind != "c" and term.dtype.kind == "c":
                term = term.real
            before = cotangents.get(id(operand))
            cotangents[id(operand)] = term if before is None else before + term
    return [cotangents.get(id(v)) for v in variables]
