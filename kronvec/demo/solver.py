"""Conjugate gradients on A = P K Pᵀ + σ² I, preconditioned by nearest neighbours."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from .covariance import condition, kron_sum_matvec, neighbour_offsets


def observed_system(factors, observed, noise_variance, size):
    """v -> (P K Pᵀ + σ² I) v.

    Pᵀ scatters the observed values onto an empty map, K smooths the map, P reads them back.
    """
    grid_values = np.zeros(size)

    def matvec(v):
        grid_values[observed] = v
        return kron_sum_matvec(factors, grid_values)[observed] + noise_variance * v

    return matvec


def nearest_neighbour_preconditioner(covariance, observed, grid, *, neighbours=20, block=4096):
    """r -> Gᵀ G r with Gᵀ G ≈ A⁻¹, G sparse and lower triangular.

    The chain rule of probability, p(b) = Π_i p(b_i | b_1 ... b_{i-1}), factors A⁻¹ = Gᵀ G exactly,
    row i of G being (b_i - E[b_i | earlier]) / sd[b_i | earlier]. Near pixels screen off far ones,
    so keeping only the nearest earlier pixels loses little (Vecchia 1988; numerical analysts call
    the same matrix a factorised sparse approximate inverse, Kolotilina and Yeremin 1993). It is
    positive definite whatever is dropped, which conjugate gradients need.
    """
    count = len(observed)
    points = grid.points(observed)
    # Pixels are in raster order, so about half of a pixel's surroundings come before it.
    near = KDTree(points).query(points, min(4 * neighbours, count), workers=-1)[1]
    earlier = near < np.arange(count)[:, None]
    first = np.argsort(~earlier, axis=1, kind="stable")[:, :neighbours]  # earlier ones, by distance
    near = np.take_along_axis(near, first, axis=1)
    earlier = np.take_along_axis(earlier, first, axis=1)

    weights = np.empty(near.shape)
    variances = np.empty(count)
    for begin in range(0, count, block):  # blocks bound the memory: block x neighbours² doubles
        part = slice(begin, begin + block)
        among, towards = neighbour_offsets(observed[part], observed[near[part]], grid.n_x)
        weights[part], variances[part] = condition(covariance, among, towards, earlier[part])

    # Row i of G is (e_i - Σ_j w_ij e_j) / sd_i, j over the earlier neighbours of i.
    columns = np.column_stack([near, np.arange(count)])
    values = np.column_stack([-weights, np.ones(count)]) / np.sqrt(variances)[:, None]
    present = np.column_stack([earlier, np.ones(count, dtype=bool)])
    row_starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    g = csr_array((values[present], columns[present], row_starts), shape=(count, count))
    g_transposed = g.T.tocsr()
    return lambda r: g_transposed @ (g @ r)


@dataclass
class Solution:
    """x with A x ≈ b, and how it was reached."""

    x: np.ndarray
    iterations: int
    residual: float  # ‖b - A x‖ / ‖b‖, computed from x itself


def conjugate_gradients(matvec, b, preconditioner, *, tolerance, limit=5000, report=None):
    """Solve A x = b to ‖b - A x‖ <= tolerance ‖b‖ for symmetric positive definite A.

    The recursion updates its residual by r -= α A p, which drifts from b - A x by rounding. When
    it says "done", the residual is computed afresh, and the iteration restarts if that is larger.
    `report(iterations, residual)` is called after every step.
    """
    goal = tolerance * np.linalg.norm(b)
    x = np.zeros_like(b)
    r = b.copy()
    iterations = 0
    while np.linalg.norm(r) > goal and iterations < limit:
        z = preconditioner(r)
        p = z.copy()
        rz = r @ z
        while np.linalg.norm(r) > goal and iterations < limit:
            q = matvec(p)
            step = rz / (p @ q)
            x += step * p
            r -= step * q
            z = preconditioner(r)
            rz, rz_before = r @ z, rz
            p = z + (rz / rz_before) * p
            iterations += 1
            if report is not None:
                report(iterations, np.linalg.norm(r) / np.linalg.norm(b))
        r = b - matvec(x)
    residual = np.linalg.norm(r) / np.linalg.norm(b)
    if residual > tolerance:
        raise RuntimeError(
            f"conjugate gradients stopped at {residual:.1e} after {iterations} steps"
        )
    return Solution(x, iterations, residual)
