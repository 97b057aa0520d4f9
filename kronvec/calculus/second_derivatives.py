"""Products of the Hessian of a scalar function with matrices, without the Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_array, shape_error
from .continuation import beside_the_real_axis, in_double, steps
from .derivatives import grad
from .expressions import Variable, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from .expressions import Expression


def hessian_vector_product(
    f: Callable[[Variable], Expression], x: ArrayLike | Variable, v: ArrayLike
) -> NDArray:
    """The derivative of the gradient along V: unvec(H vec V), H the Hessian of φ at X.

    By a complex step of the gradient, ∇φ(X + i h V) = ∇φ(X) + i h H[V]: no difference is taken,
    so that the result is exact to rounding.  Operations that are not analytic (abs, relu, maximum,
    norm) take their continuation off the real axis; away from the kinks of piecewise linear ones
    the second derivative of these is zero.

    Parameters
    ----------
    f : callable
        Takes a `Variable` and returns a scalar expression of it.  It must compute with the
        variable, not with its value.
    x : array_like, shape (m, n), (n,) or ()
        The point, real.
    v : array_like, shape ``(..., *x.shape)``
        The direction, real; a batch of them costs one gradient each.

    Returns
    -------
    ndarray, of the shape of v
        Computed in double precision, of the result type of x and v.

    Raises
    ------
    TypeError
        x, v or f is complex, f is no scalar expression, or has an operation without derivative.
    ValueError
        v does not have the shape of x.

    See Also
    --------
    grad : the gradient.

    Notes
    -----
    The cost is that of a gradient in complex arithmetic, some four to seven real ones.

    References
    ----------
    Squire & Trapp, *SIAM Review* 40 (1998), 110-112.
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapters 6 and 10.

    Examples
    --------
    log det X has the Hessian -K (X⁻ᵀ ⊗ X⁻¹), the map V -> -X⁻ᵀ Vᵀ X⁻ᵀ:

    >>> import numpy as np
    >>> from kronvec.calculus import hessian_vector_product, logdet
    >>> hessian_vector_product(logdet, np.diag([1.0, 2.0]), [[0, 1], [0, 0]]) + 0.0
    array([[ 0. ,  0. ],
           [-0.5,  0. ]])
    """
    function = "hessian_vector_product"
    x = x.value if isinstance(x, Variable) else np.asarray(as_array(function, "x", x))
    v = np.asarray(as_array(function, "v", v))
    for name, value in (("x", x), ("v", v)):
        if value.dtype.kind == "c":
            raise TypeError(f"{function}: {name} must be real, got dtype {value.dtype}")
    if v.ndim < x.ndim or v.shape[v.ndim - x.ndim :] != x.shape:
        raise shape_error(function, f"the last axes of v must be {x.shape}", v=v)
    dtype = np.result_type(Variable(x).dtype, v)
    x, v = in_double(Variable(x).value), in_double(v)
    phi = evaluated(function, f, Variable(x))
    if phi.size != 1 or phi.dtype.kind == "c":
        raise TypeError(
            f"{function}: f must return a real scalar, got shape {phi.shape} of dtype {phi.dtype}"
        )
    batch = v.shape[: v.ndim - x.ndim]
    result = np.empty(v.shape, np.result_type(x, v))
    with beside_the_real_axis():
        for where in np.ndindex(batch):
            point, scale = steps(x, v[where])
            point = Variable(point)
            result[where] = np.imag(grad(f(point), point)) * scale
    return result.astype(dtype, copy=False)
