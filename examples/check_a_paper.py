r"""
Derivations of a paper checked
==============================

A paper prints the Jacobian of a matrix function F, with vec stacking columns,

.. math:: \mathrm{vec}\, dF = J \, \mathrm{vec}\, dX ,

for instance :math:`J = X^T \otimes I + I \otimes X` of the square of X.  Is it right?  Each claim
below is compared with the derivative that kronvec finds, which prints its own structure; that in
turn is confirmed by complex steps.  Three of the eight claims are wrong, in the ways that such
claims are: a symmetry that was assumed, a sign that was lost, rows that were stacked in silence.
"""

import sys
import textwrap
from collections.abc import Callable
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

import kronvec as kv
from kronvec.calculus import (
    D,
    Expression,
    MatrixMap,
    Variable,
    check_derivative,
    constant,
    from_differential,
    inv,
    kron,
    logdet,
    reorder_jacobian,
    trace,
)

# %%
# The claims
# ----------
#
# A claim is a function of a ``Variable``, a point, and a formula for the Jacobian there.

N, SAMPLES = 3, 20
SHOWN_ROWS = 4  # of a dense Jacobian
rng = np.random.default_rng(0)
ROOT = rng.standard_normal((N, N))
COVARIANCE = ROOT @ ROOT.T + np.eye(N)
SCATTER = np.cov(rng.standard_normal((N, SAMPLES)), bias=True) * SAMPLES
MIXING = rng.standard_normal((N, N)) + 2 * np.eye(N)


class Claim(NamedTuple):
    """A formula of a paper for the Jacobian of f at a matrix, vec stacking columns."""

    title: str
    f: Callable[[Variable], Expression]
    at: np.ndarray
    name: str
    formula: str
    jacobian: Callable[[np.ndarray], np.ndarray]


def likelihood(S):
    """-2 log of a Gaussian likelihood: n log det Σ + tr(Σ⁻¹ S)."""
    return SAMPLES * logdet(S) + trace(inv(S) @ constant(SCATTER, "S"))


def of_gradient(gradient):
    """The row (vec A)ᵀ of dφ = tr(Aᵀ dX)."""
    return from_differential(gradient).dense()


def kronecker_square(X):
    """(I ⊗ K ⊗ I)(I ⊗ vec X + vec X ⊗ I), the Jacobian of X ⊗ X."""
    n = len(X)
    eye, column = np.eye(n), kv.vec(X)[:, None]
    exchange = np.kron(np.kron(eye, kv.commutation_matrix(n, n).toarray()), eye)
    return exchange @ (np.kron(np.eye(n * n), column) + np.kron(column, np.eye(n * n)))


def _inv(X):
    return np.linalg.inv(X)


CLAIMS = [
    Claim(
        "log det of any matrix",
        logdet,
        MIXING @ MIXING,
        "X",
        "(vec X⁻ᵀ)ᵀ",
        lambda X: of_gradient(_inv(X).T),
    ),
    Claim(
        "the same, as printed for a symmetric X",
        logdet,
        MIXING @ MIXING,
        "X",
        "(vec X⁻¹)ᵀ",
        lambda X: of_gradient(_inv(X)),
    ),
    Claim(
        "Gaussian likelihood by its covariance",
        likelihood,
        COVARIANCE,
        "Σ",
        "(vec (n Σ⁻¹ - Σ⁻¹ S Σ⁻¹))ᵀ",
        lambda X: of_gradient(SAMPLES * _inv(X) - _inv(X) @ SCATTER @ _inv(X)),
    ),
    Claim(
        "the same, with a sign lost",
        likelihood,
        COVARIANCE,
        "Σ",
        "(vec (n Σ⁻¹ + Σ⁻¹ S Σ⁻¹))ᵀ",
        lambda X: of_gradient(SAMPLES * _inv(X) + _inv(X) @ SCATTER @ _inv(X)),
    ),
    Claim(
        "the square of a matrix",
        lambda X: X @ X,
        MIXING,
        "X",
        "Xᵀ ⊗ I + I ⊗ X",
        lambda X: np.kron(X.T, np.eye(N)) + np.kron(np.eye(N), X),
    ),
    Claim(
        "the same, vec stacking rows in silence",
        lambda X: X @ X,
        MIXING,
        "X",
        "X ⊗ I + I ⊗ Xᵀ",
        lambda X: np.kron(X, np.eye(N)) + np.kron(np.eye(N), X.T),
    ),
    Claim(
        "a Gram matrix",
        lambda X: X.T @ X,
        MIXING,
        "X",
        "(I + K)(I ⊗ Xᵀ)",
        lambda X: (np.eye(N * N) + kv.commutation_matrix(N, N).toarray()) @ np.kron(np.eye(N), X.T),
    ),
    Claim(
        "the Kronecker square",
        lambda X: kron(X, X),
        MIXING,
        "X",
        "(I ⊗ K ⊗ I) (I ⊗ vec X + vec X ⊗ I)",
        kronecker_square,
    ),
]


