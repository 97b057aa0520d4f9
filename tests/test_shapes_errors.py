"""Bad input: the error names the function, each argument and its shape; nothing is written."""

import tracemalloc

import numpy as np
import pytest

import kronvec as kv
from equations import EQUATIONS
from helpers import leaves, random, replace_leaf
from operations import OPERATIONS, WITH_OUT

every_operation = pytest.mark.parametrize("operation", (*OPERATIONS, *EQUATIONS), ids=str)
every_formed = pytest.mark.parametrize("operation", WITH_OUT, ids=str)


def raised(error, function, *args, **kwargs):
    """The message of the error that the call must raise, inputs and ``out`` untouched."""
    arrays = [a for a in (*leaves(args), kwargs.get("out")) if isinstance(a, np.ndarray)]
    small = [a for a in arrays if a.size < 10**6]
    before = [a.tobytes() for a in small]
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    assert [a.tobytes() for a in small] == before
    return str(caught.value)


def t(*shape):
    return random("float64", *shape)


# --------------------------------------------------------------------------------------
# Shapes that do not fit: (name, arguments, keywords, what the message must say)

F23, F45 = [t(2, 3), t(4, 5)], [t(3, 2, 3), t(4, 4, 5)]
SHAPE_ERRORS = [
    ("vec", (t(3),), {}, ["a", "(3,)"]),
    ("unvec", (t(5), (2, 3)), {}, ["v", "(5,)", "6"]),
    ("unvec", (t(6), (-2, -3)), {}, ["negative", "-2"]),
    ("vec_reorder", (t(5), (2, 3)), {"source": "F", "target": "C"}, ["v", "(5,)", "6"]),
    ("vech", (t(2, 3),), {}, ["a", "(2, 3)", "square"]),
    ("svec", (t(4, 2, 3),), {}, ["a", "(4, 2, 3)", "square"]),
    ("unvech", (t(5),), {}, ["v", "(5,)", "6"]),
    ("smat", (t(2, 4),), {}, ["v", "(2, 4)", "6"]),
    ("bkron", (t(3), t(2, 2)), {}, ["a", "(3,)"]),
    ("bkron", (t(3, 2, 2), t(4, 2, 2)), {}, ["a (3, 2, 2)", "b (4, 2, 2)"]),
    ("triple_product", (t(2, 3), t(4, 5), t(5, 2)), {}, ["a (2, 3)", "b (4, 5)", "c (5, 2)"]),
    ("triple_product", (t(2, 3), t(3, 5), t(4, 2)), {}, ["a (2, 3)", "b (3, 5)", "c (4, 2)"]),
    ("triple_product", (t(2, 3), t(3), t(4, 2)), {}, ["b", "(3,)"]),
    ("triple_product", (t(3, 2, 2), t(2, 2), t(4, 2, 2)), {}, ["a (3, 2, 2)", "c (4, 2, 2)"]),
    ("vec_trick", (t(2, 3), t(11), t(4, 5)), {}, ["a (2, 3)", "b (11,)", "c (4, 5)", "12"]),
    ("vec_trick", (t(3), t(12), t(4, 5)), {}, ["a", "(3,)"]),
    ("vec_trick", (t(3, 2, 2), t(4, 4), t(2, 2)), {}, ["a (3, 2, 2)", "b (4, 4)"]),
    ("kron_matvec", (F23, t(16)), {}, ["x", "(16,)", "15"]),
    ("kron_matvec", (F45, t(15)), {}, ["(3, 2, 3)", "(4, 4, 5)"]),
    ("kron_matvec", ([t(3), t(4, 5)], t(15)), {}, ["factor", "(3,)"]),
    ("kron_vecmat", (t(7), F23), {}, ["x", "(7,)", "8"]),
    ("kron_matmul", (F23, t(3, 16, 2)), {}, ["x", "(3, 16, 2)", "15"]),
    ("kron_matmul", (F23, t(16)), {}, ["x", "(16,)", "15"]),
    ("matmul_kron", (t(2, 7), F23), {}, ["x", "(2, 7)", "8"]),
    ("matmul_kron", (t(5, 2, 8), [t(3, 2, 3), t(4, 5)]), {}, ["(5, 2, 8)", "(3, 2, 3)"]),
    ("commutation_matmul", (t(5), 2, 3), {}, ["x", "(5,)", "6"]),
    ("commutation_matmul", (t(6, 5), 2, 3), {"side": "right"}, ["x", "(6, 5)", "6"]),
    ("commutation_matmul", (t(6), -2, -3), {}, ["negative", "-2"]),
    ("commutation_indices", (-1, 3), {}, ["m", "negative", "-1"]),
    ("commutation_matrix", (3, -1), {}, ["n", "negative", "-1"]),
    ("duplication_matmul", (t(5), 2), {}, ["x", "(5,)", "3", "n = 2"]),
    ("duplication_matmul", (t(3), 2), {"transposed": True}, ["x", "(3,)", "4"]),
    ("duplication_matmul", (t(4, 3), 2), {}, ["x", "(4, 3)", "axis -2"]),
    ("duplication_indices", (-1,), {}, ["n", "negative", "-1"]),
    ("duplication_matrix", (-2,), {}, ["n", "negative", "-2"]),
    ("duplication_pinv_matmul", (t(3), 2), {}, ["x", "(3,)", "4"]),
    ("duplication_pinv_matrix", (-2,), {}, ["n", "negative", "-2"]),
    ("elimination_matmul", (t(2, 5), 2), {"side": "right"}, ["x", "(2, 5)", "3"]),
    ("elimination_indices", (-1,), {}, ["n", "negative", "-1"]),
    ("elimination_matrix", (-2,), {}, ["n", "negative", "-2"]),
    ("symmetrizer_matmul", (t(3), 2), {}, ["x", "(3,)", "4"]),
    ("symmetrizer_indices", (-1,), {}, ["n", "negative", "-1"]),
    ("symmetrizer_matrix", (-2,), {}, ["n", "negative", "-2"]),
    ("vech_kron", (t(2, 3),), {}, ["a", "(2, 3)", "square"]),
    ("vech_kron", (t(2, 2), t(3, 3)), {}, ["a (2, 2)", "b (3, 3)"]),
    ("vech_kron", (t(4, 2, 2), t(3, 2, 2)), {}, ["a (4, 2, 2)", "b (3, 2, 2)"]),
    ("vech_kron_matvec", (t(2, 2), t(4)), {}, ["x", "(4,)", "3"]),
    ("symmetric_kron", (t(2),), {}, ["a", "(2,)"]),
    ("symmetric_kron_matvec", (t(2, 2), t(3), t(2, 3)), {}, ["b (2, 3)"]),
    ("symmetrizer_kron", (t(2, 2), t(3, 3)), {}, ["a (2, 2)", "b (3, 3)"]),
    ("symmetrizer_kron_matvec", (t(2, 2), t(3)), {}, ["x", "(3,)", "4"]),
    ("partial_trace", (t(6, 5), (2, 3), 0), {}, ["m (6, 5)", "6, 6", "(2, 3)"]),
    ("partial_trace", (t(6, 6), (2, 3), 2), {}, ["axis 2", "2 subsystems"]),
    ("partial_trace", (t(6, 6), (2, 3), (0, -2)), {}, ["twice", "(0, -2)"]),
    ("partial_trace", (t(2, 6), ((1, 3), 2), 0), {}, ["subsystem 0", "square", "(1, 3)"]),
    ("partial_trace", (t(6, 6), (), 0), {}, ["at least one"]),
    ("partial_transpose", (t(6), (2, 3), 0), {}, ["m", "(6,)"]),
    ("partial_transpose", (t(4, 6, 5), (2, 3), 0), {}, ["m (4, 6, 5)", "(2, 3)"]),
    ("partial_transpose", (t(6, 6), (2, -3), 0), {}, ["dims[1]", "-3"]),
    ("realignment", (t(6, 5), (2, 3), (3, 2)), {}, ["m (6, 5)", "6, 6", "(2, 3)", "(3, 2)"]),
    ("realignment", (t(6, 5), (2, 3), (3, 2)), {"inverse": True}, ["m (6, 5)", "6, 6"]),
    ("nearest_kron", (t(6, 5), (2, 3), (3, 2)), {}, ["m (6, 5)", "6, 6", "(2, 3)", "(3, 2)"]),
    ("nearest_kron", (t(6, 6), (2, 3), (3, 2)), {"terms": 7}, ["terms", "6", "7"]),
    ("nearest_kron", (t(6, 6), (2, 3), (3, 2)), {"terms": 0}, ["terms", "0"]),
    ("matmul_vjp", (t(2, 4), t(2, 3), t(5, 4)), {}, ["x (2, 3)", "w (5, 4)"]),
    ("matmul_vjp", (t(3, 4), t(2, 3), t(3, 4)), {}, ["g (3, 4)", "(2, 4)"]),
    ("matmul_vjp", (t(5, 2, 4), t(2, 3), t(3, 4)), {}, ["g (5, 2, 4)", "(2, 4)"]),
    ("matmul_jvp", (t(2, 4), t(3, 4), t(2, 3), t(3, 4)), {}, ["dx (2, 4)", "x (2, 3)"]),
    ("matmul_jvp", (t(2, 3), t(3, 5), t(2, 3), t(3, 4)), {}, ["dw (3, 5)", "w (3, 4)"]),
    ("linear_vjp", (t(2, 4), t(2, 3), t(5, 4)), {}, ["x (2, 3)", "w (5, 4)"]),
    ("linear_vjp", (t(2), t(2, 3), t(3)), {}, ["w", "(3,)"]),
    ("triple_product_vjp", (t(2, 4), t(2, 3), t(3, 4), t(4, 5)), {}, ["g (2, 4)", "(2, 5)"]),
    ("triple_product_vjp", (t(2, 5), t(2, 3), t(4, 4), t(4, 5)), {}, ["a (2, 3)", "b (4, 4)"]),
    ("vec_trick_vjp", (t(9), t(2, 3), t(12), t(4, 5)), {}, ["g (9,)", "2 * 5"]),
    ("vec_trick_vjp", (t(10), t(2, 3), t(11), t(4, 5)), {}, ["b (11,)", "3 * 4"]),
    ("kron_vjp", (t(8, 14), t(2, 3), t(4, 5)), {}, ["g (8, 14)", "(8, 15)"]),
    ("kron_matmul_vjp", (t(7, 2), F23, t(15, 2)), {}, ["g", "(7, 2)", "(8, 2)"]),
    ("kron_matmul_vjp", (t(8, 2), F23, t(14, 2)), {}, ["x (14, 2)"]),
    ("solve_sylvester", (t(3, 3), t(2, 2), t(2, 3)), {}, ["q (2, 3)", "(..., 3, 2)"]),
    ("solve_sylvester", (t(3, 2), t(2, 2), t(3, 2)), {}, ["a (3, 2)", "square"]),
    ("solve_continuous_lyapunov", (t(3, 3), t(3, 2)), {}, ["a (3, 3)", "q (3, 2)"]),
    ("solve_discrete_lyapunov", (t(5, 3, 3), t(4, 3, 3)), {}, ["a (5, 3, 3)", "q (4, 3, 3)"]),
    ("per_sample_sqnorm", (t(4, 2), t(5, 3)), {}, ["g (4, 2)", "x (5, 3)"]),
    ("per_sample_sqnorm", (t(4), t(4)), {}, ["g (4,)"]),
]


