"""The frequency of a vector of values at points: the centre of its spectrum."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.spectra.spectrum import error_spectrum

# Most frequencies along each axis, by dimension.
_MOST = (4096, 64, 16)
# The ends of the data add energy below the share _FLOOR of the peak. Irregular points add noise of
# 3/n of the peak on average, whose maximum over n frequencies is about log n times that.
_FLOOR, _NOISE = 0.02, 4.0


def eigenvector_frequencies(
    x: FloatArray, vectors: FloatArray, density: Density | None
) -> FloatArray:
    """Mean of ``|xi|`` over the spectrum of each column (n, count), weighted by its energy."""
    grid = _grid(x, density)
    low, high = x.min(axis=0), x.max(axis=0)
    side = np.where(high > low, high - low, 1.0)
    # A Hann window, or the jump at the ends of the data would look like high frequencies.
    window = np.prod(np.cos(np.pi / side * (x - (low + high) / 2)) ** 2, axis=1)
    energy = np.abs(error_spectrum(x, (vectors * window[:, None]).T, grid)) ** 2
    peak = energy.max(axis=1, keepdims=True)
    floor = min(_FLOOR + _NOISE * np.log(len(x)) / len(x), 0.5)
    energy = np.where(energy >= floor * peak, energy, 0.0)
    total = np.maximum(energy.sum(axis=1), np.finfo(np.float64).tiny)
    return np.asarray(energy @ np.linalg.norm(grid, axis=1) / total)


def _grid(x: FloatArray, density: Density | None) -> FloatArray:
    """Frequencies (F, d) of a half space, twice as fine as the data resolve."""
    dim = x.shape[1]
    lines = []
    for axis in range(dim):
        extent = float(np.ptp(x[:, axis])) or 1.0
        # Mean spacing along an axis that so many points in d dimensions can have.
        top = np.pi * max(len(x) ** (1 / dim) - 1, 1.0) / extent
        step = np.pi / extent
        if density is not None:
            top = min(top, density.radius(1e-4) + 8 * step)
        # In more than three dimensions frequencies lie along the axes only.
        count = int(min(np.ceil(top / step), _MOST[min(dim, 3) - 1]))
        lines.append(step * np.arange(-count if 0 < axis < 3 else 0, count + 1))
    if dim > 3:
        return np.concatenate(
            [np.outer(np.abs(line), np.eye(dim)[k]) for k, line in enumerate(lines)]
        )
    return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, dim)
