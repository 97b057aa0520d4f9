"""Covariances that are sums of Kronecker products, and how one is chosen from the data alone.

The height of the ground at pixel (i, k) of an n_y x n_x grid is modelled as a Gaussian process.
Each term of its covariance is a function of the north-south distance times a function of the
east-west distance, so over the whole grid, vec-ed row by row,

    K = Σ_t  K_y[t] ⊗ K_x[t],        K_y[t] is n_y x n_y and K_x[t] is n_x x n_x.

A pixel is observed as height + noise of variance σ², so A = P K Pᵀ + σ² I is the covariance of
what was measured, where P picks the observed pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import KDTree

from kronvec.operators import KroneckerProduct

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Array


# --- the functions of distance ---------------------------------------------------------------


def matern_32(distance: Any, length: Any) -> Any:
    """(1 + s) exp(-s), s = √3 d / ℓ: slopes exist, curvature does not."""
    s = np.sqrt(3) * distance / length
    return (1 + s) * np.exp(-s)


def matern_52(distance: Any, length: Any) -> Any:
    """(1 + s + s²/3) exp(-s), s = √5 d / ℓ: curvature exists too."""
    s = np.sqrt(5) * distance / length
    return (1 + s + s**2 / 3) * np.exp(-s)


def gaussian(distance: Any, length: Any) -> Any:
    """exp(-d² / 2ℓ²): the one product k(d_y) k(d_x) that is the same in every direction."""
    return np.exp(-0.5 * (distance / length) ** 2)


# Name, function, number of terms. Terms are a ladder of scales: ℓ, ℓr, ℓr², ... with variances
# 1, g, g², ... so any number of them has the same three unknowns ℓ, r, g besides the noise.
CANDIDATES = [
    ("Matérn 3/2", matern_32, 1),
    ("Matérn 5/2", matern_52, 1),
    ("Gaussian", gaussian, 1),
    ("Gaussian, 3 scales", gaussian, 3),
]


# --- the covariance --------------------------------------------------------------------------


@dataclass
class Covariance:
    """K = Σ_t K_y[t] ⊗ K_x[t] on a grid, plus the variance σ² of the noise."""

    name: str
    rows: list[
        tuple[Array, Array]
    ]  # one pair per term: first row of K_y (n_y,), first row of K_x (n_x,)
    noise_variance: float
    lengths: Array  # ℓ of each term, metres

    def first_row(self) -> Any:
        """Row 0 of K, shape (n_y * n_x,).

        K is stationary (an entry depends on the distance alone), so row 0 says it all:
        K[(i, k), (j, l)] = first_row[|i - j| n_x + |k - l|].
        """
        return np.sum([np.outer(row_y, row_x) for row_y, row_x in self.rows], axis=0).ravel()

    def on_grid(self) -> Any:
        """K, an operator made of symmetric Toeplitz matrices; it touches every pixel.

        K_y ⊗ K_x is never formed: K_y is applied along one axis of the map, K_x along the other.
        """
        terms = (KroneckerProduct(toeplitz(row_y), toeplitz(row_x)) for row_y, row_x in self.rows)
        return reduce(add, terms)


def toeplitz(row: Any) -> Any:
    """The symmetric matrix T[i, j] = row[|i - j|]."""
    index = np.arange(len(row))
    return row[np.abs(index[:, None] - index)]


def covariance_at(
    name: str, function: Callable[..., Array], terms: Any, parameters: Any, grid: Any
) -> Any:
    """The candidate at parameters = log (σ², ℓ, r, g), with the first term's variance 1."""
    noise_variance, length, ratio, growth = np.exp(np.pad(parameters, (0, 4 - len(parameters))))
    lengths = length * ratio ** np.arange(terms)
    rows = [
        (growth**t * function(grid.north, lengths[t]), function(grid.east, lengths[t]))
        for t in range(terms)
    ]
    return Covariance(name, rows, noise_variance, lengths)


# --- one pixel given its neighbours ----------------------------------------------------------


