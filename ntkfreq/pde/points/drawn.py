"""Points under the kernel of one drawn network."""

from __future__ import annotations

from dataclasses import dataclass

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.layered_net import LayeredUnits, units_gram
from ntkfreq.pde.points.deep import DeepPoints


@dataclass(frozen=True, eq=False)
class DrawnPoints(DeepPoints):
    """Errors at the points as the kernel of a network at its start has them evolve.

    Parameters
    ----------
    units : LayeredUnits
        The network.
    frozen : bool
        Whether its frequencies are not trained.
    """

    units: LayeredUnits
    frozen: bool

    def kernel(self, x: FloatArray, other: FloatArray) -> FloatArray:
        """Between points (n, d) and (m, d), shape (n, m)."""
        layers = self.equation.layers
        return units_gram(
            self.units,
            x,
            None if other is x else other,
            frozen=self.frozen,
            rates=None if layers is None else layers.rates,
        )
