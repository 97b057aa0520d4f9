r"""
The covariances of a vector autoregression
==========================================

A VAR(2) of US real GDP, consumption and investment (quarterly, 1959-2009: the data that
statsmodels ships), fitted by least squares.  Lütkepohl (New Introduction to Multiple Time Series
Analysis, 2005, sections 3.4 and 3.7) gives, for T observations and :math:`\Sigma = P P^T`,

.. math::
    \mathrm{cov}(\mathrm{vec}\,\hat A) &= (Z Z^T)^{-1} \otimes \Sigma \\
    \mathrm{cov}(\mathrm{vech}\,\hat\Sigma) &= 2 D^+ (\Sigma \otimes \Sigma) D^{+T} / T \\
    \mathrm{cov}(\mathrm{vec}\,\hat\Theta_i) &= C_i \, \mathrm{cov}(\mathrm{vec}\,\hat A) \, C_i^T
        + \bar C_i \, \mathrm{cov}(\mathrm{vech}\,\hat\Sigma) \, \bar C_i^T

of the responses :math:`\Theta_i = \Phi_i P` to orthogonal shocks, with
:math:`C_i = (P^T \otimes I) G_i`, :math:`\bar C_i = (I \otimes \Phi_i) H` and
:math:`H = L^T (L (I + K)(P \otimes I) L^T)^{-1}`.  The duplication matrix D, the elimination matrix
L and the commutation matrix K are never formed.  The results are compared with statsmodels'.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from statsmodels.tsa.api import VAR

import kronvec as kv
from kronvec.operators import Dense, Identity, KroneckerProduct

PERIODS = 12
NAMES = ["GDP", "consumption", "investment"]

# %%
# The fit
# -------
#
# Quarterly growth of the three series, percent.

data = sm.datasets.macrodata.load_pandas().data[["realgdp", "realcons", "realinv"]]
fit = VAR(100 * np.diff(np.log(data.to_numpy()), axis=0)).fit(2)
irf = fit.irf(PERIODS)

# %%
# The formulas
# ------------


def covariance_of_sigma(sigma):
    """T cov(vech Σ̂) = 2 D⁺ (Σ ⊗ Σ) D⁺ᵀ."""
    return 2 * kv.vech_kron(sigma, left="duplication_pinv", right="duplication_pinv")


def response_covariances(phi, g, p, cov_a, cov_sigma, samples):
    """cov(vec Θ̂_i) for every period i."""
    k = len(p)
    eye, p_op = Identity(k), Dense(p)
    elimination, commutation = kv.elimination_matrix(k), kv.commutation_matrix(k, k)
    b = elimination @ (KroneckerProduct(eye, p_op) @ commutation + KroneckerProduct(p_op, eye))
    h = elimination.T @ (b @ elimination.T).inv()
    covariances = []
    for i, phi_i in enumerate(phi):
        to_sigma = KroneckerProduct(eye, phi_i) @ h
        total = to_sigma @ Dense(cov_sigma / samples) @ to_sigma.T
        if i > 0:
            to_a = KroneckerProduct(p.T, eye) @ Dense(g[i - 1])
            total = total + to_a @ Dense(cov_a) @ to_a.T
        covariances.append(total.toarray())
    return np.array(covariances)


# %%
# The numbers of statsmodels
# --------------------------

cov_sigma = covariance_of_sigma(np.asarray(fit.sigma_u))
cov_params = KroneckerProduct(np.linalg.inv(fit.endog_lagged.T @ fit.endog_lagged), fit.sigma_u)
ours = response_covariances(irf.irfs, irf.G, irf.P, irf.cov_a, cov_sigma, irf.T)
compared = {
    "2 D⁺(Σ ⊗ Σ)D⁺ᵀ": (cov_sigma, irf.cov_sig),
    "(Z Zᵀ)⁻¹ ⊗ Σ": (cov_params.toarray(), np.asarray(fit.cov_params())),
    "cov(vec Θ̂_i)": (ours, irf.cov(orth=True)),
}
differences = {}
for name, (mine, other) in compared.items():
    differences[name] = np.abs(mine - other).max() / np.abs(other).max()
    print(f"{name:18} {mine.shape!s:14} largest relative difference {differences[name]:.1e}")

# %%
# The responses
# -------------
#
# With bands of two standard errors.  A shock to consumption moves investment for a year; one to
# investment does nothing to the others that could be told from nothing.

k = len(NAMES)
errors = np.sqrt(np.diagonal(ours, axis1=1, axis2=2)).reshape(-1, k, k).transpose(0, 2, 1)
quarters = range(PERIODS + 1)
figure, axes = plt.subplots(k, k, figsize=(9, 7), sharex=True, sharey="row", layout="constrained")
for i in range(k):
    for j in range(k):
        response, band = irf.orth_irfs[:, i, j], 2 * errors[:, i, j]
        axes[i, j].fill_between(quarters, response - band, response + band, alpha=0.3)
        axes[i, j].plot(response)
        axes[i, j].set_xticks(quarters[::4])
        axes[i, j].axhline(0, color="black", linewidth=0.5)
        axes[i, j].set_title(f"{NAMES[j]} → {NAMES[i]}", fontsize=9)
figure.suptitle("Responses to a shock of one standard deviation, ± 2 standard errors")
figure.supxlabel("quarters after the shock")
figure.supylabel("growth, percentage points")
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
