"""Grid in one dimension: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.mesh import DEGREE, FrequencyMesh, first_mesh
from ntkfreq.pde.elements.refined import MeshedSystem, refined_mesh
from ntkfreq.pde.judging.testset import Nowhere, OnLine, Tested
from ntkfreq.pde.lattice.layered import LayeredLattice
from ntkfreq.pde.lattice.system import LatticeSystem
from ntkfreq.pde.line.method import interval_rate
from ntkfreq.pde.method import Method
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.layers.pair import TwoDensities
from ntkfreq.problem.measure import Grid

_SAMPLES = 4097


@dataclass(frozen=True, eq=False)
class LatticeMethod(Method[Grid]):
    """Periodic elements on half the zone, with the folded density."""

    on_one_thread: ClassVar[bool] = True

    def refuse(self) -> None:
        """Refuse shrinking frequencies, and densities of too many periods."""
        refuse_contraction(self.equation, self.measure)
        FoldedDensity(self.equation.density, self.measure.spacing).refuse_slopes()

    @property
    def _densities(self) -> TwoDensities:
        return self.equation.densities.folded(self.measure.spacing)

    def fastest_rate(self) -> float:
        """Largest damping of the folded density, with diffusion."""
        interval = self.equation.initial_error.support
        return interval_rate(self._densities, interval)

    def sampled(self) -> FloatArray:
        """Points over the support of the initial error."""
        return np.linspace(*(self.equation.initial_error.support or (-1.0, 1.0)), _SAMPLES)[:, None]

    def extent(self) -> float:
        """Length of the support of the target."""
        low, high = self.equation.target.support or (0.0, 0.0)
        return high - low

    @property
    def lattice_step(self) -> float | None:
        """The spacing: data move by whole multiples of it, so that the samples remain the same."""
        return self.measure.spacing

    def default_test(self, highest: float) -> Tested:
        """The whole line for a target that is a function; else nothing."""
        if not self.equation.target.known_everywhere:
            return Nowhere()
        return whole_line(self.equation, self.measure)

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """Elements whose estimated error fits the tolerance.

        Both errors count, that on the samples and that on the whole line.
        """
        equation, grid = self.equation, self.measure

        def on(mesh: FrequencyMesh) -> MeshedSystem:
            alike = equation.densities.alike
            kind = LatticeSystem if alike else LayeredLattice
            return kind(equation, mesh, DEGREE, grid)

        horizon = dynamics.acceleration * float(t[-1])
        first = first_mesh(equation, horizon, rtol, self._densities)
        fine, mesh, error, refinements = refined_mesh(first, on, t, rtol, dynamics)
        return fine.with_error(
            max(error, equation.kernel_error),
            equation.initial_error.resolved.within(rtol),
            method=f"finite elements of degree {DEGREE} on a Brillouin zone",
            elements=mesh.elements,
            nyquist=grid.nyquist,
            refinements=refinements,
        )


def refuse_contraction(equation: FrequencyEquation, grid: Grid) -> None:
    """Refuse frequencies that shrink on a lattice, where the equation does not close."""
    if equation.decay.contracts:
        raise ValueError(
            f"frequency_decay={equation.frequency_decay:g} towards zero on {grid}: shrinking "
            "frequencies carry the learned spectrum from alias to alias, and the equation on the "
            "lattice does not close; use measure=Points(x) with enough lattice points, or "
            "decay_towards='start'"
        )


def whole_line(equation: FrequencyEquation, grid: Grid) -> Tested:
    """The whole line or plane, or a refusal where the output does not decay between samples."""
    if equation.sigma_a > 0:
        sides: list[Density] = [equation.density.along(axis) for axis in range(equation.dim)]
        jumps = [jump for side in sides for jump in FoldedDensity(side, grid.spacing).shared_jumps]
        if jumps:
            raise ValueError(
                f"rho_w jumps at |frequency| {jumps[0]:g}, which {grid} aliases: with "
                "sigma_a > 0 the output holds a wave of that frequency that does not decay, and "
                "the test loss on the whole line is infinite; pass test=Box(lower, upper) or "
                "test=(x_test, y_test), or freeze the frequencies with sigma_a=0"
            )
    return OnLine()
