r"""
A damped chain of qubits: the Lindblad equation by vec
======================================================

Excitations hop along a chain of qubits, and each qubit loses its own at the rate γ.  The density
matrix obeys the Lindblad equation

.. math:: \dot\rho = G \rho + \rho G^H + \sum_k C_k \rho C_k^H, \qquad
          G = -i H - \tfrac12 \sum_k C_k^H C_k .

By :math:`\mathrm{vec}(A B C) = (C^T \otimes A) \, \mathrm{vec}(B)` it is
:math:`\mathrm{vec}\,\dot\rho = L \, \mathrm{vec}\,\rho` with the superoperator

.. math:: L = \bar G \oplus G + \sum_k \bar C_k \otimes C_k ,

a Kronecker sum, of which G alone is stored, and one product for each way to lose an excitation.
QuTiP, whose vec stacks columns too, forms L; the two are compared entry by entry, and then the
states that ``qutip.mesolve`` finds.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import qutip

import kronvec as kv
from kronvec.operators import Identity, KroneckerProduct, KroneckerSum, Sparse

HOPPING, GAMMA = 1.0, 0.1
TIMES = np.linspace(0, 10, 101)
QUBITS = (4, 5, 6, 7)

# %%
# The superoperator
# -----------------
#
# What acts on neighbours of a chain is a Kronecker product with identities.  ``tocsr`` turns G
# and the sum of the jumps into sparse matrices; L itself would have, for seven qubits, five
# times the entries of both.

LOWER = np.array([[0, 1], [0, 0]])
HOP = HOPPING * (np.kron(LOWER, LOWER.T) + np.kron(LOWER.T, LOWER))


def on_qubit(a, k, n):
    """I ⊗ a ⊗ I, the matrix a acting from qubit k on."""
    behind = 2 ** (n - k) // len(a)
    return KroneckerProduct(Identity(2**k), a, Identity(behind))


def superoperator(n):
    """L of n qubits."""
    H = sum(on_qubit(HOP, k, n) for k in range(n - 1))
    losses = [on_qubit(np.sqrt(GAMMA) * LOWER, k, n) for k in range(n)]
    G = (-1j * H - 0.5 * sum(C.H @ C for C in losses)).tocsr()
    jumps = sum(KroneckerProduct(C.conj(), C) for C in losses)
    return KroneckerSum(G.conj(), G) + Sparse(jumps.tocsr())


def in_qutip(n):
    """The Hamiltonian, and what is lost, as QuTiP writes them."""

    def on(a, k):
        return qutip.tensor([a if i == k else qutip.qeye(2) for i in range(n)])

    lower = [on(qutip.destroy(2), k) for k in range(n)]
    hops = [lower[k] * lower[k + 1].dag() for k in range(n - 1)]
    return HOPPING * sum(hop + hop.dag() for hop in hops), [np.sqrt(GAMMA) * a for a in lower]


ours, theirs = superoperator(4).toarray(), qutip.liouvillian(*in_qutip(4)).full()
entries = np.max(np.abs(ours - theirs))
print(f"L of four qubits, {ours.shape}: largest difference from qutip.liouvillian {entries:.0e}")

# %%
# The states
# ----------
#
# vec ρ(t + h) = exp(hL) vec ρ(t), by Taylor's series, which is exact to rounding since ‖hL‖ is
# about 1.  ``mesolve`` is asked for ten digits.


def evolve(n):
    """ρ at all times, of shape (times, 2ⁿ, 2ⁿ), if the first two qubits are excited at first."""
    L, d = superoperator(n), 2**n
    state = np.zeros(d * d, dtype=complex)
    state[(3 << (n - 2)) * (d + 1)] = 1
    states = [state]
    for step in np.diff(TIMES):
        term, order = states[-1], 0
        state = term.copy()
        while np.linalg.norm(term) > 1e-14:
            order += 1
            term = L @ term * (step / order)
            state += term
        states.append(state)
    return kv.unvec(np.array(states), (d, d))


def evolve_in_qutip(n):
    """The same by ``mesolve``."""
    H, losses = in_qutip(n)
    first = qutip.basis([2] * n, [1, 1] + [0] * (n - 2))
    options = {"rtol": 1e-10, "atol": 1e-12, "nsteps": 100_000, "store_states": True}
    solved = qutip.mesolve(H, first, TIMES, losses, options=options)
    return np.array([state.full() for state in solved.states])


def seconds_of(function, n):
    """The result and the processor time."""
    begin = time.process_time()
    return function(n), time.process_time() - begin


seconds, differences = [], []
for n in QUBITS:
    (states, own), (reference, other) = seconds_of(evolve, n), seconds_of(evolve_in_qutip, n)
    seconds.append((own, other))
    differences.append(np.max(np.abs(states - reference)))
    print(
        f"{n} qubits, ρ of {2**n} x {2**n}: {own:.2f} s, QuTiP {other:.2f} s, "
        f"largest difference {differences[-1]:.0e}"
    )

figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for name, values, style in zip(
    ("qutip.mesolve", "kronvec, Taylor's series"),
    (np.array(seconds)[:, 1], np.array(seconds)[:, 0]),
    ({"color": "#d55e00", "marker": "s"}, {"color": "#0072b2", "marker": "o"}),
    strict=True,
):
    axis.semilogy(QUBITS, values, label=name, **style)
axis.set(xlabel="qubits", ylabel="processor seconds", title="Time for 100 steps")
axis.set_xticks(QUBITS)
axis.grid(alpha=0.3)
axis.legend(frameon=False)

# %%
# Where the excitations are
# -------------------------
#
# ``partial_trace`` leaves the state of one qubit; its lower right entry is the chance to find
# the excitation there.  The two excitations run to the far end, are reflected, and fade:
# in all exp(-γt) of them are left, whatever the hopping does.

n = QUBITS[-1]
population = np.array(
    [
        kv.partial_trace(states, (2,) * n, axis=tuple(i for i in range(n) if i != k))[:, 1, 1].real
        for k in range(n)
    ]
)
decay = np.max(np.abs(population.sum(axis=0) - 2 * np.exp(-GAMMA * TIMES)))
print(f"excitations in all: 2 exp(-γt) within {decay:.0e}")

figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
extent = (TIMES[0], TIMES[-1], n + 0.5, 0.5)
image = axis.imshow(population, extent=extent, aspect="auto", cmap="cividis", vmin=0, vmax=1)
axis.set(xlabel="time / hopping time", ylabel="qubit", title="Two excitations on a damped chain")
axis.set_yticks(range(1, n + 1))
figure.colorbar(image, label="chance to find the qubit excited")
if sys.argv[1:]:
    figure.savefig(sys.argv[1], dpi=120)
plt.show()
