"""Grid: from a tolerance to a mesh of half the zone, refined where its error does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.mesh import DEGREE, FrequencyMesh, first_mesh
from ntkfreq.pde.lattice.system import LatticeSystem
from ntkfreq.pde.refine import KRYLOV_SHARE, MESH_SHARE, TIME_SHARE, refined
from ntkfreq.pde.time.discretized import Discretized, extrapolated, initial_norm, some_of
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Grid


def folded_equation(equation: FrequencyEquation) -> FrequencyEquation:
    """The equation on the zone: the same with the folded density."""
    assert isinstance(equation.measure, Grid)
    folded = FoldedDensity(equation.density, equation.measure.spacing)
    folded.refuse_slopes()
    return replace(equation, density=folded)


def refine_lattice(
    equation: FrequencyEquation, t: FloatArray, rtol: float, dynamics: Dynamics
) -> Discretized:
    """Finite elements on half the zone whose estimated error fits the tolerance.

    Both errors count, of what the samples see and of what is between them.
    """
    assert isinstance(equation.measure, Grid)

    def solve(mesh: FrequencyMesh) -> tuple[Discretized, FloatArray]:
        system = LatticeSystem(equation, mesh, DEGREE)
        scale = initial_norm(system)
        fine = Discretized.fitted(
            system, t, dynamics, KRYLOV_SHARE * rtol * scale, MESH_SHARE * rtol * scale
        )
        fine = fine.with_decay(float(t[-1]), TIME_SHARE * rtol)
        return fine, _relative_squares(fine, some_of(t), dynamics)

    folded = folded_equation(equation)
    first = first_mesh(folded, dynamics.acceleration * float(t[-1]), rtol)
    mesh, fine, error, refinements = refined(first, rtol, solve)
    return Discretized(
        fine.system,
        fine.propagators,
        error + fine.time_error,
        {
            **fine.details,
            "method": f"finite elements of degree {DEGREE} on a Brillouin zone",
            "elements": mesh.elements,
            "nyquist": equation.measure.nyquist,
            "refinements": refinements,
            "target_resolved": equation.initial_error.resolved.within(rtol),
        },
    )


def _relative_squares(fine: Discretized, t: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Squared relative error on each element, the larger of train and test, (T, elements)."""
    top = fine.system
    assert isinstance(top, LatticeSystem)
    start, both, goal = np.stack([top.moments, top.test_moments], axis=1)
    sizes = np.maximum(start - 2 * both + goal, 0.0)
    # Samples may all sit where the target is zero, which leaves nothing to be relative to.
    sizes = np.maximum(sizes, 1e-20 * sizes.max())[:, None, None]
    estimate = extrapolated(top.tail_squares(fine.evolve(dynamics, t)))
    squares = np.divide(estimate, sizes, out=np.zeros_like(estimate), where=sizes > 0)
    return np.asarray(squares.max(axis=0))
