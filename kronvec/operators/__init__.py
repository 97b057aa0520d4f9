"""Matrices that are applied, never formed."""

from ._base import Operator, Product
from .commutation import Commutation, commutation_matrix
from .identity import Identity

__all__ = ["Commutation", "Identity", "Operator", "Product", "commutation_matrix"]
