"""The density of frequencies equivalent to a kernel, of whatever network."""

from __future__ import annotations

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ArrayLike, FloatArray, PointsLike
from ntkfreq.ntk.kernels import symmetric_gram
from ntkfreq.spectra.spectrum import fourier_sum


def effective_density(gram: ArrayLike, x: PointsLike, frequencies: ArrayLike) -> FloatArray:
    r"""Density from which random Fourier features would learn each frequency at the kernel's rate.

    A wave :math:`v_i = g(x_i)\,e^{i \xi x_i}` under a window g decays at the rate

    .. math:: \lambda(\xi) = \frac{v^* K v}{N\, v^* v}, \qquad
              \rho_{\mathrm{eff}}(\xi) = \frac{|\Omega|}{2\pi}\, \lambda(\xi),

    the latter because a stationary kernel :math:`k(x - x')` of density :math:`\rho` on an interval
    :math:`\Omega` has :math:`\lambda = 2\pi\rho/|\Omega|`. Its integral over all frequencies is
    the mean of :math:`K(x, x)` under the window.

    Parameters
    ----------
    gram : array_like, shape (n, n)
        Gram matrix, for instance that of :func:`ntkfreq.empirical_ntk_gram`.
    x : array_like, shape (n,)
        Points in one dimension, evenly spread over an interval.
    frequencies : array_like, shape (F,)
        Angular frequencies, radians per unit of x.

    Returns
    -------
    ndarray, shape (F,)

    Raises
    ------
    TypeError, ValueError
        For a matrix that is not symmetric or of another size, for points in more dimensions, all in
        one place or unevenly spread, and for frequencies above that of Nyquist.

    Notes
    -----
    The window is Hann's, squared. It resolves :math:`6\pi/|\Omega|`, and its leakage
    falls like :math:`\xi^{-10}`: of a kernel that falls faster than that, this is an upper
    bound.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, ntk_gram
    >>> x, density = np.linspace(-1, 1, 200), Normal(scale=20.0)
    >>> found = effective_density(ntk_gram(density, x, sigma_a=0.0), x, [10.0, 30.0])
    >>> (found / density.pdf(np.array([10.0, 30.0]))).round(2)
    array([0.99, 1.01])
    """
    points = checks.points("x", x, 1)[:, 0]
    matrix = symmetric_gram("gram", gram)
    count = points.size
    if len(matrix) != count:
        raise ValueError(f"gram has shape {matrix.shape} for {count} points x")
    grid = checks.real_array("frequencies", frequencies, 1)
    extent = float(np.ptp(points))
    if extent == 0:
        raise ValueError("x holds one place only; a frequency needs points over an interval")
    gaps = np.diff(np.sort(points))
    if np.ptp(gaps) > 0.1 * gaps.mean():
        raise ValueError(
            f"x has gaps from {gaps.min():.3g} to {gaps.max():.3g}; give points that are evenly "
            "spread and stand for the same part of the interval"
        )
    highest = np.pi / gaps.mean()
    if np.abs(grid).max() > highest:
        raise ValueError(
            f"frequencies reach {np.abs(grid).max():.4g}, above {highest:.4g} where waves on these "
            "points are taken for slower ones; give denser points"
        )
    # Each of n even points represents an interval of length extent/(n - 1).
    length = extent * count / (count - 1)
    window = np.cos(np.pi * (points - (points.min() + points.max()) / 2) / length) ** 4
    window /= np.linalg.norm(window)
    values, vectors = np.linalg.eigh(matrix * window * window[:, None])
    seen = np.abs(fourier_sum(points[:, None], vectors.T, grid[:, None])) ** 2
    return np.asarray(length / (2 * np.pi) * (values @ seen) / count)
