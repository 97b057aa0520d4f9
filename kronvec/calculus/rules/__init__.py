"""Every operation on expressions: see registry.py for what a rule is."""

from .arithmetic import add, divide, multiply, negative, power, subtract
from .linear_algebra import (
    det,
    dot,
    inv,
    kron,
    logdet,
    matmul,
    norm,
    outer,
    solve,
    trace,
)
from .reductions import mean, sum
from .shapes import adjoint, concatenate, conj, diag, reshape, take, transpose, vec, vech

__all__ = [
    "add",
    "adjoint",
    "concatenate",
    "conj",
    "det",
    "diag",
    "divide",
    "dot",
    "inv",
    "kron",
    "logdet",
    "matmul",
    "mean",
    "multiply",
    "negative",
    "norm",
    "outer",
    "power",
    "reshape",
    "solve",
    "subtract",
    "sum",
    "take",
    "trace",
    "transpose",
    "vec",
    "vech",
]
