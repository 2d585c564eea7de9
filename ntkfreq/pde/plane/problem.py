"""Line in two dimensions: density and data as functions of frequency."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.rectangle import ResolvedPlane, tensor_points
from ntkfreq.problem.target import Target

_PROBES = 256


@dataclass(frozen=True, eq=False)
class PlaneProblem(Portable):
    """Density and data of an equation on Line in two dimensions.

    Parameters
    ----------
    equation : FrequencyEquation
        The problem.
    """

    equation: FrequencyEquation

    @cached_property
    def quadrant(self) -> bool:
        """Whether the density is even in each frequency by itself, to rounding."""
        points = self.equation.density.sample(_PROBES, 0)
        mirrored = points * np.array([1.0, -1.0])
        one, other = (self.equation.density.even_values(part) for part in (points, mirrored))
        return bool(np.abs(one - other).max() <= 1e-13 * one.max())

    def density(self, points: FloatArray) -> FloatArray:
        """Density in the equation at frequencies (n, 2)."""
        return self.equation.density.even_values(points)

    def vanishing(self, parity: str) -> list[float]:
        """Frequencies above 0 at which functions of a parity ("e" or "o") vanish."""
        return []

    def period(self, end: float) -> bool:
        """Whether functions that end at plus and minus `end` are periodic there."""
        return False

    def landmarks(self, axis: int) -> Landmarks:
        """Landmarks of the density along one coordinate."""
        return self.equation.density.along(axis).landmarks()

    def end(self, axis: int) -> float:
        """Frequency along an axis at which the density, and with it the equation, ends."""
        return self.landmarks(axis).support[-1][1]

    def widths(self, axis: int) -> list[float]:
        """Widths of the density itself along one coordinate."""
        scales = self.equation.density.along(axis).landmarks().scales
        return [width for _, width in scales] or [self.equation.density.radius(0.0)]

    def parts(self, part: Target, xi: FloatArray, eta: FloatArray) -> dict[str, FloatArray]:
        """Transform of a function on a tensor of frequencies by parity."""
        return part.resolved_plane.parts(xi, eta)

    @cached_property
    def initial(self) -> Target:
        """Initial error, up to its sign."""
        # Without initial output this is the target itself, whose panels and values are shared.
        return self.equation.target if self.equation.start is None else self.equation.initial_error

    def initial_values(self) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Coordinates in x and the initial error there, up to its sign."""
        return self.initial.resolved_plane.values()

    def resolved_within(self, tolerance: float) -> bool:
        """Whether integrals over x have converged."""
        return self.equation.initial_error.resolved_plane.within(tolerance)

    @cached_property
    def moments(self) -> FloatArray:
        """Integrals of f_0^2, f_0 y and y^2 over x, shape (3,)."""
        goal = self.equation.target.resolved_plane
        if self.equation.start is None:
            return np.array([0.0, 0.0, goal.squared])
        start = self.equation.start.resolved_plane
        both = self.equation.initial_error.resolved_plane
        mixed = (start.squared + goal.squared - both.squared) / 2
        return np.array([start.squared, mixed, goal.squared])

    def transform(self, part: Target, frequencies: FloatArray) -> ComplexArray:
        """Transform of a function at frequencies (F, 2), shape (F,)."""
        plane: ResolvedPlane = part.resolved_plane
        return plane.transform(frequencies)

    def free_spectrum(self, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the initial error at frequencies (F, 2), shape (F,)."""
        goal = self.transform(self.equation.target, frequencies)
        if self.equation.start is None:
            return -goal
        return np.asarray(self.transform(self.equation.start, frequencies) - goal)

    def density_on(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """Density on a tensor of frequencies, shape (len(xi), len(eta))."""
        return self.density(tensor_points(xi, eta)).reshape(len(xi), len(eta))