# %%
# The check
# ---------
#
# Where a formula fails, its rows and columns are put into the order of the other vec, in case it
# was meant that way.


class Finding(NamedTuple):
    """What came of a claim."""

    claim: Claim
    derivative: MatrixMap
    claimed: np.ndarray
    error: float
    note: str


def examine(claim: Claim) -> Finding:
    """Compare a claim with the derivative, which complex steps confirm first."""
    check_derivative(claim.f, claim.at, method="complex steps")
    X = Variable(claim.at, claim.name)
    y = claim.f(X)
    derivative = D(y, X)
    right, claimed = derivative.dense(), claim.jacobian(claim.at)
    error = relative(claimed, right)
    note = "holds" if error < 1e-12 else "is WRONG"
    rows = reorder_jacobian(right, X.shape, y.shape, source="F", target="C")
    if error >= 1e-12 and relative(claimed, rows) < 1e-12:
        note = "is WRONG where vec stacks columns; it holds where vec stacks rows"
    return Finding(claim, derivative, claimed, error, note)


def relative(a, b):
    """The largest difference beside the largest entry."""
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


findings = [examine(claim) for claim in CLAIMS]
for claim, derivative, claimed, error, note in findings:
    print(f"{claim.title}\n  paper    {claim.formula}\n  kronvec  {derivative}")
    print(f"  the paper's formula {note} (relative error {error:.1g})")
    for name, jacobian in (("kronvec", derivative.dense()), ("paper", claimed)):
        shape = " x ".join(map(str, jacobian.shape))
        print(f"  {name}, dense ({shape})")
        rows = np.array2string(jacobian[:SHOWN_ROWS], precision=2, max_line_width=100)
        print(textwrap.indent(rows, "    "))
    print()

# %%
# The Jacobians side by side
# --------------------------
#
# A row for each claim: the derivative, the claim, their difference.

heights = [0.5 if finding.claimed.shape[0] == 1 else 2 for finding in findings]
size = (11, sum(heights) + 0.4 * len(findings))
figure, axes = plt.subplots(
    len(findings), 3, figsize=size, height_ratios=heights, layout="constrained"
)
for row, finding in zip(axes, findings, strict=True):
    right = finding.derivative.dense()
    limit = np.max(np.abs(right))
    pictures = (right, finding.claimed, finding.claimed - right)
    titles = (str(finding.derivative), finding.claim.formula, f"{finding.error:.1g}")
    for axis, picture, title in zip(row, pictures, titles, strict=True):
        wide = picture.T if picture.shape[0] > 2 * picture.shape[1] else picture
        axis.imshow(wide, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        axis.set_title(title, fontsize=8)
        axis.set(xticks=[], yticks=[])
    title = finding.claim.title.replace(", ", ",\n")
    row[0].set_ylabel(title, fontsize=8, rotation=0, ha="right", va="center")
for axis, title in zip(axes[0], ("kronvec", "paper", "error"), strict=True):
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
    axis.annotate(title, (0.5, 1), (0, 22), weight="bold", **above)
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
