"""A decreasing function of the distance from 0 that takes long to evaluate, at many distances."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

from ntkfreq._support.types import FloatArray

# Nodes of a panel; length of panels near 0 in scales, where they begin to grow, their growth, and
# where the last one ends. Mixtures of normal densities have logarithms with singularities half a
# scale off the axis: 16 nodes resolve them to 1e-14.
_NODES, _SHORT, _NEAR, _GROWTH, _FAR = 16, 0.25, 32.0, 1.15, 1e15
# Values below this are 0: their logarithms are those of rounded numbers.
_NOTHING = 1e-280


class RadialTable:
    """Chebyshev series of the logarithm on panels.

    Examples
    --------
    >>> table = RadialTable(lambda r: np.exp(-r * r / 2), 1.0)
    >>> table(np.array([0.0, 1.0, 3.0, 50.0])).round(6)
    array([1.      , 0.606531, 0.011109, 0.      ])
    """

    def __init__(self, function: Callable[[FloatArray], FloatArray], scale: float) -> None:
        grown = int(np.ceil(np.log(_FAR / _NEAR) / np.log(_GROWTH)))
        edges = np.concatenate(
            [np.arange(0.0, _NEAR, _SHORT), _NEAR * _GROWTH ** np.arange(grown + 1)]
        )
        seen = function(scale * edges) > _NOTHING
        edges = scale * edges[: max(int(np.count_nonzero(seen)), 2)]
        unit = chebyshev.chebpts1(_NODES)
        nodes = (edges[1:] + edges[:-1])[:, None] / 2 + np.diff(edges)[:, None] / 2 * unit
        values = np.log(function(nodes.ravel())).reshape(nodes.shape)
        self._last = float(function(edges[-1:])[0])
        self._edges = edges
        self._series = np.linalg.solve(chebyshev.chebvander(unit, _NODES - 1), values.T)
        # Beyond, light tails are 0 and heavy ones go on as a power, where no more than 1e-15 is.
        self._power = float(values[-1, -1] - values[-1, 0]) / float(
            np.log(nodes[-1, -1] / nodes[-1, 0])
        )
        self._heavy = bool(seen.all())

    def __call__(self, r: FloatArray) -> FloatArray:
        """Values at distances (n,)."""
        panel = np.clip(np.searchsorted(self._edges, r, side="right") - 1, 0, len(self._edges) - 2)
        low, high = self._edges[panel], self._edges[panel + 1]
        inside = r <= self._edges[-1]
        place = np.where(inside, (2 * r - low - high) / (high - low), 0.0)
        found = np.exp(chebyshev.chebval(place, self._series[:, panel], tensor=False))
        end = self._edges[-1]
        with np.errstate(under="ignore"):
            beyond = (r[~inside] / end) ** self._power * self._last if self._heavy else 0.0
        found[~inside] = beyond
        return np.asarray(found)
