r"""
How well a plate can be heated: a Lyapunov equation of four factors
===================================================================

The temperature x on a grid of n x n points obeys x' = A x + B u, where A is the Laplacian with
cold edges, the Kronecker sum of two second differences D, and each column of B is a heater.  The
controllability Gramian X solves

.. math:: A X + X A^T + B B^T = 0 ,

an equation of n⁴ unknowns.  Its diagonal says how far each point can be moved with unit energy.
As a linear system it is :math:`(A \oplus A) \, \mathrm{vec}\, X = -\mathrm{vec}(B B^T)`, and since
A is a Kronecker sum itself, :math:`A \oplus A = D \oplus D \oplus D \oplus D` is one of four
factors of n x n: ``KroneckerSum.solve`` needs the eigenvectors of nothing larger.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np

import kronvec as kv
from kronvec.operators import KroneckerSum

POINTS = 30  # along each axis
HEATERS = [(0.25, 0.3, 0.08), (0.7, 0.75, 0.12), (0.75, 0.2, 0.05)]  # x, y, width

# %%
# The plate and its heaters
# -------------------------


def second_difference(n):
    """The second derivative on n inner points of the unit interval, zero at its ends."""
    return (n + 1) ** 2 * (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n))


def heaters(n):
    """B, a column for each heater."""
    grid = np.arange(1, n + 1) / (n + 1)
    y, x = np.meshgrid(grid, grid, indexing="ij")
    bumps = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * w**2)) for a, b, w in HEATERS]
    return np.stack([bump.ravel() for bump in bumps], axis=-1)


n = POINTS
D, B = second_difference(n), heaters(n)
right_side = -B @ B.T

# %%
# Four factors
# ------------

begin = time.perf_counter()
four_factors = KroneckerSum(D, D, D, D)  # A ⊕ A with A = D ⊕ D
vec_x = four_factors.solve(right_side.ravel())
seconds = time.perf_counter() - begin
gramian = vec_x.reshape(n * n, n * n)
residual = np.linalg.norm(four_factors @ vec_x - right_side.ravel()) / np.linalg.norm(right_side)
print(f"{n**4:,} unknowns by four factors of {n} x {n}: {seconds:.3f} s")
print(f"  relative residual {residual:.1e}")

# %%
# As a matrix equation
# --------------------
#
# ``solve_continuous_lyapunov`` takes A as a matrix of n² x n², and finds the same.

A = kv.kronsum(D, D)
begin = time.perf_counter()
other = kv.solve_continuous_lyapunov(A, right_side)
seconds = time.perf_counter() - begin
difference = np.abs(other - gramian).max() / np.abs(gramian).max()
print(f"the same by solve_continuous_lyapunov, A {A.shape}: {seconds:.3f} s")
print(f"  largest relative difference {difference:.1e}")

# %%
# What the heaters reach
# ----------------------
#
# The eigenvalues of X fall fast, to a ten-thousandth within the first ten: three heaters control
# a few patterns of temperature, and hardly any other.

values = np.linalg.eigvalsh(gramian)[::-1][:40]
spectrum, axis = plt.subplots(figsize=(6, 4), layout="constrained")
axis.semilogy(range(1, len(values) + 1), np.maximum(values / values[0], 1e-18), "o-", markersize=3)
axis.set(
    title="Few patterns of temperature are within reach",
    xlabel="number of the eigenvalue of the Gramian",
    ylabel="relative to the largest",
)
axis.grid(alpha=0.3)

# %%
# Where the plate can be warmed
# -----------------------------

reach = np.sqrt(np.diagonal(gramian)).reshape(n, n)
figure, axis = plt.subplots(figsize=(6, 4.6), layout="constrained")
image = axis.imshow(reach, origin="lower", extent=(0, 1, 0, 1), cmap="inferno")
x, y, _ = zip(*HEATERS, strict=True)
axis.plot(x, y, "+", color="#56b4e9", markersize=10, markeredgewidth=2, label="heaters")
axis.set(title="Temperature within reach of unit energy", xlabel="x", ylabel="y")
axis.legend(loc="upper left")
figure.colorbar(image, ax=axis, label="√X at each point")
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
