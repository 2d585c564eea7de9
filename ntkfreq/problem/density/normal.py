"""The normal density."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density, NormalPart
from ntkfreq.problem.density.location_scale import LocationScale, sobol_points


class Normal(LocationScale):
    r"""Normal density, isotropic and a product.

    .. math:: \rho_w(\xi) = (2\pi s^2)^{-d/2} e^{-|\xi-c|^2/2s^2}, \qquad
              k(z) = \cos(c\cdot z)\, e^{-s^2|z|^2/2}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0, by keyword
        Mean c, radians per unit of x.
    scale : float, default 1, by keyword
        Standard deviation s in each coordinate.
    dim : int, default 1, by keyword
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

    def _draws(self, dim: int) -> str:
        return f"evenly spread draws, Empirical(scipy.stats.norm.ppf({sobol_points(dim)})"

    @property
    def factors(self) -> tuple[Density, ...]:
        """One-dimensional densities, one a coordinate."""
        return tuple(self.along(axis) for axis in range(self.dim))

    @property
    def normal_parts(self) -> tuple[NormalPart, ...]:
        """Itself."""
        return (NormalPart(1.0, self._center, self.scale),)

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        """Logarithm of the density at distances from 0; None with a location."""
        return self._log_at if self.even else None

    def _log_at(self, r: FloatArray) -> FloatArray:
        return np.asarray(self._log_norm - 0.5 * (r / self.scale) ** 2)

    @property
    def _log_norm(self) -> float:
        return -self.dim * float(np.log(np.sqrt(2 * np.pi) * self.scale))

    def _pdf(self, w: FloatArray) -> FloatArray:
        u = self._standard(w)
        return self._exp(self._log_norm - 0.5 * np.sum(u * u, axis=-1))

    def _log_slope(self, w: FloatArray) -> FloatArray:
        return -self._away(w) / self.scale**2

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return np.asarray(self._phase(z) * np.exp(-0.5 * self.scale**2 * np.sum(z * z, axis=-1)))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + self.scale * rng.standard_normal((size, self.dim))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        # |w - c|^2 / s^2 is chi-squared.
        square = 2 * float(special.gammainccinv(self.dim / 2, tail))
        return self._offset() + self.scale * float(np.sqrt(square))
