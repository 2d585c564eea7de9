"""Line: from a tolerance to a mesh, refined until its estimated error fits."""

from __future__ import annotations

from ntkfreq._types import FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.pde.discretized import Discretized, initial_norm
from ntkfreq.pde.dynamics import GradientFlow
from ntkfreq.pde.line import LineSystem
from ntkfreq.pde.mesh import DEGREE, FrequencyMesh, first_mesh

_REFINEMENTS = 4
# Share of the tolerance for the mesh; as much goes to modes that are left out of account.
_SHARE = 0.5


def refine_line(equation: FrequencyEquation, t: FloatArray, rtol: float) -> Discretized:
    """Finite elements in frequency whose estimated error fits the tolerance."""
    mesh = first_mesh(equation, float(t[-1]), rtol)
    for attempt in range(_REFINEMENTS + 1):
        system = LineSystem(equation, mesh, DEGREE)
        # Below the error of the mesh an amplitude says nothing about the problem.
        fine = Discretized.of(system, _SHARE * rtol * initial_norm(system))
        error = _line_error(equation, mesh, fine, t)
        if error <= _SHARE * rtol or attempt == _REFINEMENTS or 2 * fine.unknowns > 6000:
            break
        mesh = mesh.refined()
    return Discretized(
        fine.system,
        fine.propagators,
        error,
        {
            "method": f"finite elements of degree {DEGREE}",
            "elements": mesh.elements,
            "truncation": float(mesh.intervals[-1][-1]),
            "refinements": attempt,
            "target_resolved": equation.initial_error.resolved.converged,
        },
    )


def _line_error(
    equation: FrequencyEquation, mesh: FrequencyMesh, fine: Discretized, t: FloatArray
) -> float:
    """Extrapolate from degrees 4, 6 and 8 on one mesh: the differences fall geometrically."""
    flow = GradientFlow()
    top = fine.system
    assert isinstance(top, LineSystem)
    reference = fine.evolve(flow, t).change
    differences = []
    for degree in (DEGREE - 4, DEGREE - 2):
        lower = LineSystem(equation, mesh, degree)
        change = Discretized.of(lower).evolve(flow, t).change
        differences.append(top.distance(reference, lower, change))
    first, second = differences
    ratio = min(second / first, 1.0) if first > 0 else 0.0
    scale = initial_norm(top)
    return float(second * ratio / scale) if scale > 0 else 0.0
