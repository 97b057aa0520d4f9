"""The elevation map, the pixels that are kept, and the ways to guess the others.

The data are the digital elevation model that Matplotlib ships for its own examples,
jacksboro_fault_dem.npz: hills around the Jacksboro fault, Tennessee, 344 x 403 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import cbook
from scipy.interpolate import (
    CloughTocher2DInterpolator,
    LinearNDInterpolator,
    NearestNDInterpolator,
)
from scipy.spatial import Delaunay

from kronvec.operators import Identity, NearestNeighbours, Restriction, conjugate_gradients

from .covariance import CANDIDATES, leave_one_out

if TYPE_CHECKING:
    from typing import Any


METRES_PER_DEGREE = 111_200  # along a meridian


@dataclass
class Grid:
    """Where the pixels are. Pixel (i, k) has the index i n_x + k."""

    north: np.ndarray  # distance of row i from row 0, metres, (n_y,)
    east: np.ndarray  # distance of column k from column 0, metres, (n_x,)

    @property
    def n_x(self) -> Any:
        """Columns of the map."""
        return len(self.east)

    @property
    def size(self) -> Any:
        """Pixels of the map."""
        return len(self.north) * len(self.east)

    def points(self, pixels: Any) -> Any:
        """Positions in metres, shape (len(pixels), 2)."""
        i, k = np.divmod(pixels, self.n_x)
        return np.column_stack([self.north[i], self.east[k]])


def load_elevation() -> Any:
    """The map in metres, shape (n_y, n_x), row 0 in the north, and its grid."""
    file: Any
    with cbook.get_sample_data("jacksboro_fault_dem.npz") as file:  # type: ignore[union-attr]
        elevation = file["elevation"].astype(np.float64)
        latitude = np.deg2rad(0.5 * (file["ymin"] + file["ymax"]))
        height = METRES_PER_DEGREE * file["dy"]  # a pixel's height and width, metres
        width = METRES_PER_DEGREE * file["dx"] * np.cos(latitude)
    n_y, n_x = elevation.shape
    return elevation, Grid(north=height * np.arange(n_y), east=width * np.arange(n_x))


@dataclass
class Observations:
    """What the restoration may see."""

    pixels: np.ndarray  # ascending indices of the pixels that were kept
    heights: np.ndarray  # their noisy heights, metres


def observe(elevation: Any, rng: Any, *, kept: Any, noise: Any) -> Any:
    """Keep the share `kept` of the pixels, at random, and add noise of that deviation (m)."""
    count = round(kept * elevation.size)
    pixels = np.sort(rng.choice(elevation.size, size=count, replace=False))
    return Observations(pixels, elevation.flat[pixels] + noise * rng.standard_normal(count))


def interpolate(seen: Any, grid: Any) -> Any:
    """SciPy's interpolations of the same noisy pixels, by name, each of shape (n_y n_x,).

    Linear and cubic are defined on the triangles between observed pixels; the few pixels at the
    border of the map that lie in no triangle take the nearest observed height.
    """
    everywhere = grid.points(np.arange(grid.size))
    triangles = Delaunay(grid.points(seen.pixels))
    nearest = NearestNDInterpolator(triangles.points, seen.heights)(everywhere)
    results = {"nearest": nearest}
    for name, interpolator in [
        ("linear", LinearNDInterpolator),
        ("cubic", CloughTocher2DInterpolator),
    ]:
        heights = interpolator(triangles, seen.heights)(everywhere)
        results[name] = np.where(np.isnan(heights), nearest, heights)
    return results


def choose_covariance(seen: Any, grid: Any, rng: Any, report: Any = None) -> Any:
    """Fit every candidate to the observed pixels; return their scores, best first."""
    score = leave_one_out(seen.pixels, seen.heights - seen.heights.mean(), grid, rng)
    scores = []
    for name, function, terms in CANDIDATES:
        scores.append(score(name, function, terms))
        if report is not None:
            report()
    return sorted(scores, key=lambda entry: -entry.log_density)


def restore(
    seen: Any,
    grid: Any,
    covariance: Any,
    *,
    tolerance: Any,
    precondition: bool = True,
    report: Any = None,
) -> Any:
    """The posterior mean at every pixel, shape (n_y n_x,), and the solver's account.

    With y the observed heights and μ their mean,

        E[height | y] = μ + K Pᵀ x,     (P K Pᵀ + σ² I) x = y - μ.

    `precondition=False` shows what the preconditioner is worth.  `report(iterations, residual)`
    is called after every step.
    """
    K = covariance.on_grid()
    P = Restriction(seen.pixels, grid.size)
    A = P @ K @ P.T + covariance.noise_variance * Identity(len(seen.pixels))
    mean = seen.heights.mean()
    solution = conjugate_gradients(
        A,
        seen.heights - mean,
        preconditioner=NearestNeighbours(A, neighbours=24, workers=-1) if precondition else None,
        rtol=tolerance,
        callback=report,
    )
    return mean + K @ (P.T @ solution.x), solution
