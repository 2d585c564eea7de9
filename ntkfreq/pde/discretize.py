"""From an equation and a tolerance to a system, refined until its estimated error fits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.measure import Box, Grid, Line, Points
from ntkfreq.pde.box import BoxSystem
from ntkfreq.pde.dynamics import Dynamics, GradientFlow
from ntkfreq.pde.line import LineSystem
from ntkfreq.pde.mesh import DEGREE, FrequencyMesh, first_mesh
from ntkfreq.pde.points import PointsSystem
from ntkfreq.pde.propagators import EigenPropagator
from ntkfreq.pde.system import System

_REFINEMENTS = 4
# Share of the tolerance for the mesh; as much goes to modes that are left out of account.
_SHARE = 0.5
_MAX_MODES = 1500


@dataclass(frozen=True, eq=False)
class Discretized:
    r"""A system with one propagator a block, and what is known of its error.

    Attributes
    ----------
    error : float
        Estimate of :math:`\sup_t \|\delta\hat e(t)\|_2 / \|\hat e(0)\|_2`.
    details : dict
        Mesh or basis, for `stats`.
    """

    system: System
    propagators: tuple[EigenPropagator, ...]
    error: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, system: System, negligible: float = 0.0, **details: Any) -> Discretized:
        """Wrap a system with its propagators."""
        modes = tuple(EigenPropagator(block, negligible) for block in system.blocks)
        return cls(system, modes, 0.0, details)

    @property
    def fastest_rate(self) -> float:
        """Largest eigenvalue of the operator."""
        return max(
            (float(mode.rates[-1]) for mode in self.propagators if mode.rates.size), default=0
        )

    @property
    def max_step_size(self) -> float:
        """Largest stable step of gradient descent; infinite where nothing moves."""
        return 2.0 / self.fastest_rate if self.fastest_rate > 0 else np.inf

    def change(self, dynamics: Dynamics, t: FloatArray) -> list[FloatArray]:
        """u(t) - u(0) for each block."""
        return [mode.change(dynamics, t) for mode in self.propagators]

    def integral(self, dynamics: Dynamics, t: FloatArray) -> list[FloatArray]:
        """Time integral of u for each block."""
        return [mode.integral(dynamics, t) for mode in self.propagators]


def refuse_unsolved(equation: FrequencyEquation) -> None:
    """Refuse what this version does not solve, naming what it does."""
    decay = max(equation.weight_decay, equation.frequency_decay)
    if decay > 0:
        raise ValueError(
            f"weight_decay={equation.weight_decay:g}, frequency_decay="
            f"{equation.frequency_decay:g}: the solver has no decay in this version; train() has"
        )
    measure = equation.measure
    if isinstance(measure, Grid):
        raise ValueError(
            f"measure={measure}: the folded equation on a lattice is not solved in this version; "
            "use measure=Points(x) with enough lattice points, or Line() for dense samples"
        )
    if isinstance(measure, Box) and measure.dim > 1:
        raise ValueError(
            f"measure={measure} has dimension {measure.dim}; the box is solved in one dimension in "
            "this version: use measure=Points(x), which takes any dimension"
        )


def discretize(equation: FrequencyEquation, t: FloatArray, rtol: float) -> Discretized:
    """Choose and build the discretization for the measure of the equation."""
    refuse_unsolved(equation)
    measure = equation.measure
    if isinstance(measure, Points):
        return Discretized.of(
            PointsSystem(equation), method="Gram flow on the points", fitted_until=np.inf
        )
    start = time.perf_counter()
    refine = _refine_line if isinstance(measure, Line) else _refine_box
    result = refine(equation, t, rtol)
    result.details.update(setup_seconds=time.perf_counter() - start, fitted_until=float(t[-1]))
    return result


def _refine_line(equation: FrequencyEquation, t: FloatArray, rtol: float) -> Discretized:
    mesh = first_mesh(equation, float(t[-1]), rtol)
    for attempt in range(_REFINEMENTS + 1):
        system = LineSystem(equation, mesh, DEGREE)
        # Below the error of the mesh an amplitude says nothing about the problem.
        fine = Discretized.of(system, _SHARE * rtol * np.sqrt(system.initial_loss))
        error = _line_error(equation, mesh, fine, t)
        if error <= _SHARE * rtol or attempt == _REFINEMENTS or 2 * _unknowns(fine) > 6000:
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


def _unknowns(result: Discretized) -> int:
    return sum(mode.block.size for mode in result.propagators)


def _line_error(
    equation: FrequencyEquation, mesh: FrequencyMesh, fine: Discretized, t: FloatArray
) -> float:
    """Extrapolate from degrees 4, 6 and 8 on one mesh: the differences fall geometrically."""
    flow = GradientFlow()
    top = fine.system
    assert isinstance(top, LineSystem)
    reference = fine.change(flow, t)
    differences = []
    for degree in (DEGREE - 4, DEGREE - 2):
        lower = LineSystem(equation, mesh, degree)
        change = Discretized.of(lower).change(flow, t)
        differences.append(top.distance(reference, lower, change))
    first, second = differences
    ratio = min(second / first, 1.0) if first > 0 else 0.0
    scale = np.sqrt(top.initial_loss)
    return float(second * ratio / scale) if scale > 0 else 0.0


def _refine_box(equation: FrequencyEquation, t: FloatArray, rtol: float) -> Discretized:
    assert isinstance(equation.measure, Box)
    far = max(abs(equation.measure.lower[0]), abs(equation.measure.upper[0]))
    # An error d of the stationary part is one of (1 + (sigma_a x)^2) d in the operator.
    stretch = 1 + (equation.sigma_a * far) ** 2
    tolerance = max(0.01 * rtol / max(float(t[-1]) * stretch, 1.0), 1e-15)
    flow = GradientFlow()
    modes = 48
    while True:
        system = BoxSystem(equation, modes, tolerance)
        result = Discretized.of(system)
        change = system.gather(result.change(flow, t))
        error = _box_error(system, change, flow, t)
        if error <= rtol or modes * 1.4 > _MAX_MODES:
            break
        modes = int(1.4 * modes)
    resolved = equation.initial_error.resolved_on(
        equation.measure.lower[0], equation.measure.upper[0]
    )
    details = {
        "method": "Galerkin, Legendre polynomials",
        "modes": modes,
        "target_resolved": resolved.converged,
    }
    return Discretized(system, result.propagators, error, details)


def _box_error(system: BoxSystem, change: FloatArray, dynamics: Dynamics, t: FloatArray) -> float:
    """Difference to the leading three quarters of the modes, whose matrix is a corner."""
    fewer = BoxSystem(system.equation, 3 * system.modes // 4, system.tolerance)
    fewer.__dict__["operator"] = system.operator[: fewer.modes, : fewer.modes]
    lower = fewer.gather(Discretized.of(fewer).change(dynamics, t))
    difference = change.copy()
    difference[:, : fewer.modes] -= lower
    scale = np.sqrt(system.initial_loss)
    worst = float(np.sqrt((difference**2).sum(axis=1).max()))
    return worst / scale if scale > 0 else 0.0
