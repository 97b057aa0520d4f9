"""How a public function is called and judged, and the arguments that rows of tables share."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import kronvec as kv
from helpers import LAYOUTS, assert_matches, leaves, map_arrays, random
from kronvec import _reference as reference


@dataclass(frozen=True)
class Operation:
    """How to call one public function: ``arguments(t, m, n, p, q)``, where t makes an array.

    ``roundings(m, n, p, q)`` is the k of the error bound of one matrix of the batch.
    """

    group: str
    name: str
    arguments: Callable
    roundings: Callable
    takes_out: bool
    kwargs: dict

    def __str__(self):
        return "-".join([self.name, *(f"{key}={value}" for key, value in self.kwargs.items())])

    @property
    def function(self):
        return getattr(kv, self.name)

    def __call__(self, *args, **more):
        return self.function(*args, **self.kwargs, **more)

    def define(self, *args):
        """The same by the plain definition."""
        return getattr(reference, self.name)(*args, **self.kwargs)

    def build(self, dtype, sizes=(2, 3, 4, 5), batch=(), layout="C"):
        """Arguments of one dtype (or one each, in turn), layout and batch shape."""
        dtypes = itertools.cycle([dtype] if isinstance(dtype, str) else dtype)
        seeds = itertools.count()

        def t(*shape):
            return LAYOUTS[layout](random(next(dtypes), *batch, *shape, seed=next(seeds)))

        return self.arguments(t, *sizes)

    def compare(self, got, args, sizes=(2, 3, 4, 5), samples=1):
        """``got`` is what the definition gives; a gradient may be summed over the samples."""
        roundings = self.roundings(*sizes) * samples
        assert_matches(got, self.name, args, roundings, **self.kwargs)

    def check(self, args, sizes=(2, 3, 4, 5), samples=1):
        """Call, compare with the definition, see that no argument changed."""
        before = map_arrays(np.copy, args)
        self.compare(self(*args), before, sizes, samples)
        for a, b in zip(leaves(args), leaves(before), strict=True):
            assert np.array_equal(a, b)


def rows(group, name, arguments, roundings=lambda m, n, p, q: 0, takes_out=True, **choices):
    """One row for each combination of keyword values."""
    for values in itertools.product(*choices.values()):
        kwargs = dict(zip(choices, values, strict=True))
        yield Operation(group, name, arguments, roundings, takes_out, kwargs)


def triangle(n):
    return n * (n + 1) // 2


def squares(t, count, sizes, vector=None):
    """One or two square matrices, and x second; small: the definition takes n⁶ operations."""
    n = min(sizes[1], 6)
    first, *others = (t(n, n) for _ in range(count))
    return (first, *([] if vector is None else [t(vector(n))]), *others)


def matrix_vec(t, m, n, p, q):
    return t(m * n), (m, n)


def pair(t, m, n, p, q):
    return t(m, n), t(p, q)


def chain(t, m, n, p, q):
    return t(m, n), t(n, p), t(p, q)


def vec_chain(t, m, n, p, q):
    return t(m, n), t(n * p), t(p, q)


def unfolding(t, m, n, p, q, mode):
    """A tensor, its matrices and the mode, whose own matrix is not needed."""
    return t(m, n, p), [None if i == mode % 3 else t(r, q) for i, r in enumerate((m, n, p))], mode


def many(x_of):
    """x (or G) beside two factors; the bound is that of K formed, whatever a plan merges."""
    return lambda t, *sizes: x_of(t, list(pair(t, *sizes)), *sizes)


def apart(x_of):
    """The same with an identity of size n between the factors."""
    eye = kv.operators.Identity
    return lambda t, m, n, p, q: x_of(t, [t(m, n), eye(n), t(p, q)], m, n, p, q)


BOOL = (False, True)


def half_rows(name, from_square, roundings):
    """Rows of a product with a matrix that has n² columns, or a triangle's number of them.

    The other side, and the transpose, meet its rows; a symmetrizer (None) has n² of both.
    """
    for side, transposed in itertools.product(("left", "right"), BOOL):
        whole = from_square is None or from_square == ((side == "left") != transposed)

        def arguments(t, m, n, p, q, whole=whole, side=side):
            length = n * n if whole else triangle(n)
            return t(*((length, p) if side == "left" else (p, length))), n

        kwargs = {"side": [side], "transposed": [transposed]}
        yield from rows("permutations", name, arguments, lambda *sizes: roundings, **kwargs)
