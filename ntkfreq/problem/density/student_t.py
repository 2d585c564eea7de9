"""The Student t density, whose kernel is the Matern correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ntkfreq._support import checks
from ntkfreq._support.old_calls import location_and_scale_by_keyword
from ntkfreq._support.types import FloatArray, PerAxis
from ntkfreq.problem.density.base import ExponentialKernel
from ntkfreq.problem.density.location_scale import LocationScale

# Beyond this u, u^100 e^-u is below 1e-300 of its largest value.
_FAR = 5000.0
# Degrees of freedom for which a recurrence is faster than a quadrature over the heavy tail.
_RECURRENCES = (1, 3, 5, 7)
# The logarithm of a radius is cut off at this, so that its square does not overflow.
_FARTHEST = 460.0


@dataclass(frozen=True, init=False)
class StudentT(LocationScale):
    r"""Student t density, in d dimensions the multivariate t; isotropic with one scale for all.

    .. math:: \rho_w(\xi) \propto
              \Bigl(1 + \sum_j\frac{(\xi_j-c_j)^2}{\nu s_j^2}\Bigr)^{-(\nu+d)/2}, \qquad
              k(z) = \cos(c\cdot z)\,\frac{K_{\nu/2}(u)\,u^{\nu/2}}{2^{\nu/2-1}\Gamma(\nu/2)},
              \quad u^2 = \nu \sum_j s_j^2z_j^2

    Parameters
    ----------
    df : float
        Degrees of freedom :math:`0.1 \le \nu \le 200`; 1 is the Cauchy density.
    loc : float or sequence of d floats, default 0, by keyword
        Centre c.
    scale : float or sequence of d floats, default 1, by keyword
        Scale, one for all axes or one an axis, :math:`s_j`.
    dim : int, optional, by keyword
        Dimension d; default that of a sequence of scales, else 1.

    Raises
    ------
    ValueError, TypeError
        When `df` is not in [0.1, 200], `scale` is not positive, `dim` is below 1, or `loc`
        or `scale` does not fit.

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

    @location_and_scale_by_keyword(leading=1)
    def __init__(
        self,
        df: float,
        *,
        loc: ArrayLike = 0.0,
        scale: PerAxis = 1.0,
        dim: int | None = None,
    ) -> None:
        object.__setattr__(self, "df", checks.positive("df", df))
        if self.df > 200:
            raise ValueError(
                f"df={self.df:g} is above 200; use Normal, which it hardly differs from"
            )
        if self.df < 0.1:
            raise ValueError(
                f"df={self.df:g} is below 0.1, where the tail holds frequencies beyond all "
                "numbers; use df=0.1 or more"
            )
        self._set(loc, scale, dim)

    def _pdf(self, w: FloatArray) -> FloatArray:
        u = self._standard(w)
        return self._exp(self._log_norm + self._log_tail(np.sum(u * u, axis=-1)))

    @property
    def _log_norm(self) -> float:
        nu, d = self.df, self.dim
        return float(
            special.gammaln((nu + d) / 2)
            - special.gammaln(nu / 2)
            - d / 2 * np.log(nu * np.pi)
            - self._log_volume
        )

    def _log_tail(self, squared: FloatArray) -> FloatArray:
        """Fall of the logarithm at squared distances in units of the scale."""
        return np.asarray(-(self.df + self.dim) / 2 * np.log1p(squared / self.df))

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        """Logarithm of the density at distances from 0; None with a location or several scales."""
        return self._log_at if self.even and self._alike else None

    def _log_at(self, r: FloatArray) -> FloatArray:
        return np.asarray(self._log_norm + self._log_tail((r / self._scales[0]) ** 2))

    def _log_slope(self, w: FloatArray) -> FloatArray:
        scales = np.asarray(self.scale)
        steps = self._away(w) / scales
        squared = np.sum(steps**2, axis=1, keepdims=True)
        return np.asarray(-(self.df + self.dim) * steps / scales / (self.df + squared))

    @property
    def exponential(self) -> ExponentialKernel | None:
        """The Matern correlation of half-integer order, for 1, 3, 5 and 7 degrees of freedom."""
        if self.dim > 1 or self.df not in _RECURRENCES:
            return None
        p = (int(self.df) - 1) // 2
        polynomial = np.array([_coefficient(p, power) for power in range(p + 1)])
        rate = float(np.sqrt(self.df)) * self._scales[0]
        return ExponentialKernel(polynomial, rate, self._center[0])

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        half = self.df / 2
        u = np.sqrt(self.df) * np.linalg.norm(self._stretched(z), axis=-1)
        # Below this u the Bessel function overflows; the series about 0 is exact to rounding there.
        log_gamma = float(special.gammaln(half))
        near_zero = u < max(2 * np.exp((log_gamma - 650.0) / half), 1e-290)
        # Beyond this u the kernel is below 1e-300; further out the Bessel function has no value.
        gone = u > _FAR
        safe = np.where(near_zero | gone, 1.0, u)
        small = np.where(near_zero, u, 0.0)
        series = (
            1.0
            if half <= 3
            else 1 - small**2 / (4 * (half - 1)) + small**4 / (32 * (half - 1) * (half - 2))
        )
        # kve = K e^u keeps the logarithm finite where K itself underflows.
        log_value = (
            np.log(special.kve(half, safe))
            - safe
            + half * np.log(safe)
            - (half - 1) * np.log(2.0)
            - log_gamma
        )
        value = np.where(gone, 0.0, np.exp(log_value))
        return self._phase(z) * np.where(near_zero, series, value)

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        normal = rng.standard_normal((size, self.dim))
        mixing = np.sqrt(rng.chisquare(self.df, (size, 1)) / self.df)
        return np.asarray(self._center) + self._stretched(normal / mixing)

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        # |w|^2 / (nu s^2), s the largest scale, is at most (1 - y) / y of a beta variable y, whose
        # lower tail is wanted.
        a, b = self.df / 2, self.dim / 2
        y = float(special.betaincinv(a, b, tail))
        log_y = np.log(y) if y > 1e-200 else (np.log(tail * a) + special.betaln(a, b)) / a
        reach = np.exp(min(0.5 * (np.log(self.df) + np.log1p(-y) - log_y), _FARTHEST))
        return self._offset() + max(self._scales) * float(reach)


def _coefficient(p: int, power: int) -> float:
    """Coefficient of u^power e^-u in the Matern correlation of order p + 1/2."""
    down = p - power
    share = factorial(p) / factorial(2 * p) * factorial(p + down)
    return float(share / (factorial(down) * factorial(power)) * 2.0**power)
