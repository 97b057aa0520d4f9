"""The gufuncs behind the public functions, over the kernel dtypes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ARITHMETIC: list[tuple[int, int]]  # (type number, kernel number)
MOVEMENT: list[tuple[int, int]]  # (type number, item size)

triple_product: np.ufunc  # (m,n),(n,p),(p,q)->(m,q)
vec_trick_f: np.ufunc  # (m,n),(k),(p,q)->(r) with k = n p, r = m q
vec_trick_c: np.ufunc  # the same
bkron: np.ufunc  # (m,n),(p,q)->(r,s) with r = m p, s = n q
matmul_vjp_conj: np.ufunc  # (m,n),(m,k),(k,n)->(m,k),(k,n)
matmul_vjp: np.ufunc  # the same
matmul_jvp: np.ufunc  # (m,k),(k,n),(m,k),(k,n)->(m,n)
transpose: np.ufunc  # (m,n)->(n,m)
transpose_runs: np.ufunc  # (m,n,k)->(n,m,k), bytes

def move_in_place(x: NDArray[Any]) -> None: ...