@pytest.mark.parametrize("row", SHAPE_ERRORS, ids=lambda row: f"{row[0]}-{row[3]}")
def test_shapes_that_do_not_fit_are_named(row):
    name, args, kwargs, fragments = row
    message = raised(ValueError, getattr(kv, name), *args, **kwargs)
    for fragment in [name, *fragments]:
        assert fragment in message, message


@pytest.mark.parametrize("row", [r for r in SHAPE_ERRORS if any(r[0] == o.name for o in WITH_OUT)])
def test_a_failed_call_leaves_out_untouched(row):
    name, args, kwargs, _ = row
    for shape in [(2, 5), (6,), (10,)]:
        raised(ValueError, getattr(kv, name), *args, **kwargs, out=t(*shape))


# --------------------------------------------------------------------------------------
# Keywords that do not exist


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if {"order", "side", "source"} & set(o.kwargs)], ids=str
)
def test_unknown_choices_are_named(operation):
    for key in {"order", "side", "source", "target"} & set(operation.kwargs):
        for wrong in ("A", "f", None):
            kwargs = {**operation.kwargs, key: wrong}
            message = raised(ValueError, operation.function, *operation.build("float64"), **kwargs)
            assert operation.name in message and key in message and repr(wrong) in message


def test_sizes_must_be_integers():
    for name, args in [
        ("commutation_matmul", (t(6), 2.0, 3)),
        ("commutation_indices", (2, 3.0)),
        ("commutation_matrix", ("2", 3)),
        ("duplication_matmul", (t(3), 2.0)),
        ("elimination_indices", (2.0,)),
        ("symmetrizer_matrix", (None,)),
        ("unvec", (t(6), (2.0, 3))),
        ("unvec", (t(6), 6)),
        ("partial_trace", (t(6, 6), (2, 3.0), 0)),
        ("partial_trace", (t(6, 6), 6, 0)),
        ("partial_transpose", (t(6, 6), (2, 3), 0.0)),
        ("partial_transpose", (t(6, 6), (2, 3), None)),
        ("realignment", (t(6, 6), 2, (3, 3))),
    ]:
        message = raised(TypeError, getattr(kv, name), *args)
        assert name.removesuffix("_matrix") in message.lower()


