"""Matrix calculus: derivatives of matrix functions as structured linear maps."""

from .block import Block
from .check import DerivativeReport, check_derivative
from .conversions import (
    from_differential,
    jacobian_to_tensor,
    numerator_to_denominator,
    reorder_jacobian,
    tensor_to_jacobian,
)
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
from .second_derivatives import hessian_vector_product

__all__ = [
    "Block",
    "D",
    "DerivativeReport",
    "Expression",
    "MatrixMap",
    "Variable",
    "check_derivative",
    "concatenate",
    "constant",
    "det",
    "diag",
    "dot",
    "from_differential",
    "grad",
    "hessian_vector_product",
    "inv",
    "jacobian_to_tensor",
    "jvp",
    "kron",
    "logdet",
    "mean",
    "norm",
    "numerator_to_denominator",
    "outer",
    "reorder_jacobian",
    "reshape",
    "solve",
    "sum",
    "tensor_to_jacobian",
    "trace",
    "vec",
    "vech",
    "vjp",
]
