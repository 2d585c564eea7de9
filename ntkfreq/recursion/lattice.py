"""Nodes or points on a lattice, on which a fast transform need not spread them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.recursion.nodes import FrequencyNodes

# Largest error of a phase where positions are taken for those of a lattice.
_OFF = 1e-11
# Most places of a lattice for each point on it.
_SPARSE = 64
# How much finer than the lattice the grid of a transform is, and its fewest cells along an axis. In
# two dimensions the smaller grid, on which more cells are spread to, saves more than it costs.
_LARGE, SMALL, _LEAST = 2.0, 1.25, 24


@dataclass(frozen=True, eq=False)
class TransformLattice:
    """Positions start + step * index.

    Attributes
    ----------
    start, step : ndarray, shape (d,)
        Position of index 0, and spacings.
    index : ndarray of int, shape (n, d)
        From 0 on.
    """

    start: FloatArray
    step: FloatArray
    index: IntArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of places along each axis."""
        return tuple(int(size) for size in self.index.max(axis=0) + 1)

    @property
    def centre(self) -> FloatArray:
        """Where FINUFFT has its mode 0: of an axis of n modes the first is -(n // 2)."""
        return np.asarray(self.start + self.step * (np.array(self.shape) // 2))

    @property
    def finer(self) -> float:
        """How much finer the grid of a transform is along each axis."""
        return SMALL if len(self.step) == 2 else _LARGE

    @property
    def cells(self) -> float:
        """Cells of that grid."""
        return float(np.prod(np.maximum(self.finer * np.array(self.shape), _LEAST)))

    @property
    def places(self) -> IntArray | slice:
        """Number of the place of each position; a slice where they are all, in their order."""
        flat = np.ravel_multi_index(tuple(self.index.T), self.shape)
        whole = len(flat) == np.prod(self.shape) and bool(np.all(np.diff(flat) == 1))
        return slice(None) if whole else np.asarray(flat)

    @classmethod
    def of_nodes(cls, nodes: FrequencyNodes) -> TransformLattice | None:
        """That of equispaced nodes; None for others."""
        if nodes.index is None or nodes.step is None:
            return None
        low = nodes.index.min(axis=0)
        return cls((low + 0.5) * nodes.step, nodes.step, nodes.index - low)

    @classmethod
    def of_points(cls, x: FloatArray, w: FloatArray) -> TransformLattice | None:
        """That of points (n, d) for frequencies (m, d), such as all or some pixels of an image.

        None where points lie elsewhere, or leave most places free.

        Examples
        --------
        >>> x = np.array([[0.0], [0.2], [0.3]])
        >>> TransformLattice.of_points(x, np.array([[5.0]])).index.T
        array([[0, 2, 3]])
        >>> TransformLattice.of_points(x**2, np.array([[5.0]])) is None
        True
        """
        start, step, index = x.min(axis=0), np.ones(x.shape[1]), np.zeros(x.shape, dtype=np.int64)
        for k, line in enumerate(x.T):
            values = np.unique(line)
            gaps = np.diff(values)
            # Equal numbers that were rounded otherwise are no spacing.
            gaps = gaps[gaps > _OFF * np.ptp(values)]
            if gaps.size == 0:
                continue
            # The spacing from the whole extent, which has its rounding once.
            count = round(float(np.ptp(values) / gaps.min()))
            step[k] = np.ptp(values) / count
            index[:, k] = np.rint((line - start[k]) / step[k])
            off = np.abs(start[k] + step[k] * index[:, k] - line).max()
            if off * np.abs(w[:, k]).max() > _OFF:
                return None
        lattice = cls(start, step, index)
        return lattice if np.prod(lattice.shape, dtype=float) <= _SPARSE * len(x) else None
