"""The Laplace density."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.density.location_scale import LocationScale


class Laplace(LocationScale):
    r"""Laplace density, a product of one-dimensional ones.

    .. math:: \rho_w(\xi) = \prod_j \frac{e^{-|\xi_j-c_j|/s_j}}{2s_j}, \qquad
              k(z) = \cos(c\cdot z) \prod_j \frac{1}{1+s_j^2z_j^2}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0, by keyword
        Centre c, where the density has its corner.
    scale : float or sequence of d floats, default 1, by keyword
        Decay length, one for all axes or one an axis, :math:`s_j` (the standard deviation is
        :math:`\sqrt2 s_j`).
    dim : int, optional, by keyword
        Dimension d; default that of a sequence of scales, else 1.

    Raises
    ------
    ValueError, TypeError
        When `scale` is not positive, `dim` is below 1, or `loc` or `scale` does not fit.

    Examples
    --------
    >>> Laplace(scale=2.0).kernel([0.0, 0.5])
    array([1. , 0.5])
    """

    def _pdf(self, w: FloatArray) -> FloatArray:
        log_norm = -self.dim * float(np.log(2)) - self._log_volume
        return self._exp(log_norm - np.sum(np.abs(self._standard(w)), axis=-1))

    @property
    def factors(self) -> tuple[Density, ...]:
        """One-dimensional densities, one a coordinate."""
        return tuple(self.along(axis) for axis in range(self.dim))

    def _log_slope(self, w: FloatArray) -> FloatArray:
        return np.asarray(-np.sign(self._away(w)) / np.asarray(self.scale))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        factors = 1 + self._stretched(z) ** 2
        if z.shape[-1] > 1:
            # A product of many factors overflows where the kernel is zero to rounding.
            return np.asarray(self._phase(z) * np.exp(-np.sum(np.log(factors), axis=-1)))
        return np.asarray(self._phase(z) / np.prod(factors, axis=-1))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + rng.laplace(scale=self.scale, size=(size, self.dim))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        # Union bound over coordinates, then the corner of the box.
        reach = np.log(self.dim / tail) * np.linalg.norm(self._scales)
        return self._offset() + float(reach)

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        corner = abs(self._center[0])
        return Landmarks(((0.0, np.inf),), (corner,), ((corner, self._scales[0]),))
