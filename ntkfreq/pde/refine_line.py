"""Line: from a tolerance to a mesh, refined where its estimated error does not fit."""

from __future__ import annotations

import numpy as np

from ntkfreq._types import BoolArray, FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.pde.discretized import Discretized, extrapolated, initial_norm, some_of
from ntkfreq.pde.drift import DriftingLine
from ntkfreq.pde.dynamics import Dynamics
from ntkfreq.pde.line import LineSystem
from ntkfreq.pde.mesh import DEGREE, first_mesh

_REFINEMENTS = 12
_MOST_UNKNOWNS = 40_000
# Shares of the tolerance: for the mesh, for Krylov spaces, for the integration in time under
# decay; as much as for the mesh goes to modes that are left out of account.
_SHARE, _KRYLOV, _TIME = 0.4, 0.05, 0.3


def refine_line(
    equation: FrequencyEquation, t: FloatArray, rtol: float, dynamics: Dynamics
) -> Discretized:
    """Finite elements in frequency whose estimated error fits the tolerance."""
    mesh = first_mesh(equation, dynamics.acceleration * float(t[-1]), rtol)
    for attempt in range(_REFINEMENTS + 1):
        system = LineSystem(equation, mesh, DEGREE)
        scale = initial_norm(system)
        # Below the error of the mesh an amplitude says nothing about the problem.
        fine = Discretized.fitted(
            system, t, dynamics, _KRYLOV * rtol * scale, _SHARE * rtol * scale
        )
        squares = _error_squares(fine, some_of(t), dynamics)
        error = float(np.sqrt(squares.sum(axis=1).max())) / scale if scale > 0 else 0.0
        if error <= _SHARE * rtol or attempt == _REFINEMENTS or fine.unknowns > _MOST_UNKNOWNS:
            break
        mesh = mesh.refined(_marked(squares, _SHARE * rtol * scale))
    moving = system
    if equation.decay.contracts:
        moving = DriftingLine(equation, mesh, DEGREE)
    result = Discretized(
        moving,
        fine.propagators,
        error + fine.time_error,
        {
            "method": f"finite elements of degree {DEGREE}",
            "elements": mesh.elements,
            "truncation": float(mesh.intervals[-1][-1]),
            "refinements": attempt,
            "target_resolved": equation.initial_error.resolved.converged,
        },
    )
    return result.with_decay(float(t[-1]), _TIME * rtol, _SHARE * rtol * scale)


def _error_squares(fine: Discretized, t: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Square of the estimated error on each element, shape (T, elements)."""
    system = fine.system
    assert isinstance(system, LineSystem)
    weights = system.axis.rule[1] / np.pi
    second, first = (
        np.einsum("teq,eq->te", np.abs(part) ** 2, weights)
        for part in system.tails(fine.evolve(dynamics, t).change)
    )
    return extrapolated(first, second)


def _marked(squares: FloatArray, tolerance: float) -> BoolArray:
    """The fewest elements without which the error would fit half the tolerance."""
    largest = squares.max(axis=0)
    order = np.argsort(largest)
    calm = np.cumsum(largest[order]) <= (0.5 * tolerance) ** 2
    marked = np.ones(len(largest), dtype=bool)
    marked[order[calm]] = False
    return marked
