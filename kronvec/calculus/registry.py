"""The registry of differentiation rules, and how a rule becomes an operation.

A rule is a function of the result y and the operands, all expressions, that returns for each
operand a function making the derivative with respect to it, or None where there is none; `rule`
turns it into an operation on arrays and expressions:

    @rule(np.matmul, labels.product)
    def matmul(y, a, b):
        \"\"\"...\"\"\"
        # dY = dA B + A dB
        return lambda: Sandwich(None, b.matrix, ...), lambda: ...

Keyword-only parameters of the rule are options of the operation, which it also takes by position
after the operands.  On arrays alone the operation is the evaluation itself.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from . import docstrings, labels
from .continuation import is_beside_the_real_axis, real_parts
from .expressions import Expression, as_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from .._typing import Array
    from ..calculus.expressions import Expression
    from .labels import Label
    from .maps import MatrixMap


# For each operand a function that makes the derivative with respect to it, or None.
Derivatives: TypeAlias = "tuple[Callable[[], MatrixMap] | None, ...]"


class Rule(NamedTuple):
    """One operation: what it computes, its derivatives, its formula."""

    evaluate: Callable[..., Any]
    derivatives: Callable[..., Any]
    label: Callable[..., Any] | None
    operands: tuple[str, ...]
    holomorphic: bool = True
    continuation: Callable[..., Any] | None = None
    defaults: dict[str, Any] = {}  # noqa: RUF012, of the options that have one


# What an operation shows of itself: expressions if one comes in, else arrays.
OPERAND, RESULT = "ArrayLike | Expression", "Array | Expression"

RULES: dict[str, Rule] = {}
# Public operations without a derivative, and why.
NON_DIFFERENTIABLE: dict[str, str] = {}


def rule(
    evaluate: Callable[..., Any],
    label: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    holomorphic: bool = True,
    continuation: Callable[..., Any] | None = None,
    shapes: str | tuple[str, ...] = docstrings.ANY,
    singular: str | None = None,
) -> Callable[..., Any]:
    """Make an operation of a rule.

    Parameters
    ----------
    evaluate : callable
        The value, from arrays and the options of the operation.
    label : callable, optional
        The formula of the result, from those of the operands; ``f(A, B)`` if not given.
    name : str, optional
        What the operation is called, if not as the rule.
    holomorphic : bool
        Whether it has a derivative where a complex variable comes in; TypeError if not.
    continuation : callable, optional
        The evaluation beside the real axis, where that is not ``evaluate`` (continuation.py); of
        what is not holomorphic and has none it is piecewise linear.
    shapes : str or tuple of str
        Those of all operands, or of each, for the docstring.
    singular : str, optional
        When it raises LinAlgError, for the docstring.
    """

    def register(derivatives: Callable[..., Any]) -> Callable[..., Any]:
        operation_name = name or derivatives.__name__.lstrip("_")
        parameters = list(inspect.signature(derivatives).parameters.values())[1:]
        operands = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        settings = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        RULES[operation_name] = Rule(
            evaluate, derivatives, label, operands, holomorphic, continuation, defaults
        )

        @functools.wraps(derivatives)
        def operation(*arguments: Any, **options: Any) -> Any:
            if not any_number and (len(arguments) != len(operands) or options):
                arguments, options = _sorted_out(
                    operation_name, operands, settings, arguments, options
                )
            return apply(operation_name, arguments, options)

        operation.__name__ = operation.__qualname__ = operation_name
        _show(operation, parameters, RESULT)
        if derivatives.__doc__:
            operation.__doc__ = docstrings.of_operation(
                derivatives.__doc__,
                operands,
                shapes,
                holomorphic=holomorphic,
                singular=singular,
            )
        return operation

    return register


def _show(
    operation: Callable[..., Any], parameters: Sequence[inspect.Parameter], result: str
) -> None:
    """Give an operation its signature; of the parameters the operands are of type OPERAND."""
    taken = [
        p.replace(annotation=OPERAND) if p.annotation in (p.empty, "Expression") else p
        for p in parameters
    ]
    signature = inspect.Signature(taken, return_annotation=result)
    operation.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
    operation.__annotations__ = {p.name: p.annotation for p in taken} | {"return": result}


def _sorted_out(
    name: str,
    operands: tuple[str, ...],
    settings: tuple[str, ...],
    arguments: tuple[Any, ...],
    options: dict[Any, Any],
) -> tuple[list[Array | Expression], dict[str, float | slice | str | tuple[Any, ...] | None]]:
    """Operands and options, however they were given."""
    given = dict(zip((*operands, *settings), arguments, strict=False))
    twice = given.keys() & options.keys()
    given |= options
    unknown = given.keys() - {*operands, *settings}
    missing = [each for each in operands if each not in given]
    if twice or unknown or missing or len(arguments) > len(operands) + len(settings):
        raise TypeError(
            f"{name}: takes {', '.join((*operands, *settings))}, got {len(arguments)} arguments"
            + "".join(f" and {each}" for each in options)
        )
    return [given.pop(each) for each in operands], given


def apply(
    name: str,
    arguments: Sequence[Array | Expression] | Sequence[Array | Expression | float],
    options: dict[Any, Any],
) -> Expression:
    """The result of an operation: an expression, or of arrays alone an array."""
    made = RULES[name]
    names = made.operands
    if len(names) != len(arguments):  # any number of them
        names = tuple(f"{names[0]}_{i}" for i in range(len(arguments)))
    pairs = zip(names, arguments, strict=True)
    operands = _with_weak_numbers(
        arguments, [as_expression(name, operand, value) for operand, value in pairs]
    )
    values = [o.value for o in operands]
    evaluate = made.evaluate
    if is_beside_the_real_axis(*values):
        if not (made.holomorphic or made.continuation):
            return _linear_beside_the_real_axis(made, operands, values, options)
        evaluate = made.continuation or evaluate
    try:
        value = evaluate(*values, **options)
        if np.ndim(value) > 2:
            raise ValueError(f"the result must have at most two axes, not {np.shape(value)}")
    except (ValueError, IndexError, TypeError) as error:
        raise _named(error, name, names, operands) from None
    if not any(isinstance(a, Expression) for a in arguments):
        return value
    result = Expression(np.asarray(value), _label(name, made, operands, options), operands)
    if result.depends:
        if not made.holomorphic:
            check_real(name, *operands)
        result._derivatives = made.derivatives(result, *operands, **options)
    return result


def _label(name: str, made: Rule, operands: Sequence[Expression], options: dict[Any, Any]) -> Label:
    """The formula of a result; of an operation without one of its own f(A, …, option=value)."""
    if made.label is not None:
        return made.label(*(o.label for o in operands), **options)
    chosen = {k: v for k, v in options.items() if str(v) != str(made.defaults.get(k))}
    return labels.function(name, *(o.label for o in operands), **chosen)


def _linear_beside_the_real_axis(
    made: Rule, operands: Sequence[Expression], values: Sequence[Array], options: dict[Any, Any]
) -> Expression:
    """F(X) + J[i h V] with a real J, of an operation that is piecewise linear."""
    at = [Expression(v, o.label) for v, o in zip(real_parts(*values), operands, strict=True)]
    y = Expression(np.asarray(made.evaluate(*(x.value for x in at), **options)))
    derivatives = made.derivatives(y, *at, **options)
    value = y.value.astype(np.result_type(*values))
    for v, derivative in zip(values, derivatives, strict=True):
        if derivative is not None and np.iscomplexobj(v):
            value += 1j * derivative().jvp(v.imag)
    return Expression(value, None, operands, derivatives)


def _with_weak_numbers(
    arguments: Sequence[Array | Expression] | Sequence[Array | Expression | float],
    operands: Sequence[Expression],
) -> Sequence[Expression]:
    """The operands; numbers of Python do not decide the precision, as in NumPy's arithmetic."""
    weak = [type(a) in (bool, int, float, complex) for a in arguments]
    if not any(weak) or all(weak):
        return operands
    others = [o.dtype for o, is_weak in zip(operands, weak, strict=True) if not is_weak]

    def cast(number: Any, operand: Expression) -> Expression:
        dtype = np.result_type(*others, number)
        if type(number) is not complex:
            dtype = dtype.type(0).real.dtype
        return Expression(operand.value.astype(dtype), operand.label)

    return [
        cast(a, o) if is_weak else o
        for a, o, is_weak in zip(arguments, operands, weak, strict=True)
    ]


