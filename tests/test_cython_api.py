"""What compiled code calls: the exported functions and the table in the capsule, by ctypes."""

import functools
import threading
from math import prod
from pathlib import Path

import numpy as np
import pytest

import compiled_api as api
import kronvec as kv
from compiled_api import Plan, call
from helpers import (
    ISAS,
    KERNEL_DTYPES,
    LAYOUTS,
    OUT_LAYOUTS,
    SIZES,
    SLACK,
    assert_bounded,
    filler,
    guarded,
    lift,
    peak_of,
    random,
    use_isa,
)
from kronvec import cython_api

LINE = 64  # bytes of a cache line
OPERAND_LAYOUTS = [n for n in LAYOUTS if n not in ("misaligned", "byte_swapped", "read_only")]
RESULT_LAYOUTS = [n for n in OPERAND_LAYOUTS if n in OUT_LAYOUTS]
every_dtype = pytest.mark.parametrize("dtype", [np.dtype(name) for name in KERNEL_DTYPES], ids=str)
every_layout = pytest.mark.parametrize("layout", OPERAND_LAYOUTS)
every_size = pytest.mark.parametrize("sizes", SIZES, ids=str)


def operands(dtype, layout, *shapes):
    return [LAYOUTS[layout](random(dtype, *s, seed=i)) for i, s in enumerate(shapes)]


def result(dtype, layout, *shape):
    layout = layout if layout in RESULT_LAYOUTS else "strided"
    return LAYOUTS[layout](filler(dtype, shape))


def assert_product(got, function, *arrays, roundings):
    """``got`` is ``function`` of the arrays within the bound of so many roundings."""
    lifted = [lift(a) for a in arrays]
    assert_bounded(got, function(*lifted), function(*map(np.abs, lifted)), roundings)


# --------------------------------------------------------------------------------------
# The table


def test_the_table_holds_what_is_exported():
    table = api.Table.from_address(
        api.capsule_pointer(cython_api._c_api, "kronvec.cython_api._c_api")
    )
    assert table.abi_version == cython_api.abi_version == 1
    assert table.size == api.ctypes.sizeof(api.Table)
    assert set(cython_api.__pyx_capi__) == set(api.TYPES)
    for name in api.TYPES:
        capsule = cython_api.__pyx_capi__[name]
        assert getattr(table, name) == api.capsule_pointer(capsule, api.capsule_name(capsule))


def test_the_headers_are_where_get_include_says():
    text = (Path(kv.get_include()) / "kronvec.h").read_text(encoding="utf-8")
    assert f"#define KRONVEC_ABI_VERSION {cython_api.abi_version}\n" in text
    members = text[text.index("int abi_version;") : text.index("} kronvec_functions;")]
    assert [n for n in api.TYPES if f"(*{n})(" not in members] == []
    order = [members.index(f"(*{n})(") for n in api.TYPES]
    assert order == sorted(order)


def test_scipy_makes_callables_of_what_is_exported():
    scipy = pytest.importorskip("scipy")
    function = scipy.LowLevelCallable.from_cython(cython_api, "transpose")
    assert function.signature == "int (Py_ssize_t, kronvec_matrix const *, kronvec_matrix const *)"


# --------------------------------------------------------------------------------------
# Products


@every_dtype
@every_layout
@every_size
def test_triple_product(dtype, layout, sizes):
    m, n, p, q = sizes
    a, b, c = operands(dtype, layout, (m, n), (n, p), (p, q))
    y = result(dtype, layout, m, q)
    assert call("triple_product", dtype, a, b, c, y) == api.OK
    assert_product(y, lambda a, b, c: a @ b @ c, a, b, c, roundings=n + p)


def mode_definition(f, x):
    return np.einsum("qp,lpr->lqr", f, x)


