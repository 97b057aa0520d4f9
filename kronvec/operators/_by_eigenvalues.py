"""What the eigenvalues of a Hermitian operator tell besides: singular values, K⁺, norms."""

from __future__ import annotations

import numpy as np

from .._exponents import frobenius


class ByEigenvalues:
    """An operator that may know K = V diag(w) Vᴴ without being formed.

    A subclass gives ``_known_eigh()``: (w, V), or None where K is not Hermitian or it knows none.
    """

    def _singular_values(self):
        known = self._known_eigh()
        return super()._singular_values() if known is None else np.abs(known[0])

    def _svd(self):
        """K = (V sign(w)) |w| Vᴴ."""
        from .diagonal import Diagonal

        known = self._known_eigh()
        if known is None:
            return super()._svd()
        w, v = known
        return v @ Diagonal(np.where(w < 0, -1, 1).astype(w.dtype)), np.abs(w), v.H

    def _pinv(self, rtol):
        """V diag(1 / w) Vᴴ, with the small w left out."""
        from .diagonal import Diagonal

        known = self._known_eigh()
        if known is None:
            return super()._pinv(rtol)
        w, v = known
        kept = np.abs(w) > self._cutoff(np.abs(w), rtol)
        return v @ Diagonal(np.divide(1, w, out=np.zeros_like(w), where=kept)) @ v.H

    def _norm(self, ord):
        known = self._known_eigh() if ord == "fro" else None
        return super()._norm(ord) if known is None else frobenius(known[0])
