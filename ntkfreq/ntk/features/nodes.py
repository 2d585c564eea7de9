r"""Frequencies and positive coefficients that reproduce a kernel on a bounded set.

.. math:: k(z) \approx \sum_j c_j \cos(w_j \cdot z), \qquad c_j > 0, \quad |z_a| \le D_a,

so that the kernel between points is an inner product of as many cosines and sines, and stays
positive semi-definite. The nodes are equispaced where the kernel decays
(:mod:`ntkfreq.ntk.features.equispaced`), else those of Gauss-Legendre rules between the kinks of
the density (:mod:`ntkfreq.ntk.features.quadrature`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.reaches import sizes
from ntkfreq.spectra.spectrum import fourier_sum

# Differences at which a sum of waves is compared with the kernel.
_CHECKED = 1200
# Error of a sum of waves by rounding, which a Gram matrix of the kernel has as well.
_ROUNDING = 1e-14
# Equispaced frequencies of which sums are taken on their lattice.
_MANY = 1000
# Points from which the error of a Gram matrix is estimated.
_ENTRIES = 700


@dataclass(frozen=True, eq=False)
class Nodes(Portable):
    """Frequencies of one half space, the other half of which is their mirror image.

    Attributes
    ----------
    frequencies : ndarray, shape (J, d)
        Angular frequencies, radians per unit of x.
    weights : ndarray, shape (J,)
        Positive coefficients; they sum to about one.
    step : ndarray, shape (d,), or None
        Spacing of equispaced frequencies.
    index : ndarray of int, shape (J, d), or None
        Frequencies over the spacing.
    error : float
        Largest error of the kernel that was found within the extent.
    beyond : float, or None
        Of equispaced frequencies, the smallest size of one that is left out.
    copies : float
        Of equispaced frequencies, what copies of the kernel may add to it within the extent.
    """

    frequencies: FloatArray
    weights: FloatArray
    step: FloatArray | None = None
    index: IntArray | None = None
    error: float = 0.0
    beyond: float | None = None
    copies: float = 0.0

    @property
    def count(self) -> int:
        """Number of frequencies, J."""
        return len(self.weights)

    @property
    def dim(self) -> int:
        """Dimension d of the frequencies."""
        return int(self.frequencies.shape[1])

    def kernel(self, z: FloatArray) -> FloatArray:
        """The sum of waves at displacements (n, d), shape (n,)."""
        if self.index is not None and self.count > _MANY:
            from ntkfreq.ntk.features.transform import WaveTransform

            # Phases of equispaced frequencies, however many, are those of the first to rounding.
            transform = WaveTransform(self, z, np.zeros(self.dim))
            coefficients = np.append(np.sqrt(self.weights), np.zeros(self.count))
            return np.asarray(transform.values(coefficients[None])[0])
        return np.asarray(fourier_sum(self.frequencies, self.weights, z).real)


def differences(extent: FloatArray, scale: float | FloatArray, count: int = _CHECKED) -> FloatArray:
    """Displacements (n, d) within an extent at which kernels are compared.

    Along the axes, at the corners, and inside; as many near 0, where a kernel of frequencies of
    size `scale`, one for all axes or one an axis, varies, as far away.
    """
    dim = len(extent)
    rng = np.random.default_rng(0)
    inside = rng.uniform(-1.0, 1.0, (count, dim)) * extent
    near = rng.uniform(-1.0, 1.0, (count // 2, dim)) * np.minimum(extent, 3.0 / scale)
    line = np.concatenate([np.linspace(0.0, 1.0, 200), np.geomspace(1e-4, 1.0, 56)])
    axes = [line[:, None] * np.eye(dim)[a] * extent for a in range(dim)]
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * dim), axis=-1).reshape(-1, dim) * extent
    return np.concatenate([inside, near, *axes, corners])


def kernel_error(density: Density, nodes: Nodes, extent: FloatArray) -> float:
    """Largest error of a sum of waves that is found within an extent."""
    z = differences(extent, sizes(density, 0.05))
    return float(np.abs(nodes.kernel(z) - density.kernel_values(z)).max())


def half_space(
    frequencies: FloatArray, weights: FloatArray, index: IntArray | None = None
) -> tuple[FloatArray, FloatArray, IntArray | None]:
    """One of each pair of frequencies of opposite sign, which have the same cosine.

    Examples
    --------
    >>> w, c, _ = half_space(np.array([[-2.0], [0.0], [2.0]]), np.array([0.25, 0.5, 0.25]))
    >>> w.ravel(), c
    (array([0., 2.]), array([0.5, 0.5]))
    """
    sign = np.zeros(len(frequencies))
    for column in frequencies.T:
        sign = np.where(sign == 0, np.sign(column), sign)
    sign = np.where(sign == 0, 1.0, sign)[:, None]
    # Minus zero is made plain, so that it is no frequency of its own.
    turned = frequencies * sign + 0.0
    _, first, place = np.unique(turned, axis=0, return_index=True, return_inverse=True)
    sums = np.bincount(place.ravel(), weights=weights).astype(np.float64)
    kept = None if index is None else (index * sign.astype(np.int64))[first]
    return turned[first], sums, kept
