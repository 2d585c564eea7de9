"""Grid in two dimensions: density and data folded into one Brillouin zone.

With a lattice point at 0 the spectrum of the samples is periodic, with 0 halfway between lattice
points it changes sign from zone to zone along each axis; either way its parities evolve
independently on a quadrant of the zone, where either the odd or the even functions vanish at the
Nyquist frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.pde.plane.mesh import Surroundings
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.density.folded_plane import PlaneFold
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Grid
from ntkfreq.problem.rectangle import parity_parts, tensor_points
from ntkfreq.problem.target import Target
from ntkfreq.spectra.spectrum import fourier_sum


def refuse_asymmetric(equation: FrequencyEquation, grid: Grid) -> None:
    """Refuse lattices in two dimensions that have no parity."""
    shift = grid.origin / grid.spacing
    if abs(2 * shift - round(2 * shift)) > 1e-12:
        raise ValueError(
            f"measure={grid} has an origin without symmetry: with dim=2 a "
            "lattice point must lie at 0 or 0 halfway between lattice points; shift x, or use "
            "measure=Points(x)"
        )
    if round(2 * shift) % 2 and not PlaneProblem(equation).quadrant:
        raise ValueError(
            f"measure={grid} with a density that is not even in each frequency needs "
            "a lattice point at 0 in dim=2; shift x, or use measure=Points(x)"
        )


@dataclass(frozen=True, eq=False)
class LatticeProblem(PlaneProblem):
    """Density and data of an equation on Grid in two dimensions, folded into the zone."""

    grid: Grid

    @cached_property
    def fold(self) -> PlaneFold:
        """Sums over aliases of the density."""
        return PlaneFold(self.equation.density, self.grid.spacing)

    @cached_property
    def halfway(self) -> bool:
        """Whether 0 is halfway between lattice points."""
        return bool(round(2 * self.grid.origin / self.grid.spacing) % 2)

    def density_on(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """Folded density on a tensor of frequencies."""
        return np.asarray(self.fold.on(xi, eta)[0])

    def density(self, points: FloatArray) -> FloatArray:
        """Folded density at frequencies (n, 2)."""
        return np.asarray(self.fold.at(points)[0])

    def vanishing(self, parity: str) -> list[float]:
        """Periodic odd functions vanish at the Nyquist frequency, antiperiodic even ones."""
        return [self.fold.nyquist] if parity == ("e" if self.halfway else "o") else []

    def period(self, end: float) -> bool:
        """Whether functions that end at plus and minus `end` are periodic there."""
        return end >= self.fold.nyquist

    def landmarks(self, axis: int) -> Landmarks:
        """Landmarks of the folded density along one coordinate."""
        return FoldedDensity(self.equation.density.along(axis), self.grid.spacing).landmarks()

    def end(self, axis: int) -> float:
        """Frequency at which the zone ends, or the folded density."""
        return min(self.landmarks(axis).support[-1][1], self.fold.nyquist)

    def samples(self, part: Target) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Lattice coordinates over the rectangle of a function, and its values there."""
        assert part.rectangle is not None
        spacing, origin = self.grid.spacing, self.grid.origin
        sides = [float(high) / spacing - float(low) / spacing + 2 for low, high in part.rectangle]
        refuse_memory(
            f"target reaches over {sides[0]:.3g} x {sides[1]:.3g} samples of measure={self.grid}",
            32.0 * sides[0] * sides[1],
            "use a target that reaches less far, or a coarser grid",
        )
        first, second = (
            origin
            + spacing
            * np.arange(np.floor((low - origin) / spacing), np.ceil((high - origin) / spacing) + 1)
            for low, high in part.rectangle
        )
        values = part.at(tensor_points(first, second)).reshape(len(first), len(second))
        return (first, second), values

    def parts(self, part: Target, xi: FloatArray, eta: FloatArray) -> dict[str, FloatArray]:
        """Spectrum of the samples of a function on a tensor of frequencies by parity."""
        (x, y), values = self.samples(part)
        return parity_parts(x, y, self.grid.spacing**2 * values, xi, eta)

    def initial_values(self) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Coordinates of samples and the initial error there, up to its sign."""
        return self.samples(self.initial)

    @cached_property
    def moments(self) -> FloatArray:
        """Sums over the samples of f_0^2, f_0 y and y^2, times the cell, shape (3,)."""
        error = self.equation.initial_error
        (x, y), _ = self.samples(error)
        points = tensor_points(x, y)
        start, goal = self.equation.initial_output_at(points), self.equation.target.at(points)
        return self.grid.spacing**2 * np.array([start @ start, start @ goal, goal @ goal])

    def transform(self, part: Target, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the samples of a function at frequencies (F, 2), shape (F,)."""
        (x, y), values = self.samples(part)
        weighted = self.grid.spacing**2 * values.ravel()
        return fourier_sum(tensor_points(x, y), weighted, frequencies)

    @cached_property
    def excited_aliases(self) -> int:
        """Aliases in each direction at which the initial error is not negligible."""
        line = Surroundings(PlaneProblem(self.equation), 1.0, 1e-9)
        return int(np.ceil(max(line.data_reach) / self.fold.period + 0.5))
