"""The asymptotic covariances of a vector autoregression, with D, L and K never formed.

A VAR(2) of US real GDP, consumption and investment (quarterly, 1959-2009: the data that
statsmodels ships), fitted by least squares.  Lütkepohl (New Introduction to Multiple Time Series
Analysis, 2005, sections 3.4 and 3.7) gives, for k equations and T observations,

    cov(vec Â)   = (Z Zᵀ)⁻¹ ⊗ Σ
    cov(vech Σ̂)  = 2 D⁺ (Σ ⊗ Σ) D⁺ᵀ / T
    cov(vec Θ̂_i) = C_i cov(vec Â) C_iᵀ + (I ⊗ Φ_i) H cov(vech Σ̂) Hᵀ (I ⊗ Φ_i)ᵀ
                   C_i = (Pᵀ ⊗ I) G_i,  H = Lᵀ (L (I + K)(P ⊗ I) Lᵀ)⁻¹,  Σ = P Pᵀ

of the responses Θ_i = Φ_i P to orthogonal shocks.  They are compared with the numbers of
statsmodels, and the responses are drawn with bands of two standard errors.

    python examples/var_covariance.py [picture.png]
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from statsmodels.tsa.api import VAR

import kronvec as kv
from kronvec.operators import Dense, Identity, KroneckerProduct

PERIODS = 12
NAMES = ["GDP", "consumption", "investment"]


def growth_rates():
    """Quarterly growth of the three series, percent."""
    data = sm.datasets.macrodata.load_pandas().data[["realgdp", "realcons", "realinv"]]
    return 100 * np.diff(np.log(data.to_numpy()), axis=0)


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


def main(picture="examples/output/var_covariance.png"):
    """Fit, compare with statsmodels, draw."""
    fit = VAR(growth_rates()).fit(2)
    irf = fit.irf(PERIODS)

    cov_sigma = covariance_of_sigma(np.asarray(fit.sigma_u))
    cov_params = KroneckerProduct(np.linalg.inv(fit.endog_lagged.T @ fit.endog_lagged), fit.sigma_u)
    ours = response_covariances(irf.irfs, irf.G, irf.P, irf.cov_a, cov_sigma, irf.T)
    theirs = irf.cov(orth=True)

    compared = {
        "2 D⁺(Σ ⊗ Σ)D⁺ᵀ": (cov_sigma, irf.cov_sig),
        "(Z Zᵀ)⁻¹ ⊗ Σ": (cov_params.toarray(), np.asarray(fit.cov_params())),
        "cov(vec Θ̂_i)": (ours, theirs),
    }
    worst = 0.0
    for name, (mine, other) in compared.items():
        difference = np.abs(mine - other).max() / np.abs(other).max()
        worst = max(worst, difference)
        print(f"{name:18} {mine.shape!s:14} largest relative difference {difference:.1e}")

    k = len(NAMES)
    errors = np.sqrt(np.diagonal(ours, axis1=1, axis2=2)).reshape(-1, k, k).transpose(0, 2, 1)
    figure, axes = plt.subplots(k, k, figsize=(9, 7), sharex=True, layout="constrained")
    for i in range(k):
        for j in range(k):
            response = irf.orth_irfs[:, i, j]
            band = 2 * errors[:, i, j]
            axes[i, j].fill_between(range(PERIODS + 1), response - band, response + band, alpha=0.3)
            axes[i, j].plot(response)
            axes[i, j].axhline(0, color="black", linewidth=0.5)
            axes[i, j].set_title(f"{NAMES[j]} → {NAMES[i]}", fontsize=9)
    figure.supxlabel("quarters after a shock of one standard deviation")
    figure.supylabel("growth, percentage points")
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=120)
    print(f"picture: {picture}")
    return worst


if __name__ == "__main__":
    main(*sys.argv[1:])
