"""CASES: calls of packages that form Kronecker products, and what kronvec does in their place.

A case is a function that builds ``(call, instead)``: the package's own call, in which it uses
``numpy.kron`` or not, and a call of kronvec that gives the same without forming the product, or
None.  What has been cached by an object is taken from it in each call.
"""

from importlib import import_module
from typing import NamedTuple

import numpy as np

import kronvec as kv


class Case(NamedTuple):
    """What is timed, and of which package."""

    package: str
    label: str
    build: object

    def __str__(self):
        return f"{self.package}: {self.label}"


CASES = []


def case(package, label):
    """Decorator: add a case of a package, which is imported only when it is built."""

    def register(build):
        CASES.append(Case(package, label, build))
        return build

    return register


def random(*shape, seed=0):
    """Standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape)


def forget(result, *names):
    """Take cached attributes from a result of statsmodels."""
    for name in names:
        getattr(result, "_cache", {}).pop(name, None)


def density(n, seed=0):
    """A density matrix."""
    a = random(n, n, seed=seed) + 1j * random(n, n, seed=seed + 1)
    rho = a @ a.conj().T
    return rho / np.trace(rho).real


# ---- statsmodels -------------------------------------------------------------------------


def fitted_var(series=8, lags=4):
    """A vector autoregression of noise."""
    var_model = import_module("statsmodels.tsa.vector_ar.var_model")
    return var_model.VAR(random(400, series)).fit(lags)._results


def irf_covariances(result, periods):
    """Σ_ml (a_m Γ a_lᵀ) ⊗ (Φ_m Σ Φ_lᵀ) for each period: one product of realigned terms."""
    irf = result.irf(periods)
    k, kp = result.neqs, result.neqs * result.k_ar
    powers = [np.eye(kp)]
    for _ in range(periods - 1):
        powers.append(powers[-1] @ irf._A.T)
    a = np.stack([p[:k] for p in powers])
    # Without the trend, which comes first; a sub-block of a Kronecker product is one.
    gamma = np.linalg.inv(result.endog_lagged.T @ result.endog_lagged)[-kp:, -kp:]
    phi = irf.irfs[:periods]
    left = kv.triple_product(a[:, None], gamma, np.swapaxes(a, -1, -2)[None])
    right = kv.triple_product(phi[:, None], result.sigma_u, np.swapaxes(phi, -1, -2)[None])
    covariances = np.zeros((periods + 1, k * k, k * k))
    for i in range(1, periods + 1):
        # G_i = Σ_m a_{i-1-m} ⊗ Φ_m
        u = left[i - 1 :: -1, i - 1 :: -1][:i, :i].reshape(i * i, k * k)
        v = right[:i, :i].reshape(i * i, k * k)
        covariances[i] = kv.realignment(u.T @ v, (k, k), (k, k), order="C", inverse=True)
    return covariances


@case("statsmodels", "VAR(4), 8 series: irf(20).cov()")
def irf_cov():
    """Covariances of impulse responses, Lütkepohl (3.7.5)."""
    result = fitted_var()
    return lambda: result.irf(20).cov(), lambda: irf_covariances(result, 20)


@case("statsmodels", "VAR(2), 6 series: irf(10).stderr(orth=True)")
def irf_orth():
    """Of orthogonalized ones."""
    result = fitted_var(6, 2)
    return lambda: result.irf(10).stderr(orth=True), None


@case("statsmodels", "VAR, 12 series: covariance of vech(sigma_u)")
def cov_sigma():
    """2 D⁺(Σ ⊗ Σ)D⁺ᵀ."""
    result = fitted_var(12, 1)

    def call():
        forget(result, "_cov_sigma")
        return result._cov_sigma

    sigma = result.sigma_u
    return call, lambda: 2 * kv.vech_kron(sigma, left="duplication_pinv", right="duplication_pinv")


@case("statsmodels", "VAR(4), 5 series: autocovariances, var_acf")
def acf():
    """vec(Γ) = (I - A ⊗ A)⁻¹ vec(Σ)."""
    model = import_module("statsmodels.tsa.vector_ar.var_model")
    result = fitted_var(5, 4)
    k, p = 5, 4

    def instead():
        companion = np.zeros((k * p, k * p))
        companion[:k] = np.concatenate(list(result.coefs), axis=1)
        companion[k:, :-k] = np.eye(k * (p - 1))
        sigma = np.zeros_like(companion)
        sigma[:k, :k] = result.sigma_u
        gamma = kv.solve_discrete_lyapunov(companion, sigma)
        return np.stack([gamma[:k, k * i : k * (i + 1)] for i in range(p)])

    def call():
        return model._var_acf(result.coefs, result.sigma_u)[:p]

    return call, instead


@case("statsmodels", "VECM, 8 series, 4 lags: stderr_params")
def vecm():
    """The square roots of the diagonal of (inverse moments) ⊗ Σ."""
    model = import_module("statsmodels.tsa.vector_ar.vecm")
    levels = np.cumsum(random(400, 8), axis=0)
    result = model.VECM(levels, k_ar_diff=4, coint_rank=2).fit()

    def call():
        forget(result, "cov_params_default", "stderr_params")
        return result.stderr_params

    def instead():
        k, lags = result.neqs, result.k_ar - 1
        b = np.zeros((k + k * lags, result.beta.shape[1] + k * lags))
        b[:k, : result.beta.shape[1]] = result.beta
        b[k:, result.beta.shape[1] :] = np.eye(k * lags)
        z = np.concatenate([result.beta.T @ result._y_lag1, result._delta_x])
        moments = b @ np.linalg.inv(z @ z.T) @ b.T
        return np.sqrt(kv.operators.KroneckerProduct(moments, result.sigma_u).diagonal())

    return call, instead


# ---- QuTiP -------------------------------------------------------------------------------


@case("qutip", "tensor of 3 dense operators, 10 x 10")
def qutip_tensor():
    """Its own compiled kron."""
    qutip = import_module("qutip")
    factors = [random(10, 10, seed=i) + 0j for i in range(3)]
    objects = [qutip.Qobj(f) for f in factors]
    return lambda: qutip.tensor(*objects).full(), lambda: kv.kron(*factors)


@case("qutip", "sprepost(A, B) applied to rho, 30 x 30 dense")
def sprepost():
    """vec(A ρ B) by a superoperator, and without."""
    qutip = import_module("qutip")
    a, b, rho = (density(30, seed) for seed in (0, 2, 4))
    left, right, state = (qutip.Qobj(m) for m in (a, b, rho))

    def call():
        return qutip.sprepost(left, right)(state).full()

    return call, lambda: kv.triple_product(a, rho, b)


@case("qutip", "wigner_transform of 4 spins, 8 x 8 points")
def wigner():
    """A Kronecker product of rotations for each point, by numpy.kron."""
    qutip = import_module("qutip")
    psi = qutip.rand_ket([2] * 4, seed=1)
    slices = ["l", "l", "l", "l"]
    return lambda: qutip.wigner_transform(psi, 0.5, False, 8, slices), None


@case("qutip", "ptrace of 8 qubits, 2 kept, dense")
def qutip_ptrace():
    """Its own."""
    qutip = import_module("qutip")
    rho = density(256)
    state = qutip.Qobj(rho, dims=[[2] * 8, [2] * 8])
    rest = (1, 2, 3, 5, 6, 7)
    return lambda: state.ptrace([0, 4]).full(), lambda: kv.partial_trace(rho, (2,) * 8, rest)


# ---- toqito ------------------------------------------------------------------------------


@case("toqito", "tensor of 10 Pauli matrices")
def toqito_tensor():
    """numpy.kron from the left."""
    ops = import_module("toqito.matrix_ops")
    x, y = np.array([[0, 1.0], [1, 0]]) + 0j, np.array([[0, -1j], [1j, 0]])
    factors = [x, y] * 5
    return lambda: ops.tensor(factors), lambda: kv.kron(*factors)


@case("toqito", "tensor of 4 vectors of 8")
def toqito_vectors():
    """Small products, where the call counts."""
    ops = import_module("toqito.matrix_ops")
    vectors = [random(8, 1, seed=i) for i in range(4)]
    return lambda: ops.tensor(vectors), lambda: kv.kron(*vectors)


@case("toqito", "natural_representation of 16 Kraus operators, 8 x 8")
def natural():
    """Σ K ⊗ K*."""
    ops = import_module("toqito.channel_ops")
    kraus = random(16, 8, 8) + 1j * random(16, 8, 8, seed=1)

    def instead():
        # R(Σ K ⊗ K*) = Σ vec(K) vec(K*)ᵀ
        rows = kraus.reshape(16, 64)
        return kv.realignment(rows.T @ rows.conj(), (8, 8), (8, 8), order="C", inverse=True)

    return lambda: ops.natural_representation(list(kraus)), instead


@case("toqito", "partial_channel, 4 Kraus operators on the middle of 4 x 4 x 4")
def partial_channel():
    """I ⊗ K ⊗ I formed, against K applied along its axis."""
    ops = import_module("toqito.channel_ops")
    kraus = [random(4, 4, seed=i) + 0j for i in range(4)]
    rho = density(64)

    def instead():
        eye = kv.operators.Identity(4)
        total = 0
        for k in kraus:
            total = total + kv.matmul_kron(
                kv.kron_matmul([eye, k, eye], rho), [eye, k.conj().T, eye]
            )
        return total

    return lambda: ops.partial_channel(rho, kraus, 2, [4, 4, 4]), instead


@case("toqito", "partial_trace of 4 x 8 x 8, one traced out")
def toqito_partial_trace():
    """By a permutation of subsystems."""
    ops = import_module("toqito.matrix_ops")
    rho = density(256)
    call = lambda: ops.partial_trace(rho, [1], [4, 8, 8])  # noqa: E731
    return call, lambda: kv.partial_trace(rho, (4, 8, 8), 1)


# ---- Qiskit ------------------------------------------------------------------------------


@case("qiskit", "Operator.tensor, 32 x 32 and 16 x 16")
def qiskit_tensor():
    """One numpy.kron."""
    info = import_module("qiskit.quantum_info")
    a, b = density(32), density(16)
    left, right = info.Operator(a), info.Operator(b)
    return lambda: left.tensor(right).data, lambda: kv.kron(a, b)


@case("qiskit", "SuperOp of 16 Kraus operators, 8 x 8")
def qiskit_superop():
    """Σ K* ⊗ K."""
    info = import_module("qiskit.quantum_info")
    kraus = random(16, 8, 8) + 1j * random(16, 8, 8, seed=1)
    channel = info.Kraus(list(kraus))

    def instead():
        rows = kraus.reshape(16, 64)
        return kv.realignment(rows.conj().T @ rows, (8, 8), (8, 8), order="C", inverse=True)

    return lambda: info.SuperOp(channel).data, instead


@case("qiskit", "partial_trace of 8 qubits, 6 traced out")
def qiskit_partial_trace():
    """One subsystem after the other."""
    info = import_module("qiskit.quantum_info")
    rho = density(256)
    state = info.DensityMatrix(rho)
    # Qubit 0 is the fastest subsystem.
    call = lambda: info.partial_trace(state, [0, 1, 2, 4, 5, 6]).data  # noqa: E731
    return call, lambda: kv.partial_trace(rho, (2,) * 8, (1, 2, 3, 5, 6, 7))


# ---- Cirq, PennyLane, galois -------------------------------------------------------------


@case("cirq", "kron of 8 matrices, 2 x 2")
def cirq_kron():
    """numpy.kron from the left."""
    cirq = import_module("cirq")
    factors = [density(2, seed) for seed in range(8)]
    return lambda: cirq.kron(*factors), lambda: kv.kron(*factors)


@case("pennylane", "matrix of a product of 8 Pauli operators")
def pennylane_matrix():
    """Through its dispatcher."""
    qml = import_module("pennylane")
    paulis = [qml.X(0), qml.Y(1), qml.Z(2), qml.X(3), qml.Y(4), qml.Z(5), qml.X(6), qml.Y(7)]
    product = qml.prod(*paulis)
    factors = [p.matrix() for p in paulis]
    return lambda: qml.matrix(product), lambda: kv.kron(*factors)


@case("galois", "numpy.kron over GF(2^8), 24 x 24 and 16 x 16")
def galois_kron():
    """A subclass of ndarray whose multiplication is not that of numbers."""
    field = import_module("galois").GF(2**8)
    a, b = field.Random((24, 24), seed=1), field.Random((16, 16), seed=2)
    return lambda: np.kron(a, b), None


# ---- PyMC --------------------------------------------------------------------------------


def grid_kernels(sizes=(40, 30)):
    """Covariances of two axes of a grid."""
    axes = [np.linspace(0, 1, n)[:, None] for n in sizes]
    return [np.exp(-0.5 * ((x - x.T) / 0.2) ** 2) + 1e-6 * np.eye(len(x)) for x in axes]


def compiled(function, *values):
    """A call of a PyTensor function, compiled once."""
    pytensor = import_module("pytensor")
    variables = [pytensor.tensor.as_tensor(v).type() for v in values]
    run = pytensor.function(variables, function(*variables))
    return lambda: run(*values)


@case("pymc", "math.kronecker of 3 covariances, 12 x 12")
def pymc_kronecker():
    """PyTensor's kron, compiled."""
    math = import_module("pymc.math")
    factors = [random(12, 12, seed=i) for i in range(3)]
    return compiled(math.kronecker, *factors), lambda: kv.kron(*factors)


