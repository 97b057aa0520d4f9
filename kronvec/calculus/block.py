"""The derivative with respect to several variables at once: maps side by side."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from ..operators import Blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from ..operators import Operator
    from .maps import MatrixMap


class Block:
    """(dX1, dX2, …) -> J1 dX1 + J2 dX2 + …, of the Jacobian [J1 J2 …].

    Parameters
    ----------
    maps : sequence of MatrixMap
        One for each variable, all into the same space.

    Attributes
    ----------
    maps : tuple of MatrixMap
    """

    def __init__(self, maps: Sequence[MatrixMap]) -> None:
        self.maps = tuple(maps)
        if len({each.out_shape for each in self.maps}) != 1:
            raise ValueError("Block: needs maps into one space, at least one")
        self.in_shapes = tuple(each.in_shape for each in self.maps)
        self.out_shape = self.maps[0].out_shape

    def jvp(self, dxs: Sequence[ArrayLike]) -> NDArray:
        """J1 dX1 + J2 dX2 + …."""
        pairs = zip(self.maps, dxs, strict=True)
        return reduce(np.add, (each.jvp(dx) for each, dx in pairs))

    def vjp(self, g: ArrayLike) -> tuple[NDArray, ...]:
        """(J1ᴴ G, J2ᴴ G, …)."""
        return tuple(each.vjp(g) for each in self.maps)

    @property
    def gradient(self) -> tuple[NDArray, ...]:
        """The gradients of a scalar."""
        return tuple(each.gradient for each in self.maps)

    def operator(self, order: str = "F") -> Operator:
        """The matrix [J1 J2 …], an operator."""
        return Blocks([[each.operator(order) for each in self.maps]])

    def dense(self, order: str = "F", layout: str = "numerator") -> NDArray:
        """The Jacobian as an array, see `MatrixMap.dense`."""
        axis = 1 if layout == "numerator" else 0
        return np.concatenate([each.dense(order, layout) for each in self.maps], axis)

    def __str__(self) -> str:
        return f"[{'  |  '.join(map(str, self.maps))}]"

    def __repr__(self) -> str:
        return f"<Block of {len(self.maps)} maps into {self.out_shape}: {self}>"
