"""kronvec.interop.jax against jax.numpy: values, gradients, jit, vmap, both kinds of call."""

import doctest
import functools
import os
import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from kronvec.interop import jax as kj  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

DTYPES = ["float32", "float64", "complex64", "complex128"]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
precise = pytest.mark.parametrize("dtype", ["float64", "complex128"])


@pytest.fixture(autouse=True)
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def random(dtype, *shape, seed=0):
    rng = np.random.default_rng([seed, *shape])
    x = rng.standard_normal(shape)
    return jnp.asarray(
        (x + 1j * rng.standard_normal(shape) if dtype[0] == "c" else x).astype(dtype)
    )


def dense_kron(factors, x):
    return functools.reduce(jnp.kron, factors) @ x


def dense_triple(a, b, c):
    return a @ b @ c


def dense_matmul_vjp(g, x, w):
    return jax.vjp(jnp.matmul, x, w)[1](g)


def ours(*operands):
    return kj.kron_matmul(operands[:-1], operands[-1])


def dense(*operands):
    return dense_kron(operands[:-1], operands[-1])


# name: (ours, by jax.numpy, shapes of the operands)
PRODUCTS = {
    "triple_product": (kj.triple_product, dense_triple, [(2, 3), (4, 3, 2), (2, 5)]),
    "kron_matmul": (ours, dense, [(2, 3), (3, 2), (1, 2), (12, 3)]),
    "kron_matmul vector": (ours, dense, [(2, 3), (3, 2), (6,)]),
    "matmul_vjp": (kj.matmul_vjp, dense_matmul_vjp, [(4, 2, 5), (4, 2, 3), (3, 5)]),
    "matmul_vjp vector": (kj.matmul_vjp, dense_matmul_vjp, [(5,), (3,), (3, 5)]),
    "commutation_matmul": (
        lambda x: kj.commutation_matmul(x, 2, 3),
        lambda x: x.reshape(3, 2, 4).swapaxes(0, 1).reshape(6, 4),
        [(6, 4)],
    ),
}
products = pytest.mark.parametrize("name", PRODUCTS)


def close(got, expected, rtol=1e-10):
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert g.shape == e.shape and g.dtype == e.dtype
        rtol = max(rtol, 50 * np.finfo(g.dtype).eps)
        np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol * 10)


def loss(function):
    """A real function of all results, whose second derivative is not zero."""

    def value(*operands):
        return sum((jnp.abs(y) ** 2).sum() for y in jax.tree.leaves(function(*operands)))

    return value


@products
@every_dtype
def test_values_are_those_of_jax_numpy(name, dtype):
    function, reference, shapes = PRODUCTS[name]
    operands = [random(dtype, *s, seed=i) for i, s in enumerate(shapes)]
    expected = reference(*operands)
    close(function(*operands), expected, 1e-5 if dtype in ("float32", "complex64") else 1e-10)
    close(jax.jit(function)(*operands), function(*operands))


@products
@precise
def test_gradients_are_those_of_jax_numpy(name, dtype):
    function, reference, shapes = PRODUCTS[name]
    operands = [random(dtype, *s, seed=i) for i, s in enumerate(shapes)]
    arguments = tuple(range(len(operands)))
    got = jax.jit(jax.grad(loss(function), arguments))(*operands)
    close(got, jax.grad(loss(reference), arguments)(*operands))


@products
def test_second_derivatives_are_those_of_jax_numpy(name):
    function, reference, shapes = PRODUCTS[name]
    operands = [random("float64", *s, seed=i) for i, s in enumerate(shapes)]
    arguments = tuple(range(len(operands)))
    directions = [random("float64", *s, seed=10 + i) for i, s in enumerate(shapes)]

    def along(function):
        def slope(*z):
            gradients = jax.grad(loss(function), arguments)(*z)
            return sum(jnp.vdot(d, g) for d, g in zip(directions, gradients, strict=True))

        return jax.grad(slope, arguments)(*operands)

    close(along(function), along(reference))


@products
@precise
def test_vmap_is_a_loop(name, dtype):
    function, reference, shapes = PRODUCTS[name]
    operands = [random(dtype, 3, *s, seed=i) for i, s in enumerate(shapes)]
    close(jax.vmap(function)(*operands), jax.vmap(reference)(*operands))
    first_only = [operands[0], *(z[0] for z in operands[1:])]
    axes = (0, *[None] * (len(operands) - 1))
    close(jax.vmap(function, axes)(*first_only), jax.vmap(reference, axes)(*first_only))
    # gradients of shared operands are those of each sample, not summed
    arguments = tuple(range(len(operands)))
    got, expected = (
        jax.vmap(jax.grad(loss(f), arguments), axes)(*first_only) for f in (function, reference)
    )
    close(got, expected)


