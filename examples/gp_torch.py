"""A Gaussian process on a four-dimensional grid, its hyperparameters trained by torch.

Noisy measurements y of a field over (x, y, z, time) on n⁴ points.  The covariance is separable,
K = s² K_x ⊗ K_y ⊗ K_z ⊗ K_t (RBF along the three axes of space, Matérn 3/2 along time), plus
noise σ² I, and torch descends the negative log marginal likelihood

    L(θ) = ½ yᵀ(K + σ² I)⁻¹ y + ½ log det(K + σ² I).

With K_i = Q_i Λ_i Q_iᵀ, α = (K + σ² I)⁻¹ y takes two products with Kronecker products of the Q_i.
Given α, the first term is αᵀy - ½ αᵀ(K + σ² I) α, whose derivative by θ needs none of α: one
product K α, through which torch differentiates.  The second term needs eigenvalues alone.

The same steps are taken with `kronvec.interop.torch.kron_matmul` and with linear_operator's
KroneckerProductLinearOperator, in turns.

    python examples/gp_torch.py [picture.png] [n] [steps]
"""

import sys
import time
from functools import reduce
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from linear_operator import to_linear_operator
from linear_operator.operators import KroneckerProductLinearOperator

from kronvec.interop.torch import kron_matmul

NOISE = 0.5


def linear_operator_matmul(factors, x):
    """The product of the competitor."""
    return KroneckerProductLinearOperator(*map(to_linear_operator, factors)) @ x


def rbf(grid, scale):
    """exp(-d² / (2 l²))."""
    return torch.exp(-0.5 * ((grid[:, None] - grid) / scale) ** 2)


def matern(grid, scale):
    """(1 + √3 d / l) exp(-√3 d / l)."""
    d = 3**0.5 * (grid[:, None] - grid).abs() / scale
    return (1 + d) * torch.exp(-d)


def field(n):
    """The truth, (n, n, n, n), and the grid along each axis."""
    grid = torch.linspace(0, 1, n, dtype=torch.float64)
    x, y, z, t = torch.meshgrid(grid, grid, grid, grid, indexing="ij")
    moving = torch.exp(-20 * ((x - 0.3 - 0.4 * t) ** 2 + (y - 0.5) ** 2 + (z - 0.5) ** 2))
    return torch.sin(3 * x + 2 * y) * torch.cos(4 * z * (1 - t)) + 2 * moving, grid


class GaussianProcess:
    """The hyperparameters, as logarithms, and the loss by one way of multiplying."""

    def __init__(self, product, grid, y):
        self.product, self.grid, self.y = product, grid, y
        self.scales = torch.full((4,), -1.0, dtype=torch.float64, requires_grad=True)
        self.variance = torch.zeros((), dtype=torch.float64, requires_grad=True)
        self.noise = torch.zeros((), dtype=torch.float64, requires_grad=True)
        self.optimizer = torch.optim.Adam([self.scales, self.variance, self.noise], lr=0.1)
        self.losses, self.seconds = [], 0.0

    def factors(self):
        """s² K_x, K_y, K_z, K_t."""
        scales = self.scales.exp()
        space = [rbf(self.grid, scale) for scale in scales[:3]]
        return [self.variance.exp() * space[0], *space[1:], matern(self.grid, scales[3])]

    def loss(self):
        """L(θ) and the fitted values K α, the mean of the field given y."""
        factors, noise = self.factors(), self.noise.exp()
        values = [torch.linalg.eigvalsh(f).clamp(min=1e-14) for f in factors]
        spectrum = reduce(torch.kron, values) + noise
        with torch.no_grad():
            vectors = [torch.linalg.eigh(f)[1] for f in factors]
            z = self.product([q.mT for q in vectors], self.y) / spectrum[:, None]
            alpha = self.product(vectors, z)
        mean = self.product(factors, alpha)
        fit = (alpha * (self.y - 0.5 * (mean + noise * alpha))).sum()
        return fit + 0.5 * spectrum.log().sum(), mean

    def step(self):
        """One step of Adam."""
        begin = time.perf_counter()
        self.optimizer.zero_grad()
        loss, _ = self.loss()
        loss.backward()
        self.optimizer.step()
        self.seconds += time.perf_counter() - begin
        self.losses.append(loss.item())


def main(picture="examples/output/gp_torch.png", n=20, steps=60):
    """Train both, compare, draw; (largest relative difference of losses, error of the mean)."""
    truth, grid = field(int(n))
    generator = torch.Generator().manual_seed(0)
    noisy = truth + NOISE * torch.randn(truth.shape, dtype=truth.dtype, generator=generator)
    y = noisy.reshape(-1, 1)
    runs = {
        "kronvec": GaussianProcess(kron_matmul, grid, y),
        "linear_operator": GaussianProcess(linear_operator_matmul, grid, y),
    }
    for _ in range(int(steps)):
        for run in runs.values():
            run.step()
    ours, theirs = runs.values()
    difference = max(abs(a - b) / abs(b) for a, b in zip(ours.losses, theirs.losses, strict=True))
    with torch.no_grad():
        mean = ours.loss()[1].reshape(truth.shape)
    error = (mean - truth).square().mean().sqrt().item()
    print(f"{y.numel()} measurements on {int(n)}⁴ points, {int(steps)} steps of Adam")
    for name, run in runs.items():
        print(f"{name:16} {1e3 * run.seconds / int(steps):7.1f} ms a step")
    print(f"largest relative difference of the losses {difference:.1e}")
    print(f"noise {ours.noise.exp().sqrt().item():.4f}, truly {NOISE}")
    print(f"error (root mean square) of the mean {error:.4f}, of the measurements {NOISE}")

    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    middle = int(n) // 2
    slices = {"truth": truth, "measured": noisy, "mean": mean}
    for axis, (name, values) in zip(axes, slices.items(), strict=False):
        axis.imshow(values[:, :, middle, middle].T, origin="lower", vmin=-1, vmax=3)
        axis.set_title(f"{name} (z = t = ½)")
        axis.set_axis_off()
    for name, run in runs.items():
        label = f"{name}, {1e3 * run.seconds / int(steps):.0f} ms a step"
        axes[3].plot(run.losses, label=label, linestyle="-" if name == "kronvec" else ":")
    axes[3].set_title("negative log likelihood")
    axes[3].set_xlabel("step")
    axes[3].legend()
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    print(f"picture: {Path(picture).resolve()}")
    return difference, error


if __name__ == "__main__":
    main(*sys.argv[1:])
