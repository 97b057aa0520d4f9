"""Matrices that are applied, never formed."""

from ._base import Operator, Product
from .commutation import Commutation, commutation_matrix

__all__ = ["Commutation", "Operator", "Product", "commutation_matrix"]
