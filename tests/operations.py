"""OPERATIONS: every public function on arrays, once; OPERATORS: every lazy operator."""

import numpy as np

import kronvec as kv
from kronvec import _reference as reference
from operation import (
    BOOL,
    apart,
    chain,
    half_rows,
    many,
    matrix_vec,
    pair,
    rows,
    squares,
    triangle,
    unfolding,
    vec_chain,
)

OPERATIONS = (
    *rows("vectorize", "vec", lambda t, m, n, p, q: (t(m, n),), order="FC"),
    *rows("vectorize", "unvec", matrix_vec, order="FC"),
    *rows("vectorize", "vec_reorder", matrix_vec, source="FC", target="FC"),
    *rows("vectorize", "vech", lambda t, m, n, p, q: (t(n, n),), order="FC"),
    *rows(
        "vectorize",
        "unvech",
        lambda t, m, n, p, q: (t(triangle(n)),),
        order="FC",
        hermitian=BOOL,
    ),
    *rows("vectorize", "svec", lambda t, m, n, p, q: (t(n, n),), lambda m, n, p, q: 2, order="FC"),
    *rows(
        "vectorize",
        "smat",
        lambda t, m, n, p, q: (t(triangle(n)),),
        lambda m, n, p, q: 3,
        order="FC",
    ),
    *rows("products", "kron", pair, lambda m, n, p, q: 1),
    *rows("products", "bkron", pair, lambda m, n, p, q: 1),
    *rows("products", "triple_product", chain, lambda m, n, p, q: n + p),
    *rows("products", "vec_trick", vec_chain, lambda m, n, p, q: n + p, order="FC"),
    *rows(
        "many_factors",
        "kron_matvec",
        many(lambda t, factors, m, n, p, q: (factors, t(n * q))),
        lambda m, n, p, q: n * q + 1,
    ),
    *rows(
        "many_factors",
        "kron_vecmat",
        many(lambda t, factors, m, n, p, q: (t(m * p), factors)),
        lambda m, n, p, q: m * p + 1,
    ),
    *rows(
        "many_factors",
        "kron_matmul",
        many(lambda t, factors, m, n, p, q: (factors, t(n * q, 3))),
        lambda m, n, p, q: n * q + 1,
    ),
    *rows(
        "many_factors",
        "matmul_kron",
        many(lambda t, factors, m, n, p, q: (t(3, m * p), factors)),
        lambda m, n, p, q: m * p + 1,
    ),
    *rows("kronecker_sums", "kronsum", lambda t, m, n, p, q: (t(m, m), t(p, p)), lambda *sizes: 1),
    *rows(
        "kronecker_sums",
        "kronsum_matmul",
        lambda t, m, n, p, q: ([t(m, m), t(p, p)], t(m * p, 3)),
        lambda m, n, p, q: m + p + 1,
    ),
    *rows("columnwise", "khatri_rao", lambda t, m, n, p, q: (t(m, n), t(p, n)), lambda *sizes: 1),
    *rows(
        "columnwise", "face_splitting", lambda t, m, n, p, q: (t(m, n), t(m, q)), lambda *sizes: 1
    ),
    *rows(
        "columnwise",
        "khatri_rao_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(p, n)], t(n)),
        lambda m, n, p, q: n + 2,
    ),
    *rows(
        "columnwise",
        "khatri_rao_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(p, n)], t(m * p)),
        lambda m, n, p, q: m + p + 2,
        transposed=[True],
    ),
    *rows(
        "columnwise",
        "face_splitting_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(m, q)], t(n * q)),
        lambda m, n, p, q: n + q + 2,
    ),
    *rows(
        "columnwise",
        "face_splitting_matvec",
        lambda t, m, n, p, q: ([t(m, n), t(m, q)], t(m)),
        lambda m, n, p, q: m + 2,
        transposed=[True],
    ),
    *(
        row
        for mode in (0, 1, -1)
        for row in rows(
            "tensors",
            "mttkrp",
            lambda t, m, n, p, q, mode=mode: unfolding(t, m, n, p, q, mode),
            lambda m, n, p, q: m + n + p + 3,
        )
    ),
    *rows(
        "many_factors",
        "kron_matmul",
        apart(lambda t, factors, m, n, p, q: (factors, t(n * n * q, 3))),
        lambda m, n, p, q: n * q + 1,
    ),
    *rows(
        "many_factors",
        "kron_vecmat",
        apart(lambda t, factors, m, n, p, q: (t(m * n * p), factors)),
        lambda m, n, p, q: m * p + 1,
    ),
    *rows(
        "permutations",
        "commutation_matmul",
        lambda t, m, n, p, q: (t(m * n, p), m, n),
        side=["left"],
        transposed=BOOL,
    ),
    *rows(
        "permutations",
        "commutation_matmul",
        lambda t, m, n, p, q: (t(p, m * n), m, n),
        side=["right"],
        transposed=BOOL,
    ),
    *half_rows("duplication_matmul", False, 2),
    *half_rows("duplication_pinv_matmul", True, 3),
    *half_rows("elimination_matmul", True, 0),
    *half_rows("symmetrizer_matmul", None, 3),
    *rows(
        "symmetric_products",
        "vech_kron",
        lambda t, *sizes: squares(t, 1, sizes),
        lambda *sizes: 10,
        left=("duplication", "duplication_pinv", "elimination", "svec"),
        right=["duplication"],
    ),
    *rows(
        "symmetric_products",
        "vech_kron",
        lambda t, *sizes: squares(t, 2, sizes),
        lambda *sizes: 10,
        left=("duplication_pinv", "elimination"),
        right=("duplication", "svec"),
    ),
    *rows(
        "symmetric_products",
        "vech_kron_matvec",
        lambda t, *sizes: squares(t, 2, sizes, triangle),
        lambda m, n, p, q: 2 * n + 10,
        left=("duplication", "svec"),
        right=("duplication_pinv", "elimination"),
    ),
    *(
        row
        for name, size in [("symmetric", triangle), ("symmetrizer", lambda n: n * n)]
        for count in (1, 2)
        for kind, vector in [("kron", None), ("kron_matvec", size)]
        for row in rows(
            "symmetric_products",
            f"{name}_{kind}",
            lambda t, *sizes, count=count, vector=vector: squares(t, count, sizes, vector),
            lambda m, n, p, q: 2 * n + 10,
        )
    ),
    *rows(
        "subsystems",
        "partial_trace",
        lambda t, m, n, p, q: (t(m * n, m * n), (m, n), 1),
        lambda m, n, p, q: n,
    ),
    *rows(
        "subsystems",
        "partial_trace",
        lambda t, m, n, p, q: (t(m * n * 2, p * n * 2), ((m, p), n, 2), -2),
        lambda m, n, p, q: n,
    ),
    *rows(
        "subsystems",
        "partial_trace",
        lambda t, m, n, p, q: (t(m * 2 * n, m * 2 * n), (m, 2, n), (0, 2)),
        lambda m, n, p, q: m * n,
    ),
    *(
        row
        for axis in (0, 1, (0, -1))
        for row in rows(
            "subsystems",
            "partial_transpose",
            lambda t, m, n, p, q, axis=axis: (t(m * n * 2, p * n * 2), ((m, p), n, 2), axis),
        )
    ),
    *rows(
        "subsystems",
        "realignment",
        lambda t, m, n, p, q: (t(m * p, n * q), (m, n), (p, q)),
        order="FC",
    ),
    *rows(
        "subsystems",
        "realignment",
        lambda t, m, n, p, q: (t(m * n, p * q), (m, n), (p, q)),
        order="FC",
        inverse=[True],
    ),
    *rows(
        "derivatives",
        "matmul_vjp",
        lambda t, m, n, p, q: (t(m, p), t(m, n), t(n, p)),
        lambda m, n, p, q: m + p,
        takes_out=False,
        conjugate=BOOL,
    ),
    *rows(
        "derivatives",
        "matmul_jvp",
        lambda t, m, n, p, q: (t(m, n), t(n, p), t(m, n), t(n, p)),
        lambda m, n, p, q: n + 1,
    ),
    *rows(
        "derivatives",
        "linear_vjp",
        lambda t, m, n, p, q: (t(m, p), t(m, n), t(n, p)),
        lambda m, n, p, q: m + p,
        takes_out=False,
        conjugate=BOOL,
    ),
    *rows(
        "derivatives",
        "triple_product_vjp",
        lambda t, m, n, p, q: (t(m, q), *chain(t, m, n, p, q)),
        lambda m, n, p, q: m + n + p + q,
        takes_out=False,
        conjugate=BOOL,
    ),
    *rows(
        "derivatives",
        "vec_trick_vjp",
        lambda t, m, n, p, q: (t(m * q), *vec_chain(t, m, n, p, q)),
        lambda m, n, p, q: m + n + p + q,
        takes_out=False,
        order="FC",
        conjugate=BOOL,
    ),
    *rows(
        "derivatives",
        "kron_vjp",
        lambda t, m, n, p, q: (t(m * p, n * q), *pair(t, m, n, p, q)),
        lambda m, n, p, q: m * n + p * q,
        takes_out=False,
        conjugate=BOOL,
    ),
    *rows(
        "derivatives",
        "kron_matmul_vjp",
        many(lambda t, factors, m, n, p, q: (t(m * p, 3), factors, t(n * q, 3))),
        lambda m, n, p, q: m * p + n * q + 3 * max(m, n) * max(p, q),
        takes_out=False,
        conjugate=BOOL,
    ),
    *rows(
        "derivatives",
        "per_sample_sqnorm",
        lambda t, m, n, p, q: (t(m, n), t(m, p)),
        # ‖XᴴG‖² over its n p entries, or by the m x m Gram matrices of X and G
        lambda m, n, p, q: n * p + 2 * m + m * m + n + p + 3,
    ),
)
WITH_OUT = tuple(operation for operation in OPERATIONS if operation.takes_out)


OPERATORS = {
    "Commutation": (kv.commutation_matrix, reference.commutation_matrix),
    **{
        name: (lambda m, n, lazy=lazy: lazy(n), lambda m, n, dense=dense: dense(n))
        for name, lazy, dense in [
            ("Duplication", kv.duplication_matrix, reference.duplication_matrix),
            ("DuplicationPinv", kv.duplication_pinv_matrix, reference.duplication_pinv_matrix),
            ("Elimination", kv.elimination_matrix, reference.elimination_matrix),
            ("Symmetrizer", kv.symmetrizer_matrix, reference.symmetrizer_matrix),
        ]
    },
    "Identity": (lambda m, n: kv.operators.Identity(m * n), lambda m, n: np.eye(m * n)),
}
