"""Grid: from a tolerance to a mesh of half the zone, refined where its error does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ntkfreq._types import BoolArray, FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.measure import Grid
from ntkfreq.pde.discretized import Discretized, extrapolated, initial_norm, some_of
from ntkfreq.pde.dynamics import Dynamics
from ntkfreq.pde.fold import FoldedDensity
from ntkfreq.pde.lattice import LatticeSystem
from ntkfreq.pde.mesh import DEGREE, first_mesh

_REFINEMENTS = 12
_MOST_UNKNOWNS = 40_000
# Shares of the tolerance: for the mesh, for Krylov spaces, for the integration in time under
# decay; as much as for the mesh goes to modes that are left out of account.
_SHARE, _KRYLOV, _TIME = 0.4, 0.05, 0.3


def folded_equation(equation: FrequencyEquation) -> FrequencyEquation:
    """The equation on the zone: the same with the folded density."""
    assert isinstance(equation.measure, Grid)
    return replace(equation, density=FoldedDensity(equation.density, equation.measure.spacing))


def refine_lattice(
    equation: FrequencyEquation, t: FloatArray, rtol: float, dynamics: Dynamics
) -> Discretized:
    """Finite elements on half the zone whose estimated error fits the tolerance.

    Both errors count, of what the samples see and of what is between them.
    """
    mesh = first_mesh(folded_equation(equation), dynamics.acceleration * float(t[-1]), rtol)
    for attempt in range(_REFINEMENTS + 1):
        system = LatticeSystem(equation, mesh, DEGREE)
        scale = initial_norm(system)
        fine = Discretized.fitted(
            system, t, dynamics, _KRYLOV * rtol * scale, _SHARE * rtol * scale
        )
        squares = _relative_squares(fine, some_of(t), dynamics)
        error = float(np.sqrt(squares.sum(axis=1).max()))
        if error <= _SHARE * rtol or attempt == _REFINEMENTS or fine.unknowns > _MOST_UNKNOWNS:
            break
        mesh = mesh.refined(_marked(squares, _SHARE * rtol))
    result = Discretized(
        system,
        fine.propagators,
        error + fine.time_error,
        {
            "method": f"finite elements of degree {DEGREE} on a Brillouin zone",
            "elements": mesh.elements,
            "nyquist": system.folded.nyquist,
            "refinements": attempt,
            "target_resolved": equation.initial_error.resolved.converged,
        },
    )
    return result.with_decay(float(t[-1]), _TIME * rtol, _SHARE * rtol * scale)


def _relative_squares(fine: Discretized, t: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Squared relative error on each element, the larger of train and test, (T, elements)."""
    top = fine.system
    assert isinstance(top, LatticeSystem)
    second, first = top.tail_squares(fine.evolve(dynamics, t))
    start, both, goal = np.stack([top.moments, top.test_moments], axis=1)
    sizes = np.maximum(start - 2 * both + goal, 0.0)
    # Samples may all sit where the target is zero, which leaves nothing to be relative to.
    sizes = np.maximum(sizes, 1e-20 * sizes.max())[:, None, None]
    estimate = extrapolated(first, second)
    squares = np.divide(estimate, sizes, out=np.zeros_like(estimate), where=sizes > 0)
    return np.asarray(squares.max(axis=0))


def _marked(squares: FloatArray, tolerance: float) -> BoolArray:
    """The fewest elements without which the error would fit half the tolerance."""
    largest = squares.max(axis=0)
    order = np.argsort(largest)
    calm = np.cumsum(largest[order]) <= (0.5 * tolerance) ** 2
    marked = np.ones(len(largest), dtype=bool)
    marked[order[calm]] = False
    return marked
