"""The Student t density, whose kernel is the Matern correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.density.location_scale import LocationScale


@dataclass(frozen=True, init=False)
class StudentT(LocationScale):
    r"""Student t density, isotropic (the multivariate t in d dimensions).

    .. math:: \rho_w(\xi) \propto \bigl(1 + |\xi-c|^2/(\nu s^2)\bigr)^{-(\nu+d)/2}, \qquad
              k(z) = \cos(c\cdot z)\,\frac{K_{\nu/2}(u)\,u^{\nu/2}}{2^{\nu/2-1}\Gamma(\nu/2)},
              \quad u = \sqrt\nu\, s|z|

    Parameters
    ----------
    df : float
        Degrees of freedom :math:`0 < \nu \le 200`; 1 is the Cauchy density.
    loc : float or sequence of d floats, default 0
        Centre c.
    scale : float, default 1
        Scale s.
    dim : int, default 1
        Dimension d.

    Raises
    ------
    ValueError, TypeError
        When `df` is not in (0, 200], `scale` is not positive, `dim` is below 1, or `loc`
        does not fit.

    References
    ----------
    The characteristic function is the Matern correlation; see Rasmussen and
    Williams, Gaussian Processes for Machine Learning (2006), eq. 4.14.

    Examples
    --------
    >>> StudentT(df=1.0, scale=2.0).kernel([0.0, 0.5])
    array([1.     , 0.36788])
    """

    df: float = 3.0

    def __init__(self, df: float, loc: Any = 0.0, scale: float = 1.0, dim: int = 1) -> None:
        object.__setattr__(self, "df", _checks.positive("df", df))
        if self.df > 200:
            raise ValueError(
                f"df={self.df:g} is above 200; use Normal, which it hardly differs from"
            )
        object.__setattr__(self, "loc", loc)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "dim", dim)
        self.__post_init__()

    def _pdf(self, w: FloatArray) -> FloatArray:
        u = self._standard(w)
        nu, d = self.df, self.dim
        log_norm = (
            special.gammaln((nu + d) / 2)
            - special.gammaln(nu / 2)
            - d / 2 * np.log(nu * np.pi)
            - d * np.log(self.scale)
        )
        log_tail = -(nu + d) / 2 * np.log1p(np.sum(u * u, axis=-1) / nu)
        return np.asarray(np.exp(log_norm + log_tail))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        half = self.df / 2
        u = np.sqrt(self.df) * self.scale * np.linalg.norm(z, axis=-1)
        # Below this u the Bessel function overflows; the series about 0 is exact to rounding there.
        log_gamma = float(special.gammaln(half))
        near_zero = u < max(2 * np.exp((log_gamma - 650.0) / half), 1e-290)
        safe = np.where(near_zero, 1.0, u)
        series = (
            1.0
            if half <= 3
            else 1 - u**2 / (4 * (half - 1)) + u**4 / (32 * (half - 1) * (half - 2))
        )
        # kve = K e^u keeps the logarithm finite where K itself underflows.
        log_value = (
            np.log(special.kve(half, safe))
            - safe
            + half * np.log(safe)
            - (half - 1) * np.log(2.0)
            - log_gamma
        )
        return self._phase(z) * np.where(near_zero, series, np.exp(log_value))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        normal = rng.standard_normal((size, self.dim))
        mixing = np.sqrt(rng.chisquare(self.df, (size, 1)) / self.df)
        return np.asarray(self._center) + self.scale * normal / mixing

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        reach = np.sqrt(self.dim * stats.f.isf(tail, self.dim, self.df))
        return self._offset() + self.scale * float(reach)
