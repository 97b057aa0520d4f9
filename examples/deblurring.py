r"""
A blurred photograph restored
=============================

A separable blur takes a picture X to :math:`A_y X A_x^T`, that is, with vec stacking rows, to
:math:`K \, \mathrm{vec}\, X` with :math:`K = A_y \otimes A_x`.  From
:math:`b = K \, \mathrm{vec}\, X + \text{noise}` and the singular values
:math:`K = U \, \mathrm{diag}(s) \, V^T` the restored picture is

.. math:: \hat x = V \, \mathrm{diag}\Bigl(\frac{s}{s^2 + \lambda w}\Bigr) \, U^T b .

w = 1 is Tikhonov's regularization.  Wiener's filter takes for w the inverse of the power that is
expected along each singular vector; photographs have power of about 1 / frequency².  The photograph
is one that scikit-learn ships, 427 x 640 pixels in three colours; K has 273,280 rows and columns,
600 GB if it were formed, and its factors a few MB.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.datasets import load_sample_image

from kronvec.operators import Diagonal, Identity, KroneckerProduct

REACH, NOISE = 4, 0.002
STRIDE = 1

# %%
# The blur
# --------
#
# Each pixel becomes the mean of the 9 x 9 pixels around it; what would come from beyond the edges
# is taken from the nearest pixel.  The colours are three columns, which one product takes.


def blur(n):
    """The matrix that takes n pixels to the mean of each with its neighbours."""
    offsets = np.arange(-REACH, REACH + 1)
    matrix = np.zeros((n, n))
    for offset in offsets:
        matrix[np.arange(n), np.clip(np.arange(n) + offset, 0, n - 1)] += 1 / len(offsets)
    return matrix


photograph = load_sample_image("china.jpg")[::STRIDE, ::STRIDE] / 255
n_y, n_x, colours = photograph.shape
truth = photograph.reshape(-1, colours)
K = KroneckerProduct(blur(n_y), blur(n_x))
rng = np.random.default_rng(0)
blurred = K @ truth + NOISE * rng.standard_normal(truth.shape)

# %%
# Two filters
# -----------
#
# λ comes from the blurred picture alone: generalized cross-validation takes the least
# :math:`\|b - K\hat x\|^2 / \mathrm{tr}(I - H)^2`, H being the matrix that takes b to
# :math:`K \hat x`.  In the basis of the singular vectors that is a sum over known numbers.
# The frequency of a singular vector v ⊗ u is told by its slopes: its square is ‖Dv‖² + ‖Du‖²
# with the first difference D.

begin = time.perf_counter()
U, s, Vh = K.svd()
coefficients = U.T @ blurred
slopes = [np.sum(np.diff(factor.toarray(), axis=1) ** 2, axis=1) for factor in Vh.factors]
weights = {"Tikhonov": np.ones_like(s), "Wiener": np.add.outer(*slopes).ravel()}


def cross_validation(log_lambda, w):
    """‖b - K x̂‖² / tr(I - H)²."""
    left = 1 - s**2 / (s**2 + np.exp(log_lambda) * w + 1e-300)
    return np.sum((left[:, None] * coefficients) ** 2) / np.sum(left) ** 2


restored, chosen = {}, {}
for name, w in weights.items():
    best = minimize_scalar(cross_validation, (-15, 0), args=(w,), bounds=(-25, 5)).x
    chosen[name] = np.exp(best)
    restored[name] = Vh.T @ (Diagonal(s / (s**2 + chosen[name] * w)) @ coefficients)
seconds = time.perf_counter() - begin


def psnr(picture):
    """10 log₁₀ (1 / mean squared error), in decibels."""
    return -10 * np.log10(np.mean((np.clip(picture, 0, 1) - truth) ** 2))


decibels = {name: psnr(x) for name, x in {"blurred": blurred, **restored}.items()}
print(f"{n_y} x {n_x} pixels, K of {8 * K.shape[0] ** 2 / 1e9:,.0f} GB; {seconds:.1f} s in all")
for name, value in decibels.items():
    print(f"{name:9} {value:.2f} dB" + (f", λ = {chosen[name]:.1e}" if name in chosen else ""))

# %%
# Tikhonov's picture solves :math:`(K^T K + \lambda I) x = K^T b`, which ``solve`` finds without the
# singular values of K:

normal = K.T @ K + chosen["Tikhonov"] * Identity(n_y * n_x)
residual = normal @ restored["Tikhonov"] - K.T @ blurred
difference = np.max(np.abs(normal.solve(K.T @ blurred) - restored["Tikhonov"]))
print(f"normal equations: residual {np.max(np.abs(residual)):.0e}, difference {difference:.0e}")

# %%
# The picture, and a part of it enlarged
# --------------------------------------

shown = {
    f"blurred, with noise\n{decibels['blurred']:.1f} dB": blurred,
    f"restored by Wiener's filter\n{decibels['Wiener']:.1f} dB": restored["Wiener"],
    "as it was": truth,
}
detail = (slice(n_y // 3, n_y // 3 + n_y // 4), slice(n_x // 4, n_x // 4 + n_x // 4))
figure, axes = plt.subplots(2, 3, figsize=(11, 5.6), layout="constrained")
for column, (title, picture) in zip(axes.T, shown.items(), strict=True):
    picture = np.clip(picture, 0, 1).reshape(photograph.shape)
    column[0].imshow(picture)
    column[1].imshow(picture[detail])
    column[0].set_title(title)
    for axis in column:
        axis.set_axis_off()
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
