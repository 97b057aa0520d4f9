"""How well a plate can be heated by three heaters: a Lyapunov equation of a 2-D heat equation.

The temperature x on a grid of n x n points obeys x' = A x + B u, where A is the Laplacian with
cold edges, the Kronecker sum of two second differences, and each column of B is a heater.  The
controllability Gramian X solves

    A X + X Aᵀ + B Bᵀ = 0,

an equation of n⁴ unknowns.  Its diagonal says how far each point can be moved with unit energy.
As a linear system it is (A ⊕ A) vec X = -vec(B Bᵀ), and since A is a Kronecker sum itself, A ⊕ A
is one of four factors of n x n: `KroneckerSum.solve` needs the eigenvectors of nothing larger.

    python examples/heat_lyapunov.py [picture.png] [n]
"""

import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import kronvec as kv
from kronvec.operators import KroneckerSum

HEATERS = [(0.25, 0.3, 0.08), (0.7, 0.75, 0.12), (0.75, 0.2, 0.05)]  # x, y, width


def second_difference(n):
    """The second derivative on n inner points of the unit interval, zero at its ends."""
    return (n + 1) ** 2 * (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n))


def heaters(n):
    """B, a column for each heater."""
    grid = np.arange(1, n + 1) / (n + 1)
    y, x = np.meshgrid(grid, grid, indexing="ij")
    bumps = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * w**2)) for a, b, w in HEATERS]
    return np.stack([bump.ravel() for bump in bumps], axis=-1)


def timed(function, *arguments):
    """The result and the seconds."""
    begin = time.perf_counter()
    return function(*arguments), time.perf_counter() - begin


def main(picture="examples/output/heat_lyapunov.png", n=30):
    """Solve by four factors and as a matrix equation, compare, draw."""
    n = int(n)
    d, b = second_difference(n), heaters(n)
    right_side = -b @ b.T

    four_factors = KroneckerSum(d, d, d, d)  # A ⊕ A with A = D ⊕ D
    vec_x, seconds = timed(four_factors.solve, right_side.ravel())
    gramian = vec_x.reshape(n * n, n * n)
    residual = np.linalg.norm(four_factors @ vec_x - right_side.ravel()) / np.linalg.norm(b @ b.T)
    print(f"{n**4:,} unknowns by four factors of {n} x {n}: {seconds:.3f} s")
    print(f"  relative residual {residual:.1e}")

    a = kv.kronsum(d, d)
    other, seconds = timed(kv.solve_continuous_lyapunov, a, right_side)
    difference = np.abs(other - gramian).max() / np.abs(gramian).max()
    print(f"the same by solve_continuous_lyapunov, A {a.shape}: {seconds:.3f} s")
    print(f"  largest relative difference {difference:.1e}")

    reach = np.sqrt(np.diagonal(gramian)).reshape(n, n)
    values = np.linalg.eigvalsh(gramian)[::-1][:40]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    image = left.imshow(reach, origin="lower", extent=(0, 1, 0, 1), cmap="inferno")
    left.plot([x for x, _, _ in HEATERS], [y for _, y, _ in HEATERS], "c+", label="heaters")
    left.set(title="reachable temperature, √X_ii", xlabel="x", ylabel="y")
    left.legend(loc="upper left")
    figure.colorbar(image, ax=left)
    right.semilogy(np.maximum(values / values[0], 1e-18), "o-", markersize=3)
    right.set(title="eigenvalues of the Gramian", xlabel="number", ylabel="relative to the largest")
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=120)
    print(f"picture: {picture}")
    return residual, difference


if __name__ == "__main__":
    main(*sys.argv[1:])
