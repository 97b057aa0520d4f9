"""Matrix calculus: derivatives of matrix functions as structured linear maps."""

from .block import Block
from .derivatives import D, grad, jvp, vjp
from .expressions import Expression, Variable, constant
from .maps import MatrixMap
from .rules import (
    concatenate,
    det,
    diag,
    dot,
    inv,
    kron,
    logdet,
    mean,
    norm,
    outer,
    reshape,
    solve,
    sum,
    trace,
    vec,
    vech,
)

__all__ = [
    "Block",
    "D",
    "Expression",
    "MatrixMap",
    "Variable",
    "concatenate",
    "constant",
    "det",
    "diag",
    "dot",
    "grad",
    "inv",
    "jvp",
    "kron",
    "logdet",
    "mean",
    "norm",
    "outer",
    "reshape",
    "solve",
    "sum",
    "trace",
    "vec",
    "vech",
    "vjp",
]