def test_sizes_beyond_any_axis_are_refused():
    for name, args in [
        ("unvec", (t(0), (2**70, 0))),
        ("partial_trace", (t(0, 0), (2**70, 0), 0)),
        ("commutation_matmul", (t(0), 0, 2**63)),
    ]:
        message = raised(ValueError, getattr(kv, name), *args)
        assert name in message and "longer than an axis" in message


@every_operation
def test_unknown_keywords_are_refused(operation):
    with pytest.raises(TypeError, match="misspelt"):
        operation(*operation.build("float64"), misspelt=1)


# --------------------------------------------------------------------------------------
# What is no array


@every_operation
@pytest.mark.parametrize(
    "thing", [object(), None, "text", {1: 2}], ids=["object", "None", "str", "dict"]
)
def test_what_is_no_array_is_refused(operation, thing):
    args = operation.build("float64")
    for position in range(len(leaves(args))):
        broken = replace_leaf(args, position, thing)
        if (
            operation.group == "many_factors"
            and thing is None
            and any(f is None for a in broken if isinstance(a, list) for f in a)
        ):
            continue  # an identity
        if operation.group == "symmetric_products" and broken[-1] is None:
            continue  # B, which then is A
        message = raised(TypeError, operation.function, *broken, **operation.kwargs)
        assert operation.name in message
        if thing is not None and not isinstance(thing, str):
            assert type(thing).__name__ in message


