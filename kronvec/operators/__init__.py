"""Matrices that are applied, never formed."""

from ._base import Operator, Product
from .commutation import Commutation, commutation_matrix
from .half_permutations import (
    Duplication,
    DuplicationPinv,
    Elimination,
    Symmetrizer,
    duplication_matrix,
    duplication_pinv_matrix,
    elimination_matrix,
    symmetrizer_matrix,
)
from .identity import Identity
from .symmetric_kronecker import SymmetricKronecker

__all__ = [
    "Commutation",
    "Duplication",
    "DuplicationPinv",
    "Elimination",
    "Identity",
    "Operator",
    "Product",
    "SymmetricKronecker",
    "Symmetrizer",
    "commutation_matrix",
    "duplication_matrix",
    "duplication_pinv_matrix",
    "elimination_matrix",
    "symmetrizer_matrix",
]
