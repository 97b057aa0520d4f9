"""OPERATIONS: every public function on arrays, once; OPERATORS: every lazy operator."""

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


def _rows(group, name, arguments, roundings=lambda m, n, p, q: 0, takes_out=True, **choices):
    """One row for each combination of keyword values."""
    for values in itertools.product(*choices.values()):
        kwargs = dict(zip(choices, values, strict=True))
        yield Operation(group, name, arguments, roundings, takes_out, kwargs)


def _triangle(n):
    return n * (n + 1) // 2


def _matrix_vec(t, m, n, p, q):
    return t(m * n), (m, n)


def _pair(t, m, n, p, q):
    return t(m, n), t(p, q)


def _chain(t, m, n, p, q):
    return t(m, n), t(n, p), t(p, q)


def _vec_chain(t, m, n, p, q):
    return t(m, n), t(n * p), t(p, q)


def _unfolding(t, m, n, p, q, mode):
    """A tensor, its matrices and the mode, whose own matrix is not needed."""
    return t(m, n, p), [None if i == mode % 3 else t(r, q) for i, r in enumerate((m, n, p))], mode


def _many(x_of):
    """x (or G) beside two factors; the bound is that of K formed, whatever a plan merges."""
    return lambda t, *sizes: x_of(t, list(_pair(t, *sizes)), *sizes)


def _apart(x_of):
    """The same with an identity of size n between the factors."""
    eye = kv.operators.Identity
    return lambda t, m, n, p, q: x_of(t, [t(m, n), eye(n), t(p, q)], m, n, p, q)


_BOOL = (False, True)