@every_dtype
@every_layout
@every_size
def test_mode_product(dtype, layout, sizes):
    left, p, q, right = sizes
    f, x = operands(dtype, layout, (q, p), (left, p, right))
    y = result(dtype, layout, left, q, right)
    assert call("mode_product", dtype, f, x, y, 0) == api.OK
    assert_product(y, mode_definition, f, x, roundings=p)
    assert call("mode_product", dtype, f, x, y, api.CONJUGATE) == api.OK
    assert_product(y, mode_definition, f.conj(), x, roundings=p)
    before = y.copy()
    assert call("mode_product", dtype, f, x, y, api.ACCUMULATE) == api.OK
    assert_product(y, lambda f, x, y: mode_definition(f, x) + y, f, x, before, roundings=p + 1)


@every_dtype
@every_layout
@every_size
def test_kron(dtype, layout, sizes):
    m, n, p, q = sizes
    a, b = operands(dtype, layout, (m, n), (p, q))
    y = result(dtype, layout, m * p, n * q)
    assert call("kron", dtype, a, b, y) == api.OK
    assert_product(y, np.kron, a, b, roundings=1)


@pytest.mark.parametrize("conjugate", [False, True])
@every_dtype
@every_layout
@every_size
def test_matmul_vjp(dtype, layout, sizes, conjugate):
    m, n, p, _ = sizes
    g, x, w = operands(dtype, layout, (m, p), (m, n), (n, p))
    dx, dw = result(dtype, layout, m, n), result(dtype, layout, n, p)
    flags = api.CONJUGATE if conjugate else 0
    assert call("matmul_vjp", dtype, g, x, w, dx, dw, flags) == api.OK
    if conjugate:
        x, w = x.conj(), w.conj()
    assert_product(dx, lambda g, w: g @ w.T, g, w, roundings=p)
    assert_product(dw, lambda g, x: x.T @ g, g, x, roundings=m)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "complex64", "complex128", "V24"])
@every_layout
@every_size
def test_transpose_of_any_item(dtype, layout, sizes):
    m, n = sizes[:2]
    values = np.random.default_rng(0).integers(0, 99, (m, n, np.dtype(dtype).itemsize), np.uint8)
    x = LAYOUTS[layout](values.view(dtype).reshape(m, n))
    y = np.zeros((n, m), dtype)
    assert call("transpose", x.itemsize, x, y) == api.OK
    assert y.tobytes() == x.T.tobytes()


@every_dtype
def test_sizes_that_do_not_fit_are_a_status_and_write_nothing(dtype):
    a, b, y = np.ones((2, 3), dtype), np.ones((4, 5), dtype), np.zeros((2, 5), dtype)
    x = np.ones((2, 4, 2), dtype)
    assert call("triple_product", dtype, a, b, b, y) == api.BAD_SHAPE
    assert call("kron", dtype, a, b, y) == api.BAD_SHAPE
    assert call("matmul_vjp", dtype, y, a, b, a, b, 0) == api.BAD_SHAPE
    assert call("transpose", a.itemsize, a, y) == api.BAD_SHAPE
    assert call("mode_product", dtype, a, x, x, 0) == api.BAD_SHAPE
    negative = api.Matrix(y.ctypes.data, -1, -1, 8, 8)
    assert call("transpose", y.itemsize, negative, negative) == api.BAD_SHAPE
    assert not y.any()


def test_unknown_dtypes_and_flags_are_a_status():
    y = np.zeros((2, 2))
    x = np.zeros((2, 2, 2))
    for code in (-1, 4):
        assert call("triple_product", code, y, y, y, y) == api.BAD_DTYPE
        assert call("kron", code, y, y, y) == api.BAD_DTYPE
        assert call("matmul_vjp", code, y, y, y, y, y, 0) == api.BAD_DTYPE
        assert call("mode_product", code, y, x, x, 0) == api.BAD_DTYPE
    assert call("transpose", 0, y, y) == api.BAD_DTYPE
    assert call("mode_product", y.dtype, y, x, x, 8) == api.BAD_DTYPE
    assert call("matmul_vjp", y.dtype, y, y, y, y, y, api.ACCUMULATE) == api.BAD_DTYPE


