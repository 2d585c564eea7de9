"""Line: from a tolerance to a mesh, refined where its estimated error does not fit."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.mesh import DEGREE, FrequencyMesh, first_mesh
from ntkfreq.pde.line.drift import DriftingLine
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.pde.refine import KRYLOV_SHARE, MESH_SHARE, TIME_SHARE, refined
from ntkfreq.pde.time.discretized import Discretized, extrapolated, initial_norm, some_of
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.equation import FrequencyEquation


def refine_line(
    equation: FrequencyEquation, t: FloatArray, rtol: float, dynamics: Dynamics
) -> Discretized:
    """Finite elements in frequency whose estimated error fits the tolerance."""

    def solve(mesh: FrequencyMesh) -> tuple[Discretized, FloatArray]:
        system = LineSystem(equation, mesh, DEGREE)
        scale = initial_norm(system)
        # Below the error of the mesh an amplitude says nothing about the problem.
        fine = Discretized.fitted(
            system, t, dynamics, KRYLOV_SHARE * rtol * scale, MESH_SHARE * rtol * scale
        )
        if equation.decay.contracts:
            fine = Discretized(DriftingLine(equation, mesh, DEGREE), fine.propagators)
        fine = fine.with_decay(float(t[-1]), TIME_SHARE * rtol)
        return fine, _error_squares(fine, some_of(t), dynamics)

    first = first_mesh(equation, dynamics.acceleration * float(t[-1]), rtol)
    mesh, fine, error, refinements = refined(first, rtol, solve)
    return Discretized(
        fine.system,
        fine.propagators,
        error + fine.time_error,
        {
            **fine.details,
            "method": f"finite elements of degree {DEGREE}",
            "elements": mesh.elements,
            "truncation": float(mesh.intervals[-1][-1]),
            "refinements": refinements,
            "target_resolved": equation.initial_error.resolved.within(rtol),
        },
    )


def _error_squares(fine: Discretized, t: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Square of the estimated relative error on each element, shape (T, elements)."""
    system = fine.system
    assert isinstance(system, LineSystem)
    size = initial_norm(system) ** 2
    weights = system.axis.rule[1] / np.pi
    tails = system.tails(fine.evolve(dynamics, t).change)
    squares = extrapolated(
        np.stack([np.einsum("teq,eq->te", np.abs(part) ** 2, weights) for part in tails])
    )
    if system.equation.decay.contracts:
        # Elements that move along are stretched: so much more counts what they hold.
        squares = squares / system.equation.decay.contraction(t)[:, None]
    return squares / size if size > 0 else squares
