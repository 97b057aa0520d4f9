"""Schur forms A = Q T Qᴴ: T upper triangular, real with 2 x 2 blocks, or diagonal.

A Hermitian matrix has a diagonal form, held as the vector of its eigenvalues.  A real one that is
not symmetric has a real form, whose pairs of complex eigenvalues a ± i w stand as blocks
[[a, b], [c, a]] with b c = -w² on the diagonal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}


class SchurForm(NamedTuple):
    """A = Q T Qᴴ; ``t`` of one axis is the diagonal of T."""

    t: NDArray
    q: NDArray

    def adjoint(self) -> SchurForm:
        """Aᴴ = (Q J) (J Tᴴ J) (Q J)ᴴ, where J reverses: upper triangular again."""
        if self.t.ndim == 1:
            return SchurForm(self.t.conj(), self.q)
        return SchurForm(self.t.conj().T[::-1, ::-1], self.q[:, ::-1])

    def conjugate(self) -> SchurForm:
        """The form of conj(A)."""
        return SchurForm(self.t.conj(), self.q.conj())

    def transpose(self) -> SchurForm:
        """The form of Aᵀ."""
        return self.adjoint().conjugate()


@lru_cache
def lapack(name: str, kind: str):
    """LAPACK's ``?name`` for the character of a dtype."""
    from scipy.linalg import lapack as routines

    return getattr(routines, _LETTERS[kind] + name)


def _select(*eigenvalue) -> None:
    """``gees`` wants a function, but calls it only where it sorts."""


@lru_cache(maxsize=256)
def _workspace(n: int, kind: str) -> int:
    """The workspace that ``gees`` is fastest with."""
    query = lapack("gees", kind)(_select, np.zeros((n, n), kind), lwork=-1)
    return int(query[-2][0].real)


def is_hermitian(a: NDArray) -> bool:
    """A = Aᴴ exactly; a corner tells most others apart at once."""
    return bool(a[0, -1] == a[-1, 0].conjugate() and (a == a.conj().T).all())


def schur(a: NDArray) -> SchurForm:
    """The Schur form of a square matrix, not empty, of finite float32/64 or complex64/128."""
    if is_hermitian(a):
        return SchurForm(*np.linalg.eigh(a))
    kind = a.dtype.char
    found = lapack("gees", kind)(_select, a, lwork=_workspace(len(a), kind))
    if found[-1]:
        raise np.linalg.LinAlgError(
            f"Schur form of a matrix of shape {a.shape}: the QR algorithm did not converge"
        )
    return SchurForm(found[0], found[-3])


def pairs(t: NDArray) -> NDArray[np.intp]:
    """The first row of every 2 x 2 block of T."""
    if t.ndim == 1 or t.dtype.kind == "c":
        return np.empty(0, np.intp)
    return t.diagonal(-1).nonzero()[0]


def _imaginary(t: NDArray, p: NDArray) -> NDArray:
    """W of the eigenvalues a ± i w of the blocks at rows p."""
    return np.sqrt(np.abs(t[p, p + 1])) * np.sqrt(np.abs(t[p + 1, p]))


def eigenvalues(t: NDArray) -> NDArray:
    """The eigenvalues in the order of the diagonal of T."""
    if t.ndim == 1:
        return t
    diagonal, p = t.diagonal(), pairs(t)
    if not p.size:
        return diagonal
    w = _imaginary(t, p)
    values = diagonal.astype(np.result_type(t, np.complex64))
    values.imag[p], values.imag[p + 1] = w, -w
    return values


def triangular(form: SchurForm) -> SchurForm:
    """The form with its 2 x 2 blocks made triangular, complex if there are any.

    G = [[x, i y], [i y, x]] with x = √|b| / r, y = sign(b) √|c| / r, r = √(|b| + |c|) is unitary
    and its first column an eigenvector: Gᴴ [[a, b], [c, a]] G = [[a + i w, *], [0, a - i w]].
    The blocks are disjoint, so all of them turn at once.
    """
    t, q = form
    p = pairs(t)
    if not p.size:
        return form
    b, c, w = t[p, p + 1], t[p + 1, p], _imaginary(t, p)
    r = np.sqrt(np.abs(b) + np.abs(c))
    x, iy = np.sqrt(np.abs(b)) / r, 1j * np.copysign(np.sqrt(np.abs(c)) / r, b)
    center = t[p, p]
    t, q = (each.astype(np.result_type(each, np.complex64), order="F") for each in (t, q))
    for each in (t, q):  # times G
        first, second = each[:, p], each[:, p + 1]
        each[:, p], each[:, p + 1] = x * first + iy * second, iy * first + x * second
    x, iy = x[:, None], iy[:, None]
    first, second = t[p], t[p + 1]  # Gᴴ times
    t[p], t[p + 1] = x * first - iy * second, x * second - iy * first
    t[p + 1, p] = 0
    t[p, p], t[p + 1, p + 1] = center + 1j * w, center - 1j * w
    return SchurForm(t, q)
