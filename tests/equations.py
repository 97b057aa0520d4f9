"""EQUATIONS: every solver, which is judged by its residual."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers import LAYOUTS, random
from operation import Operation


@dataclass(frozen=True)
class Equation(Operation):
    """A solver: ``residual(x, *args)`` is zero where x solves, within ``size(*norms of args)``.

    Its matrices have eigenvalues away from what makes it singular; see ``build``.
    """

    residual: Callable
    size: Callable

    def build(self, dtype, sizes=(2, 3, 4, 5), batch=(), layout="C"):
        """Square matrices in the right half-plane and outside the unit circle.

        The exact dtypes have triangular ones with the eigenvalue 1, or 0 for the discrete one.
        """
        exact = np.dtype(dtype).kind in "biuO"
        diagonal = int("discrete" not in self.name) if exact else 3
        seeds = itertools.count()

        def t(*shape):
            a = random(dtype, *batch, *shape, seed=next(seeds))
            if shape[0] == shape[1] and next(squares):
                a = np.triu(a, 1) if exact else a
                a[..., range(shape[0]), range(shape[0])] = diagonal * (1 if exact else shape[0])
            return LAYOUTS[layout](a)

        squares = iter([True] * (1 + (self.name == "solve_sylvester")) + [False])
        return self.arguments(t, *sizes)

    def compare(self, got, args, sizes=(2, 3, 4, 5), samples=1):
        """‖R‖ <= c ε (what it is added from), in the Frobenius norm, for each of the batch.

        c is m + n, room enough for double precision where the widest would take too long.
        """
        assert got.shape == np.broadcast_shapes(*(a.shape[:-2] for a in args)) + args[-1].shape[-2:]
        wide = np.clongdouble if got.shape[-1] < 20 else np.complex128
        args, x = [a.astype(wide) for a in args], got.astype(wide)
        residual = norm(self.residual(x, *args))
        bound = self.roundings(*got.shape[-2:]) * np.finfo(got.dtype).eps
        assert (residual <= bound * self.size(*map(norm, args)) * norm(x)).all(), residual


def norm(a):
    """The Frobenius norms of matrices."""
    return np.sqrt((np.abs(a) ** 2).sum((-1, -2)))


def _equation(name, arguments, residual, size):
    return Equation("equations", name, arguments, lambda m, n: m + n, False, {}, residual, size)


def _adjoint(a):
    return a.conj().swapaxes(-1, -2)


EQUATIONS = (
    _equation(
        "solve_sylvester",
        lambda t, m, n, p, q: (t(m, m), t(n, n), t(m, n)),
        lambda x, a, b, q: a @ x + x @ b - q,
        lambda a, b, q: a + b,
    ),
    _equation(
        "solve_continuous_lyapunov",
        lambda t, m, n, p, q: (t(m, m), t(m, m)),
        lambda x, a, q: a @ x + x @ _adjoint(a) - q,
        lambda a, q: 2 * a,
    ),
    _equation(
        "solve_discrete_lyapunov",
        lambda t, m, n, p, q: (t(m, m), t(m, m)),
        lambda x, a, q: a @ x @ _adjoint(a) - x + q,
        lambda a, q: a**2 + 1,
    ),
)

# The lazy operator beside its dense matrix, for sizes m, n
