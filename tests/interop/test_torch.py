"""kronvec.interop.torch against torch's own operations, autograd, vmap and compiler."""

import doctest
import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

from kronvec.interop import torch as kt  # noqa: E402
from kronvec.interop._torch_operators import OPERATORS  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, of its compiler

KERNEL_DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES, ids=str)
precise = pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)


def random(dtype, *shape, seed=0):
    generator = torch.Generator().manual_seed(seed + 7 * sum(shape))
    return torch.randn(*shape, dtype=dtype, generator=generator)


def leaf(dtype, *shape, seed=0):
    return random(dtype, *shape, seed=seed).requires_grad_()


def dense_kron(factors, x):
    """The formed product; factors without batch."""
    return functools.reduce(torch.kron, [f.contiguous() for f in factors]) @ x


def dense_matmul_vjp(g, x, w):
    return g @ w.mH, (x.mH @ g).sum_to_size(w.shape)


def commutation(m, n, dtype=torch.float64):
    """K vec(A) = vec(Aᵀ), formed."""
    k = torch.zeros(m * n, m * n, dtype=dtype)
    for i in range(m):
        for j in range(n):
            k[i * n + j, j * m + i] = 1
    return k


# --------------------------------------------------------------------------------------
# Values


@every_dtype
def test_kron_matmul_is_the_product_with_the_formed_matrix(dtype):
    factors = [random(dtype, 2, 3), random(dtype, 4, 2), random(dtype, 1, 5)]
    for x in (random(dtype, 30), random(dtype, 30, 4)):
        torch.testing.assert_close(kt.kron_matmul(factors, x), dense_kron(factors, x))


@every_dtype
def test_triple_product_and_matmul_vjp_are_products(dtype):
    a, b, c = random(dtype, 5, 2, 3), random(dtype, 3, 4), random(dtype, 1, 4, 2)
    torch.testing.assert_close(kt.triple_product(a, b, c), a @ b @ c)
    g, x, w = random(dtype, 5, 2, 4), random(dtype, 5, 2, 3), random(dtype, 3, 4)
    for got, expected in zip(kt.matmul_vjp(g, x, w), dense_matmul_vjp(g, x, w), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, torch.bfloat16, torch.int32, torch.bool])
def test_commutation_transposes(dtype):
    a = random(torch.float64, 3, 4).mul(3).to(dtype)
    vec = a.T.reshape(-1)
    torch.testing.assert_close(kt.commutation_matmul(vec, 3, 4), a.reshape(-1))
    back = kt.commutation_matmul(a.reshape(-1), 3, 4, transposed=True)
    torch.testing.assert_close(back, vec)


def test_commutation_from_both_sides_is_the_formed_matrix():
    k, x = commutation(2, 3), random(torch.float64, 2, 6, 6)
    torch.testing.assert_close(kt.commutation_matmul(x, 2, 3), k @ x)
    torch.testing.assert_close(kt.commutation_matmul(x, 2, 3, side="right"), x @ k)
    transposed = kt.commutation_matmul(x, 2, 3, side="right", transposed=True)
    torch.testing.assert_close(transposed, x @ k.T)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64], ids=str)
def test_other_dtypes_are_torchs_own(dtype):
    factors = [torch.ones(2, 3, dtype=dtype), torch.ones(4, 2, dtype=dtype)]
    y = kt.kron_matmul(factors, torch.ones(6, dtype=dtype))
    assert y.dtype == dtype and torch.equal(y, torch.full((8,), 6, dtype=dtype))


def test_real_factors_of_complex_data_are_not_widened():
    factors = [random(torch.float64, 2, 3), random(torch.float64, 3, 2)]
    x = random(torch.complex128, 6, 2).conj()
    expected = dense_kron([f + 0j for f in factors], x)
    torch.testing.assert_close(kt.kron_matmul(factors, x), expected)
    torch.testing.assert_close(kt.kron_matmul(factors, x[:, 0]), expected[:, 0])


