"""How a peer is described.  Every peer is optional; each adapter is a few lines.

An adapter gets the work and its operands and yields candidates: the ways in which a user of that
package would do it.  Layouts, contraction paths, compiled functions and operators are made here,
outside of what is timed; the candidate that proves fastest stands for the peer.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array, Operands
    from .work import ManyFactors


LARGEST_OPERATOR = 1 << 28  # bytes of a formed or sparse operator that a peer may build


class Unsuitable(Exception):
    """The peer cannot do this case; the message says why."""


@dataclass
class Candidate:
    """One way: ``call`` for a fresh result, ``into`` one that writes to an array that is there."""

    call: Callable[[], Any]
    into: Callable[[], Any] | None = None
    convert: Callable[[Any], Any] = np.asarray  # to NumPy, in kronvec's layout, to be verified

    def result(self) -> Array | str:
        """What ``call`` returns, as NumPy arrays."""
        return self.convert(self.call())


Adapter = Callable[[Any, tuple[Any, ...]], Iterator[Candidate]]


@dataclass
class Peer:
    """A package, or a way to do it in NumPy."""

    name: str
    module: str
    adapters: dict[str, Adapter] = field(default_factory=dict)

    def candidates(self, work: Any, operands: Operands) -> Iterator[Candidate]:
        """The ways in which it does this work."""
        return self.adapters[work.kind](work, operands)

    def installed(self) -> bool:
        """Whether the package is there; nothing is imported."""
        return importlib.util.find_spec(self.module) is not None

    def load(self, threads: int) -> None:
        """Import it, with thread pools of that size."""
        if self.module in ("jax", "pykronecker") and importlib.util.find_spec("jax"):
            with _cpus(threads):
                jax = importlib.import_module("jax")
                jax.config.update("jax_enable_x64", True)
                jax.numpy.zeros(1)  # makes the client and its threads
        if self.module in ("torch", "linear_operator"):
            importlib.import_module("torch").set_num_threads(threads)
        importlib.import_module(self.module)

    def version(self) -> str:
        """The installed version."""
        try:
            return importlib.metadata.version(self.module)
        except importlib.metadata.PackageNotFoundError:
            return "unknown"


class _cpus:
    """While it is open, this process may use that many CPUs: JAX sizes its pool by them."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        if hasattr(os, "sched_setaffinity"):
            self.before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, sorted(self.before)[-self.count :])

    def __exit__(self, *error: Any) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.before)


PEERS: dict[str, Peer] = {}


def adapter(peer: str, module: str, *kinds: str) -> Callable[..., Any]:
    """Register a function as what ``peer`` does for these kinds of work."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        entry = PEERS.setdefault(peer, Peer(peer, module))
        entry.adapters.update(dict.fromkeys(kinds, function))
        return function

    return register


MANY = ("matmul_kron", "kron_matmul")


def as_left(work: ManyFactors, operands: Operands) -> tuple[list[Array], Array, int, int]:
    """(matrices, x, lead, trail): each matrix applies to its axis of x (lead, sizes..., trail)."""
    if work.kind == "matmul_kron":
        x, factors = operands
        return [f.T for f in factors], x, work.count, 1
    factors, x = operands
    return factors, x, 1, work.count


def columns(work: Any, operands: Operands) -> Any:
    """(matrices, X) of Y = (⊗G) X, X contiguous, and how to turn Y into the result's layout."""
    matrices, x, lead, _ = as_left(work, operands)
    if lead == 1:
        return matrices, x.reshape(-1, work.count), lambda y: y.reshape(result_shape(work))
    return matrices, np.ascontiguousarray(x.T), lambda y: y.reshape(-1, lead).T


def result_shape(work: ManyFactors) -> tuple[int, int]:
    """The shape of kronvec's result."""
    size = math.prod(work.sizes_out)
    return (work.count, size) if work.kind == "matmul_kron" else (size, work.count)
