"""The uniform density on a cube."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.density.location_scale import LocationScale, sobol_points


class Uniform(LocationScale):
    r"""Uniform density on the cube :math:`[c-s, c+s]^d`, a product; `scale` is the half-width.

    .. math:: \rho_w(\xi) = (2s)^{-d}, \qquad k(z) = \cos(c\cdot z)\prod_j \frac{\sin s z_j}{s z_j}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0, by keyword
        Centre c.
    scale : float, default 1, by keyword
        Half-width s (the standard deviation is :math:`s/\sqrt3`).
    dim : int, default 1, by keyword
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

    def _draws(self, dim: int) -> str:
        return f"evenly spread draws, Empirical((2 * {sobol_points(dim)} - 1)"

    def _pdf(self, w: FloatArray) -> FloatArray:
        inside = np.all(np.abs(self._standard(w)) <= 1.0, axis=-1)
        log_norm = np.full(inside.shape, -self.dim * np.log(2 * self.scale))
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