# --------------------------------------------------------------------------------------
# Many factors

# (q, p) of each factor, IDENTITY for q
CHAINS = [
    [(3, 4)],
    [(4, 4), (4, 4)],
    [(2, 2)] * 9,
    [(5, 3), (2, 6), (4, 4)],
    [(8, 8)] * 4,
    [(api.IDENTITY, 5), (3, 4), (api.IDENTITY, 2), (2, 2)],
    [(api.IDENTITY, 3), (api.IDENTITY, 4)],
    [(20, 31), (33, 17)],
    [(300, 280), (3, 2)],
    [(1, 7), (7, 1)],
    [(0, 3), (2, 2)],
    [(3, 0), (2, 2)],
]
OUTSIDE = [(1, 1), (3, 1), (1, 5), (40, 1), (2, 16), (0, 2)]


def make_factors(dtype, chain, layout="C"):
    return [
        None if q == api.IDENTITY else LAYOUTS[layout](random(dtype, q, p, seed=i))
        for i, (q, p) in enumerate(chain)
    ]


def applied(chain, x, *factors):
    """(F1 ⊗ … ⊗ FN) X[l,:,r], one factor after the other."""
    left, _, right = x.shape
    rows = [p for _, p in chain]
    given = iter(factors)
    for i, (q, p) in enumerate(chain):
        if q == api.IDENTITY:
            continue
        f = next(given)
        x = x.reshape(left * prod(rows[:i]), p, prod(rows[i + 1 :]) * right)
        x = mode_definition(f, x)
        rows[i] = q
    return x.reshape(left, prod(rows), right)


@pytest.mark.parametrize("outside", OUTSIDE, ids=str)
@pytest.mark.parametrize("chain", CHAINS, ids=str)
@every_dtype
def test_plans_apply_many_factors(dtype, chain, outside):
    left, right = outside
    factors = make_factors(dtype, chain)
    given = [f for f in factors if f is not None]
    plan = Plan(dtype, chain, left, right)
    x = random(dtype, left, prod(p for _, p in chain), right)
    rows = prod(p if q == api.IDENTITY else q for q, p in chain)
    y = filler(dtype, (left, rows, right))
    assert plan.apply(factors, x, y) == api.OK
    roundings = sum(p for q, p in chain if q != api.IDENTITY) + len(chain)
    assert_product(y, functools.partial(applied, chain), x, *given, roundings=roundings)


@pytest.mark.parametrize("isa", ISAS)
@every_dtype
@every_layout
def test_plans_take_any_strides_and_conjugates(dtype, layout, isa):
    chain, left, right = [(5, 3), (2, 2), (2, 2), (4, 6)], 4, 3
    with use_isa(isa):
        plan = Plan(dtype, chain, left, right)
        factors = make_factors(dtype, chain, layout)
        x = LAYOUTS[layout](random(dtype, left, 72, right))
        y = result(dtype, layout, left, 80, right)
        assert plan.apply(factors, x, y, api.CONJUGATE) == api.OK
    conjugates = [f.conj() for f in factors]
    assert_product(y, functools.partial(applied, chain), x, *conjugates, roundings=19)