@every_operation
def test_ragged_lists_are_refused(operation):
    args = operation.build("float64")
    broken = replace_leaf(args, 0, [[1, 2], [3]])
    assert operation.name in raised(ValueError, operation.function, *broken, **operation.kwargs)


@pytest.mark.parametrize("name", ["kron_matvec", "kron_matmul"])
def test_factors_must_be_a_sequence_of_matrices(name):
    for factors in (3, None, object()):
        assert name in raised(TypeError, getattr(kv, name), factors, t(6))


# --------------------------------------------------------------------------------------
# out


def with_out(operation, make_out, dtype="float64"):
    """Arguments and an ``out`` made from the right result."""
    args = operation.build(dtype)
    return args, make_out(operation(*args))


WRONG_SHAPES = {
    "longer": lambda y: np.ones((*y.shape[:-1], y.shape[-1] + 1)),
    "with one axis more": lambda y: np.ones((1, *y.shape)),
    "with one axis less": lambda y: np.ones(y.shape[1:]),
    "empty": lambda y: np.ones((*y.shape[:-1], 0)),
}


@every_formed
@pytest.mark.parametrize("kind", WRONG_SHAPES)
def test_out_of_the_wrong_shape_is_refused(operation, kind):
    args, out = with_out(operation, WRONG_SHAPES[kind])
    shape = operation(*args).shape
    message = raised(ValueError, operation, *args, out=out)
    for fragment in (operation.name, "out", str(out.shape), str(shape)):
        assert fragment in message, message


@every_formed
def test_out_of_another_kind_is_refused(operation):
    for dtype, narrower in [("float64", "int64"), ("complex128", "float64"), ("float16", "int8")]:
        if operation.name == "per_sample_sqnorm" and dtype == "complex128":
            continue  # the norm is real
        args, out = with_out(operation, lambda y, kind=narrower: np.ones(y.shape, kind), dtype)
        message = raised(TypeError, operation, *args, out=out)
        for fragment in (operation.name, "out", narrower, dtype):
            assert fragment in message, message


