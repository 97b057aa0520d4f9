"""What users' type checkers see of the public names; mypy reads this file, nothing runs it.

`make lint` checks it with the package, so that a type which becomes Any, or wider, is an error
here.  A mistake that must be refused stands beside an ignore, which mypy reports once it is none.
"""

from typing import Any, assert_type

import numpy as np
from numpy.typing import ArrayLike, NDArray

import kronvec as kv
from kronvec import calculus, operators
from kronvec._explained import Explanation

Array = NDArray[Any]

a = np.eye(2)
x = np.ones(4)
factors: list[ArrayLike | None] = [a, [[1.0, 2.0], [3.0, 4.0]], None]

# ---- vec and products: array-likes in, arrays out

assert_type(kv.vec(a), Array)
assert_type(kv.vec([[1, 2], [3, 4]], order="C"), Array)
assert_type(kv.unvec(x, (2, 2)), Array)
assert_type(kv.vech(a), Array)
assert_type(kv.kron(a, [[1, 2]]), Array)
assert_type(kv.kron(a, a, a, out=np.empty((8, 8))), Array)
assert_type(kv.bkron(a, a), Array)
assert_type(kv.triple_product(a, a, a), Array)
assert_type(kv.vec_trick(a, x, a, order="C"), Array)
assert_type(kv.kron_matvec(factors, x), Array)
assert_type(kv.kron_matmul((a, a), x, alpha=2, workers=-1), Array)
assert_type(kv.khatri_rao(a, a), Array)
assert_type(kv.kronsum(a, a), Array)
assert_type(kv.commutation_matmul(x, 2, 2, side="left"), Array)
assert_type(kv.partial_trace(np.eye(4), (2, 2), 0), Any)

kv.vec(a, order="A")  # type: ignore[arg-type]
kv.kron_matvec(a=factors, x=x)  # type: ignore[call-arg]

# ---- gradients: a tuple in the order of the operands

assert_type(kv.matmul_vjp(a, a, a), tuple[Array, Array])
assert_type(kv.kron_vjp(np.eye(4), a, a), tuple[Array, Array])
assert_type(kv.kron_matmul_vjp(x, [a, a], x), tuple[list[Array], Array])
assert_type(kv.per_sample_sqnorm(a, a), Array)

# ---- operators: products with arrays are arrays, with operators operators

K = operators.KroneckerProduct(a, a)
assert_type(K, operators.KroneckerProduct)
assert_type(K @ x, Array)
assert_type(x @ K, NDArray[np.float64])  # as NumPy's stubs see it
assert_type(K @ K, operators.Operator)
assert_type(K.dot([1.0, 2.0, 3.0, 4.0]), Array)
assert_type(K + 0.1 * operators.Identity(4), operators.Operator)
assert_type(2 * K, operators.Operator)
assert_type(K.shape, tuple[int, int])
assert_type(K.dtype, np.dtype[Any])
assert_type(K.solve(x), Array)
assert_type(K.eigh(), tuple[Array, operators.Operator])
assert_type(K.svd(), tuple[operators.Operator, Array, operators.Operator])
assert_type(K.rank(), int)
assert_type(K.toarray(), Array)
assert_type(kv.commutation_matrix(2, 3), operators.Commutation)
assert_type(kv.duplication_matrix(3), operators.Duplication)

# ---- calculus: one variable, one derivative; several, as many

X = calculus.Variable(a, "X")
Y = calculus.Variable(a, "Y")
f = calculus.trace(X @ Y)
assert_type(calculus.D(X @ Y, X), calculus.MatrixMap)
assert_type(calculus.D(X @ Y, [X, Y]), calculus.Block)
assert_type(calculus.grad(f, X), Array)
assert_type(calculus.grad(f, (X, Y)), tuple[Array, ...])
assert_type(calculus.vjp(X @ Y, X, a), Array)
assert_type(calculus.D(X @ Y, X).jvp(a), Array)
assert_type(calculus.D(X @ Y, X).operator(), operators.Operator)

# ---- introspection

assert_type(kv.explain([a, a], (4, 7)), Explanation)
assert_type(kv.get_include(), str)