def offsets(pixels_a: Any, pixels_b: Any, n_x: Any) -> Any:
    """|i - j| n_x + |k - l| of pixels (i, k), (j, l): where first_row holds their covariance."""
    row_a, column_a = np.divmod(pixels_a, n_x)
    row_b, column_b = np.divmod(pixels_b, n_x)
    return np.abs(row_a - row_b) * n_x + np.abs(column_a - column_b)


def neighbour_offsets(pixels: Any, neighbours: Any, n_x: Any) -> Any:
    """Offsets among the neighbours (count, s, s) and from each pixel to its own (count, s)."""
    among = offsets(neighbours[:, :, None], neighbours[:, None, :], n_x)
    return among, offsets(pixels[:, None], neighbours, n_x)


def condition(covariance: Any, among: Any, towards: Any) -> Any:
    """Each observation given its s neighbours: weights (count, s) and variances (count,).

    With a the covariance of observation i and its neighbours N, and A_NN that among them,

        w = A_NN⁻¹ a,     E[b_i | b_N] = w·b_N,     var[b_i | b_N] = A_ii - w·a.
    """
    first_row = covariance.first_row()
    a_nn, a = first_row[among], first_row[towards]
    diagonal = np.arange(a.shape[1])
    a_nn[:, diagonal, diagonal] = first_row[0] + covariance.noise_variance
    weights = np.linalg.solve(a_nn, a[:, :, None])[:, :, 0]
    variances = first_row[0] + covariance.noise_variance - np.sum(weights * a, axis=1)
    return weights, variances


# --- the choice ------------------------------------------------------------------------------


@dataclass
class Score:
    """How well a candidate foretells observed pixels that it is not shown."""

    covariance: Covariance
    log_density: float  # mean of log p(b_i | b_N), the criterion
    rmse: float  # of the same predictions, metres


def leave_one_out(
    observed: Any, b: Array, grid: Any, rng: Any, *, sample: int = 4000, neighbours: int = 24
) -> Any:
    """Return score(name, function, terms), which fits one candidate by leave-one-out.

    A random sample of the observed pixels is left out one at a time and predicted from its
    nearest other observed pixels. The parameters maximise the mean log predictive density
    (Rasmussen and Williams 2006, section 5.4.2)

        log p(b_i | b_N) = -½ log(2π s v_i) - ½ (b_i - w·b_N)² / (s v_i),

    whose overall scale s has the closed-form optimum s = mean((b_i - w·b_N)² / v_i). The noise
    variance is one of the parameters: nobody tells the model how noisy the pixels are. Pixels
    that were hidden never enter.
    """
    left_out = rng.choice(len(observed), size=min(sample, len(observed)), replace=False)
    points = grid.points(observed)
    nearest = KDTree(points).query(points[left_out], neighbours + 1)[1][:, 1:]  # [0] is itself
    among, towards = neighbour_offsets(observed[left_out], observed[nearest], grid.n_x)

    def predict(covariance: Any) -> Any:
        weights, variances = condition(covariance, among, towards)
        errors = b[left_out] - np.sum(weights * b[nearest], axis=1)
        scale = np.mean(errors**2 / variances)
        return -0.5 * np.mean(np.log(2 * np.pi * scale * variances)) - 0.5, errors, scale

    def score(name: str, function: Callable[..., Array], terms: Any) -> Any:
        # The search starts with a noise of 1% of the variance and scales of a few pixels.
        pixel = grid.north[1]
        start = [0.01, 3 * pixel] if terms == 1 else [0.01, pixel, 2.0, 10.0]
        best = minimize(
            lambda parameters: -predict(covariance_at(name, function, terms, parameters, grid))[0],
            np.log(start),
            method="Nelder-Mead",
            options={"maxfev": 200, "xatol": 0.05, "fatol": 3e-4},
        ).x
        covariance = covariance_at(name, function, terms, best, grid)
        log_density, errors, scale = predict(covariance)
        covariance.rows = [(scale * row_y, row_x) for row_y, row_x in covariance.rows]
        covariance.noise_variance *= scale
        return Score(covariance, log_density, np.sqrt(np.mean(errors**2)))

    return score
