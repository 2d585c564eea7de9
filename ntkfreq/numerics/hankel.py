r"""Radial functions of any dimension: their transform by one integral over the radius.

The transform of u(x) = g(|x|) is radial too,

.. math:: \hat u(\xi) = |S^{d-1}| \int_0^\infty g(r)\,\Lambda_d(|\xi| r)\,r^{d-1}\,dr, \qquad
          \Lambda_d(z) = \Gamma(\tfrac d2)\,(\tfrac 2z)^{d/2-1} J_{d/2-1}(z),

with :math:`\Lambda_d` the mean of a plane wave over directions.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import ResolvedFunction

_CHUNK = 2_000_000


def log_sphere(dim: int) -> float:
    """Logarithm of the area of the unit sphere in `dim` dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> np.exp([log_sphere(1), log_sphere(2), log_sphere(3)]) / np.pi
    array([0.63661977, 2.        , 4.        ])
    """
    return float(np.log(2.0) + dim / 2 * np.log(np.pi) - special.gammaln(dim / 2))


def mean_wave(dim: int, z: FloatArray) -> FloatArray:
    r""":math:`\Lambda_d(z)`, the mean of :math:`\cos(z\,e\cdot x)` over unit vectors x.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([0.0, 1.0, 30.0])
    >>> bool(np.allclose(mean_wave(1, z), np.cos(z), atol=1e-15))
    True
    >>> bool(np.allclose(mean_wave(3, z), np.sinc(z / np.pi), atol=1e-15))
    True
    """
    if dim == 1:
        return np.cos(z)
    return np.asarray(special.hyp0f1(dim / 2, -(z**2) / 4))


def radial_transform(
    profile: ResolvedFunction, dim: int, xi: FloatArray, log_unit: float
) -> FloatArray:
    r"""Transform of g(|x|) at :math:`|\xi|` = `xi` (F,), times `exp(-log_unit)`, shape (F,)."""
    r, weights, values = profile.rule(float(np.abs(xi).max(initial=0.0)))
    with np.errstate(under="ignore"):
        weighted = values * weights * np.exp(log_sphere(dim) - log_unit + (dim - 1) * np.log(r))
    result = np.empty(len(xi))
    step = max(1, _CHUNK // len(r))
    for start in range(0, len(xi), step):
        part = slice(start, start + step)
        result[part] = mean_wave(dim, np.outer(xi[part], r)) @ weighted
    return result