def test_plans_use_no_memory_but_their_workspace():
    chain, dtype = [(2, 2)] * 14, np.dtype("complex128")
    plan, factors = Plan(dtype, chain), make_factors(dtype, chain)
    x = random(dtype, 1, 2**14, 1)
    expected, y = np.empty_like(x), np.empty_like(x)
    plan.apply(factors, x, expected)
    assert plan.workspace() > SLACK
    for side in ("start", "end"):
        workspace = guarded(np.zeros(plan.workspace(), np.uint8), side)
        peak, status = peak_of(plan.apply, factors, x, y, workspace=workspace)
        assert status == api.OK and peak < SLACK
        assert np.array_equal(y, expected)


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize(
    "chain", [[(2, 2)] * 14, [(9, 17), (9, 16), (9, 17)], [(20, 20)] * 3, [(8, 8)]]
)
def test_a_workspace_may_lie_anywhere(chain, strided):
    plan, factors = Plan("float64", chain, 2, 2), make_factors("float64", chain)
    columns = slice(None, None, 2 if strided else 1)
    x = random("float64", 2, prod(p for _, p in chain), 4 if strided else 2)[..., columns]
    expected = np.empty((2, prod(q for q, _ in chain), x.base.shape[-1] if strided else 2))[
        ..., columns
    ]
    plan.apply(factors, x, expected)
    needed = plan.workspace(strided)
    assert needed > 0 or len(chain) == 1
    for address in range(LINE):  # modulo that of a line
        memory = np.full(needed + 3 * LINE, 0xA5, np.uint8)
        begin = LINE + (address - memory.ctypes.data) % LINE
        y = np.empty_like(expected.base)[..., columns]
        assert plan.apply(factors, x, y, workspace=memory[begin : begin + needed]) == api.OK
        assert np.array_equal(y, expected)
        assert (memory[:begin] == 0xA5).all() and (memory[begin + needed :] == 0xA5).all()


def test_a_small_workspace_is_a_status_and_nothing_is_written():
    chain = [(20, 20)] * 3
    plan, factors = Plan("float64", chain), make_factors("float64", chain)
    x, y = np.ones((1, 8000, 1)), np.zeros((1, 8000, 1))
    needed = plan.workspace()
    workspace = np.zeros(needed, np.uint8)
    assert needed > 0
    assert plan.apply(factors, x, y, workspace=workspace, size=needed - 1) == api.SMALL_WORKSPACE
    strided = np.zeros((1, 16000, 1))[:, ::2]
    assert plan.apply(factors, x, strided, workspace=workspace) == api.SMALL_WORKSPACE
    assert plan.workspace(True) >= needed + 2 * x.nbytes
    assert not y.any() and not strided.any()


def test_plans_know_their_shapes_and_flags():
    plan = Plan("float64", [(2, 3), (4, 5)], 2, 3)
    f, g = np.ones((2, 3)), np.ones((4, 5))
    x, y = np.ones((2, 15, 3)), np.zeros((2, 8, 3))
    assert plan.apply([f, f], x, y) == api.BAD_SHAPE
    assert plan.apply([f, g], x[:1], y) == api.BAD_SHAPE
    assert plan.apply([f, g], x, y[:, :7]) == api.BAD_SHAPE
    assert plan.apply([f, g], x, y, flags=api.ACCUMULATE) == api.BAD_DTYPE
    assert not y.any()


@pytest.mark.parametrize(
    "dtype, chain, left, right",
    [
        ("int32", [(2, 2)], 1, 1),
        ("float64", [], 1, 1),
        ("float64", [(2, 2)], -1, 1),
        ("float64", [(2, -2)], 1, 1),
        ("float64", [(-2, 2)], 1, 1),
        ("float64", [(2**20, 2**20)] * 3, 1, 1),
    ],
)
def test_a_plan_for_what_cannot_be_raises(dtype, chain, left, right):
    with pytest.raises(ValueError, match="kronvec plan"):
        Plan(dtype, chain, left, right)


def test_one_plan_serves_threads():
    chain = [(16, 16)] * 4
    plan, factors = Plan("float64", chain), make_factors("float64", chain)
    x = random("float64", 1, 16**4, 1)
    expected = np.empty_like(x)
    plan.apply(factors, x, expected)
    results = [np.empty_like(x) for _ in range(4)]
    threads = [threading.Thread(target=plan.apply, args=(factors, x, y)) for y in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(y, expected) for y in results)
