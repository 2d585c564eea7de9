"""The normal density."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.location_scale import LocationScale, sobol_points


class Normal(LocationScale):
    r"""Normal density, isotropic and a product.

    .. math:: \rho_w(\xi) = (2\pi s^2)^{-d/2} e^{-|\xi-c|^2/2s^2}, \qquad
              k(z) = \cos(c\cdot z)\, e^{-s^2|z|^2/2}

    Parameters
    ----------
    loc : float or sequence of d floats, default 0 (first, as in SciPy)
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

    def _draws(self, dim: int) -> str:
        return f"evenly spread draws, Empirical(scipy.stats.norm.ppf({sobol_points(dim)})"

    def _pdf(self, w: FloatArray) -> FloatArray:
        u = self._standard(w)
        log_norm = -self.dim * float(np.log(np.sqrt(2 * np.pi) * self.scale))
        return self._exp(log_norm - 0.5 * np.sum(u * u, axis=-1))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return np.asarray(self._phase(z) * np.exp(-0.5 * self.scale**2 * np.sum(z * z, axis=-1)))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._center) + self.scale * rng.standard_normal((size, self.dim))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return self._offset() + self.scale * float(np.sqrt(stats.chi2.isf(tail, self.dim)))
