"""Correlation and convolution of an image and a kernel, as scipy.signal defines them."""

from __future__ import annotations

import numpy as np

from .. import labels
from ..combine import compose
from ..continuation import is_beside_the_real_axis
from ..correlation import Correlation, KernelCorrelation, correlate
from ..matrices import Matrix
from ..registry import check_real, rule
from ..terms import Index

MODES = ("valid", "same", "full")


def _extent(image, kernel, mode, centre):
    """(s, shape) of y[l] = Σ_n x[l + n + s] k[n]: the part of all overlaps that a mode keeps."""
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
    if image.ndim != 2 or kernel.ndim != 2 or 0 in (*image.shape, *kernel.shape):
        raise ValueError("image and kernel must be matrices with entries")
    pairs = list(zip(image.shape, kernel.shape, strict=True))
    if mode == "full":
        return tuple(1 - k for _, k in pairs), tuple(m + k - 1 for m, k in pairs)
    if mode == "same":
        return tuple(centre(k) - k + 1 for _, k in pairs), image.shape
    if any(k > m for m, k in pairs) and any(k < m for m, k in pairs):
        raise ValueError("for mode 'valid' one of both must contain the other")
    larger = [(max(m, k), min(m, k)) for m, k in pairs]
    return tuple(min(m - k, 0) for m, k in pairs), tuple(m - k + 1 for m, k in larger)


def _correlation_extent(image, kernel, mode):
    return _extent(image, kernel, mode, lambda k: k // 2)


def _convolution_extent(image, kernel, mode):
    return _extent(image, kernel, mode, lambda k: (k - 1) // 2)


def _correlate2d(image, kernel, mode="valid"):
    return correlate(image, kernel.conj(), *_correlation_extent(image, kernel, mode))


def _convolve2d(image, kernel, mode="full"):
    return correlate(image, np.flip(kernel), *_convolution_extent(image, kernel, mode))


def _beside_the_real_axis(image, kernel, mode="valid"):
    """Without a conjugate: bilinear."""
    return correlate(image, kernel, *_correlation_extent(image, kernel, mode))


@rule(_correlate2d, continuation=_beside_the_real_axis)
def correlate2d(y, image, kernel, *, mode="valid"):
    """y[l] = Σ_n x[l + n] conj(k[n]), the correlation of an image with a kernel.

    Parameters
    ----------
    image, kernel : array_like or Expression, matrices
    mode : {"valid", "same", "full"}
        Where both overlap completely; as many entries as the image has; every overlap.

    Returns
    -------
    Expression or ndarray

    Raises
    ------
    ValueError
        They are no matrices, or for mode "valid" none contains the other.
    TypeError
        The kernel depends on a complex variable: its conjugate has no derivative.

    See Also
    --------
    convolve2d

    Notes
    -----
    The values are those of `scipy.signal.correlate2d`, which gives their conjugates for mode
    "valid" where the kernel is larger than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import Variable, correlate2d, grad
    >>> X = Variable(np.eye(3))
    >>> Y = correlate2d(X, [[1.0, 2.0], [3.0, 4.0]])
    >>> Y.value
    array([[5., 3.],
           [2., 5.]])
    >>> grad(Y.sum(), X)
    array([[ 1.,  3.,  2.],
           [ 4., 10.,  6.],
           [ 3.,  7.,  4.]])
    """
    # y is linear in x and in conj(k): dy[l] = Σ_n dx[l + n] conj(k[n]) + Σ_n x[l + n] dk[n], the
    # latter for a real k.
    check_real("correlate2d", kernel)
    start, _ = _correlation_extent(image, kernel, mode)
    k = kernel.matrix if is_beside_the_real_axis(kernel.value) else kernel.matrix.conj()
    return (
        lambda: Correlation(k, start, image.shape, y.shape),
        lambda: KernelCorrelation(image.matrix, start, kernel.shape, y.shape),
    )


@rule(_convolve2d)
def convolve2d(y, image, kernel, *, mode="full"):
    """y[l] = Σ_n x[l - n] k[n], the convolution of an image with a kernel.

    Parameters
    ----------
    image, kernel : array_like or Expression, matrices
    mode : {"full", "same", "valid"}
        Every overlap; as many entries as the image has; where both overlap completely.

    Returns
    -------
    Expression or ndarray

    Raises
    ------
    ValueError
        They are no matrices, or for mode "valid" none contains the other.

    See Also
    --------
    correlate2d

    Examples
    --------
    >>> from kronvec.calculus import convolve2d
    >>> convolve2d([[1.0, 2.0]], [[1.0, 10.0]])
    array([[ 1., 12., 20.]])
    """
    # The correlation with the reversed kernel, R k: dk[n] comes in by its place in R k.
    start, _ = _convolution_extent(image, kernel, mode)

    def wrt_kernel():
        of_reversed = KernelCorrelation(image.matrix, start, kernel.shape, y.shape)
        backwards = np.arange(kernel.size)[::-1]
        return compose(of_reversed, Index(backwards, None, kernel.shape, kernel.shape, "reversed"))

    def wrt_image():
        label = labels.function("reversed", kernel.label)
        return Correlation(Matrix(kernel.value[::-1, ::-1], label), start, image.shape, y.shape)

    return wrt_image, wrt_kernel
