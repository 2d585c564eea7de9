"""Line where all is radial, in any dimension: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.method import Method, refuse_decay
from ntkfreq.pde.radial.mesh import (
    DEGREE,
    HIGH,
    longest_element,
    radial_end,
    radial_nodes,
    radial_start,
    reach_in_x,
)
from ntkfreq.pde.radial.system import MAX_DIM, RadialSystem, log_rate
from ntkfreq.pde.refine import Attempt, refined
from ntkfreq.pde.time.discretized import Discretized, initial_norm
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.propagators import KrylovPropagator
from ntkfreq.problem.measure import Line
from ntkfreq.spectra.frequency_grid import default_frequencies

_ATTEMPTS, _MOST_UNKNOWNS = 8, 8000
# Shares of the tolerance that may be spent on the mesh and on Krylov spaces.
_MESH, _KRYLOV = 0.5, 0.05
_SAMPLES = 4097


@dataclass(frozen=True, eq=False)
class RadialMethod(Method[Line]):
    """Finite elements in the distance from 0."""

    def refuse(self) -> None:
        """Refuse dimensions beyond double precision, and decay."""
        equation = self.equation
        refuse_decay(equation)
        if equation.dim > MAX_DIM:
            raise ValueError(
                f"rho_w has dim={equation.dim}: a radial problem on Line is solved up to "
                f"dim={MAX_DIM}, beyond which the volumes of spheres leave double precision; use "
                "measure=Points(x)"
            )

    @property
    def _radius(self) -> float:
        radius = self.equation.initial_error.radius
        assert radius is not None
        return radius

    def fastest_rate(self) -> float:
        """Rate at 0, with the diffusion that the reach of the data makes."""
        return float(np.exp(log_rate(self.equation.density, np.zeros(1))[0])) * (
            1 + (self.equation.sigma_a * self._radius) ** 2
        )

    def sampled(self) -> FloatArray:
        """Points on a line through 0."""
        return np.linspace(-self._radius, self._radius, _SAMPLES)[:, None]

    def extent(self) -> float:
        """Diameter of the target."""
        assert self.equation.target.radius is not None
        return 2 * self.equation.target.radius

    def default_frequencies(self) -> FloatArray:
        """Frequencies along the first axis, shape (F, d)."""
        x, reach = self.sampled(), self.equation.density.radius(0.01)
        size = default_frequencies(x, self.equation.initial_error.at(x), reach)
        return np.concatenate([size[:, None], np.zeros((len(size), self.equation.dim - 1))], axis=1)

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """Elements whose estimated error fits the tolerance."""
        equation = self.equation
        extent = reach_in_x(equation, rtol)
        end = radial_end(equation, extent, dynamics.acceleration * float(t[-1]), rtol)
        low = radial_start(equation, extent)

        def attempt(longest: float, last: bool) -> Attempt[float, tuple[Discretized, ElementAxis]]:
            axis = ElementAxis((radial_nodes(equation, low, end, longest),), DEGREE, DEGREE + 6)
            system = RadialSystem(equation, axis)
            scale = initial_norm(system)
            fine = _propagated(system, t, dynamics, _KRYLOV * rtol * scale, _MESH * rtol * scale)
            error = _estimated(system, fine, t, dynamics, _KRYLOV * rtol * scale)

            def finer() -> float:
                return float(longest * max(0.4, min(0.85, (0.25 * rtol / error) ** (1 / 8))))

            crowded = axis.size > _MOST_UNKNOWNS
            return Attempt((fine, axis), error, None if crowded else finer)

        best = refined(longest_element(extent, rtol), attempt, _MESH * rtol, _ATTEMPTS)
        fine, axis = best.found
        return fine.with_error(
            best.error + fine.time_error,
            equation.initial_error.resolved_radius.within(rtol),
            method=f"finite elements of degree {DEGREE} in the distance from 0",
            elements=axis.elements,
            truncation=end,
            refinements=best.refinements,
        )


def _propagated(
    system: RadialSystem,
    t: FloatArray,
    dynamics: Dynamics,
    tolerance: float,
    negligible: float,
    cap: float = np.inf,
) -> Discretized:
    """The system with its propagator.

    Where the volume varies over many powers of ten a dense eigendecomposition loses all digits of
    the matrices but those of the largest volume (1e-3 of the loss in 50 dimensions); a Krylov
    space, made by elimination, does not.
    """
    if system.dim < HIGH:
        return Discretized.fitted(system, t, dynamics, tolerance, negligible, cap)
    part = KrylovPropagator.fitted(dynamics, system.blocks[0], t, tolerance, negligible, cap=cap)
    return Discretized(system, (part,))


def _estimated(
    top: RadialSystem, fine: Discretized, t: FloatArray, dynamics: Dynamics, tolerance: float
) -> float:
    """Extrapolate from degrees p - 4, p - 2 and p: the differences fall geometrically."""
    reference = fine.evolve(dynamics, t).change[0]
    mass = top.blocks[0].mass
    gaps = []
    for degree in (DEGREE - 4, DEGREE - 2):
        system, place = top.lowered(degree)
        lower = Discretized.fitted(
            system,
            t,
            dynamics,
            tolerance,
            0.0,
            fine.fastest_rate,
        )
        gap = reference.copy()
        gap[:, place] -= lower.evolve(dynamics, t).change[0]
        gaps.append(float(np.sqrt(max((gap * (mass @ gap.T).T).sum(axis=1).max(), 0.0))))
    scale = initial_norm(top)
    ratio = min(gaps[1] / gaps[0], 1.0) if gaps[0] > 0 else 0.0
    return gaps[1] * ratio / scale if scale > 0 else 0.0
