r"""
Terrain restored from 30% of its pixels
=======================================

The height of the ground is modelled as a Gaussian process whose covariance is a sum of products of
a function of the north-south distance and one of the east-west distance, so on the grid of a map

.. math:: K = \sum_t K_y^{(t)} \otimes K_x^{(t)} .

Let P pick the pixels that were measured, with noise of variance σ².  What is expected everywhere,
given the measured y with the mean μ, is

.. math:: \mu + K P^T x, \qquad (P K P^T + \sigma^2 I) \, x = y - \mu .

The map is the digital elevation model that Matplotlib ships, hills around the Jacksboro fault in
Tennessee.  What only ever is stored of K are its factors, one for each axis.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np

from kronvec.demo import terrain
from kronvec.demo.covariance import gaussian, leave_one_out, toeplitz
from kronvec.operators import Identity, KroneckerProduct, Restriction

STRIDE = 1  # 2 takes every second pixel along each axis
KEPT, NOISE = 0.3, 1.0  # the share that is measured; metres

# %%
# What is measured
# ----------------

rng = np.random.default_rng(0)
elevation, grid = terrain.load_elevation()
elevation = np.ascontiguousarray(elevation[::STRIDE, ::STRIDE])
grid = terrain.Grid(grid.north[::STRIDE], grid.east[::STRIDE])
seen = terrain.observe(elevation, rng, kept=KEPT, noise=NOISE)
print(f"{elevation.shape[0]} x {elevation.shape[1]} pixels, {len(seen.pixels):,} measured")

# %%
# The covariance
# --------------
#
# Three Gaussians of growing length.  Lengths and variances, that of the noise too, are those
# under which pixels that were measured are foretold best from their neighbours.

mean = seen.heights.mean()
score = leave_one_out(seen.pixels, seen.heights - mean, grid, rng, sample=1000)
covariance = score("Gaussian, 3 scales", gaussian, 3).covariance
print(f"lengths {covariance.lengths.round()} m, noise {covariance.noise_variance**0.5:.1f} m")

# %%
# The restoration
# ---------------
#
# ``solve`` runs conjugate gradients, preconditioned, with products of K alone.  What is left of a
# measured height, y - restored, is :math:`\sigma^2 x`, which tells the residual.

begin = time.process_time()
K = sum(KroneckerProduct(toeplitz(row_y), toeplitz(row_x)) for row_y, row_x in covariance.rows)
P = Restriction(seen.pixels, grid.size)
A = P @ K @ P.T + covariance.noise_variance * Identity(len(seen.pixels))
x = A.solve(seen.heights - mean)
restored = mean + K @ (P.T @ x)
seconds = time.process_time() - begin
left = seen.heights - restored[seen.pixels] - covariance.noise_variance * x
residual = np.linalg.norm(left) / np.linalg.norm(seen.heights - mean)
print(f"K dense: {8 * grid.size**2 / 1e9:.1f} GB; solved in {seconds:.1f} s to {residual:.0e}")

# %%
# How far it is from the truth
# ----------------------------
#
# Root mean square at the pixels that were not measured, beside what SciPy interpolates.

hidden = np.setdiff1d(np.arange(grid.size), seen.pixels)
guesses = {**terrain.interpolate(seen, grid), "kronvec": restored}
errors = {
    name: np.sqrt(np.mean((guess - elevation.ravel())[hidden] ** 2))
    for name, guess in guesses.items()
}
for name, error in errors.items():
    print(f"{name:8} {error:5.2f} m")

# %%
# The picture
# -----------

measured = np.full(grid.size, np.nan)
measured[seen.pixels] = seen.heights
shown = {
    f"measured: {KEPT:.0%} of the pixels": measured,
    f"restored, error {errors['kronvec']:.1f} m": restored,
    "truth": elevation,
}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
kilometres = np.array([0, grid.east[-1], grid.north[-1], 0]) / 1000
for axis, (title, heights) in zip(axes, shown.items(), strict=True):
    image = axis.imshow(
        heights.reshape(elevation.shape),
        cmap="cividis",
        vmin=elevation.min(),
        vmax=elevation.max(),
        extent=kilometres,
        interpolation="none",
    )
    axis.set(title=title, xlabel="east, km")
    axis.label_outer()
axes[0].set_ylabel("south, km")
figure.colorbar(image, ax=axes, label="height, m")
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
