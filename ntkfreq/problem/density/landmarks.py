"""Where meshes and quadratures of a density must be fine: support, kinks, widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEPS_OUT = (0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0)


@dataclass(frozen=True)
class Landmarks:
    """Support, kinks and widths of the even part of a density on the half-line [0, inf).

    Attributes
    ----------
    support : tuple of (low, high)
        Disjoint intervals outside which the density is exactly zero.
    kinks : tuple of float
        Jumps and corners: panels and elements must end there.
    scales : tuple of (location, width)
        Where probability is concentrated, and over what distance the density varies there.
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
