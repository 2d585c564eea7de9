"""Line in one dimension: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.mesh import DEGREE, FrequencyMesh, first_mesh
from ntkfreq.pde.elements.refined import MeshedSystem, refined_mesh
from ntkfreq.pde.line.drift import DriftingLine
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.pde.method import Method
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.layers.pair import TwoDensities
from ntkfreq.problem.measure import Line

_SAMPLES = 4097


@dataclass(frozen=True, eq=False)
class LineMethod(Method[Line]):
    """Finite elements in frequency."""

    on_one_thread: ClassVar[bool] = True

    def refuse(self) -> None:
        """Nothing that an equation admits is refused."""

    def fastest_rate(self) -> float:
        """Largest damping, with the diffusion that the reach of the data makes."""
        return interval_rate(self.equation.densities, self._interval)

    @property
    def _interval(self) -> tuple[float, float] | None:
        return self.equation.initial_error.support

    def sampled(self) -> FloatArray:
        """Points over the support of the initial error."""
        return np.linspace(*(self._interval or (-1.0, 1.0)), _SAMPLES)[:, None]

    def extent(self) -> float:
        """Length of the support of the target."""
        low, high = self.equation.target.support or (0.0, 0.0)
        return high - low

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """Elements whose estimated error fits the tolerance."""
        equation = self.equation

        def on(mesh: FrequencyMesh) -> MeshedSystem:
            return LineSystem(equation, mesh, DEGREE)

        def carried(system: MeshedSystem) -> MeshedSystem:
            if not equation.decay.contracts:
                return system
            return DriftingLine(equation, system.mesh, DEGREE)

        first = first_mesh(equation, dynamics.acceleration * float(t[-1]), rtol)
        fine, mesh, error, refinements = refined_mesh(first, on, t, rtol, dynamics, carried=carried)
        return fine.with_error(
            max(error, equation.kernel_error),
            equation.initial_error.resolved.within(rtol),
            method=f"finite elements of degree {DEGREE}",
            elements=mesh.elements,
            truncation=float(mesh.intervals[-1][-1]),
            refinements=refinements,
        )


def interval_rate(both: TwoDensities, interval: tuple[float, float] | None) -> float:
    """About the fastest rate under densities of one variable, for data on an interval."""
    marks = both.damping.landmarks()
    places = [place for place, _ in marks.scales]
    places += [(low + min(high, 2 * low + 1)) / 2 for low, high in marks.support]
    probe = np.array([0.0, *places])
    extent = max(map(abs, interval or (0.0, 0.0)))
    rate = 2 * np.pi * float(both.profile(probe + 1e-9, extent).max())
    # The norm of s^2 d(rho d) against data of extent L is about s^2 L^2 rho.
    # An atom is a constant, whose norm on an interval is its length.
    return rate * both.strength(extent) + 2 * both.atom * extent