OPERATIONS = (
    *_rows("vectorize", "vec", lambda t, m, n, p, q: (t(m, n),), order="FC"),
    *_rows("vectorize", "unvec", _matrix_vec, order="FC"),
    *_rows("vectorize", "vec_reorder", _matrix_vec, source="FC", target="FC"),
    *_rows("vectorize", "vech", lambda t, m, n, p, q: (t(n, n),), order="FC"),
    *_rows(
        "vectorize",
        "unvech",
        lambda t, m, n, p, q: (t(_triangle(n)),),
        order="FC",
        hermitian=_BOOL,
    ),
    *_rows("vectorize", "svec", lambda t, m, n, p, q: (t(n, n),), lambda m, n, p, q: 2, order="FC"),
    *_rows(
        "vectorize",
        "smat",
        lambda t, m, n, p, q: (t(_triangle(n)),),
        lambda m, n, p, q: 3,
        order="FC",
    ),
    *_rows("products", "kron", _pair, lambda m, n, p, q: 1),
    *_rows("products", "bkron", _pair, lambda m, n, p, q: 1),
    *_rows("products", "triple_product", _chain, lambda m, n, p, q: n + p),
    *_rows("products", "vec_trick", _vec_chain, lambda m, n, p, q: n + p, order="FC"),
    *_rows(
        "many_factors",
        "kron_matvec",
        _many(lambda t, factors, m, n, p, q: (factors, t(n * q))),
        lambda m, n, p, q: n * q + 1,
    ),
    *_rows(
        "many_factors",
        "kron_vecmat",
        _many(lambda t, factors, m, n, p, q: (t(m * p), factors)),
        lambda m, n, p, q: m * p + 1,
    ),
    *_rows(
        "many_factors",
        "kron_matmul",
        _many(lambda t, factors, m, n, p, q: (factors, t(n * q, 3))),
        lambda m, n, p, q: n * q + 1,
    ),
    *_rows(
        "many_factors",
        "matmul_kron",
        _many(lambda t, factors, m, n, p, q: (t(3, m * p), factors)),
        lambda m, n, p, q: m * p + 1,
    ),
    *_rows("kronecker_sums", "kronsum", lambda t, m, n, p, q: (t(m, m), t(p, p)), lambda *sizes: 1),
    *_rows(
        "kronecker_sums",
        "kronsum_matmul",
        lambda t, m, n, p, q: ([t(m, m), t(p, p)], t(m * p, 3)),
        lambda m, n, p, q: m + p + 1,
    ),
    *_rows("columnwise", "khatri_rao", lambda t, m, n, p, q: (t(m, n), t(p, n)), lambda *sizes: 1),
    *_rows(
        "columnwise", "face_splitting", lambda t, m, n, p, q: (t(m, n), t(m, q)), lambda *sizes: 1
    ),
    *_rows(
        "columnwise",
        "khatri_rao_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(p, n)], t(n)),
        lambda m, n, p, q: n + 2,
    ),
    *_rows(
        "columnwise",
        "khatri_rao_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(p, n)], t(m * p)),
        lambda m, n, p, q: m + p + 2,
        transposed=[True],
    ),
    *_rows(
        "columnwise",
        "face_splitting_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(m, q)], t(n * q)),
        lambda m, n, p, q: n + q + 2,
    ),
    *_rows(
        "columnwise",
        "face_splitting_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(m, q)], t(m)),
        lambda m, n, p, q: m + 2,
        transposed=[True],
    ),
    *(
        row
        for mode in (0, 1, -1)
        for row in _rows(
            "tensors",
            "mttkrp",
            lambda t, m, n, p, q, mode=mode: _unfolding(t, m, n, p, q, mode),
            lambda m, n, p, q: m + n + p + 3,
        )
    ),
    *_rows(
        "many_factors",
        "kron_matmul",
        _apart(lambda t, factors, m, n, p, q: (factors, t(n * n * q, 3))),
        lambda m, n, p, q: n * q + 1,
    ),
    *_rows(
        "many_factors",
        "kron_vecmat",
        _apart(lambda t, factors, m, n, p, q: (t(m * n * p), factors)),
        lambda m, n, p, q: m * p + 1,
    ),
    *_rows(
        "permutations",
        "commutation_matmul",
        lambda t, m, n, p, q: (t(m * n, p), m, n),
        side=["left"],
        transposed=_BOOL,
    ),
    *_rows(
        "permutations",
        "commutation_matmul",
        lambda t, m, n, p, q: (t(p, m * n), m, n),
        side=["right"],
        transposed=_BOOL,
    ),
    *_rows(
        "subsystems",
        "partial_trace",
        lambda t, m, n, p, q: (t(m * n, m * n), (m, n), 1),
        lambda m, n, p, q: n,
    ),
    *_rows(
        "subsystems",
        "partial_trace",
        lambda t, m, n, p, q: (t(m * n * 2, p * n * 2), ((m, p), n, 2), -2),
        lambda m, n, p, q: n,
    ),
    *_rows(
        "subsystems",
        "partial_trace",
        lambda t, m, n, p, q: (t(m * 2 * n, m * 2 * n), (m, 2, n), (0, 2)),
        lambda m, n, p, q: m * n,
    ),
    *(
        row
        for axis in (0, 1, (0, -1))
        for row in _rows(
            "subsystems",
            "partial_transpose",
            lambda t, m, n, p, q, axis=axis: (t(m * n * 2, p * n * 2), ((m, p), n, 2), axis),
        )
    ),
    *_rows(
        "subsystems",
        "realignment",
        lambda t, m, n, p, q: (t(m * p, n * q), (m, n), (p, q)),
        order="FC",
    ),
    *_rows(
        "subsystems",
        "realignment",
        lambda t, m, n, p, q: (t(m * n, p * q), (m, n), (p, q)),
        order="FC",
        inverse=[True],
    ),
    *_rows(
        "derivatives",
        "matmul_vjp",
        lambda t, m, n, p, q: (t(m, p), t(m, n), t(n, p)),
        lambda m, n, p, q: m + p,
        takes_out=False,
        conjugate=_BOOL,
    ),
    *_rows(
        "derivatives",
        "matmul_jvp",
        lambda t, m, n, p, q: (t(m, n), t(n, p), t(m, n), t(n, p)),
        lambda m, n, p, q: n + 1,
    ),
    *_rows(
        "derivatives",
        "linear_vjp",
        lambda t, m, n, p, q: (t(m, p), t(m, n), t(n, p)),
        lambda m, n, p, q: m + p,
        takes_out=False,
        conjugate=_BOOL,
    ),
    *_rows(
        "derivatives",
        "triple_product_vjp",
        lambda t, m, n, p, q: (t(m, q), *_chain(t, m, n, p, q)),
        lambda m, n, p, q: m + n + p + q,
        takes_out=False,
        conjugate=_BOOL,
    ),
    *_rows(
        "derivatives",
        "vec_trick_vjp",
        lambda t, m, n, p, q: (t(m * q), *_vec_chain(t, m, n, p, q)),
        lambda m, n, p, q: m + n + p + q,
        takes_out=False,
        order="FC",
        conjugate=_BOOL,
    ),
    *_rows(
        "derivatives",
        "kron_vjp",
        lambda t, m, n, p, q: (t(m * p, n * q), *_pair(t, m, n, p, q)),
        lambda m, n, p, q: m * n + p * q,
        takes_out=False,
        conjugate=_BOOL,
    ),
    *_rows(
        "derivatives",
        "kron_matmul_vjp",
        _many(lambda t, factors, m, n, p, q: (t(m * p, 3), factors, t(n * q, 3))),
        lambda m, n, p, q: m * p + n * q + 3 * max(m, n) * max(p, q),
        takes_out=False,
        conjugate=_BOOL,
    ),
    *_rows(
        "derivatives",
        "per_sample_sqnorm",
        lambda t, m, n, p, q: (t(m, n), t(m, p)),
        # ‖XᴴG‖² over its n p entries, or by the m x m Gram matrices of X and G
        lambda m, n, p, q: n * p + 2 * m + m * m + n + p + 3,
    ),
)
WITH_OUT = tuple(operation for operation in OPERATIONS if operation.takes_out)

# The lazy operator beside its dense matrix, for sizes m, n
OPERATORS = {
    "Commutation": (kv.commutation_matrix, reference.commutation_matrix),
    "Identity": (lambda m, n: kv.operators.Identity(m * n), lambda m, n: np.eye(m * n)),
}
