"""The uniform density on a box."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.density.location_scale import LocationScale


class Uniform(LocationScale):
    r"""Uniform density on the box of :math:`[c_j-s_j, c_j+s_j]`, a product; `scale`: half-widths.

    .. math:: \rho_w(\xi) = \prod_j \frac1{2s_j}, \qquad
              k(z) = \cos(c\cdot z)\prod_j \frac{\sin s_j z_j}{s_j z_j}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0, by keyword
        Centre c.
    scale : float or sequence of d floats, default 1, by keyword
        Half-width, one for all axes or one an axis, :math:`s_j` (the standard deviation is
        :math:`s_j/\sqrt3`).
    dim : int, optional, by keyword
        Dimension d; default that of a sequence of scales, else 1.

    Raises
    ------
    ValueError, TypeError
        When `scale` is not positive, `dim` is below 1, or `loc` or `scale` does not fit.

    Examples
    --------
    >>> Uniform(scale=4.0).pdf([0.0, 3.9, 4.1])
    array([0.125, 0.125, 0.   ])
    """

    def _pdf(self, w: FloatArray) -> FloatArray:
        inside = np.all(np.abs(self._standard(w)) <= 1.0, axis=-1)
        log_norm = np.full(inside.shape, -self.dim * np.log(2) - self._log_volume)
        return np.asarray(inside * self._exp(log_norm))

    @property
    def factors(self) -> tuple[Density, ...]:
        """One-dimensional densities, one a coordinate."""
        return tuple(self.along(axis) for axis in range(self.dim))

    def _log_slope(self, w: FloatArray) -> FloatArray:
        return np.zeros_like(w)

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        # numpy.sinc(u) is sin(pi u) / (pi u).
        return np.asarray(self._phase(z) * np.prod(np.sinc(self._stretched(z) / np.pi), axis=-1))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + self._stretched(rng.uniform(-1, 1, (size, self.dim)))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return self._offset() + float(np.linalg.norm(self._scales))

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        place, half = self._center[0], self._scales[0]
        near, far = sorted((abs(place - half), abs(place + half)))
        covers_zero = abs(place) <= half
        support = (0.0 if covers_zero else near, far)
        return Landmarks((support,), (near, far))
