r"""
Multinomial logit: a Hessian bounded by a Kronecker product
===========================================================

Which of seven parties, from strong Democrat to strong Republican, does a voter identify with?  In a
multinomial logit the chances of voter i, with the row :math:`x_i` of X, are proportional to
:math:`\exp(x_i B)`, the first party's column of B being zero.  With
:math:`S_i = \mathrm{diag}(p_i) - p_i p_i^T` the log likelihood has the negative Hessian

.. math:: H = \sum_i S_i \otimes x_i^T x_i \;\preceq\;
              \tfrac12 \bigl(I - \tfrac1k 1 1^T\bigr) \otimes X^T X ,

which is Böhning's bound (Annals of the Institute of Statistical Mathematics 44, 1992): one
Kronecker product, the same for every B.  Steps by it never overshoot, and it preconditions
Newton's method, where H is only applied.  The data are the American National Election Study of
1996 that statsmodels ships; estimates and standard errors are compared with those of statsmodels.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm

import kronvec as kv
from kronvec.operators import Diagonal, Identity, KroneckerProduct, conjugate_gradients

STEPS = 60

# %%
# The data
# --------
#
# 944 voters; the size of the place they live in (log), their own position from left to right, age,
# education, income.

data = sm.datasets.anes96.load_pandas()
names = ["constant", "place", "position", "age", "education", "income"]
X = np.column_stack([np.ones(len(data.exog)), data.exog.to_numpy()])
Y = np.eye(7)[data.endog.astype(int)][:, 1:]
n, classes = Y.shape
shape = X.shape[1], classes

# %%
# The likelihood, its gradient and its Hessian
# --------------------------------------------
#
# Over all voters the :math:`S_i` are D - D (1 1ᵀ ⊗ I) D, D = diag(vec P), so that H is a product
# of operators.  None of them is formed.

EACH = KroneckerProduct(Identity(classes), X)
TOGETHER = KroneckerProduct(np.ones((classes, classes)), Identity(n))
BOUND = KroneckerProduct(0.5 * (np.eye(classes) - 1 / (classes + 1)), X.T @ X)


def chances(B):
    """P, without the first party."""
    odds = np.exp(X @ B)
    return odds / (1 + odds.sum(axis=1, keepdims=True))


def log_likelihood(B):
    """Σ_i log p_i of the party that i named."""
    z = X @ B
    return np.sum(Y * z) - np.sum(np.log1p(np.exp(z).sum(axis=1)))


def gradient(B):
    """vec Xᵀ(Y - P)."""
    return kv.vec(X.T @ (Y - chances(B)))


def negative_hessian(B):
    """H = (I ⊗ Xᵀ) (D - D (1 1ᵀ ⊗ I) D) (I ⊗ X)."""
    D = Diagonal(kv.vec(chances(B)))
    return EACH.T @ (D - D @ TOGETHER @ D) @ EACH


# %%
# Three ways up
# -------------
#
# By the gradient, with the longest step that is safe; by the bound, one ``solve`` of a Kronecker
# product; by Newton's method.

TO_BOUND = BOUND.inv()
STEEPEST = 1 / BOUND.norm(2)


def newton(B):
    """H⁻¹ times the gradient by conjugate gradients, with the bound as preconditioner."""
    g = gradient(B)
    return conjugate_gradients(negative_hessian(B), g, preconditioner=TO_BOUND, rtol=1e-10).x


ways = {
    "gradient ascent": lambda B: STEEPEST * gradient(B),
    "Kronecker bound": lambda B: TO_BOUND @ gradient(B),
    "Newton": newton,
}
climbs, estimates = {}, {}
for way, step in ways.items():
    B, climbs[way] = np.zeros(shape), []
    for _ in range(10 if way == "Newton" else STEPS):
        climbs[way].append(log_likelihood(B))
        B = B + kv.unvec(step(B), shape)
    climbs[way].append(log_likelihood(B))
    estimates[way] = B
best = max(map(max, climbs.values()))
gaps = {way: best - np.array(climb) for way, climb in climbs.items()}
for way, gap in gaps.items():
    print(f"{way}: {gap[-1]:.1e} below the maximum after {len(gap) - 1} steps")

# %%
# The numbers of statsmodels
# --------------------------
#
# The standard errors are the square roots of the diagonal of H⁻¹.

B = estimates["Newton"]
H = negative_hessian(B)
errors = kv.unvec(np.sqrt(np.diag(np.linalg.inv(H.toarray()))), shape)
fit = sm.MNLogit(data.endog.to_numpy(), X).fit(method="newton", maxiter=100, tol=1e-12, disp=False)
difference = np.max(np.abs(B - fit.params) / fit.bse)
error_difference = np.max(np.abs(errors / fit.bse - 1))
print(f"largest difference from statsmodels: {difference:.0e} standard errors")
print(f"  of the standard errors themselves {error_difference:.0e}")
print("log odds of the strong Republicans against the strong Democrats")
for name, estimate, error in zip(names, B[:, -1], errors[:, -1], strict=True):
    print(f"  {name:10} {estimate:7.3f} ± {error:.3f}")

# %%
# The climbs
# ----------

styles = {
    "gradient ascent": {"color": "#d55e00", "linestyle": "--"},
    "Kronecker bound": {"color": "#0072b2"},
    "Newton": {"color": "#009e73", "marker": "o"},
}
figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
for way, gap in gaps.items():
    axis.semilogy(np.maximum(gap, 1e-10), label=way, **styles[way])
axis.set(
    xlabel="step",
    ylabel="log likelihood below its maximum",
    ylim=(1e-9, None),
    title="A multinomial logit climbed",
)
axis.grid(alpha=0.3)
axis.legend(frameon=False)
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