@pytest.mark.parametrize("sum_batch", [None, False, True])
@precise
def test_matmul_vjp_sums_as_in_numpy(sum_batch, dtype):
    import kronvec as kv

    for shapes in [((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((3,), (3, 4)), ((5, 2, 3), (3,))]:
        x, w = (random(dtype, *s) for s in shapes)
        g = random(dtype, *(x @ w).shape)
        for conjugate in (True, False):
            options = {"sum_batch": sum_batch, "conjugate": conjugate}
            got = kj.matmul_vjp(g, x, w, **options)
            expected = kv.matmul_vjp(*map(np.asarray, (g, x, w)), **options)
            close(got, expected)


def test_without_x64_double_precision_becomes_single():
    jax.config.update("jax_enable_x64", False)
    y = kj.kron_matmul([np.eye(2), np.ones((1, 2))], np.arange(4.0))
    assert y.dtype == jnp.float32
    np.testing.assert_array_equal(y, [1, 5])
    d = jax.grad(lambda a: kj.triple_product(a, a, a).sum())(np.eye(2))
    assert d.dtype == jnp.float32
    np.testing.assert_array_equal(d, 3 * np.ones((2, 2)))


@pytest.mark.parametrize("dtype", ["int32", "float16", "bfloat16"])
def test_other_dtypes_are_those_of_jax_numpy(dtype):
    y = kj.kron_matmul([jnp.ones((2, 3), dtype), jnp.ones((1, 2), dtype)], jnp.ones(6, dtype))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.astype("float32"), [6, 6])


def test_empty_operands():
    y = kj.kron_matmul([jnp.ones((2, 0)), jnp.ones((3, 2))], jnp.ones((0, 4)))
    np.testing.assert_array_equal(y, np.zeros((6, 4)))


def test_commutation_from_the_right_and_transposed():
    import kronvec as kv

    x = random("float64", 2, 4, 6)
    for side, z in (("right", x), ("left", x.swapaxes(-1, -2))):
        for transposed in (False, True):
            options = {"side": side, "transposed": transposed}
            expected = kv.commutation_matmul(np.asarray(z), 2, 3, **options)
            np.testing.assert_array_equal(kj.commutation_matmul(z, 2, 3, **options), expected)


def test_forward_mode_says_that_it_is_not_there():
    a = jnp.eye(2)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda a: kj.triple_product(a, a, a), (a,), (a,))


def test_errors_name_the_function_and_the_shapes():
    a = jnp.ones((2, 3))
    with pytest.raises(ValueError, match=r"triple_product.*\(2, 3\)"):
        kj.triple_product(a, a, a)
    with pytest.raises(ValueError, match="kron_matmul: x must have 3 \\* 3 = 9"):
        kj.kron_matmul([a, a], jnp.ones(8))
    with pytest.raises(ValueError, match="batch axes do not broadcast"):
        kj.triple_product(jnp.ones((2, 1, 1)), jnp.ones((3, 1, 1)), jnp.ones((1, 1)))


def test_large_operands_do_not_wait_for_each_other():
    factors = [random("float64", 16, 16, seed=i) for i in range(5)]
    x = random("float64", 16**5)
    y = jax.jit(lambda f, x: kj.kron_matmul(f, kj.kron_matmul(f, x)))(factors, x)
    import kronvec as kv

    plain = [np.asarray(f) for f in factors]
    np.testing.assert_allclose(y, kv.kron_matmul(plain, kv.kron_matmul(plain, np.asarray(x))))


@pytest.mark.skipif(kj.CALLS == "callback", reason="callbacks are what the other tests call")
def test_callbacks_give_the_same():
    tests = "values_are or vmap or large"
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q"]
    environment = {**os.environ, "KRONVEC_JAX_CALLS": "callback"}
    result = subprocess.run(
        [*command, __file__, "-k", tests], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


def test_docstring_examples_run():
    jax.config.update("jax_enable_x64", False)
    result = doctest.testmod(kj)
    assert result.attempted > 8 and result.failed == 0
