"""Docstrings of operations: the sections that are the same for all of them."""

from __future__ import annotations

import inspect

from . import labels

ANY = "of no more than two axes"


def of_operation(doc, operands, shapes, *, holomorphic=True, singular=None) -> str:
    """A docstring with its sections; what it has itself from Parameters or Examples on stays.

    Parameters
    ----------
    doc : str
        The docstring of a rule, of a summary and an example.
    operands : tuple of str
        The names of the operands.
    shapes : str or tuple of str
        Those of all operands, or of each.
    holomorphic : bool
        Whether the operation has derivatives with respect to complex variables.
    singular : str, optional
        When the operation raises LinAlgError.
    """
    doc = inspect.cleandoc(doc)
    if "Parameters\n---" in doc:
        return doc
    summary, examples, rest = doc.partition("Examples\n---")
    if isinstance(shapes, str):
        parameters = [f"{', '.join(operands)} : array_like or Expression, {shapes}"]
    else:
        parameters = [
            f"{name} : array_like or Expression, {shape}"
            for name, shape in zip(operands, shapes, strict=True)
        ]
    wrong = "An operand holds no numbers"
    if not holomorphic:
        wrong += ", or depends on a complex variable: there is no derivative"
    one_of_any_shape = len(operands) == 1 and shapes == ANY
    unfit = f"{operands[0]} has more axes" if one_of_any_shape else "The shapes do not fit"
    errors = [f"ValueError\n    {unfit}.", f"TypeError\n    {wrong}."]
    if singular:
        errors.append(f"numpy.linalg.LinAlgError\n    {singular}.")
    sections = [
        _section("Parameters", *parameters),
        _section("Returns", "Expression, or ndarray where the operands are arrays"),
        _section("Raises", *errors),
    ]
    return "\n\n".join([summary.rstrip(), *sections, (examples + rest).rstrip()]).rstrip() + "\n"


def of_function_of_entries(name, doc, formula, *, holomorphic=True) -> str:
    """The docstring of f(x) of every entry; its example prints the derivative, diag(f'(x))."""
    example = _section(
        "Examples",
        f">>> from kronvec.calculus import D, Variable, {name}",
        '>>> x = Variable([0.5, 2.0], "x")',
        f">>> print(D({name}(x), x))",
        labels.function("diag", formula).text,
    )
    return of_operation(f"{doc}\n\n{example}", ("x",), ANY, holomorphic=holomorphic)


def of_values(name, arguments, result, reason) -> str:
    """The docstring of an operation on values alone, with the result of these arguments."""
    example = _section("Examples", f">>> from kronvec.calculus import {name}")
    call = f">>> {name}({', '.join(map(str, arguments))})\n{result!r}"
    operands = "a" if len(arguments) == 1 else "a, b"
    parameters = (
        f"{operands} : array_like or Expression",
        f"**options : keyword arguments\n    Those of `numpy.{name}`.",
    )
    return "\n\n".join(
        [
            f"As `numpy.{name}`, an array: {reason}.",
            _section("Parameters", *parameters),
            _section("Returns", "ndarray"),
            f"{example}\n{call}\n",
        ]
    )


def _section(heading, *lines):
    return "\n".join([heading, "-" * len(heading), *lines])
