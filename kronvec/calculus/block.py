"""The derivative with respect to several variables at once: maps side by side."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from ..operators import Blocks
from .maps import MatrixMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from .._typing import Array, Order
    from ..operators import Operator


class Block:
    """(dX1, dX2, …) -> J1 dX1 + J2 dX2 + …, of the Jacobian [J1 J2 …].

    What a `MatrixMap` gives as one array, one map or one gradient is a tuple here, with an entry
    for each variable; ``a @ block`` composes with a map.

    Parameters
    ----------
    maps : sequence of MatrixMap
        One for each variable, all into the same space.

    Attributes
    ----------
    maps : tuple of MatrixMap
    in_shapes : tuple of tuple of int
        The shapes of the variables.
    out_shape : tuple of int
        The shape of F.

    Raises
    ------
    ValueError
        There is no map, or they are into different spaces.

    See Also
    --------
    D : makes a block of a sequence of variables.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import D, Variable
    >>> X, Y = Variable(np.ones((2, 2)), "X"), Variable(np.eye(2), "Y")
    >>> J = D(X @ Y, [X, Y])
    >>> print(J)
    [Yᵀ ⊗ I  |  I ⊗ X]
    >>> J.jvp([np.eye(2), np.zeros((2, 2))])
    array([[1., 0.],
           [0., 1.]])
    >>> J.dense().shape
    (4, 8)
    """

    def __init__(self, maps: Sequence[MatrixMap]) -> None:
        self.maps = tuple(maps)
        if len({each.out_shape for each in self.maps}) != 1:
            raise ValueError("Block: needs maps into one space, at least one")
        self.in_shapes = tuple(each.in_shape for each in self.maps)
        self.out_shape = self.maps[0].out_shape

    def jvp(self, dxs: Sequence[ArrayLike]) -> Array:
        """J1 dX1 + J2 dX2 + …."""
        if len(dxs) != len(self.maps):
            raise ValueError(f"Block.jvp: needs {len(self.maps)} directions, got {len(dxs)}")
        return reduce(np.add, (each.jvp(dx) for each, dx in zip(self.maps, dxs, strict=True)))

    def vjp(self, g: ArrayLike) -> tuple[Array, ...]:
        """(J1ᴴ G, J2ᴴ G, …)."""
        return tuple(each.vjp(g) for each in self.maps)

    @property
    def adjoint(self) -> tuple[MatrixMap, ...]:
        """The maps G -> J1ᴴ G, G -> J2ᴴ G, …."""
        return tuple(each.adjoint for each in self.maps)

    @property
    def gradient(self) -> tuple[Array, ...]:
        """The gradients of a scalar."""
        return tuple(each.gradient for each in self.maps)

    def operator(self, order: Order = "F") -> Operator:
        """The matrix [J1 J2 …], an operator."""
        return Blocks([[each.operator(order) for each in self.maps]])

    def dense(self, order: Order = "F", layout: str = "numerator") -> Array:
        """The Jacobian as an array, see `MatrixMap.dense`."""
        axis = 1 if layout == "numerator" else 0
        return np.concatenate([each.dense(order, layout) for each in self.maps], axis)

    def tensor(self) -> tuple[Array, ...]:
        """The arrays of all partial derivatives, see `MatrixMap.tensor`."""
        return tuple(each.tensor() for each in self.maps)

    def text(self, order: Order = "F") -> str:
        """The formulas of the maps, for one order of vec."""
        return f"[{'  |  '.join(each.text(order) for each in self.maps)}]"

    def __rmatmul__(self, after: MatrixMap) -> Block:
        """The chain rule: a map after this one."""
        if not isinstance(after, MatrixMap):
            return NotImplemented
        return Block([after @ each for each in self.maps])

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Block of {len(self.maps)} maps into {self.out_shape}: {self}>"

    def _repr_latex_(self) -> str:
        inside = " \\;|\\; ".join(each._repr_latex_().strip("$") for each in self.maps)
        return f"$\\left[{inside}\\right]$"
