r"""Products with the inner products of equispaced features, by FFT on a grid in x.

The matrix of :mod:`ntkfreq.ntk.features.moments` is block Toeplitz between diagonal scalings. The
data are replaced by real weights on a regular grid over one period that have the same Fourier
moments at all sums and differences of the frequencies; a product then evaluates the waves on this
grid, multiplies by the weights, and projects back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from ntkfreq._support.portable import Portable
from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.ntk.features.moments import lattice_moments
from ntkfreq.ntk.features.nodes import Nodes

# Cells from which on a second thread pays for an FFT.
_WIDE = 30_000


@dataclass(frozen=True, eq=False)
class LatticeOperator(Portable):
    """Inner products of the features of data, (m 2 J, m 2 J), known by their products.

    Parameters
    ----------
    nodes : Nodes
        Equispaced frequencies.
    x : ndarray, shape (n, d)
        Points about the origin of the phases.
    weights : ndarray, shape (n,)
        Weights of the points.
    factors : ndarray, shape (m, n)
        What the features are multiplied by.
    """

    nodes: Nodes
    x: FloatArray
    weights: FloatArray
    factors: FloatArray

    @cached_property
    def _half(self) -> IntArray:
        assert self.nodes.index is not None
        return np.asarray(np.abs(self.nodes.index).max(axis=0))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Cells of the grid along each axis."""
        return tuple(int(fft.next_fast_len(int(4 * half + 1), real=True)) for half in self._half)

    @property
    def size(self) -> int:
        """Number of features."""
        return 2 * self.nodes.count * len(self.factors)

    @property
    def _workers(self) -> int:
        return allowed_threads() if np.prod(self.shape) > _WIDE else 1

    @cached_property
    def grid(self) -> list[list[FloatArray]]:
        """Weights on the grid for each pair of factors."""
        m = len(self.factors)
        pairs = [(a, b) for a in range(m) for b in range(a, m)]
        rows = np.stack([self.weights * self.factors[a] * self.factors[b] for a, b in pairs])
        cells = lattice_moments(self.nodes, self.x, rows, 2 * self._half)
        places = tuple(
            np.arange(-2 * half, 2 * half + 1) % count
            for half, count in zip(self._half, self.shape, strict=True)
        )
        found: list[list[FloatArray]] = [[np.empty(0)] * m for _ in range(m)]
        for (a, b), row in zip(pairs, cells, strict=True):
            spread = np.zeros(self.shape, dtype=np.complex128)
            spread[np.ix_(*places)] = row
            weights = fft.ifftn(spread, workers=self._workers).real
            found[a][b] = found[b][a] = np.ascontiguousarray(weights)
        return found

    @cached_property
    def _cells(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Cells of the half spectrum that frequencies and their mirror images fall on, and which.

        Flat cells of the frequencies, which frequencies, and both of the mirror images.
        """
        index = self.nodes.index
        assert index is not None
        half_shape = (*self.shape[:-1], self.shape[-1] // 2 + 1)
        found = []
        for turned in (index, -index):
            which = np.flatnonzero(turned[:, -1] >= 0)
            cells = np.ravel_multi_index(tuple((turned[which] % self.shape).T), half_shape)
            found += [np.asarray(cells), which]
        return found[0], found[1], found[2], found[3]

    @cached_property
    def _roots(self) -> FloatArray:
        return np.sqrt(self.nodes.weights)

    def _on_grid(self, coefficients: FloatArray) -> FloatArray:
        """The sum over features with coefficients (2 J,) on the grid."""
        count, shape = self.nodes.count, (*self.shape[:-1], self.shape[-1] // 2 + 1)
        waves = (0.5 * self._roots) * (coefficients[:count] - 1j * coefficients[count:])
        there, ahead, mirrored, behind = self._cells
        spectrum = np.zeros(int(np.prod(shape)), dtype=np.complex128)
        spectrum[there] = waves[ahead]
        # The frequency 0 is its own mirror image, and counts twice.
        spectrum[mirrored] += waves[behind].conj()
        size = float(np.prod(self.shape))
        values = fft.irfftn(
            spectrum.reshape(shape), s=self.shape, workers=self._workers, overwrite_x=True
        )
        values *= size
        return np.asarray(values)

    def _on_features(self, values: FloatArray) -> FloatArray:
        """Sums over the grid of values times features, (2 J,)."""
        spectrum = fft.rfftn(values, workers=self._workers, overwrite_x=True).ravel()
        there, ahead, mirrored, behind = self._cells
        sums = np.empty(self.nodes.count, dtype=np.complex128)
        sums[behind] = spectrum[mirrored].conj()
        sums[ahead] = spectrum[there]
        return np.concatenate([self._roots * sums.real, -self._roots * sums.imag])

    def __call__(self, v: FloatArray) -> FloatArray:
        """The product with a vector of coefficients, (m 2 J,)."""
        parts = [self._on_grid(part) for part in np.split(v, len(self.factors))]
        found = []
        for row in self.grid:
            total = row[0] * parts[0]
            for weights, part in zip(row[1:], parts[1:], strict=True):
                total += weights * part
            found.append(self._on_features(total))
        return np.concatenate(found)
