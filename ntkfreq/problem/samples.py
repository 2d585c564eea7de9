"""Targets that are known at samples only: means at repeated points, splines, tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline


def means(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct points (k, d), sorted, and the mean of the values at each, (k,).

    Examples
    --------
    >>> import numpy as np
    >>> means(np.array([[1.0], [0.0], [1.0]]), np.array([2.0, 5.0, 4.0]))[1]
    array([5., 3.])
    """
    places, inverse, counts = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    return places, np.bincount(inverse.reshape(-1), y) / counts


@dataclass(frozen=True, eq=False)
class SplineThrough(Portable):
    """Cubic spline through distinct sorted points (n,) with values (n,), made at the first call."""

    x: FloatArray
    y: FloatArray

    @cached_property
    def _spline(self) -> CubicSpline:
        # On Points the spline is never needed, and loading it takes longer than a solution there.
        from scipy.interpolate import CubicSpline

        return CubicSpline(self.x, self.y)

    def __call__(self, x: Any) -> FloatArray:
        """Values at points."""
        return np.asarray(self._spline(x))


@dataclass(frozen=True, eq=False)
class OnlySamples(Portable):
    """The function that is known at samples x (n, d) with values y (n,), and nowhere between."""

    x: FloatArray
    y: FloatArray

    @cached_property
    def _table(self) -> dict[tuple[float, ...], float]:
        places, values = means(self.x, self.y)
        pairs = zip(places.tolist(), values.tolist(), strict=True)
        return {tuple(place): value for place, value in pairs}

    def __call__(self, points: Any) -> FloatArray:
        """Values at points that are among the samples."""
        wanted = np.asarray(points, dtype=np.float64).reshape(-1, self.x.shape[1])
        try:
            return np.array([self._table[tuple(point)] for point in wanted.tolist()])
        except KeyError:
            raise ValueError("the target is known at its samples only; pass a function") from None
