"""The lines of an explanation: mode products, and the passes over memory that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._typing import Shape


@dataclass(frozen=True)
class ExplainedStep:
    """One mode product: ``y[o, q, i] = Σ_p f[q, p] x[o, p, i]``, f of ``factors`` multiplied out.

    ``outer`` and ``inner`` are what lies before and behind the axis, rows and columns of X and
    untouched axes included; ``flops`` counts real additions and multiplications.  All over the
    items of a batch but for outer and inner.
    """

    number: int  # of its pass, from 1
    factors: Shape  # from 1, as they are written
    q: int
    p: int
    outer: int
    inner: int
    kernel: str
    flops: int


@dataclass(frozen=True)
class ExplainedPass:
    """One time through memory: ``blocks`` blocks of at most ``block_bytes``, read and written.

    A block is ``width`` columns wide; for ``across`` those are rows of X, transposed.
    """

    number: int
    blocks: int
    width: int
    block_bytes: int
    across: bool
    bytes: int
