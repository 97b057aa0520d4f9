"""The registry of differentiation rules, and how a rule becomes an operation.

A rule is a function of the result y and the operands, all expressions, that returns for each
operand a function making the derivative with respect to it, or None where there is none; `rule`
turns it into an operation on arrays and expressions:

    @rule(np.matmul, labels.product)
    def matmul(y, a, b):
        \"\"\"...\"\"\"
        # dY = dA B + A dB
        return lambda: Sandwich(None, b.matrix, ...), lambda: ...

On arrays alone the operation is the evaluation itself.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import labels
from .expressions import Expression, as_expression

if TYPE_CHECKING:
    from collections.abc import Callable


class Rule(NamedTuple):
    """One operation: what it computes, its derivatives, its formula."""

    evaluate: Callable
    derivatives: Callable
    label: Callable | None
    operands: tuple[str, ...]


RULES: dict[str, Rule] = {}
# Public operations without a derivative, and why.
NON_DIFFERENTIABLE: dict[str, str] = {}


def rule(evaluate: Callable, label: Callable | None = None, *, name: str | None = None) -> Callable:
    """Make an operation of a rule.

    Parameters
    ----------
    evaluate : callable
        The value, from arrays and the keyword arguments of the operation.
    label : callable, optional
        The formula of the result, from those of the operands; ``f(A, B)`` if not given.
    name : str, optional
        What the operation is called, if not as the rule.
    """

    def register(derivatives: Callable) -> Callable:
        operation_name = name or derivatives.__name__.lstrip("_")
        parameters = list(inspect.signature(derivatives).parameters.values())[1:]
        operands = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        RULES[operation_name] = Rule(evaluate, derivatives, label, operands)

        @functools.wraps(derivatives)
        def operation(*arguments, **options):
            if len(arguments) != len(operands) and not any_number:
                raise TypeError(
                    f"{operation_name}: takes {', '.join(operands)}, got {len(arguments)} operands"
                )
            if not any(isinstance(a, Expression) for a in arguments):
                return evaluate(*arguments, **options)
            return apply(operation_name, arguments, options)

        operation.__name__ = operation.__qualname__ = operation_name
        operation.__signature__ = inspect.Signature(parameters)
        return operation

    return register


def apply(name, arguments, options) -> Expression:
    """The result of an operation as an expression."""
    made = RULES[name]
    names = made.operands
    if len(names) != len(arguments):  # any number of them
        names = tuple(f"{names[0]}_{i}" for i in range(len(arguments)))
    pairs = zip(names, arguments, strict=True)
    operands = tuple(as_expression(name, operand, value) for operand, value in pairs)
    try:
        value = np.asarray(made.evaluate(*(o.value for o in operands), **options))
    except ValueError as error:
        shapes = ", ".join(
            f"{n} {o.label.text} {o.shape}" for n, o in zip(names, operands, strict=True)
        )
        raise ValueError(f"{name}: {error}; got {shapes}") from None
    label = (made.label or functools.partial(labels.function, name))(*(o.label for o in operands))
    result = Expression(value, label, operands)
    if result.depends:
        result._derivatives = made.derivatives(result, *operands, **options)
    return result
