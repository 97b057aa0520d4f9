"""Natural gradient with Kronecker-factored curvature, on handwritten digits.

    python examples/natural_gradient.py [picture.png]

A network with one hidden layer learns scikit-learn's digits by gradient descent and by natural
gradient.  The curvature of a layer Z = A W is taken as

    F = G ⊗ Ā,    Ā = Aᵀ A / n,    G = n Σ_i g_i g_iᵀ

where g_i is the gradient with respect to row i of Z for labels drawn from the network's own
predictions.  F is never formed: (F + λ I)⁻¹ vec(∇W) is a call of `solve` of an operator.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import kronvec as kv
from kronvec.calculus import Variable, concatenate, cross_entropy, grad, softmax, tanh
from kronvec.operators import Identity, KroneckerProduct

HIDDEN = 32
SECONDS = 6.0
STEP_SIZES = {"gradient descent": (0.1, 0.3, 1.0), "natural gradient": (0.1, 0.3, 1.0)}
DAMPING = 1e-3


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


def gradients(X, classes, weights, rng):
    """The loss, its gradients, and (Ā, G) of each layer."""
    W = [Variable(w, f"W{i + 1}") for i, w in enumerate(weights)]
    # Zeros added to Z: the derivative with respect to them is that with respect to Z.
    E = [Variable(np.zeros((len(X), w.shape[1]))) for w in weights]
    inputs, logits = network(X, *W, *E)
    loss = cross_entropy(logits, classes)
    chances = softmax(logits.value).cumsum(axis=1)
    drawn = np.sum(chances < rng.uniform(size=(len(X), 1)), axis=1).clip(max=9)
    g = grad(cross_entropy(logits, drawn), E)
    n = len(X)
    curvature = []
    for a, rows in zip(inputs, g, strict=True):
        a = getattr(a, "value", a)
        curvature.append((a.T @ a / n, n * rows.T @ rows))
    return float(loss), grad(loss, W), curvature


def natural(gradient, A, G):
    """(G ⊗ Ā + λ I)⁻¹ vec(∇W), as a matrix."""
    F = KroneckerProduct(G, A) + DAMPING * Identity(gradient.size)
    return kv.unvec(F.solve(kv.vec(gradient)), gradient.shape)


def train(method, step_size, X, classes):
    """Seconds, losses, weights."""
    rng = np.random.default_rng(1)
    weights, moving = initial_weights(rng), None
    times, losses, start = [], [], time.perf_counter()
    while not times or times[-1] < SECONDS:
        loss, gradient, curvature = gradients(X, classes, weights, rng)
        times.append(time.perf_counter() - start)
        losses.append(loss)
        if method == "natural gradient":
            pairs = list(zip(*(moving or curvature), curvature, strict=False)) and curvature
            moving = [
                tuple(0.9 * old + 0.1 * new for old, new in zip(before, now, strict=True))
                for before, now in zip(moving or curvature, pairs, strict=True)
            ]
            gradient = [natural(g, *factors) for g, factors in zip(gradient, moving, strict=True)]
        weights = [w - step_size * g for w, g in zip(weights, gradient, strict=True)]
    return np.array(times), np.array(losses), weights


def accuracy(X, classes, weights):
    """The part of the images that get their class."""
    return float(np.mean(network(X, *weights)[1].argmax(axis=1) == classes))


def draw(path, curves):
    """Loss against time, the best step size of each method in front."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = {"gradient descent": "#8a5a2b", "natural gradient": "#1f6fb4"}
    for method, runs in curves.items():
        best = min(runs, key=lambda size: runs[size][1][-1])
        for size, (times, losses) in runs.items():
            front = size == best
            axes.semilogy(
                times,
                losses,
                color=colours[method],
                alpha=1 if front else 0.3,
                linewidth=2 if front else 1,
                label=f"{method}, step {size}" if front else None,
            )
    axes.set(xlabel="seconds", ylabel="cross-entropy", title="A network learning digits")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main(path="examples/output/natural_gradient.png"):
    """Train with every step size, print a table, write the picture."""
    training, test = digits()
    curves = {}
    for method, sizes in STEP_SIZES.items():
        curves[method] = {}
        for size in sizes:
            times, losses, weights = train(method, size, *training)
            curves[method][size] = times, losses
            print(
                f"{method}, step {size}: {len(times)} steps, loss {losses[-1]:.2g}, "
                f"{accuracy(*training, weights):.1%} of the training images, "
                f"{accuracy(*test, weights):.1%} of the others"
            )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    draw(path, curves)
    print(f"picture: {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
