"""Two-dimensional correlation as a map of the image, or of the kernel.

With entries outside an array zero, and a shift s,

    y[l] = Σ_n x[l + n + s] w[n]      l, n pairs of indices.

Both maps have adjoints of their own kind.  That of dx -> y is x[m] = Σ_l conj(w[m - l - s]) g[l], a
correlation with the reversed kernel; that of dw -> y is w[n] = Σ_l conj(x[n + l + s]) g[l], the
same map with the shapes exchanged.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..operators import Dense
from . import labels
from .labels import Label
from .maps import MatrixMap
from .matrices import Matrix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Array, Order, Shape
    from ..operators._base import Operator


def _padded(x: Array, start: Shape, size: Shape) -> Array:
    """Entries start, …, start + size - 1 of x along the last two axes, zero outside."""
    if start == (0, 0) and x.shape[-2:] == size:
        return x
    result = np.zeros((*x.shape[:-2], *size), x.dtype)
    here: list[Any] = [...]
    there: list[Any] = [...]
    for s, length, have in zip(start, size, x.shape[-2:], strict=True):
        low, high = max(s, 0), min(s + length, have)
        high = max(low, high)
        there.append(slice(low, high))
        here.append(slice(low - s, high - s))
    result[tuple(here)] = x[tuple(there)]
    return result


def correlate(x: Array, w: Array, start: Shape, shape: Shape) -> Array:
    """y[l] = Σ_n x[l + n + s] w[n] for l in a shape; batches of x or w on leading axes.

    One product of arrays for every n, or one sum for every l, whichever are fewer.
    """
    kernel = w.shape[-2:]
    x = _padded(x, start, tuple(a + b - 1 for a, b in zip(shape, kernel, strict=True)))
    batch = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
    y = np.zeros((*batch, *shape), np.result_type(x, w))
    if prod(kernel) <= prod(shape):
        for p, q in np.ndindex(*kernel):
            y += x[..., p : p + shape[0], q : q + shape[1]] * w[..., p, q, None, None]
    else:
        for i, j in np.ndindex(*shape):
            window = x[..., i : i + kernel[0], j : j + kernel[1]]
            y[..., i, j] = np.einsum("...pq,...pq->...", window, w)
    return y


class Correlation(MatrixMap):
    """dX -> y, y[l] = Σ_n dX[l + n + s] w[n], of the image."""

    def __init__(
        self,
        w: Matrix,
        start: Sequence[int],
        in_shape: Shape,
        out_shape: Shape,
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.w, self.start = w, tuple(start)
        self.dtype = w.array.dtype

    def _apply(self, x: Array) -> Array:
        return correlate(x, self.w.array, self.start, self._out)

    def _adjoint(self) -> Correlation:
        reversed_kernel = Matrix(
            self.w.array[::-1, ::-1].conj(), labels.function("reversed", self.w.label)
        )
        start = [1 - k - s for k, s in zip(self.w.shape, self.start, strict=True)]
        return Correlation(reversed_kernel, start, self.out_shape, self.in_shape)

    def _pull(self, g: Array) -> Array:
        return self._adjoint()._apply(g)

    def _operator(self, order: Order) -> Operator:
        """The Toeplitz blocks: w[n] in row l and column l + n + s."""
        from scipy.sparse import csr_array

        from ..operators import Sparse

        l1, l2, n1, n2 = np.ix_(*map(np.arange, (*self._out, *self.w.shape)))
        row = np.broadcast_arrays(l1, l2, n1, n2)[:2]
        column = np.broadcast_arrays(l1 + n1 + self.start[0], l2 + n2 + self.start[1])
        inside = np.logical_and.reduce(
            [(c >= 0) & (c < size) for c, size in zip(column, self._in, strict=True)]
        )
        values = np.broadcast_to(self.w.array, inside.shape)[inside]
        rows, columns = (
            np.ravel_multi_index([i[inside] for i in pair], shape, order=order)
            for pair, shape in ((row, self._out), (column, self._in))
        )
        shape = prod(self._out), prod(self._in)
        return Sparse(csr_array((values, (rows, columns)), shape=shape))

    def _label(self, order: Order) -> Label:
        return labels.function("Toeplitz", self.w.label)


class KernelCorrelation(MatrixMap):
    """dW -> y, y[l] = Σ_n x[l + n + s] dW[n], of the kernel."""

    def __init__(
        self,
        x: Matrix,
        start: Shape,
        in_shape: Shape,
        out_shape: Shape,
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.x, self.start = x, tuple(start)
        self.dtype = x.array.dtype

    def _apply(self, w: Array) -> Array:
        return correlate(self.x.array, w, self.start, self._out)

    def _adjoint(self) -> KernelCorrelation:
        return KernelCorrelation(self.x.conj(), self.start, self.out_shape, self.in_shape)

    def _pull(self, g: Array) -> Array:
        return self._adjoint()._apply(g)

    def _operator(self, order: Order) -> Operator:
        """The windows of the image that the kernel sees, a row for each."""
        size = tuple(a + b - 1 for a, b in zip(self._in, self._out, strict=True))
        padded = _padded(self.x.array, self.start, size)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self._in)
        axes = (1, 0, 3, 2) if order == "F" else (0, 1, 2, 3)
        return Dense(windows.transpose(axes).reshape(prod(self._out), prod(self._in)))

    def _label(self, order: Order) -> Label:
        return labels.function("windows", self.x.label)
