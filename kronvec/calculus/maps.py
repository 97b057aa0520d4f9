"""Derivatives as linear maps between spaces of matrices: dX -> dF, never a dense Jacobian.

A term (terms.py, correlation.py) gives

    _apply(x)       dF for x of shape (..., m, n), as matrices
    _pull(g)        Jᴴ g for g of shape (..., p, q)
    _adjoint()      the map g -> Jᴴ g, where that is a term again
    _operator(order)  the matrix that takes vec(dX) to vec(dF), an operator
    _label(order)   that matrix as a formula

A scalar counts as a matrix of one entry, a vector as a column; maps know the shapes that their
arrays really have.  combine.py has the rules of composition and addition.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_array, check_layout, check_order, shape_error
from ..operators import Commutation
from . import labels
from .matrices import matrix_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..operators import Operator
    from .labels import Label


class MatrixMap:
    """A linear map dX -> dF between matrices, the derivative of F at a point X.

    Maps are made by `D`, by `from_differential` and by combining others: ``a @ b`` composes (the
    chain rule), ``a + b`` adds, ``c * a`` scales.

    Parameters
    ----------
    in_shape, out_shape : tuple of int
        The shapes of X and F: (m, n), (n,) or ().

    Notes
    -----
    Order and layout are no property of a derivative.  They are chosen when it is written out:
    `dense`, `operator` and `text` take ``order`` "F" (vec stacks columns) or "C" (rows), and
    `dense` takes ``layout`` "numerator" (gradients are rows) or "denominator" (columns); ``str`` is
    the formula for order "F".

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapters 5 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import D, Variable, constant
    >>> A = constant([[1.0, 2.0]], "A")
    >>> X = Variable([[1.0, 0.0], [0.0, 1.0]], "X")
    >>> J = D(A @ X, X)
    >>> print(J, "|", J.text("C"))
    I ⊗ A | A ⊗ I
    >>> J.jvp([[1.0, 0.0], [0.0, 1.0]])
    array([[1., 2.]])
    >>> J.vjp([[1.0, 0.0]])
    array([[1., 0.],
           [2., 0.]])
    >>> J.dense()
    array([[1., 2., 0., 0.],
           [0., 0., 1., 2.]])
    """

    def __init__(self, in_shape, out_shape) -> None:
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)

    # --------------------------------------------------------------------- what a term gives

    dtype: np.dtype

    def _apply(self, x):
        raise NotImplementedError

    def _pull(self, g):
        raise NotImplementedError

    def _adjoint(self) -> MatrixMap:
        from .combinations import Adjoint

        return Adjoint(self)

    def _operator(self, order: str) -> Operator:
        raise NotImplementedError

    def _label(self, order: str) -> Label:
        raise NotImplementedError

    @property
    def _in(self) -> tuple[int, int]:
        return matrix_shape(self.in_shape)

    @property
    def _out(self) -> tuple[int, int]:
        return matrix_shape(self.out_shape)

    # ------------------------------------------------------------------------------ applied

    def jvp(self, dx: ArrayLike) -> NDArray:
        """dF = J dX, the directional derivative along dX; a batch of them at once.

        Parameters
        ----------
        dx : array_like, shape ``(..., *in_shape)``

        Returns
        -------
        ndarray, shape ``(..., *out_shape)``

        Raises
        ------
        ValueError
            The last axes of dx are not those of X.
        """
        return self._on("MatrixMap.jvp", "dx", dx, self.in_shape, self.out_shape, self._apply)

    def vjp(self, g: ArrayLike) -> NDArray:
        """The cotangent Jᴴ G, with Re tr(Gᴴ J dX) = Re tr((Jᴴ G)ᴴ dX); a batch at once.

        Parameters
        ----------
        g : array_like, shape ``(..., *out_shape)``

        Returns
        -------
        ndarray, shape ``(..., *in_shape)``

        Raises
        ------
        ValueError
            The last axes of g are not those of F.
        """
        return self._on("MatrixMap.vjp", "g", g, self.out_shape, self.in_shape, self._pull)

    @staticmethod
    def _on(function, name, value, shape, result_shape, apply):
        value = np.asarray(as_array(function, name, value))
        batch = value.shape[: value.ndim - len(shape)]
        if value.ndim < len(shape) or value.shape[len(batch) :] != shape:
            raise shape_error(function, f"the last axes of {name} must be {shape}", **{name: value})
        result = apply(value.reshape((*batch, *matrix_shape(shape))))
        return result.reshape((*batch, *result_shape))

    # --------------------------------------------------------------------------- written out

    def operator(self, order: str = "F") -> Operator:
        """The matrix that takes vec(dX) to vec(dF), an operator of `kronvec.operators`.

        Parameters
        ----------
        order : {"F", "C"}
            vec stacks columns or rows.

        Returns
        -------
        Operator, shape (size of F, size of X)
            SciPy's iterative solvers take it.

        Raises
        ------
        ValueError
            ``order`` is none of these.
        """
        return self._operator(check_order("MatrixMap.operator", order))

    def dense(self, order: str = "F", layout: str = "numerator") -> NDArray:
        """The Jacobian as an array.

        Parameters
        ----------
        order : {"F", "C"}
            vec stacks columns or rows.
        layout : {"numerator", "denominator"}
            Entries of F along the rows and of X along the columns, or the transpose.

        Returns
        -------
        ndarray, shape (size of F, size of X) or its transpose

        Raises
        ------
        ValueError
            ``order`` or ``layout`` is none of these.
        """
        check_order("MatrixMap.dense", order)
        check_layout("MatrixMap.dense", layout)
        dense = self.operator(order).toarray(self.dtype)
        return dense if layout == "numerator" else dense.T

    def tensor(self) -> NDArray:
        """The array of all partial derivatives, of the shape of F followed by that of X."""
        return self.dense("C").reshape((*self.out_shape, *self.in_shape))

    @property
    def adjoint(self) -> MatrixMap:
        """The map G -> Jᴴ G."""
        return self._adjoint()

    @property
    def gradient(self) -> NDArray:
        """The matrix A of dφ = tr(Aᵀ dX), for a scalar φ, in the shape of X.

        Raises
        ------
        TypeError
            F is not a scalar.

        References
        ----------
        Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), table 9.2.
        """
        if prod(self.out_shape) != 1:
            raise TypeError(
                "MatrixMap.gradient: only scalar functions have one, this map is "
                f"into shape {self.out_shape}"
            )
        return self.vjp(np.ones(self.out_shape, self.dtype)).conj()

    def text(self, order: str = "F") -> str:
        """The matrix of the map as a formula, for one order of vec.

        Parameters
        ----------
        order : {"F", "C"}
            vec stacks columns or rows.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            ``order`` is none of these.
        """
        return self._label(check_order("MatrixMap.text", order)).text

    def __str__(self) -> str:
        return self._label("F").text

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.in_shape} -> {self.out_shape}: {self}>"

    def _repr_latex_(self) -> str:
        return f"${self._label('F').latex}$"

    # ------------------------------------------------------------------------------ combined

    def __matmul__(self, other):
        """The chain rule: this map after another."""
        from .combine import compose

        if isinstance(other, np.ndarray):
            raise TypeError("MatrixMap: a map follows another map; .jvp(dX) applies it to an array")
        return compose(self, other) if isinstance(other, MatrixMap) else NotImplemented

    def __add__(self, other):
        from .combine import add

        return add(self, other) if isinstance(other, MatrixMap) else NotImplemented

    def __sub__(self, other):
        return self + -1 * other if isinstance(other, MatrixMap) else NotImplemented

    def __mul__(self, c):
        from .combine import scale

        return scale(c, self) if np.ndim(c) == 0 else NotImplemented

    __rmul__ = __mul__
    __array_ufunc__ = None  # NumPy's scalars on the left leave it to __rmul__

    def __neg__(self) -> MatrixMap:
        return -1 * self


def exchange(order: str, m: int, n: int) -> Operator:
    """The matrix that takes vec(X) to vec(Xᵀ), X (m, n)."""
    return Commutation(m, n) if order == "F" else Commutation(n, m)


def exchange_label(order: str, m: int, n: int) -> Label:
    """That matrix in a formula."""
    m, n = (m, n) if order == "F" else (n, m)
    return labels.Label(f"K({m},{n})", f"K_{{{m},{n}}}")
