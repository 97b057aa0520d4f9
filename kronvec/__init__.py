"""kronvec: Kronecker products and vec-ed matrices, applied without being formed."""

from . import operators
from .columnwise import (
    face_splitting,
    face_splitting_matvec,
    khatri_rao,
    khatri_rao_matvec,
)
from .derivatives import linear_vjp, matmul_jvp, matmul_vjp, per_sample_sqnorm
from .explain import explain
from .half_vectorize import smat, svec, unvech, vech
from .introspect import patch_numpy, show_config, test
from .kron_derivatives import (
    kron_matmul_vjp,
    kron_vjp,
    triple_product_vjp,
    vec_trick_vjp,
)
from .kronecker_sums import kronsum, kronsum_matmul
from .many_factors import kron_matmul, kron_matvec, kron_vecmat, matmul_kron
from .nearest import nearest_kron
from .operators import commutation_matrix
from .permutations import commutation_indices, commutation_matmul
from .products import bkron, kron, triple_product, vec_trick
from .realign import realignment
from .subsystems import partial_trace, partial_transpose
from .tensors import mttkrp
from .vectorize import unvec, vec, vec_reorder

__version__ = "0.1.0"

__all__ = [
    "bkron",
    "commutation_indices",
    "commutation_matmul",
    "commutation_matrix",
    "explain",
    "face_splitting",
    "face_splitting_matvec",
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
    "svec",
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
]
