"""Grid in two dimensions: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.judging.testset import Nowhere, Tested
from ntkfreq.pde.lattice.method import refuse_contraction, whole_line
from ntkfreq.pde.method import refuse_decay
from ntkfreq.pde.plane.lattice_problem import LatticeProblem, refuse_asymmetric
from ntkfreq.pde.plane.lattice_system import PlaneLatticeSystem
from ntkfreq.pde.plane.method import RectangleMethod, places, plane_rate
from ntkfreq.pde.plane.refine import refine_plane
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.density.folded_plane import PlaneFold
from ntkfreq.problem.measure import Grid


@dataclass(frozen=True, eq=False)
class PlaneLatticeMethod(RectangleMethod[Grid]):
    """Periodic elements on a quadrant of the zone, or on all of it."""

    def refuse(self) -> None:
        """Refuse decay, and lattices that have no parity."""
        refuse_contraction(self.equation, self.measure)
        refuse_decay(self.equation)
        refuse_asymmetric(self.equation, self.measure)

    def fastest_rate(self) -> float:
        """Largest damping of the folded density, with diffusion."""
        fold = PlaneFold(self.equation.density, self.measure.spacing)
        return plane_rate(self.equation, float(fold.at(places(self.equation))[0].max()))

    @property
    def lattice_step(self) -> float | None:
        """The spacing: data move by whole multiples of it, so that the samples remain the same."""
        return self.measure.spacing

    def default_test(self, highest: float) -> Tested:
        """The whole plane for a target that is a function; else nothing."""
        if not self.equation.target.known_everywhere:
            return Nowhere()
        return whole_line(self.equation, self.measure)

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """Elements whose estimated error fits the tolerance."""
        problem = LatticeProblem(self.equation, self.measure)

        def on(axes: tuple[ElementAxis, ElementAxis]) -> PlaneLatticeSystem:
            return PlaneLatticeSystem(problem, axes)

        return refine_plane(problem, on, t, rtol, dynamics)
