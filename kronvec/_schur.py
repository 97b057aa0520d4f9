"""Schur forms A = Q T Qᴴ: T upper triangular, real with 2 x 2 blocks, or diagonal.

A Hermitian matrix has a diagonal form, held as the vector of its eigenvalues.  A real one that is
not symmetric has a real form, whose pairs of complex eigenvalues a ± i w stand as blocks
[[a, b], [c, a]] with b c = -w² on the diagonal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._exponents import far_exponent, is_moderate, times_power_of_two

if TYPE_CHECKING:
    from typing import Any

    from ._typing import Array


_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}


@lru_cache
def has_scipy() -> bool:
    """Whether there is LAPACK beyond what NumPy calls."""
    from importlib.util import find_spec

    return find_spec("scipy") is not None


class SchurForm(NamedTuple):
    """A = Q T Qᴴ with eigenvalues w; ``t`` of one axis is the diagonal of T."""

    t: Array
    q: Array
    w: Array

    @property
    def is_diagonal(self) -> bool:
        """T is held as a vector."""
        return self.t.ndim == 1

    @property
    def has_blocks(self) -> bool:
        """T is real, some eigenvalues are not."""
        return self.w.dtype.kind == "c" and self.t.dtype.kind != "c"

    def conjugate(self) -> SchurForm:
        """The form of conj(A)."""
        if self.t.dtype.kind != "c":  # pairs stay in their order
            return SchurForm(self.t, self.q.conj(), self.w)
        return SchurForm(self.t.conj(), self.q.conj(), self.w.conj())

    def transpose(self) -> SchurForm:
        """Aᵀ = (conj(Q) J) (J Tᵀ J) (conj(Q) J)ᴴ, where J reverses: upper triangular again."""
        q = self.q.conj()
        if self.is_diagonal:
            return SchurForm(self.t, q, self.w)
        w = self.w.conj() if self.has_blocks else self.w  # a + i w before a - i w
        return SchurForm(self.t.T[::-1, ::-1], q[:, ::-1], w[::-1])

    def adjoint(self) -> SchurForm:
        """The form of Aᴴ."""
        return self.transpose().conjugate()


@lru_cache
def lapack(name: str, kind: str) -> Any:
    """LAPACK's ``?name`` for the character of a dtype."""
    try:
        from scipy.linalg import lapack as routines
    except ImportError:
        raise ImportError(
            "matrices that are not Hermitian need SciPy: install kronvec[scipy]"
        ) from None
    return getattr(routines, _LETTERS[kind] + name)


def _select(*eigenvalue: Any) -> None:
    """``gees`` wants a function, but calls it only where it sorts."""


@lru_cache(maxsize=256)
def _workspace(n: int, kind: str) -> int:
    """The workspace that ``gees`` is fastest with."""
    query = lapack("gees", kind)(_select, np.zeros((n, n), kind), lwork=-1)
    return int(query[-2][0].real)


def is_exactly_hermitian(a: Array) -> bool:
    """A = Aᴴ exactly; a corner tells most others apart at once."""
    return bool(a[0, -1] == a[-1, 0].conjugate() and (a == a.conj().T).all())


def schur(a: Array, *, diagonal: bool = True) -> SchurForm:
    """The Schur form of a square matrix, not empty, of finite float32/64 or complex64/128.

    That of a Hermitian one is diagonal, unless ``diagonal`` says that it need not be.
    """
    e = far_exponent(a)
    if not is_moderate(e, a.dtype):  # the QR algorithm may not converge at the ends of the range
        t, q, w = schur(times_power_of_two(a, -e), diagonal=diagonal)
        return SchurForm(times_power_of_two(t, e), q, times_power_of_two(w, e))
    if (diagonal or not has_scipy()) and is_exactly_hermitian(a):
        w, q = np.linalg.eigh(a)
        return SchurForm(w, q, w)
    kind = a.dtype.char
    t, _, *w, q, _, info = lapack("gees", kind)(_select, a, lwork=_workspace(len(a), kind))
    if info:
        raise np.linalg.LinAlgError(
            f"Schur form of a matrix of shape {a.shape}: the QR algorithm did not converge"
        )
    if len(w) == 2:  # real and imaginary parts
        w = [w[0] + 1j * w[1] if w[1].any() else w[0]]
    return SchurForm(t, q, w[0])


def triangular(form: SchurForm) -> SchurForm:
    """The form with its 2 x 2 blocks made triangular, complex if there are any.

    G = [[x, i y], [i y, x]] with x = √|b| / r, y = sign(b) √|c| / r, r = √(|b| + |c|) is unitary
    and its first column an eigenvector: Gᴴ [[a, b], [c, a]] G = [[a + i w, *], [0, a - i w]].
    The blocks are disjoint, so all of them turn at once.
    """
    if not form.has_blocks:
        return form
    t, q, w = form
    p = t.diagonal(-1).nonzero()[0]
    b, c = np.abs(t[p, p + 1]), np.abs(t[p + 1, p])
    r = np.sqrt(b + c)
    x, iy = np.sqrt(b) / r, 1j * np.copysign(np.sqrt(c) / r, t[p, p + 1])
    t, q = (each.astype(w.dtype, order="F") for each in (t, q))
    for each in (t, q):  # times G
        first, second = each[:, p], each[:, p + 1]
        each[:, p], each[:, p + 1] = x * first + iy * second, iy * first + x * second
    x, iy = x[:, None], iy[:, None]
    first, second = t[p], t[p + 1]  # Gᴴ times
    t[p], t[p + 1] = x * first - iy * second, x * second - iy * first
    t[p + 1, p] = 0
    np.einsum("ii->i", t)[...] = w
    return SchurForm(t, q, w)
