"""Box in two dimensions: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.box.method import OnBox
from ntkfreq.pde.box_plane.refine import refine_box_plane
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.rectangle import tensor_points

_SAMPLES = 257
# Points at which functions are split into bands, along each side.
_SPLIT = 40


@dataclass(frozen=True, eq=False)
class BoxPlaneMethod(OnBox):
    """A Galerkin method in a small space of series in products of Legendre polynomials."""

    without_expectation: ClassVar[str | None] = "boxes are solved for in one dimension here"

    def refuse(self) -> None:
        """Refuse shrinking frequencies, and hidden layers."""
        if self.equation.layers is not None:
            raise ValueError(
                f"depth={self.equation.layers.depth} on {self.measure}: hidden layers are solved "
                "on a box in one dimension; use measure=Points(x)"
            )
        if self.equation.decay.contracts:
            raise ValueError(
                f"frequency_decay={self.equation.frequency_decay:g} towards zero on "
                f"{self.measure}: shrinking frequencies are solved on a box in one dimension; use "
                "measure=Points(x), or decay_towards='start'"
            )

    def sampled(self) -> FloatArray:
        """Points over the box."""
        ends = zip(self.measure.lower, self.measure.upper, strict=True)
        first, second = (np.linspace(low, high, _SAMPLES) for low, high in ends)
        return tensor_points(first, second)

    def split_points(self, frequencies: FloatArray) -> FloatArray:
        """One point in each of many cells."""
        return self._one_a_cell([_SPLIT, _SPLIT])

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """As many polynomials, and as large a space, as the tolerance asks for."""
        return refine_box_plane(self.equation, self.measure, t, rtol, dynamics)