def _named(
    error: Exception, name: str, names: tuple[str, ...], operands: Sequence[Expression]
) -> Exception:
    """The error with the operation and its operands in front."""
    shapes = ", ".join(
        f"{n} {o.label.text} {o.shape}" for n, o in zip(names, operands, strict=True)
    )
    kinds = (np.linalg.LinAlgError, IndexError, ValueError, TypeError)
    if isinstance(error, np.exceptions.AxisError):
        kinds = (ValueError,)
    kind = next(k for k in kinds if isinstance(error, k))
    return kind(f"{name}: {str(error).removeprefix(f'{name}: ')}; got {shapes}")


def check_real(name: str, *operands: Expression) -> None:
    """What is no holomorphic function takes no complex variable."""
    for operand in operands:
        if is_beside_the_real_axis(operand.value):
            continue
        if operand.depends and operand.dtype.kind == "c":
            raise TypeError(
                f"{name}: not holomorphic, it has no derivative with respect to a complex "
                f"variable; got {operand.label.text} {operand.shape} of dtype {operand.dtype}"
            )


def without_derivative(
    name: str, evaluate: Callable[..., Any], reason: str, *example: Sequence[float]
) -> Callable[..., Any]:
    """An operation on values: arrays come out, expressions or not, and nothing is recorded.

    ``example`` are arguments for its docstring.
    """
    NON_DIFFERENTIABLE[name] = reason

    def operation(*arguments: ArrayLike, **options: Any) -> Any:
        values = [a.value if isinstance(a, Expression) else a for a in arguments]
        if is_beside_the_real_axis(*values):
            values = real_parts(*values)
        return evaluate(*values, **options)

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = docstrings.of_values(name, example, evaluate(*example), reason)
    one = inspect.Parameter
    names = [one(n, one.POSITIONAL_ONLY) for n in "ab"[: len(example)]]
    options = one("options", one.VAR_KEYWORD, annotation="Any")
    _show(operation, [*names, options], "Array")
    return operation
