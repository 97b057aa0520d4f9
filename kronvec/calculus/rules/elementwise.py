"""Functions of every entry: dY = f'(X) ∘ dX."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .. import docstrings, labels
from ..combine import scale
from ..labels import Label
from ..matrices import Matrix, as_matrix
from ..registry import rule
from ..terms import Hadamard, identity_map
from .arithmetic import scaled_entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..._typing import Array
    from ...calculus.expressions import Expression
    from ...calculus.maps import MatrixMap
    from ...calculus.registry import Derivatives


_one = labels.number(1)


def function_of_entries(
    evaluate: Callable[..., Any] | np.ufunc,
    slope: Callable[..., Any],
    formula: Callable[..., Any],
    label: Callable[..., Any] | None = None,
    *,
    holomorphic: bool = True,
) -> Callable[..., Any]:
    """Make an operation f of every entry.

    The decorated function tells f' in its docstring and is not called: ``slope(x, y)`` are the
    values of f'(x) where y = f(x), ``formula`` is their label from those of x and y.
    """

    def register(described: Callable[..., Any]) -> Callable[..., Any]:
        # dY = f'(X) ∘ dX
        def derivatives(y: Expression, x: Expression) -> tuple[Callable[..., Any]]:
            def wrt_x() -> MatrixMap:
                values = as_matrix(np.asarray(slope(x.value, y.value)))
                if x.ndim == 0:
                    return scale(values[0, 0], identity_map(()))
                return Hadamard(Matrix(values, formula(x.label, y.label)), x.shape)

            return (wrt_x,)

        name = described.__name__
        x = labels.named("x")._replace(ndim=1)
        y = label(x) if label else labels.function(name, x)
        derivatives.__doc__ = docstrings.of_function_of_entries(
            name, described.__doc__, formula(x, y), holomorphic=holomorphic
        )
        derivatives.__module__ = described.__module__
        return rule(evaluate, label, name=name, holomorphic=holomorphic)(derivatives)

    return register


def _label(name: str) -> Callable[..., Any]:
    """The label f(X)."""
    return lambda x, y: labels.function(name, x)


def _iverson(a: Label, sign: str, b: Label) -> Label:
    """1 where a condition holds and 0 elsewhere, Iverson's bracket."""
    return Label(f"[{a.text} {sign} {b.text}]", f"[{a.latex} {sign} {b.latex}]")


@function_of_entries(np.exp, lambda x, y: y, lambda x, y: y)
def exp(x: Array) -> None:
    """Of every entry eˣ, of derivative eˣ."""


@function_of_entries(np.log, lambda x, y: 1 / x, lambda x, y: labels.quotient(_one, x))
def log(x: Array) -> None:
    """Of every entry log x, of derivative 1 / x."""


@function_of_entries(np.sin, lambda x, y: np.cos(x), _label("cos"))
def sin(x: Array) -> None:
    """Of every entry sin x, of derivative cos x."""


@function_of_entries(
    np.cos, lambda x, y: -np.sin(x), lambda x, y: labels.scale(-1, labels.function("sin", x))
)
def cos(x: Array) -> None:
    """Of every entry cos x, of derivative -sin x."""


@function_of_entries(
    np.tan,
    lambda x, y: 1 + y * y,
    lambda x, y: labels.add(_one, labels.power(y, labels.number(2))),
)
def tan(x: Array) -> None:
    """Of every entry tan x, of derivative 1 + tan² x."""


@function_of_entries(
    np.tanh,
    lambda x, y: (1 - y) * (1 + y),
    lambda x, y: labels.subtract(_one, labels.power(y, labels.number(2))),
)
def tanh(x: Array) -> None:
    """Of every entry tanh x, of derivative 1 - tanh² x."""


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ), the one whose exponential does not overflow."""
    positive = x.real >= 0
    e = np.exp(np.where(positive, -x, x))
    return np.where(positive, 1, e) / (1 + e)


@function_of_entries(
    _sigmoid,
    lambda x, y: y * _sigmoid(-x),  # 1 - σ(x) = σ(-x), without cancellation
    lambda x, y: labels.hadamard(y, labels.subtract(_one, y)),
)
def sigmoid(x: Array) -> None:
    """Of every entry σ(x) = 1 / (1 + e⁻ˣ), of derivative σ(x) (1 - σ(x))."""


@function_of_entries(
    lambda x: np.maximum(x, 0),
    lambda x, y: (x > 0).astype(x.dtype),
    lambda x, y: _iverson(x, ">", labels.number(0)),
    holomorphic=False,
)
def relu(x: Array) -> None:
    """Of every entry max(x, 0), of derivative 1 for x > 0, else 0: at 0, too."""


@function_of_entries(
    np.abs,
    lambda x, y: np.sign(x),
    _label("sign"),
    lambda x: Label(f"|{x.text}|", f"\\left|{x.latex}\\right|"),
    holomorphic=False,
)
def abs(x: Array) -> None:
    """Of every entry ``|x|``, of derivative sign x, 0 at 0; of real variables alone."""


@function_of_entries(
    np.sqrt, lambda x, y: 0.5 / y, lambda x, y: labels.quotient(labels.number(0.5), y)
)
def sqrt(x: Array) -> None:
    """Of every entry √x, of derivative 1 / (2 √x)."""


@function_of_entries(
    np.square,
    lambda x, y: 2 * x,
    lambda x, y: labels.scale(2, x),
    lambda x: labels.power(x, labels.number(2)),
)
def square(x: Array) -> None:
    """Of every entry x², of derivative 2 x."""


def _of_the_chosen(
    y: Expression, a: Expression, b: Expression, chooses: np.ufunc, sign: str
) -> tuple[Any, Any]:
    """The derivatives of choosing one of two entries: half of each where they are equal."""

    def wrt(this: Expression, other: Expression) -> MatrixMap:
        equal = (this.value == other.value).astype(y.dtype)
        share = chooses(this.value, other.value) + 0.5 * equal
        return scaled_entries(this, share, y, _iverson(this.label, sign, other.label))

    return partial(wrt, a, b), partial(wrt, b, a)


@rule(np.maximum, holomorphic=False)
def maximum(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """The larger of two entries; where they are equal, each has half of the derivative.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, maximum
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(maximum(x, w), w))
    diag([w > x])
    >>> D(maximum(x, w), w).dense()
    array([[1., 0.],
           [0., 0.]])
    """
    # d max(a, b) = [a > b] da + [b > a] db
    return _of_the_chosen(y, a, b, np.greater, ">")


@rule(np.minimum, holomorphic=False)
def minimum(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """The smaller of two entries; where they are equal, each has half of the derivative.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, minimum
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(minimum(x, w), w))
    diag([w < x])
    >>> D(minimum(x, w), w).dense()
    array([[0., 0.],
           [0., 1.]])
    """
    # d min(a, b) = [a < b] da + [b < a] db
    return _of_the_chosen(y, a, b, np.less, "<")