def test_any_strides_and_lazy_conjugation():
    a, b = random(torch.complex128, 3, 2).mH, random(torch.complex128, 4, 6)[::2, ::3]
    x = random(torch.complex128, 2, 6).T.conj()[:, ::2]
    torch.testing.assert_close(kt.kron_matmul([a, b], x), dense_kron([a, b], x))
    real = torch.view_as_real(x.conj())[..., 1]  # a lazy negation
    torch.testing.assert_close(kt.triple_product(real, real.mT, real), real @ real.mT @ real)


def test_contiguous_tensors_are_read_where_they_are(monkeypatch):
    from kronvec.interop import _torch_operators as operators

    seen = []
    plain = operators._array
    monkeypatch.setattr(operators, "_array", lambda t: seen.append((t, plain(t))) or seen[-1][1])
    kt.triple_product(*[random(torch.float32, 4, 4, seed=i) for i in range(3)])
    assert len(seen) == 3
    assert all(t.data_ptr() == a.__array_interface__["data"][0] for t, a in seen)


@pytest.mark.parametrize("sum_batch", [None, False, True])
@precise
def test_matmul_vjp_sums_as_in_numpy(sum_batch, dtype):
    import kronvec as kv

    for shapes in [((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((3,), (3, 4)), ((5, 2, 3), (3,))]:
        x, w = (random(dtype, *s) for s in shapes)
        g = random(dtype, *(x @ w).shape)
        for conjugate in (True, False):
            options = {"sum_batch": sum_batch, "conjugate": conjugate}
            got = kt.matmul_vjp(g, x, w, **options)
            expected = kv.matmul_vjp(g.numpy(), x.numpy(), w.numpy(), **options)
            for d, e in zip(got, expected, strict=True):
                assert d.shape == e.shape
                np.testing.assert_allclose(d.resolve_conj().numpy(), e, rtol=1e-12)


def test_errors_name_the_function_and_the_shapes():
    a = torch.ones(2, 3)
    with pytest.raises(ValueError, match=r"triple_product.*2, 3"):
        kt.triple_product(a, a, a)
    with pytest.raises(ValueError, match="kron_matmul: x must have 3 \\* 3 = 9"):
        kt.kron_matmul([a, a], torch.ones(8))
    with pytest.raises(ValueError, match="at least one factor"):
        kt.kron_matmul([], a)
    with pytest.raises(TypeError, match="x must be a Tensor"):
        kt.kron_matmul([a], np.ones(3))
    with pytest.raises(ValueError, match="g must have the product's shape"):
        kt.matmul_vjp(torch.ones(3, 3), a, a.T)
    with pytest.raises(ValueError, match="commutation_matmul"):
        kt.commutation_matmul(torch.ones(5), 2, 3)
    with pytest.raises(ValueError, match="batch axes do not broadcast"):
        kt.triple_product(torch.ones(2, 1, 1), torch.ones(3, 1, 1), torch.ones(1, 1))


# --------------------------------------------------------------------------------------
# Gradients

# (function of tensors, shapes of its operands)
DIFFERENTIABLE = {
    "triple_product": (kt.triple_product, [(2, 3), (4, 3, 2), (2, 1)]),
    "kron_matmul": (lambda *z: kt.kron_matmul(z[:-1], z[-1]), [(2, 3), (2, 2), (1, 2), (12, 2)]),
    "kron_matmul vector": (lambda *z: kt.kron_matmul(z[:-1], z[-1]), [(2, 3), (2, 2), (6,)]),
    "kron_matmul batch": (lambda *z: kt.kron_matmul(z[:-1], z[-1]), [(3, 1, 2), (2, 2), (4, 1)]),
    "matmul_vjp": (kt.matmul_vjp, [(3, 2, 2), (3, 2, 1), (1, 2)]),
    "matmul_vjp samples": (
        lambda *z: kt.matmul_vjp(*z, sum_batch=False),
        [(3, 2, 2), (3, 2, 1), (1, 2)],
    ),
    "matmul_vjp transposes": (
        lambda *z: kt.matmul_vjp(*z, conjugate=False, sum_batch=True),
        [(2, 2), (2, 1), (3, 1, 2)],
    ),
    "commutation_matmul": (lambda x: kt.commutation_matmul(x, 2, 3, side="right"), [(2, 6)]),
}
differentiable = pytest.mark.parametrize("name", DIFFERENTIABLE)


@differentiable
@precise
def test_gradients_of_first_and_second_order(name, dtype):
    function, shapes = DIFFERENTIABLE[name]
    operands = tuple(leaf(dtype, *s, seed=i) for i, s in enumerate(shapes))
    assert gradcheck(function, operands)
    assert gradgradcheck(function, operands)


@precise
def test_gradients_of_some_operands_are_those_of_all(dtype):
    for name in ("triple_product", "kron_matmul"):
        function, shapes = DIFFERENTIABLE[name]
        operands = [leaf(dtype, *s, seed=i) for i, s in enumerate(shapes)]
        y = function(*operands)
        every = torch.autograd.grad(y, operands, torch.ones_like(y))
        for i, expected in enumerate(every):
            alone = [z if i == j else z.detach() for j, z in enumerate(operands)]
            (got,) = torch.autograd.grad(function(*alone), alone[i], torch.ones_like(y))
            torch.testing.assert_close(got, expected)


def test_gradients_of_real_factors_of_complex_data_are_real():
    x = leaf(torch.complex128, 6, 2)
    factors = [leaf(torch.float64, 2, 3), leaf(torch.float64, 2, 2)]
    assert gradcheck(lambda *z: kt.kron_matmul(z[:-1], z[-1]), (*factors, x))


@pytest.mark.parametrize("name", OPERATORS)
@precise
def test_generic_pull_back_is_that_of_the_kernels(name, dtype):
    """What other devices compute."""
    from kronvec.interop._torch_operators import PRODUCTS, _generic_pull_back

    shapes = {
        "matmul": [(5, 2, 3), (1, 3, 4)],
        "triple_product": [(1, 2, 3), (5, 3, 2), (1, 2, 4)],
        "kron_matmul": [(1, 2, 3), (5, 4, 2), (1, 3, 3), (5, 18, 2)],
    }[name]
    operands = [random(dtype, *s, seed=i) for i, s in enumerate(shapes)]
    y = OPERATORS[name].apply(operands)
    torch.testing.assert_close(PRODUCTS[name].generic(operands), y)
    got = _generic_pull_back(PRODUCTS[name], y, operands)
    for d, expected in zip(got, OPERATORS[name].pull_back(y, operands), strict=True):
        torch.testing.assert_close(d, expected)


# --------------------------------------------------------------------------------------
# The operators, vmap, torch.func, torch.compile


@precise
def test_operators_pass_opcheck(dtype):
    operators = torch.ops.kronvec
    factors = [leaf(dtype, 1, 2, 3), leaf(dtype, 4, 3, 2)]
    x = leaf(dtype, 4, 6, 2)
    for operands, name in [
        ([*factors, x], "kron_matmul"),
        ([leaf(dtype, 2, 3), leaf(dtype, 3, 3), leaf(dtype, 3, 4)], "triple_product"),
        ([leaf(dtype, 5, 2, 3), leaf(dtype, 1, 3, 4)], "matmul"),
    ]:
        torch.library.opcheck(getattr(operators, name).default, (operands,))
        g = torch.ones_like(OPERATORS[name].apply(operands)).requires_grad_()
        torch.library.opcheck(getattr(operators, name + "_vjp").default, (g, operands))
    torch.library.opcheck(operators.commutation_matmul.default, (x, 2, 3, -2))


@precise
def test_vmap_is_a_loop(dtype):
    factors = [random(dtype, 2, 3), random(dtype, 2, 2)]
    x = random(dtype, 6, 5)
    looped = torch.stack([kt.kron_matmul(factors, x[:, i]) for i in range(5)])
    mapped = torch.vmap(lambda x: kt.kron_matmul(factors, x), in_dims=1)(x)
    torch.testing.assert_close(mapped, looped)
    many = random(dtype, 5, 2, 3)
    looped = torch.stack([kt.kron_matmul([f, factors[1]], x[:, i]) for i, f in enumerate(many)])
    mapped = torch.vmap(lambda f, x: kt.kron_matmul([f, factors[1]], x), in_dims=(0, 1))(many, x)
    torch.testing.assert_close(mapped, looped)
    mapped = torch.vmap(lambda x: kt.commutation_matmul(x, 2, 3), in_dims=1)(x)
    torch.testing.assert_close(mapped, kt.commutation_matmul(x, 2, 3).T)
    torch.testing.assert_close(
        torch.vmap(OPERATORS["kron_matmul"].apply, in_dims=([None, None, 1],))(
            [*factors, x[..., None]]
        )[..., 0],
        looped * 0 + torch.stack([kt.kron_matmul(factors, x[:, i]) for i in range(5)]),
    )


def test_per_sample_gradients_by_vmap_of_grad():
    factors = [random(torch.float64, 2, 3), random(torch.float64, 2, 2)]
    x = random(torch.float64, 5, 6)

    def loss(factors, x):
        return (kt.kron_matmul(factors, x) ** 2).sum()

    each = torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(factors, x)
    for i in range(5):
        own = torch.func.grad(loss)(factors, x[i])
        reference = torch.func.grad(lambda f, x: (dense_kron(f, x) ** 2).sum())(factors, x[i])
        for d, e, r in zip(each, own, reference, strict=True):
            torch.testing.assert_close(d[i], e)
            torch.testing.assert_close(e, r)


def test_gradients_through_vmap():
    factors = [random(torch.float64, 2, 3), random(torch.float64, 2, 2)]
    x = random(torch.float64, 5, 6)

    def loss(product):
        def value(factor, x):
            mapped = torch.vmap(lambda x: product([factor, factors[1]], x))(x)
            return (mapped**2).sum()

        return torch.func.grad(value, argnums=(0, 1))(factors[0], x)

    for got, expected in zip(loss(kt.kron_matmul), loss(dense_kron), strict=True):
        torch.testing.assert_close(got, expected)
    leaves = [f.clone().requires_grad_() for f in factors]
    gradients = []
    for product in (kt.kron_matmul, dense_kron):
        y = torch.vmap(lambda x, product=product: product(leaves, x))(x)
        gradients.append(torch.autograd.grad(y.sum(), leaves))
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected)


def test_jacobians_by_torch_func():
    a, b, c = (random(torch.float64, 3, 3, seed=i) for i in range(3))
    got = torch.func.jacrev(torch.func.jacrev(lambda a: kt.triple_product(a, b, a)))(a)
    expected = torch.func.jacrev(torch.func.jacrev(lambda a: a @ b @ a))(a)
    torch.testing.assert_close(got, expected)
    got = torch.func.jacrev(lambda c: kt.matmul_vjp(a, b, c)[0])(c)
    torch.testing.assert_close(got, torch.func.jacrev(lambda c: a @ c.mT)(c))


def workload(factors, x):
    y = kt.kron_matmul(factors, x)
    dx, dw = kt.matmul_vjp(y, y, torch.eye(2, dtype=y.dtype))
    return (kt.triple_product(dw, dw, dw) + kt.commutation_matmul(dx, 3, 9)[:2]).sum()


def test_compiled_without_a_graph_break():
    torch._dynamo.reset()
    factors, x = [leaf(torch.float64, 3, 3, seed=i) for i in range(3)], leaf(torch.float64, 27, 2)
    compiled = torch.compile(workload, fullgraph=True, backend="aot_eager")
    got, expected = compiled(factors, x), workload(factors, x)
    torch.testing.assert_close(got, expected)
    for d, e in zip(
        torch.autograd.grad(got, [*factors, x]),
        torch.autograd.grad(expected, [*factors, x]),
        strict=True,
    ):
        torch.testing.assert_close(d, e)


def test_compiled_for_any_number_of_columns():
    torch._dynamo.reset()
    factors = [random(torch.float64, 3, 3, seed=i) for i in range(2)]
    compiled = torch.compile(
        lambda x: kt.kron_matmul(factors, x), fullgraph=True, backend="aot_eager", dynamic=True
    )
    for columns in (2, 5, 7):
        x = random(torch.float64, 9, columns)
        torch.testing.assert_close(compiled(x), dense_kron(factors, x))


def test_docstring_examples_run():
    result = doctest.testmod(kt)
    assert result.attempted > 8 and result.failed == 0
