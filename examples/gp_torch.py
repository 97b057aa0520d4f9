r"""
A Gaussian process on a four-dimensional grid, trained by torch
===============================================================

Noisy measurements y of a field over (x, y, z, time) on n⁴ points.  The covariance is separable,
:math:`K = s^2 K_x \otimes K_y \otimes K_z \otimes K_t` (RBF along the three axes of space, Matérn
3/2 along time), plus noise :math:`\sigma^2 I`, and torch descends the negative log marginal
likelihood

.. math:: L(\theta) = \tfrac12 y^T (K + \sigma^2 I)^{-1} y + \tfrac12 \log\det(K + \sigma^2 I) .

With :math:`K_i = Q_i \Lambda_i Q_i^T`, :math:`\alpha = (K + \sigma^2 I)^{-1} y` takes two products
with Kronecker products of the :math:`Q_i`.  Given α, the first term is
:math:`\alpha^T y - \tfrac12 \alpha^T (K + \sigma^2 I) \alpha`, whose derivative by θ needs none of
α: one product K α, through which torch differentiates.  The second term needs eigenvalues alone.

The same steps are taken with ``kronvec.interop.torch.kron_matmul`` and with linear_operator's
KroneckerProductLinearOperator, in turns.
"""

import sys
import time
from functools import reduce

import matplotlib.pyplot as plt
import torch
from linear_operator import to_linear_operator
from linear_operator.operators import KroneckerProductLinearOperator

from kronvec.interop.torch import kron_matmul

POINTS = 16  # along each axis
STEPS = 50
NOISE = 0.5

# %%
# The field and what is measured
# ------------------------------


def field(n):
    """The truth, (n, n, n, n), and the grid along each axis."""
    grid = torch.linspace(0, 1, n, dtype=torch.float64)
    x, y, z, t = torch.meshgrid(grid, grid, grid, grid, indexing="ij")
    moving = torch.exp(-20 * ((x - 0.3 - 0.4 * t) ** 2 + (y - 0.5) ** 2 + (z - 0.5) ** 2))
    return torch.sin(3 * x + 2 * y) * torch.cos(4 * z * (1 - t)) + 2 * moving, grid


n = POINTS
truth, grid = field(n)
generator = torch.Generator().manual_seed(0)
noisy = truth + NOISE * torch.randn(truth.shape, dtype=truth.dtype, generator=generator)
y = noisy.reshape(-1, 1)

# %%
# The process
# -----------


def rbf(grid, scale):
    """exp(-d² / (2 l²))."""
    return torch.exp(-0.5 * ((grid[:, None] - grid) / scale) ** 2)


def matern(grid, scale):
    """(1 + √3 d / l) exp(-√3 d / l)."""
    d = 3**0.5 * (grid[:, None] - grid).abs() / scale
    return (1 + d) * torch.exp(-d)


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
        begin = time.process_time()
        self.optimizer.zero_grad()
        loss, _ = self.loss()
        loss.backward()
        self.optimizer.step()
        self.seconds += time.process_time() - begin
        self.losses.append(loss.item())


# %%
# The training
# ------------
#
# Both ways of multiplying take a step in turns; the seconds are those of the processor.


def linear_operator_matmul(factors, x):
    """The product of the competitor."""
    return KroneckerProductLinearOperator(*map(to_linear_operator, factors)) @ x


runs = {
    "kronvec": GaussianProcess(kron_matmul, grid, y),
    "linear_operator": GaussianProcess(linear_operator_matmul, grid, y),
}
for _ in range(STEPS):
    for run in runs.values():
        run.step()
ours, theirs = runs.values()
difference = max(abs(a - b) / abs(b) for a, b in zip(ours.losses, theirs.losses, strict=True))
with torch.no_grad():
    mean = ours.loss()[1].reshape(truth.shape)
error = (mean - truth).square().mean().sqrt().item()
print(f"{y.numel()} measurements on {n}⁴ points, {STEPS} steps of Adam")
for name, run in runs.items():
    print(f"{name:16} {1e3 * run.seconds / STEPS:7.1f} ms a step")
print(f"largest relative difference of the losses {difference:.1e}")
print(f"noise {ours.noise.exp().sqrt().item():.4f}, truly {NOISE}")
print(f"error (root mean square) of the mean {error:.4f}, of the measurements {NOISE}")

# %%
# The losses
# ----------

losses, axis = plt.subplots(figsize=(6, 4), layout="constrained")
styles = ({"color": "#56b4e9", "linewidth": 5}, {"color": "#d55e00", "linestyle": ":"})
for (name, run), style in zip(runs.items(), styles, strict=True):
    axis.plot(run.losses, label=f"{name}, {1e3 * run.seconds / STEPS:.0f} ms a step", **style)
axis.set(title="The same steps by both", xlabel="step", ylabel="negative log likelihood")
axis.legend(frameon=False)

# %%
# The field found again
# ---------------------

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
slices = {"truth": truth, f"measured, noise {NOISE}": noisy, f"found, error {error:.2f}": mean}
for axis, (name, values) in zip(axes, slices.items(), strict=True):
    image = axis.imshow(
        values[:, :, n // 2, n // 2].T, origin="lower", extent=(0, 1, 0, 1), vmin=-1, vmax=3
    )
    axis.set(title=name, xlabel="x")
axes[0].set_ylabel("y")
figure.colorbar(image, ax=axes, label="field at z = t = ½")
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
