r"""The data in the space of features: orthonormal coordinates of all that can be learned.

With features F of the points, weighted by the square roots of the weights, the operator of the flow
is :math:`A = F F^\top`. From the small matrix :math:`F^\top F = V\Lambda V^\top` follow orthonormal
coordinates :math:`s = \Lambda^{-1/2} V^\top F^\top r` of a vector r over the points, in which A is
:math:`\Lambda`. The points enter by sums alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.features.moments import products
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.features.transform import WaveTransform, middle
from ntkfreq.numerics.dense import symmetric_eigen
from ntkfreq.spectra.spectrum import fourier_sum
from ntkfreq.spectra.waves import cos_sin_matrices

_EPS = float(np.finfo(np.float64).eps)
# Rates below this many roundings of the largest are rounding.
_ROUNDINGS = 8.0


@dataclass(frozen=True, eq=False)
class WaveBasis(Portable):
    """Features of points, and coordinates of what they span.

    Parameters
    ----------
    nodes : Nodes
        Frequencies and coefficients.
    x : ndarray, shape (n, d)
        Points.
    weights : ndarray, shape (n,)
        Their weights, of sum one.
    sigma_a : float
        Standard deviation of the output weights.
    centre : ndarray, shape (d,), optional
        Where phases are 0; default the middle of the points.
    reach : pair of ndarray, shape (d,), optional
        Corners of the box in which outputs are covered; default the bounding box of the points.
    """

    nodes: Nodes
    x: FloatArray
    weights: FloatArray
    sigma_a: float
    centre: FloatArray | None = None
    reach: tuple[FloatArray, FloatArray] | None = None

    _lasting: ClassVar[frozenset[str]] = frozenset({"spectral", "_of_points"})

    @property
    def origin(self) -> FloatArray:
        """Where phases are 0, (d,); the x of x . x' keeps the origin of the user."""
        return middle(self.x) if self.centre is None else self.centre

    @property
    def low(self) -> FloatArray:
        """Lower corner of the box in which outputs are covered, (d,)."""
        return self.x.min(axis=0) if self.reach is None else self.reach[0]

    @property
    def high(self) -> FloatArray:
        """Upper corner of that box, (d,)."""
        return self.x.max(axis=0) if self.reach is None else self.reach[1]

    def factors(self, x: FloatArray) -> FloatArray:
        """What features are multiplied by at points (n, d): 1, and coordinates; (m, n)."""
        one = np.ones((1, len(x)))
        return one if self.sigma_a == 0 else np.concatenate([one, self.sigma_a * x.T])

    @property
    def size(self) -> int:
        """Number of features, m 2 J."""
        return 2 * self.nodes.count * (1 if self.sigma_a == 0 else 1 + self.nodes.dim)

    @cached_property
    def _transform(self) -> WaveTransform:
        return WaveTransform(self.nodes, self.x, self.origin)

    @property
    def gram(self) -> FloatArray:
        """Weighted inner products of the features over the points, (m 2 J, m 2 J)."""
        return products(self.nodes, self.x - self.origin, self.weights, self.factors(self.x))

    def features(self, x: FloatArray) -> FloatArray:
        """Features at points (n, d), shape (n, m 2 J)."""
        cosines, sines = cos_sin_matrices(x - self.origin, self.nodes.frequencies)
        waves = np.tile(np.sqrt(self.nodes.weights), 2) * np.concatenate([cosines, sines], axis=1)
        return np.concatenate([factor[:, None] * waves for factor in self.factors(x)], axis=1)

    @property
    def by_points(self) -> bool:
        """Whether the points are fewer than the features, and the coordinates as many."""
        return len(self.x) < self.size

    @cached_property
    def spectral(self) -> tuple[FloatArray, FloatArray]:
        """Rates (r,), ascending, and features in the coordinates, (r, m 2 J)."""
        if self.by_points:
            rates, modes = self._of_points
            weighted = np.sqrt(self.weights)[:, None] * self.features(self.x)
            return rates, np.asarray(modes.T @ weighted)
        rates, vectors = symmetric_eigen(self.gram)
        return np.maximum(rates, 0.0), np.asarray(self._sizes(rates)[:, None] * vectors.T)

    def _sizes(self, rates: FloatArray) -> FloatArray:
        """Norms of the features along modes (r,); at least that of rounding.

        Modes at the level of rounding never learn on the points, but outputs far from these see
        them, so that they are kept.
        """
        return np.sqrt(np.maximum(rates, _ROUNDINGS * _EPS * max(float(rates[-1]), 1e-300)))

    @cached_property
    def _of_points(self) -> tuple[FloatArray, FloatArray]:
        """Rates (n,) and modes (n, n) of the operator on the points."""
        root, count = np.sqrt(self.weights)[:, None], 2 * self.nodes.count
        waves = root * self.features(self.x)[:, :count]
        factors = self.factors(self.x)
        rates, modes = symmetric_eigen((waves @ waves.T) * (factors.T @ factors))
        return np.maximum(rates, 0.0), modes

    @property
    def rates(self) -> FloatArray:
        """Rates of the coordinates, ascending, shape (r,)."""
        return self.spectral[0]

    @property
    def stationary(self) -> FloatArray:
        """Features that the output weights train, in the coordinates, (r, 2 J)."""
        return self.spectral[1][:, : 2 * self.nodes.count]

    @property
    def moving(self) -> FloatArray:
        """Features that the frequencies train, in the coordinates, (r, d 2 J)."""
        return self.spectral[1][:, 2 * self.nodes.count :]

    def project(self, rows: FloatArray) -> FloatArray:
        """Weighted sums of values (q, n) at the points times features, shape (q, m 2 J)."""
        weighted = self.weights * rows
        parts = [self._transform.project(weighted * factor) for factor in self.factors(self.x)]
        return np.concatenate(parts, axis=1)

    def through_points(self, v: FloatArray) -> FloatArray:
        """Inner products of the features times a vector (m 2 J,), by way of the points."""
        return np.asarray(self.project(self.combine(v[None], self.x))[0])

    def coordinates(self, rows: FloatArray) -> FloatArray:
        """Coordinates (q, r) of values (q, n) at the points."""
        if self.by_points:
            return np.asarray((np.sqrt(self.weights) * rows) @ self._of_points[1])
        rates, features = self.spectral
        return np.asarray(self.project(rows) @ (features / self._sizes(rates)[:, None] ** 2).T)

    def spectra(self, frequencies: FloatArray) -> ComplexArray:
        r"""Spectra of the features against the data at frequencies (F, d), shape (m 2 J, F).

        :math:`\sum_i W_i \phi(x_i) e^{-i\xi\cdot x_i}`, from moments at sums and differences.
        """
        w, shape = self.nodes.frequencies, (self.nodes.count, len(frequencies))
        both = np.concatenate([(frequencies - w[:, None]), (frequencies + w[:, None])])
        rows = self.weights * self.factors(self.x)
        sums = fourier_sum(self.x - self.origin, rows, both.reshape(-1, w.shape[1]))
        less, more = np.moveaxis(sums.reshape(len(rows), 2, *shape), 1, 0)
        found = np.stack([(less + more) / 2, (less - more) / 2j], axis=1)
        found *= np.sqrt(self.nodes.weights)[:, None]
        turn = fourier_sum(self.origin[None], np.ones(1), frequencies)
        return found.reshape(-1, len(frequencies)) * turn

    def combine(self, coefficients: FloatArray, x: FloatArray) -> FloatArray:
        """Sums over features with coefficients (q, m 2 J) at points (n, d), shape (q, n)."""
        transform = self._transform if x is self.x else WaveTransform(self.nodes, x, self.origin)
        total = np.zeros((len(coefficients), len(x)))
        for part, factor in zip(
            np.split(coefficients, coefficients.shape[1] // (2 * self.nodes.count), axis=1),
            self.factors(x),
            strict=False,
        ):
            total += factor * transform.values(part)
        return total