@every_formed
def test_read_only_out_is_refused(operation):
    def read_only(y):
        y = y.copy()
        y.flags.writeable = False
        return y

    for make in (read_only, lambda y: np.broadcast_to(np.float64(7), y.shape)):
        args, out = with_out(operation, make)
        message = raised(ValueError, operation, *args, out=out)
        assert operation.name in message and "out" in message and "read-only" in message


@every_formed
def test_out_that_is_no_array_is_refused(operation):
    for make in (lambda y: y.tolist(), lambda y: 3.0, lambda y: bytearray(y.nbytes)):
        args, out = with_out(operation, make)
        message = raised(TypeError, operation, *args, out=out)
        assert operation.name in message and "out" in message


# --------------------------------------------------------------------------------------
# Results beyond the address space


def vast(*shape):
    """An array of any shape that occupies eight bytes."""
    return np.broadcast_to(np.float64(1), shape)


BIG = 2**40
column, row = vast(BIG, 1), vast(1, BIG)
VAST = [
    ("kron", (column, row), {}),
    ("kron", (column, column), {}),
    ("bkron", (column, row), {}),
    ("bkron", (vast(2**31, 2, 2), vast(2**31, 1, 2, 2)), {}),
    ("triple_product", (column, t(1, 1), row), {}),
    ("vec_trick", (column, t(1), row), {}),
    ("kron_matvec", ([column, column], t(1)), {}),
    ("kron_vecmat", (t(1), [row, row]), {}),
    ("kron_matmul", ([column, t(1, 1)], vast(1, BIG)), {}),
    ("matmul_kron", (column, [row, t(1, 1)]), {}),
    ("commutation_indices", (BIG, BIG), {}),
    ("duplication_indices", (BIG,), {}),
    ("elimination_indices", (BIG,), {}),
    ("symmetrizer_kron", (vast(2**20, 2**20),), {}),
    ("vech_kron", (vast(2**20, 2**20),), {}),
    ("matmul_jvp", (column, row, column, row), {}),
    (
        "matmul_vjp",
        (vast(2**20, 1, 2**25), vast(2**20, 1, 2**20), vast(2**20, 2**25)),
        {"sum_batch": False},
    ),
]


@pytest.mark.parametrize("row", VAST, ids=lambda row: row[0])
def test_results_beyond_the_address_space_are_refused_before_allocating(row):
    name, args, kwargs = row
    tracemalloc.start()
    try:
        message = raised(ValueError, getattr(kv, name), *args, **kwargs)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert name in message and "bytes" in message


def test_a_commutation_matrix_beyond_the_address_space_stays_lazy():
    k = kv.commutation_matrix(BIG, BIG)
    assert k.shape == (BIG**2, BIG**2)
    assert "bytes" in raised(ValueError, k.toarray)


@pytest.mark.parametrize("name", ["bkron", "kron_vjp", "per_sample_sqnorm", "triple_product"])
def test_more_batch_axes_than_numpy_broadcasts_are_refused(name):
    operation = next(row for row in OPERATIONS if row.name == name)
    args = operation.build("float64", (2, 2, 2, 2))
    raised(ValueError, operation.function, args[0][(None,) * 38], *args[1:])


MIXED = [
    (lambda: kv.kron_vjp(t(2, 2), t(2), t(2, 2)), "a and b must both be vectors or both matrices"),
    (
        lambda: kv.kron_matmul_vjp(t(4, 2), [t(3, 2, 2), t(2, 2)], t(5, 4, 2)),
        r"batch axes do not broadcast; got x \(5, 4, 2\), factor_0 \(3, 2, 2\)",
    ),
    (
        lambda: kv.mttkrp(t(2, 2, 2, 2), [t(2, 2), t(3, 2, 2), t(2, 2)], 0),
        r"mttkrp: batch axes do not broadcast; got x \(2, 2, 2, 2\), matrix_1 \(3, 2, 2\)",
    ),
]


@pytest.mark.parametrize(("call", "message"), MIXED, ids=["kron_vjp", "kron_matmul_vjp", "mttkrp"])
def test_operands_of_unlike_batches_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
