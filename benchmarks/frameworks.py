"""What kronvec.interop.torch and kronvec.interop.jax cost, against linear_operator and XLA.

One thread, in turns in one process, the best of several rounds:

    python benchmarks/frameworks.py torch
    python benchmarks/frameworks.py jax
"""

import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# (P, N, columns): N factors of P x P
MANY = [(4, 10, 1), (8, 6, 4), (8, 7, 1), (16, 5, 1), (16, 4, 16), (4, 8, 16), (2, 20, 1)]


def in_turns(*functions, rounds=9, calls=1):
    """The least seconds a call of each takes."""
    for function in functions:
        function()
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            begin = time.perf_counter()
            for _ in range(calls):
                function()
            best[i] = min(best[i], (time.perf_counter() - begin) / calls)
    return best


def compare_torch():
    """kron_matmul beside linear_operator's KroneckerProductLinearOperator; small calls."""
    import torch
    from linear_operator import to_linear_operator
    from linear_operator.operators import KroneckerProductLinearOperator

    from kronvec.interop.torch import kron_matmul, triple_product

    torch.set_num_threads(1)
    for dtype in (torch.float64, torch.float32):
        for p, n, columns in MANY:
            factors = [(torch.randn(p, p, dtype=dtype) / p**0.5).requires_grad_() for _ in range(n)]
            x = torch.randn(p**n, columns, dtype=dtype, requires_grad=True)
            g = torch.ones_like(x)

            def theirs(factors=factors, x=x):
                return KroneckerProductLinearOperator(*map(to_linear_operator, factors)) @ x

            def ours(factors=factors, x=x):
                return kron_matmul(factors, x)

            def forward(product):
                with torch.no_grad():
                    return product()

            def both(product, factors=factors, x=x, g=g):
                return torch.autograd.grad(product(), [*factors, x], g)

            a, b, c, d = in_turns(
                lambda f=theirs: forward(f),
                lambda f=ours: forward(f),
                lambda f=theirs: both(f),
                lambda f=ours: both(f),
            )
            print(
                f"{str(dtype)[6:]} P={p} N={n} columns={columns}: linear_operator / kronvec, "
                f"forward {a * 1e3:.1f} / {b * 1e3:.1f} ms = {a / b:.1f}, "
                f"with backward {c * 1e3:.1f} / {d * 1e3:.1f} ms = {c / d:.1f}",
                flush=True,
            )
    a = torch.randn(4, 4, dtype=torch.float64)
    ours, native = in_turns(lambda: triple_product(a, a, a), lambda: a @ a @ a, calls=300)
    print(f"4 x 4 triple product: kronvec {ours * 1e6:.0f} us, torch {native * 1e6:.0f} us")


def compare_jax():
    """A jitted call of a 4 x 4 triple product beside XLA's own; a product with many factors."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from kronvec.interop import jax as kj

    jax.config.update("jax_enable_x64", True)
    a = jnp.asarray(np.random.default_rng(0).standard_normal((4, 4)))
    native = jax.jit(lambda a, b, c: a @ b @ c)
    ours = jax.jit(lambda a, b, c: kj.triple_product(a, b, c))
    x, y = in_turns(
        lambda: native(a, a, a).block_until_ready(),
        lambda: ours(a, a, a).block_until_ready(),
        calls=1000,
    )
    print(
        f"4 x 4 triple product, through {kj.CALLS}: kronvec {y * 1e6:.1f} us, "
        f"XLA {x * 1e6:.1f} us = {y / x:.2f}"
    )
    for p, n, columns in MANY:
        factors = [jnp.asarray(np.random.rand(p, p) / p) for _ in range(n)]
        x = jnp.asarray(np.random.rand(p**n, columns))
        from kronvec.interop._multilinear import PRODUCTS

        plain = jax.jit(lambda f, x: PRODUCTS["kron_matmul"].generic([*f, x]))
        slopes = [
            jax.jit(jax.grad(lambda f, x, product=product: product(f, x).sum(), (0, 1)))
            for product in (plain, kj.kron_matmul)
        ]
        times = in_turns(
            lambda f=factors, x=x, p=plain: p(f, x).block_until_ready(),
            lambda f=factors, x=x: kj.kron_matmul(f, x).block_until_ready(),
            lambda f=factors, x=x, s=slopes[0]: jax.block_until_ready(s(f, x)),
            lambda f=factors, x=x, s=slopes[1]: jax.block_until_ready(s(f, x)),
        )
        a, b, c, d = (1e3 * t for t in times)
        print(
            f"P={p} N={n} columns={columns}: jax.numpy / kronvec, forward {a:.1f} / {b:.1f} ms = "
            f"{a / b:.1f}, with backward {c:.1f} / {d:.1f} ms = {c / d:.1f}",
            flush=True,
        )
    x = jnp.asarray(np.random.rand(1 << 20))
    import kronvec as kv

    host = np.asarray(x)
    a, b = in_turns(
        lambda: kj.commutation_matmul(x, 1024, 1024).block_until_ready(),
        lambda: kv.commutation_matmul(host, 1024, 1024),
    )
    print(f"commutation_matmul of 1024 x 1024: XLA's {a * 1e3:.2f} ms, NumPy's {b * 1e3:.2f} ms")


if __name__ == "__main__":
    {"torch": compare_torch, "jax": compare_jax}[sys.argv[1]]()
