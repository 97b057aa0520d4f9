"""Every rule of the calculus with representative operands; the tests of rules go through them."""

from typing import NamedTuple

import numpy as np

import kronvec.calculus as kc
from helpers import random


class Case(NamedTuple):
    """An operation on operands of these shapes."""

    rule: str
    call: callable
    shapes: tuple
    values: str = "any"  # or "positive", "regular": far from singular, "probabilities"
    holomorphic: bool = True

    def operands(self, dtype, seed=0):
        """Arrays that the operation takes."""
        return [_value(self.values, dtype, shape, seed + i) for i, shape in enumerate(self.shapes)]

    @property
    def id(self):
        """Its name in reports."""
        return f"{self.rule}-{'-'.join('x'.join(map(str, s)) or 'scalar' for s in self.shapes)}"


def _value(values, dtype, shape, seed):
    x = random(dtype, *shape, seed=seed)
    if values == "positive":  # of a complex number the real part
        return np.where(x.real < 0, -x, x)
    if values == "regular" and len(shape) == 2 and shape[0] == shape[1]:
        return x + 3 * shape[0] * np.eye(shape[0], dtype=dtype)
    return x


M, N, P = 2, 3, 4
MATRIX, SQUARE, VECTOR, SCALAR = (M, N), (N, N), (N,), ()
FORMS = (MATRIX, VECTOR, SCALAR)
# Both of one shape, and each expanded in either place.
PAIRS = (
    *((MATRIX, MATRIX), (VECTOR, VECTOR), (SCALAR, SCALAR), (MATRIX, SCALAR), (SCALAR, MATRIX)),
    *((VECTOR, SCALAR), (SCALAR, VECTOR), (MATRIX, VECTOR), (VECTOR, MATRIX), (MATRIX, (1, N))),
    *(((M, 1), MATRIX), ((M, 1), (1, N)), ((1, 1), MATRIX), ((M, 1), VECTOR), ((1,), VECTOR)),
)

