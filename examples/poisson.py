r"""
Poisson and heat equations by Kronecker sums
============================================

On a grid of n points along each axis, with the value zero at the edges, the Laplacian is the
Kronecker sum of the second difference D along each axis,

.. math:: A = D \oplus D \oplus D
            = D \otimes I \otimes I + I \otimes D \otimes I + I \otimes I \otimes D .

With :math:`D = Q \Lambda Q^T` its eigenvectors are :math:`Q \otimes Q \otimes Q`, its
eigenvalues all sums of three :math:`\lambda`, and :math:`\exp(tA) = \exp(tD)^{\otimes 3}`.
So Poisson's equation A u = f takes products with matrices of n x n alone, where a sparse LU
factorization fills in.  Both are timed here, from the matrix to the solution.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import expm_multiply, splu

from kronvec.operators import KroneckerSum

SIZES = {2: (32, 64, 128, 256, 360), 3: (8, 12, 16, 22, 30)}


def second_difference(n):
    """D: the second derivative on n inner points of the unit interval."""
    return (n + 1) ** 2 * (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n))


def seconds_of(function, *arguments):
    """The result, and the least processor time of a call that is repeated for 0.1 s."""
    best, end = np.inf, time.perf_counter() + 0.1
    while best == np.inf or time.perf_counter() < end:
        begin = time.process_time()
        result = function(*arguments)
        best = min(best, time.process_time() - begin)
    return result, best


def symmetric_lu(matrix):
    """SciPy's sparse LU factorization, in the way that suits symmetric matrices best."""
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0,
        options={"SymmetricMode": True},
    )


# %%
# Poisson's equation
# ------------------
#
# The grid functions u are drawn at random, f = A u is given to both solvers, and their errors
# are relative to u.  ``A.solve(f)`` finds the eigenvectors anew in each call; ``A.inv()``, like
# the object that ``splu`` returns, keeps them for the next right-hand side.
# ``A.tocsr()`` is the same matrix for SciPy.


def solve_both(n, axes):
    """Seconds and relative errors of both solvers on n points along each axis."""
    A = KroneckerSum(*[second_difference(n)] * axes)
    u = np.random.default_rng(n).standard_normal(n**axes)
    f = A @ u
    sparse = A.tocsr().tocsc()
    (ours, seconds), (lu, factored) = seconds_of(A.solve, f), seconds_of(symmetric_lu, sparse)
    theirs, solved = seconds_of(lu.solve, f)
    size = np.linalg.norm(u)
    return {
        "unknowns": n**axes,
        "kronvec": seconds,
        "splu": factored + solved,
        "fill": lu.nnz / sparse.nnz,
        "kronvec error": np.linalg.norm(ours - u) / size,
        "splu error": np.linalg.norm(theirs - u) / size,
    }


found = {axes: [solve_both(n, axes) for n in sizes] for axes, sizes in SIZES.items()}
for axes, rows in found.items():
    print(f"{axes}-D   unknowns   kronvec   sparse LU   ratio   fill-in   relative errors")
    for row in rows:
        print(
            f"{row['unknowns']:14,}{1e3 * row['kronvec']:7.1f} ms{1e3 * row['splu']:9.1f} ms"
            f"{row['splu'] / row['kronvec']:8.1f}{row['fill']:10.1f}"
            f"   {row['kronvec error']:.0e}, {row['splu error']:.0e}"
        )

# %%
# The heat equation
# -----------------
#
# u' = A u has the solution u(t) = exp(tA) u(0), here on 32³ points.  SciPy's ``expm_multiply``
# multiplies with A some hundreds of times, since ‖tA‖ is large; the Kronecker sum takes one
# exponential of 32 x 32 and one product along each axis.

n, t = 32, 0.01
A = KroneckerSum(*[second_difference(n)] * 3)
grid = np.arange(1, n + 1) / (n + 1)
x, y, z = np.meshgrid(grid, grid, grid, indexing="ij")
hot = ((np.hypot(x - 0.35, y - 0.4) < 0.2) & (z < 0.6)).astype(float).ravel()
ours, seconds = seconds_of(lambda: A.expm(t) @ hot)
theirs, others_seconds = seconds_of(lambda: expm_multiply(t * A.tocsr(), hot))
heat_difference = np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs))
print(
    f"exp(tA) u(0) on {n**3:,} points: {1e3 * seconds:.1f} ms, SciPy {1e3 * others_seconds:.0f} ms"
)
print(f"  largest difference {heat_difference:.0e}")

# %%
# Accuracy against size
# ---------------------
#
# Both lose digits only as the condition of A, about 0.4 n², allows; LU keeps one more.

STYLES = {
    "splu": {"label": "sparse LU (scipy splu)", "color": "#d55e00", "marker": "s"},
    "kronvec": {"label": "KroneckerSum.solve", "color": "#0072b2", "marker": "o"},
}


def curves(name):
    """A panel for each dimension with a curve for each solver."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    for panel, (axes, rows) in zip(panels, found.items(), strict=True):
        for solver, style in STYLES.items():
            panel.loglog(
                [row["unknowns"] for row in rows],
                [row[name.format(solver)] for row in rows],
                **style,
            )
        panel.set(title=f"{axes}-D Poisson equation", xlabel="unknowns")
        panel.grid(alpha=0.3)
    panels[0].legend(frameon=False, loc="upper left")
    return figure, panels


accuracy, panels = curves("{} error")
panels[0].set(ylabel="error ‖u - A⁻¹f‖ / ‖u‖", ylim=(1e-16, 1e-12))

# %%
# Time against size
# -----------------
#
# Three axes are where LU suffers most: its factors hold dozens of times the entries of A.

figure, panels = curves("{}")
panels[0].set_ylabel("processor seconds, from matrix to solution")
for panel, rows in zip(panels, found.values(), strict=True):
    last = rows[-1]
    ratio = last["splu"] / last["kronvec"]
    panel.vlines(last["unknowns"], last["kronvec"], last["splu"], color="0.4", linestyle=":")
    panel.annotate(
        f"{float(f'{ratio:.1g}'):,.0f} times",
        (last["unknowns"], np.sqrt(last["splu"] * last["kronvec"])),
        xytext=(-8, 0),
        textcoords="offset points",
        ha="right",
        va="center",
    )
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
