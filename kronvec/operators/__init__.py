"""Matrices that are applied, never formed."""

from ._base import Operator
from ._refinement import IllConditionedWarning
from .blocks import Blocks
from .combinations import Product, Scaled
from .commutation import Commutation, commutation_matrix
from .dense import Dense
from .diagonal import Diagonal
from .duplication import (
    Duplication,
    DuplicationPinv,
    duplication_matrix,
    duplication_pinv_matrix,
)
from .elimination import Elimination, elimination_matrix
from .identity import Identity
from .inverse import Inverse
from .iterative import Solution, conjugate_gradients
from .kronecker_product import KroneckerProduct
from .kronecker_sum import KroneckerSum
from .preconditioners import NearestNeighbours
from .restriction import Extension, Restriction
from .sparse import Sparse
from .sums import Sum
from .symmetric_kronecker import SymmetricKronecker
from .symmetrizer import Symmetrizer, symmetrizer_matrix
from .triangular import Triangular

__all__ = [
    "Blocks",
    "Commutation",
    "Dense",
    "Diagonal",
    "Duplication",
    "DuplicationPinv",
    "Elimination",
    "Extension",
    "Identity",
    "IllConditionedWarning",
    "Inverse",
    "KroneckerProduct",
    "KroneckerSum",
    "NearestNeighbours",
    "Operator",
    "Product",
    "Restriction",
    "Scaled",
    "Solution",
    "Sparse",
    "Sum",
    "SymmetricKronecker",
    "Symmetrizer",
    "Triangular",
    "commutation_matrix",
    "conjugate_gradients",
    "duplication_matrix",
    "duplication_pinv_matrix",
    "elimination_matrix",
    "symmetrizer_matrix",
]
