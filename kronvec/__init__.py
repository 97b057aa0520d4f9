"""kronvec: Kronecker products and vec-ed matrices, applied without being formed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .columnwise import (
    face_splitting,
    face_splitting_matvec,
    khatri_rao,
    khatri_rao_matvec,
)
from .derivatives import linear_vjp, matmul_jvp, matmul_vjp, per_sample_sqnorm
from .explain import explain
from .half_permutations import (
    duplication_indices,
    duplication_matmul,
    duplication_pinv_matmul,
    elimination_indices,
    elimination_matmul,
    symmetrizer_indices,
    symmetrizer_matmul,
)
from .half_vectorize import smat, svec, unvech, vech
from .introspect import get_include, patch_numpy, show_config, test
from .kron_derivatives import (
    kron_matmul_vjp,
    kron_vjp,
    triple_product_vjp,
    vec_trick_vjp,
)
from .kronecker_sums import kronsum, kronsum_matmul
from .many_factors import kron_matmul, kron_matvec, kron_vecmat, matmul_kron
from .matrix_equations import (
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
)
from .nearest import nearest_kron
from .permutations import commutation_indices, commutation_matmul
from .products import bkron, kron, triple_product, vec_trick
from .realign import realignment
from .subsystems import partial_trace, partial_transpose
from .symmetric_products import (
    symmetric_kron,
    symmetric_kron_matvec,
    symmetrizer_kron,
    symmetrizer_kron_matvec,
    vech_kron,
    vech_kron_matvec,
)
from .tensors import mttkrp
from .vectorize import unvec, vec, vec_reorder

if TYPE_CHECKING:
    from typing import Any

    from . import calculus, operators
    from .operators import (
        commutation_matrix,
        duplication_matrix,
        duplication_pinv_matrix,
        elimination_matrix,
        symmetrizer_matrix,
    )

__version__ = "0.1.0"

__all__ = [
    "bkron",
    "calculus",
    "commutation_indices",
    "commutation_matmul",
    "commutation_matrix",
    "duplication_indices",
    "duplication_matmul",
    "duplication_matrix",
    "duplication_pinv_matmul",
    "duplication_pinv_matrix",
    "elimination_indices",
    "elimination_matmul",
    "elimination_matrix",
    "explain",
    "face_splitting",
    "face_splitting_matvec",
    "get_include",
    "khatri_rao",
    "khatri_rao_matvec",
    "kron",
    "kron_matmul",
    "kron_matmul_vjp",
    "kron_matvec",
    "kron_vecmat",
    "kron_vjp",
    "kronsum",
    "kronsum_matmul",
    "linear_vjp",
    "matmul_jvp",
    "matmul_kron",
    "matmul_vjp",
    "mttkrp",
    "nearest_kron",
    "operators",
    "partial_trace",
    "partial_transpose",
    "patch_numpy",
    "per_sample_sqnorm",
    "realignment",
    "show_config",
    "smat",
    "solve_continuous_lyapunov",
    "solve_discrete_lyapunov",
    "solve_sylvester",
    "svec",
    "symmetric_kron",
    "symmetric_kron_matvec",
    "symmetrizer_indices",
    "symmetrizer_kron",
    "symmetrizer_kron_matvec",
    "symmetrizer_matmul",
    "symmetrizer_matrix",
    "test",
    "triple_product",
    "triple_product_vjp",
    "unvec",
    "unvech",
    "vec",
    "vec_reorder",
    "vec_trick",
    "vec_trick_vjp",
    "vech",
    "vech_kron",
    "vech_kron_matvec",
]

_MATRICES = ("commutation", "duplication", "duplication_pinv", "elimination", "symmetrizer")
# Imported when asked for: `import kronvec` stays a matter of milliseconds.
_LATER = {
    "calculus": "kronvec.calculus",
    "operators": "kronvec.operators",
    **{f"{name}_matrix": "kronvec.operators" for name in _MATRICES},
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'kronvec' has no attribute {name!r}")
    module = import_module(_LATER[name])
    globals()[name] = module if module.__name__.endswith(f".{name}") else getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