@case("pymc", "math.kron_dot, factors 40 and 30, 50 columns")
def pymc_dot():
    """Its product without the matrix."""
    math = import_module("pymc.math")
    a, b = grid_kernels()
    x = random(1200, 50)
    return (
        compiled(lambda a, b, x: math.kron_dot([a, b], x), a, b, x),
        lambda: kv.kron_matmul([a, b], x),
    )


@case("pymc", "math.kron_solve_lower, factors 40 and 30, 50 columns")
def pymc_solve():
    """Triangular factors."""
    math = import_module("pymc.math")
    a, b = (np.linalg.cholesky(k + 0.1 * np.eye(len(k))) for k in grid_kernels())
    x = random(1200, 50)
    call = compiled(lambda a, b, x: math.kron_solve_lower([a, b], x), a, b, x)
    lower = [kv.operators.Triangular(f) for f in (a, b)]
    return call, lambda: kv.operators.KroneckerProduct(*lower).solve(x)


@case("pymc", "KroneckerNormal with noise: log density, factors 40 and 30")
def pymc_density():
    """By the eigenvectors of the factors."""
    pymc = import_module("pymc")
    a, b = grid_kernels()
    y = random(1200)

    def log_density(a, b, y):
        normal = pymc.KroneckerNormal.dist(mu=np.zeros(1200), covs=[a, b], sigma=0.1)
        return pymc.logp(normal, y)

    def instead():
        w, v = kv.operators.KroneckerProduct(a, b).eigh()
        w += 0.01
        return -((v.H @ y) ** 2 / w + np.log(w) + np.log(2 * np.pi)).sum() / 2

    return compiled(log_density, a, b, y), instead