CASES = [
    *(Case("add", kc.add, pair) for pair in PAIRS),
    *(Case("subtract", kc.subtract, pair) for pair in PAIRS),
    *(Case("multiply", kc.multiply, pair) for pair in PAIRS),
    *(Case("divide", kc.divide, pair) for pair in PAIRS),
    *(Case("power", kc.power, pair, "positive") for pair in PAIRS),
    *(Case("maximum", kc.maximum, pair, holomorphic=False) for pair in PAIRS),
    *(Case("minimum", kc.minimum, pair, holomorphic=False) for pair in PAIRS),
    *(
        Case(name, getattr(kc, name), (form,))
        for name in ("negative", "exp", "sin", "cos", "tan", "tanh", "sigmoid", "square")
        for form in FORMS
    ),
    *(Case(f, getattr(kc, f), (form,), "positive") for f in ("log", "sqrt") for form in FORMS),
    *(
        Case(name, getattr(kc, name), (form,), holomorphic=False)
        for name in ("relu", "abs", "norm", "conj", "adjoint")
        for form in FORMS
    ),
    Case("power", lambda x: x**2, (MATRIX,)),
    Case("power", lambda x: x**3, (VECTOR,)),
    Case("power", lambda x: x**-1, (MATRIX,)),
    Case("power", lambda x: x**0, (MATRIX,)),
    Case("power", lambda x: x**1, (MATRIX,)),
    Case("power", lambda x: 2**x, (MATRIX,)),
    *(
        Case("matmul", kc.matmul, shapes)
        for shapes in ((MATRIX, (N, P)), (MATRIX, VECTOR), (VECTOR, (N, P)), (VECTOR, VECTOR))
    ),
    Case("inv", kc.inv, (SQUARE,), "regular"),
    Case("solve", kc.solve, (SQUARE, (N, P)), "regular"),
    Case("solve", kc.solve, (SQUARE, VECTOR), "regular"),
    Case("trace", kc.trace, (SQUARE,)),
    Case("trace", kc.trace, (MATRIX,)),
    Case("det", kc.det, (SQUARE,), "regular"),
    Case("det", kc.det, ((1, 1),), "regular"),
    Case("logdet", kc.logdet, (SQUARE,), "regular"),
    *(Case("dot", kc.dot, (form, form)) for form in FORMS),
    *(Case("hadamard", kc.hadamard, (form, form)) for form in FORMS),
    Case("outer", kc.outer, (VECTOR, (M,))),
    Case("kron", kc.kron, (MATRIX, (P, 2))),
    *(Case("sum", kc.sum, (form,)) for form in FORMS),
    *(Case("mean", kc.mean, (form,)) for form in FORMS),
    *(
        Case(f.__name__, lambda x, f=f, a=axis: f(x, axis=a), (form,))
        for f in (kc.sum, kc.mean, kc.logsumexp)
        for form, axis in ((MATRIX, 0), (MATRIX, 1), (MATRIX, -1), (MATRIX, -2), (VECTOR, 0))
    ),
    *(Case("logsumexp", kc.logsumexp, (form,)) for form in FORMS[:2]),
    *(
        Case(f.__name__, lambda x, f=f, a=axis: f(x, axis=a), (form,))
        for f in (kc.softmax, kc.log_softmax)
        for form, axis in ((MATRIX, 0), (MATRIX, 1), (MATRIX, -1), (VECTOR, -1), (SCALAR, -1))
    ),
    Case("cross_entropy", kc.cross_entropy, (MATRIX, MATRIX), "positive"),
    Case("cross_entropy", kc.cross_entropy, (VECTOR, VECTOR), "positive"),
    Case("cross_entropy", lambda x: kc.cross_entropy(x, [2, 0]), (MATRIX,)),
    Case("cross_entropy", lambda x: kc.cross_entropy(x, 1), (VECTOR,)),
    *(Case("transpose", kc.transpose, (form,)) for form in FORMS),
    Case("vec", kc.vec, (MATRIX,)),
    Case("vec", lambda x: kc.vec(x, order="C"), (MATRIX,)),
    Case("vech", kc.vech, (SQUARE,)),
    Case("vech", lambda x: kc.vech(x, order="C"), (SQUARE,)),
    Case("diag", kc.diag, (VECTOR,)),
    Case("diag", kc.diag, (MATRIX,)),
    Case("reshape", lambda x: kc.reshape(x, (3, 2)), (MATRIX,)),
    Case("reshape", lambda x: kc.reshape(x, -1), (MATRIX,)),
    Case("reshape", lambda x: kc.reshape(x, (3, 1)), (VECTOR,)),
    *(
        Case("take", lambda x, k=key: x[k], (MATRIX,))
        for key in (
            *(1, (1, 2), (slice(None), -1), (slice(None), slice(None, None, -2))),
            *(([0, 1, 1], [2, 2, 2]), [0, 0, 1], (Ellipsis, 0)),
        )
    ),
    Case("take", lambda x: x[-1], (VECTOR,)),
    *(
        Case("concatenate", lambda *x, a=axis: kc.concatenate(x, a), shapes)
        for axis, shapes in ((0, (MATRIX, (P, N))), (1, (MATRIX, (M, P))), (0, (VECTOR, (M,))))
    ),
    Case("concatenate", lambda *x: kc.concatenate(x, axis=-1), (MATRIX, MATRIX, (M, P))),
    *(
        Case("convolve2d", lambda x, k, m=mode: kc.convolve2d(x, k, mode=m), shapes)
        for mode in ("valid", "same", "full")
        for shapes in (((5, 4), (2, 3)), ((4, 4), (3, 2)), ((2, 3), (4, 3)))
    ),
    *(
        Case("correlate2d", lambda x, k, m=mode: kc.correlate2d(x, k, mode=m), shapes)
        for mode in ("valid", "same", "full")
        for shapes in (((5, 4), (2, 3)), ((4, 4), (3, 2)), ((2, 3), (4, 3)))
    ),
]
# correlate2d conjugates its kernel: holomorphic in the image alone.
CASES = [
    case._replace(holomorphic=False) if case.rule == "correlate2d" else case for case in CASES
] + [
    Case("correlate2d", lambda x, m=mode: kc.correlate2d(x, [[1, 2j], [0, 1 - 1j]], m), ((4, 3),))
    for mode in ("valid", "same", "full")
]
