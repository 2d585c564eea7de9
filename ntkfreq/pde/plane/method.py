"""Line in two dimensions: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.method import Method, refuse_decay
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.pde.plane.refine import refine_plane
from ntkfreq.pde.plane.system import PlaneSystem
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Line, Measure
from ntkfreq.problem.rectangle import tensor_points

_SAMPLES = 129
M = TypeVar("M", bound=Measure)


@dataclass(frozen=True, eq=False)
class RectangleMethod(Method[M]):
    """What Line and Grid share in two dimensions: data on a rectangle."""

    def sampled(self) -> FloatArray:
        """Points over the rectangle of the initial error."""
        sides = self.equation.initial_error.sides(2) or ((-1, 1),) * 2
        first, second = (np.linspace(low, high, _SAMPLES) for low, high in sides)
        return tensor_points(first, second)

    def extent(self) -> float:
        """Diagonal of the rectangle of the target, or diameter of a radial one."""
        target = self.equation.target
        if target.radius is not None:
            return 2 * target.radius
        sides = target.sides(2) or ()
        return float(np.linalg.norm([high - low for low, high in sides]))


@dataclass(frozen=True, eq=False)
class PlaneMethod(RectangleMethod[Line]):
    """Finite elements on a tensor grid of frequencies."""

    def refuse(self) -> None:
        """Refuse decay."""
        refuse_decay(self.equation)

    def fastest_rate(self) -> float:
        """Largest damping, with the diffusion that the reach of the data makes."""
        density = self.equation.density
        return plane_rate(self.equation, float(density.even_values(places(self.equation)).max()))

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """Elements whose estimated error fits the tolerance."""
        problem = PlaneProblem(self.equation)

        def on(axes: tuple[ElementAxis, ElementAxis]) -> PlaneSystem:
            return PlaneSystem(problem, axes)

        return refine_plane(problem, on, t, rtol, dynamics)


def places(equation: FrequencyEquation) -> FloatArray:
    """Where a density of two frequencies may be largest, off its kinks, shape (k, 2)."""
    return np.concatenate([np.zeros((1, 2)), equation.density.modes]) + 1e-9


def plane_rate(equation: FrequencyEquation, peak: float) -> float:
    """About the fastest rate, from the largest density in the equation."""
    error = equation.initial_error
    far = float(np.hypot(*np.abs(error.sides(2) or ((0.0, 0.0),) * 2).max(axis=1)))
    return (2 * np.pi) ** 2 * peak * (1 + (equation.sigma_a * far) ** 2)
