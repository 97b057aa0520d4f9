r"""
Natural gradient with Kronecker-factored curvature
==================================================

A network with one hidden layer learns scikit-learn's digits by gradient descent and by natural
gradient.  The curvature of a layer Z = A W is taken as

.. math:: F = G \otimes \bar A, \qquad \bar A = A^T A / n, \qquad G = n \sum_i g_i^T g_i

where :math:`g_i` is the gradient with respect to row i of Z for labels drawn from the network's own
predictions.  F is never formed: :math:`(F + \lambda I)^{-1} \mathrm{vec}(\nabla W)` is a call of
``solve`` of an operator.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import kronvec as kv
from kronvec.calculus import Variable, concatenate, cross_entropy, dot, grad, softmax, tanh
from kronvec.operators import Identity, KroneckerProduct

HIDDEN = 32
SECONDS = 1.5  # for each method and step size
STEP_SIZES = {"gradient descent": (0.3, 1.0, 1.5), "natural gradient": (0.1, 0.3)}
# The loss has RIDGE / 2 ‖W‖² in it, the curvature has DAMPING I.
RIDGE, DAMPING = 1e-3, 3e-2
TARGET = 0.15  # the loss that is waited for
# How much of the curvature is that of the last steps.
MEMORY = 0.9

# %%
# The network
# -----------
#
# ``kronvec.calculus`` differentiates.  With E = 0 added to Z, the gradient with respect to E is
# that with respect to Z.


def digits():
    """(X, classes) to train with and to test with; X has a column of ones for the bias."""
    images, classes = load_digits(return_X_y=True)
    X = np.hstack([images / 16, np.ones((len(images), 1))])
    shuffled = np.random.default_rng(0).permutation(len(X))
    train, test = shuffled[:1400], shuffled[1400:]
    return (X[train], classes[train]), (X[test], classes[test])


def initial_weights(rng):
    """W1 (65, hidden) and W2 (hidden + 1, 10)."""
    return [rng.standard_normal(s) / np.sqrt(s[0]) for s in ((65, HIDDEN), (HIDDEN + 1, 10))]


def network(X, W1, W2, E1=0.0, E2=0.0):
    """The inputs A of the two layers and the logits; E is added to Z = A W of each layer."""
    H = concatenate([tanh(X @ W1 + E1), np.ones((len(X), 1))], axis=1)
    return (X, H), H @ W2 + E2


def objective(W, E, X, classes):
    """The loss, the logits and the inputs A of the layers."""
    inputs, logits = network(X, *W, *E)
    ridge = RIDGE / 2 * (dot(W[0], W[0]) + dot(W[1], W[1]))
    return cross_entropy(logits, classes) + ridge, logits, inputs


# %%
# The curvature
# -------------


def curvatures(E, logits, inputs, rng):
    """(Ā, G) of each layer; the derivative with respect to E is that with respect to Z."""
    n = len(logits)
    chances = softmax(logits.value).cumsum(axis=1)
    drawn = np.sum(chances < rng.uniform(size=(n, 1)), axis=1).clip(max=9)
    rows = grad(cross_entropy(logits, drawn), E)
    inputs = [getattr(a, "value", a) for a in inputs]
    return [(a.T @ a / n, n * g.T @ g) for a, g in zip(inputs, rows, strict=True)]


def natural(gradient, A, G):
    """(G ⊗ Ā + λ I)⁻¹ vec(∇W), as a matrix."""
    F = KroneckerProduct(G, A) + DAMPING * Identity(gradient.size)
    return kv.unvec(F.solve(kv.vec(gradient)), gradient.shape)


# %%
# The training
# ------------


def train(method, step_size, X, classes, seconds):
    """Seconds, losses, weights."""
    rng = np.random.default_rng(1)
    weights, averages = initial_weights(rng), None
    times, losses, start = [], [], time.process_time()
    while not times or times[-1] < seconds:
        W = [Variable(w) for w in weights]
        E = [Variable(np.zeros((len(X), w.shape[1]))) for w in weights]
        loss, logits, inputs = objective(W, E, X, classes)
        direction = grad(loss, W)
        times.append(time.process_time() - start)
        losses.append(float(loss))
        if method == "natural gradient":
            factors = curvatures(E, logits, inputs, rng)
            averages = [
                tuple(MEMORY * old + (1 - MEMORY) * new for old, new in zip(*pair, strict=True))
                for pair in zip(averages or factors, factors, strict=True)
            ]
            direction = [natural(g, *both) for g, both in zip(direction, averages, strict=True)]
        weights = [w - step_size * d for w, d in zip(weights, direction, strict=True)]
    return np.array(times), np.array(losses), weights


def accuracy(X, classes, weights):
    """The part of the images that get their class."""
    return float(np.mean(network(X, *weights)[1].argmax(axis=1) == classes))


training, test = digits()
curves = {}
for method, sizes in STEP_SIZES.items():
    curves[method] = {}
    for size in sizes:
        times, losses, weights = train(method, size, *training, SECONDS)
        curves[method][size] = times, losses
        there = np.flatnonzero(losses <= TARGET)
        waited = f"after {times[there[0]]:.2f} s, {there[0]} steps" if len(there) else "never"
        print(
            f"{method}, step {size}: loss {TARGET} {waited}; after {times[-1]:.1f} s, "
            f"{len(times)} steps, loss {losses[-1]:.4f}, right on "
            f"{accuracy(*training, weights):.1%} of the training images, "
            f"{accuracy(*test, weights):.1%} of the others"
        )

# %%
# Loss against time
# -----------------
#
# The best step size of each method stands in front.  A step of the natural gradient takes longer,
# and gets further.

COLOURS = {"gradient descent": "#d55e00", "natural gradient": "#0072b2"}
figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
for method, runs in curves.items():
    best = min(runs, key=lambda size, runs=runs: runs[size][1][-1])
    for size, (times, losses) in runs.items():
        front = size == best
        axes.semilogy(
            times,
            losses,
            color=COLOURS[method],
            alpha=1 if front else 0.3,
            linewidth=2 if front else 1,
            label=f"{method}, step {size}" if front else None,
        )
axes.axhline(TARGET, color="#888888", linewidth=0.8, linestyle="--")
marks = (0.13, TARGET, 0.2, 0.3, 0.5, 1, 2)
axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
axes.set_yticks([], minor=True)
axes.set(
    xlabel="processor seconds",
    ylabel="loss",
    title="A network learning digits; faint: other step sizes",
)
axes.grid(alpha=0.3)
axes.legend(frameon=False)
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
