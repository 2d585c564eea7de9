"""The normal density."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density, NormalPart
from ntkfreq.problem.density.location_scale import LocationScale


class Normal(LocationScale):
    r"""Normal density, a product; isotropic with one scale for all axes.

    .. math:: \rho_w(\xi) = \prod_j \frac{e^{-(\xi_j-c_j)^2/2s_j^2}}{\sqrt{2\pi}\,s_j}, \qquad
              k(z) = \cos(c\cdot z)\, e^{-\sum_j s_j^2z_j^2/2}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0, by keyword
        Mean c, radians per unit of x.
    scale : float or sequence of d floats, default 1, by keyword
        Standard deviation, one for all axes or one an axis, :math:`s_j`.
    dim : int, optional, by keyword
        Dimension d; default that of a sequence of scales, else 1.

    Raises
    ------
    ValueError, TypeError
        When `scale` is not positive, `dim` is below 1, or `loc` or `scale` does not fit.

    Examples
    --------
    >>> rho = Normal(scale=3.0)
    >>> rho.pdf([0.0]), rho.kernel([0.5])
    (array([0.13298]), array([0.32465]))

    One scale an axis, for instance where x is a place and a time:

    >>> rho = Normal(scale=(10, 1))
    >>> rho, rho.kernel([[0.1, 0.0], [0.0, 0.1]])
    (Normal(loc=0.0, scale=(10.0, 1.0), dim=2), array([0.60653, 0.99501]))
    """

    @property
    def factors(self) -> tuple[Density, ...]:
        """One-dimensional densities, one a coordinate."""
        return tuple(self.along(axis) for axis in range(self.dim))

    @property
    def normal_parts(self) -> tuple[NormalPart, ...]:
        """Itself."""
        return (NormalPart(1.0, self._center, self._scales),)

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        """Logarithm of the density at distances from 0; None with a location or several scales."""
        return self._log_at if self.even and self._alike else None

    def _log_at(self, r: FloatArray) -> FloatArray:
        return np.asarray(self._log_norm - 0.5 * (r / self._scales[0]) ** 2)

    @property
    def _log_norm(self) -> float:
        return -self.dim * float(np.log(np.sqrt(2 * np.pi))) - self._log_volume

    def _pdf(self, w: FloatArray) -> FloatArray:
        u = self._standard(w)
        return self._exp(self._log_norm - 0.5 * np.sum(u * u, axis=-1))

    def _log_slope(self, w: FloatArray) -> FloatArray:
        return -self._away(w) / np.square(self.scale)

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return np.asarray(self._phase(z) * np.exp(-0.5 * np.sum(self._stretched(z) ** 2, axis=-1)))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        drawn = rng.standard_normal((size, self.dim))
        return np.asarray(self._center) + self._stretched(drawn)

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        # |w - c|^2 / s^2 is chi-squared for the largest scale s; with several scales the box in
        # which each coordinate lies by itself may end earlier.
        square = 2 * float(special.gammainccinv(self.dim / 2, tail))
        reach = max(self._scales) * float(np.sqrt(square))
        if not self._alike:
            side = float(np.sqrt(2 * special.gammainccinv(0.5, tail / self.dim)))
            reach = min(reach, side * float(np.linalg.norm(self._scales)))
        return self._offset() + reach
