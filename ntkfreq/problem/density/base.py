"""What a density of initial frequencies offers to the solvers and the network."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import panel_rule, subdivide

_EPS = float(np.finfo(np.float64).eps)
_TAILS = tuple(float(tail) for tail in 10.0 ** -np.arange(0.25, 12.1, 0.5))
# What messages advise in place of densities that are no formula here.
SPREAD_DRAWS = (
    "evenly spread draws, Empirical(scipy.stats.qmc.MultivariateNormalQMC(mean, covariance)"
    ".random(2**14)), on Points or Box"
)
_STEPS_OUT = (0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0)


@dataclass(frozen=True)
class Landmarks:
    """Where the even part of a one-dimensional density needs care, on the half-line [0, inf).

    Attributes
    ----------
    support : tuple of (low, high)
        Disjoint intervals outside which the density is exactly zero.
    kinks : tuple of float
        Jumps and corners: panels and elements must end there.
    scales : tuple of (location, width)
        Where mass sits and over what distance the density varies there.
    """

    support: tuple[tuple[float, float], ...]
    kinks: tuple[float, ...] = ()
    scales: tuple[tuple[float, float], ...] = ()

    def breaks(self, low: float, high: float) -> list[float]:
        """Kinks, and points at growing distances from each location, inside [low, high]."""
        marks = [low, high, *self.kinks]
        for location, width in self.scales:
            reach = max(high - location, location - low, 0.0)
            steps = max(0, int(np.ceil(_log15(reach / (8 * width)))))
            far = 8.0 * width * 1.5 ** np.arange(1, 1 + steps)
            for distance in [0.0, *(step * width for step in _STEPS_OUT), *far]:
                marks += [location - distance, location + distance]
        return [mark for mark in marks if low <= mark <= high]


def _log15(ratio: float) -> float:
    return float(np.log(max(ratio, 1e-300)) / np.log(1.5))


class Density(abc.ABC):
    r"""Probability density :math:`\rho_w` of the initial frequencies of a network.

    A density is immutable and knows its pdf, its samples, and its
    characteristic function :math:`k(z) = \int \rho_w(w) \cos(w \cdot z)\,dw`.
    Only the even part :math:`\tfrac12(\rho_w(\xi) + \rho_w(-\xi))` enters the dynamics.
    """

    dim: int
    """Dimension of the frequencies, which is that of the input x."""

    closed_form_kernel: ClassVar[bool] = True
    """Whether :meth:`kernel` is a formula; otherwise :meth:`features` discretizes it."""

    has_pdf: ClassVar[bool] = True
    """False for atoms, which have no density function."""

    @abc.abstractmethod
    def _pdf(self, w: FloatArray) -> FloatArray:
        """Density at (n, d) points."""

    @abc.abstractmethod
    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2).

        A density far from 0 knows its phases better from the points than from the differences.
        """
        return self.kernel_values(x[:, None, :] - x2[None, :, :])

    def phase_rounding(self, extent: float) -> float:
        r"""How much the kernel hangs on the last digits of points at most `extent` apart.

        A density about c has the factor :math:`\cos(c\cdot z)`, which moves by
        :math:`\varepsilon |c| |z|` when z is rounded: where the rest of the kernel has not decayed,
        no number computed from such points has more digits. 0 for densities about 0.
        """
        return 0.0

    def kernel_change(self, shift: float) -> float:
        r"""Bound on the change of the kernel when a point moves by s: of :math:`E\min(2, |w|s)`.

        Examples
        --------
        >>> from ntkfreq import Normal
        >>> 1e-9 < Normal(scale=1.0).kernel_change(1e-9) < 3e-9
        True
        """
        if shift == 0:
            return 0.0
        moved = [min(2.0, shift * self.radius(tail)) for tail in _TAILS]
        steps = np.diff([0.0, *moved, 2.0])
        return float(steps @ np.array([1.0, *_TAILS]))

    @abc.abstractmethod
    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Draw (size, d) frequencies."""

    @abc.abstractmethod
    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return Landmarks(support=((0.0, np.inf),))

    def pdf(self, w: Any) -> FloatArray:
        """Density at frequencies `w` of shape (n,) in 1-D, (n, d) otherwise; shape (n,)."""
        return self._pdf(checks.points("w", w, self.dim))

    def even_pdf(self, w: Any) -> FloatArray:
        r"""Even part :math:`\tfrac12(\rho_w(w)+\rho_w(-w))`, shape (n,)."""
        return self.even_values(checks.points("w", w, self.dim))

    def even_values(self, w: FloatArray) -> FloatArray:
        """Even part at frequencies (n,) or (n, d) of any size, without checks."""
        w = w[:, None] if w.ndim == 1 else w
        return 0.5 * (self._pdf(w) + self._pdf(-w))

    def kernel(self, z: Any) -> FloatArray:
        r"""Characteristic function :math:`k(z)` at displacements `z`, shape (n,)."""
        return self.kernel_values(checks.points("z", z, self.dim))

    def sample(self, size: int, rng: np.random.Generator | int | None = None) -> FloatArray:
        """Draw `size` independent frequencies, shape (size, d).

        Parameters
        ----------
        size : int
            How many, at least 1, and not more than fit into memory.
        rng : numpy.random.Generator or int, optional
            Generator or seed; None draws a fresh one.
        """
        size = checks.integer("size", size, 1)
        refuse_memory(
            f"size={size} in dimension {self.dim}",
            16.0 * size * self.dim,
            "draw them in several calls",
        )
        return self._sample(size, checks.generator("rng", rng))

    def quadrature(self, extent: float, radius: float) -> tuple[FloatArray, FloatArray]:
        r"""One-dimensional rule for integrals of the density against :math:`\cos \xi z`.

        Returns nodes on the half-line and weights that include the density and
        both signs: :math:`\int \rho_w(\xi) g(\xi) d\xi \approx \sum_q W_q g(\xi_q)` for
        even g, cut at `radius`; accurate for :math:`|z|` up to `extent`.
        """
        marks = self.landmarks()
        nodes, weights = [], []
        for low, high in marks.support:
            if low >= radius:
                continue
            edges: Iterable[float] = marks.breaks(low, min(high, radius))
            xi, weight = panel_rule(subdivide(edges, 4.0 / max(extent, 1e-300)))
            nodes.append(xi)
            weights.append(2.0 * weight * self.even_values(xi))
        return np.concatenate(nodes), np.concatenate(weights)

    def features(self, extent: float) -> tuple[FloatArray, FloatArray]:
        r"""Frequencies (q, d) and weights (q,) of a cosine expansion of the kernel.

        :math:`k(z)\approx\sum_q W_q\cos(\xi_q\cdot z)` for :math:`|z|` up to `extent`. For
        densities without a closed form of k; exact for atoms.
        """
        raise TypeError(f"{type(self).__name__} has a closed-form kernel and needs no features")


def carrier_rounding(center: float, extent: float, size: Callable[[FloatArray], Any]) -> float:
    r"""Largest :math:`\varepsilon |c| z\,|k_0(z)|` for z up to an extent, at most 1.

    Examples
    --------
    >>> carrier_rounding(1e8, 1e4, lambda z: 1 / (1 + z))
    2.220...e-08
    """
    if center == 0 or extent == 0:
        return 0.0
    z = extent * np.geomspace(1e-15, 1.0, 400)
    return min(1.0, float(_EPS * abs(center) * np.max(z * np.abs(size(z)))))


def location(name: str, value: Any, dim: int) -> tuple[float, ...]:
    """A location as a tuple of `dim` floats; a scalar is repeated."""
    array = checks.real_array(name, value, (0, 1)).reshape(-1)
    if array.size == 1:
        array = np.repeat(array, dim)
    if array.size != dim:
        raise ValueError(f"{name} has {array.size} entries; give one number or dim={dim} of them")
    return tuple(float(entry) for entry in array)
