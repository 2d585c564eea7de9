r"""The named families: pdf, characteristic function and sampler of each.

All take `loc`, `scale` and `dim`. With a location c the even part has the
characteristic function :math:`\cos(c\cdot z)\,k_0(z)`, k_0 that of the centred family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special, stats

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.density.base import Density, Landmarks, location


@dataclass(frozen=True)
class _LocationScale(Density):
    """Shared parameters of the families: a location, a scale, a dimension."""

    loc: Any = 0.0
    scale: float = 1.0
    dim: int = 1
    _center: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", _checks.integer("dim", self.dim, 1))
        object.__setattr__(self, "scale", _checks.positive("scale", self.scale))
        center = location("loc", self.loc, self.dim)
        object.__setattr__(self, "loc", center[0] if len(set(center)) == 1 else center)
        object.__setattr__(self, "_center", center)

    def _standard(self, w: FloatArray) -> FloatArray:
        return np.asarray((w - np.asarray(self._center)) / self.scale)

    def _phase(self, z: FloatArray) -> FloatArray:
        if not any(self._center):
            return np.ones(z.shape[:-1])
        return np.asarray(np.cos(z @ np.asarray(self._center)))

    def _offset(self) -> float:
        return float(np.linalg.norm(self._center))

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return Landmarks(((0.0, np.inf),), (), ((abs(self._center[0]), self.scale),))


class Normal(_LocationScale):
    r"""Normal density, isotropic and a product.

    .. math:: \rho_w(\xi) = (2\pi s^2)^{-d/2} e^{-|\xi-c|^2/2s^2}, \qquad
              k(z) = \cos(c\cdot z)\, e^{-s^2|z|^2/2}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0
        Mean c, radians per unit of x.
    scale : float, default 1
        Standard deviation s in each coordinate.
    dim : int, default 1
        Dimension d.

    Raises
    ------
    ValueError, TypeError
        When `scale` is not positive, `dim` is below 1, or `loc` does not fit.

    Examples
    --------
    >>> rho = Normal(scale=3.0)
    >>> rho.pdf([0.0]), rho.kernel([0.5])
    (array([0.13298]), array([0.32465]))
    """

    def _pdf(self, w: FloatArray) -> FloatArray:
        u = self._standard(w)
        norm = (np.sqrt(2 * np.pi) * self.scale) ** -float(self.dim)
        return np.asarray(norm * np.exp(-0.5 * np.sum(u * u, axis=-1)))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return np.asarray(self._phase(z) * np.exp(-0.5 * self.scale**2 * np.sum(z * z, axis=-1)))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + self.scale * rng.standard_normal((size, self.dim))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return self._offset() + self.scale * float(np.sqrt(stats.chi2.isf(tail, self.dim)))


class Uniform(_LocationScale):
    r"""Uniform density on the cube :math:`[c-s, c+s]^d`, a product; `scale` is the half-width.

    .. math:: \rho_w(\xi) = (2s)^{-d}, \qquad k(z) = \cos(c\cdot z)\prod_j \frac{\sin s z_j}{s z_j}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0
        Centre c.
    scale : float, default 1
        Half-width s (the standard deviation is :math:`s/\sqrt3`).
    dim : int, default 1
        Dimension d.

    Raises
    ------
    ValueError, TypeError
        When `scale` is not positive, `dim` is below 1, or `loc` does not fit.

    Examples
    --------
    >>> Uniform(scale=4.0).pdf([0.0, 3.9, 4.1])
    array([0.125, 0.125, 0.   ])
    """

    def _pdf(self, w: FloatArray) -> FloatArray:
        inside = np.all(np.abs(self._standard(w)) <= 1.0, axis=-1)
        return np.asarray(inside * (2 * self.scale) ** -float(self.dim))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        # numpy.sinc(u) is sin(pi u) / (pi u).
        return np.asarray(self._phase(z) * np.prod(np.sinc(self.scale * z / np.pi), axis=-1))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + self.scale * rng.uniform(-1, 1, (size, self.dim))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return self._offset() + self.scale * float(np.sqrt(self.dim))

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        near, far = sorted((abs(self._center[0] - self.scale), abs(self._center[0] + self.scale)))
        covers_zero = abs(self._center[0]) <= self.scale
        support = (0.0 if covers_zero else near, far)
        return Landmarks((support,), (near, far))


class Laplace(_LocationScale):
    r"""Laplace density, a product of one-dimensional ones.

    .. math:: \rho_w(\xi) = \prod_j \frac{e^{-|\xi_j-c_j|/s}}{2s}, \qquad
              k(z) = \cos(c\cdot z) \prod_j \frac{1}{1+s^2z_j^2}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0
        Centre c, where the density has its corner.
    scale : float, default 1
        Decay length s (the standard deviation is :math:`\sqrt2 s`).
    dim : int, default 1
        Dimension d.

    Raises
    ------
    ValueError, TypeError
        When `scale` is not positive, `dim` is below 1, or `loc` does not fit.

    Examples
    --------
    >>> Laplace(scale=2.0).kernel([0.0, 0.5])
    array([1. , 0.5])
    """

    def _pdf(self, w: FloatArray) -> FloatArray:
        norm = (2 * self.scale) ** -float(self.dim)
        return np.asarray(norm * np.exp(-np.sum(np.abs(self._standard(w)), axis=-1)))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return np.asarray(self._phase(z) / np.prod(1 + (self.scale * z) ** 2, axis=-1))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + rng.laplace(scale=self.scale, size=(size, self.dim))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        # Union bound over coordinates, then the corner of the cube.
        reach = self.scale * np.log(self.dim / tail) * np.sqrt(self.dim)
        return self._offset() + float(reach)

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        corner = abs(self._center[0])
        return Landmarks(((0.0, np.inf),), (corner,), ((corner, self.scale),))


@dataclass(frozen=True, init=False)
class StudentT(_LocationScale):
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
