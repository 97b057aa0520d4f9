r"""
Mislabelled digits found by their gradients
===========================================

The loss of sample i has the gradient :math:`dW_i = x_i g_i^T` with respect to the weights of a
layer Z = X W, if x and g are the sample's rows of X and of the cotangent of Z.  Its norm is

.. math:: \|dW_i\|_F = \|x_i\| \, \|g_i\| ,

so the norms of all samples' gradients are had without one of the gradients.  A sample with a wrong
label pulls at the weights harder than others do: in scikit-learn's digits every fifth label is
made wrong here, and the largest gradients point at them.  The same norms serve to clip the
gradients, as differential privacy asks for.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import kronvec as kv

HIDDEN, STEP_SIZE = 32, 1.0
EARLY = 100  # steps, when suspects are named
LATE = 600

# %%
# Digits, some with wrong labels
# ------------------------------

rng = np.random.default_rng(0)
images, digits = load_digits(return_X_y=True)
X = np.hstack([images / 16, np.ones((len(images), 1))])  # a column for the bias
shuffled = rng.permutation(len(X))
training, test = shuffled[:1400], shuffled[1400:]
is_wrong = np.zeros(len(X), dtype=bool)
is_wrong[rng.choice(training, len(training) // 5, replace=False)] = True
labels = np.where(is_wrong, (digits + rng.integers(1, 10, len(X))) % 10, digits)

# %%
# A network and its cotangents
# ----------------------------
#
# Two layers with tanh between them.  ``matmul_vjp`` pulls the cotangent of the logits back to the
# hidden layer; the pair (G, X) of a layer stands for all its gradients, :math:`dW = X^T G` for
# their sum.


def forward(X, weights):
    """The inputs of the second layer and the predicted probabilities."""
    hidden = np.hstack([np.tanh(X @ weights[0]), np.ones((len(X), 1))])
    odds = np.exp(hidden @ weights[1])
    return hidden, odds / odds.sum(axis=1, keepdims=True)


def cotangents(X, labels, weights):
    """(G, X) of each layer, for the cross entropy of each sample."""
    hidden, probabilities = forward(X, weights)
    g2 = probabilities - np.eye(10)[labels]
    d_hidden, _ = kv.matmul_vjp(g2, hidden, weights[1])
    g1 = d_hidden[:, :-1] * (1 - hidden[:, :-1] ** 2)
    return [(g1, X), (g2, hidden)]


def gradient_norms(pairs):
    """‖dW_i‖ of each sample, over both layers."""
    return np.sqrt(sum(kv.per_sample_sqnorm(g, x) for g, x in pairs))


def train(samples, steps, *, clip=np.inf):
    """The weights after gradient descent, each sample's gradient clipped to the norm `clip`."""
    start = np.random.default_rng(1)
    weights = [start.standard_normal(s) / np.sqrt(s[0]) for s in ((65, HIDDEN), (HIDDEN + 1, 10))]
    for _ in range(steps):
        pairs = cotangents(X[samples], labels[samples], weights)
        scale = np.minimum(1, clip / gradient_norms(pairs))[:, None] / len(samples)
        weights = [
            w - STEP_SIZE * x.T @ (scale * g) for w, (g, x) in zip(weights, pairs, strict=True)
        ]
    return weights


def accuracy(weights):
    """The part of the test images that get their digit."""
    return np.mean(forward(X[test], weights)[1].argmax(axis=1) == digits[test])


# %%
# The norms, formed and not
# -------------------------
#
# Early in a training the network knows the digits, but not yet by heart what labels they have.
# ``sum_batch=False`` forms the gradient of every sample.

weights = train(training, EARLY)
pairs = cotangents(X[training], labels[training], weights)
begin = time.process_time()
norms = gradient_norms(pairs)
middle = time.process_time()
formed = [
    kv.matmul_vjp(g[:, None], x[:, None], w, sum_batch=False)[1]
    for (g, x), w in zip(pairs, weights, strict=True)
]
formed_norms = np.sqrt(sum(np.sum(dw**2, axis=(1, 2)) for dw in formed))
end = time.process_time()
difference = np.max(np.abs(norms - formed_norms) / formed_norms)
print(f"norms of {len(training)} gradients: {1e3 * (middle - begin):.2f} ms")
print(
    f"  from the gradients themselves {1e3 * (end - middle):.1f} ms, "
    f"{sum(dw.nbytes for dw in formed) / 1e6:.0f} MB, largest difference {difference:.0e}"
)

# %%
# Filtering
# ---------
#
# As many samples are suspected as labels were made wrong.  Leaving them out loses the difficult
# digits among them, too; clipping every gradient only bounds what a wrong label can do.

suspects = training[np.argsort(-norms)[: is_wrong.sum()]]
precision = np.mean(is_wrong[suspects])
print(f"{len(suspects)} suspects, {precision:.1%} of them with a wrong label; by chance 20%")
print(f"of the first 50 suspects {np.mean(is_wrong[suspects[:50]]):.0%}")
accuracies = {
    "all labels": accuracy(train(training, LATE)),
    "without the suspects": accuracy(train(np.setdiff1d(training, suspects), LATE)),
    "gradients clipped to the norm 1": accuracy(train(training, LATE, clip=1.0)),
}
for name, value in accuracies.items():
    print(f"right on {value:.1%} of the test images: {name}")

# %%
# What the largest gradients belong to
# ------------------------------------

pictures, axes = plt.subplots(2, 8, figsize=(9, 3), layout="constrained")
for axis, i in zip(axes.flat, suspects, strict=False):
    axis.imshow(images[i].reshape(8, 8), cmap="gray_r")
    axis.set_title(f"labelled {labels[i]}", fontsize=9)
    axis.set_axis_off()
pictures.suptitle("The digits with the largest gradients")

# %%
# The norms of right and of wrong labels
# --------------------------------------

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
bins = np.geomspace(norms.min(), norms.max(), 50)
for name, chosen, colour in (
    ("right labels", ~is_wrong[training], "#0072b2"),
    ("wrong labels", is_wrong[training], "#d55e00"),
):
    axis.hist(norms[chosen], bins, label=f"{chosen.sum()} {name}", color=colour, alpha=0.7)
threshold = np.sort(norms)[-len(suspects)]
axis.axvline(threshold, color="0.2", linestyle="--")
axis.annotate(
    f"suspected:\n{precision:.0%} have a wrong label",
    (threshold, 1.1 * axis.get_ylim()[1]),
    xytext=(-6, 0),
    textcoords="offset points",
    ha="right",
    va="top",
)
axis.set(
    xscale="log",
    ylim=(0, 1.15 * axis.get_ylim()[1]),
    xlabel="norm of the sample's gradient",
    ylabel="samples",
    title="Wrong labels have large gradients",
)
axis.legend(frameon=False, loc="upper left")
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
