"""Kernel products on regular points: a circulant around the Toeplitz matrix, by FFT.

Only kernel values at differences of grid points enter, so the product is exact to rounding for any
density. The points may be any part of a full grid, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.problem.density import Density

# Largest deviation of points from a regular grid, by rounding, relative to the largest coordinate.
_ROUNDING = 1e-13
# Most cells of the grid for each point; sparser points are left to the NUFFT.
_SPARSEST = 8


@dataclass(frozen=True, eq=False)
class Lattice:
    """A regular grid and the cells of the points in it.

    Attributes
    ----------
    spacing : ndarray, shape (d,)
        Distance between neighbours along each axis.
    shape : tuple of int
        Cells along each axis.
    cells : ndarray of int, shape (n,)
        Flat index of each point's cell.
    deviation : float
        Largest distance of a point from its cell, rounding of the coordinates.
    """

    spacing: FloatArray
    shape: tuple[int, ...]
    cells: IntArray
    deviation: float


def find_lattice(x: FloatArray) -> Lattice | None:
    """The regular grid that points (n, d) lie on, or None.

    Examples
    --------
    >>> import numpy as np
    >>> found = find_lattice(np.array([[0.5], [0.0], [0.25], [1.0]]))
    >>> found.shape, found.cells.tolist()
    ((5,), [2, 0, 1, 4])
    """
    spacing, indices, off = [], [], []
    for line in x.T:
        slack = _ROUNDING * max(float(np.abs(line).max()), float(np.ptp(line)))
        gaps = np.diff(np.sort(line))
        gaps = gaps[gaps > slack]
        if gaps.size == 0:
            spacing.append(1.0)
            indices.append(np.zeros(len(line), dtype=np.int64))
            continue
        count = float(np.rint(np.ptp(line) / gaps.min()))
        step = float(np.ptp(line)) / count
        place = np.rint((line - line.min()) / step)
        off.append(float(np.abs((line - line.min()) - step * place).max()))
        if off[-1] > slack:
            return None
        spacing.append(step)
        indices.append(place.astype(np.int64))
    shape = tuple(int(index.max()) + 1 for index in indices)
    if np.prod([float(side) for side in shape]) > _SPARSEST * len(x):
        return None
    cells = np.ravel_multi_index(tuple(indices), shape)
    return Lattice(np.array(spacing), shape, cells, float(np.linalg.norm(off)))


class ToeplitzProduct:
    """The product of k(x - x') with vectors on a lattice."""

    def __init__(self, density: Density, lattice: Lattice) -> None:
        self._lattice = lattice
        self._size = [fft.next_fast_len(2 * side - 1, real=True) for side in lattice.shape]
        self._axes = tuple(range(1, len(lattice.shape) + 1))
        lines = []
        for side, size, step in zip(lattice.shape, self._size, lattice.spacing, strict=True):
            place = np.arange(size)
            lines.append(step * np.where(place < side, place, place - size))
        z = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
        values = density.kernel_values(z.reshape(-1, z.shape[-1])).reshape(self._size)
        self._symbol = fft.rfftn(values, workers=-1)

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Rows (r, n) times the kernel."""
        lattice = self._lattice
        cells = int(np.prod(lattice.shape))
        grid = np.stack([np.bincount(lattice.cells, row, cells) for row in rows])
        waves = fft.rfftn(
            grid.reshape(len(rows), *lattice.shape), self._size, self._axes, workers=-1
        )
        waves *= self._symbol
        products = fft.irfftn(waves, self._size, self._axes, workers=-1)
        inside = products[(slice(None), *(slice(side) for side in lattice.shape))]
        return np.asarray(inside.reshape(len(rows), cells)[:, lattice.cells])
