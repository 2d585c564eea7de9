"""Box: from a tolerance to a number of polynomials, raised until the estimated error fits."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.box.contracting import ContractingBox
from ntkfreq.pde.box.system import BoxSystem
from ntkfreq.pde.time.discretized import Discretized, initial_norm
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box

_MAX_MODES, _ROUGH_MODES = 1500, 300
# Share of the tolerance for the integration in time under decay.
_TIME = 0.3


def refine_box(
    equation: FrequencyEquation,
    t: FloatArray,
    rtol: float,
    dynamics: Dynamics,
    outputs: FloatArray | None = None,
) -> Discretized:
    """Legendre-Bessel Galerkin system whose estimated error fits the tolerance."""
    assert isinstance(equation.measure, Box)
    far = max(abs(equation.measure.lower[0]), abs(equation.measure.upper[0]))
    # An error d of the stationary part is one of (1 + (sigma_a x)^2) d in the operator.
    stretch = 1 + (equation.sigma_a * far) ** 2
    tolerance = max(0.01 * rtol / max(dynamics.acceleration * float(t[-1]) * stretch, 1.0), 1e-15)
    modes = 48
    system, result, error = _solved(equation, modes, tolerance, dynamics, t)
    resolved = equation.initial_error.resolved_on(
        equation.measure.lower[0], equation.measure.upper[0]
    )
    # More polynomials do not resolve what panels did not.
    most = _MAX_MODES if resolved.converged else _ROUGH_MODES
    while error > rtol and modes * 1.4 <= most:
        modes = int(1.4 * modes)
        try:
            system, result, error = _solved(equation, modes, tolerance, dynamics, t)
        except SizeError:
            # What has been found so far is told with its error.
            modes = system.modes
            break
    details = {
        "method": "Galerkin, Legendre polynomials",
        "modes": modes,
        "target_resolved": resolved.within(rtol),
    }
    if equation.decay.contracts:
        moving = ContractingBox(equation, modes, tolerance, float(t[-1]), outputs)
        return Discretized.moving(moving, float(t[-1]), _TIME * rtol, error, details)
    result = Discretized(system, result.propagators, error, details)
    return result.with_decay(float(t[-1]), _TIME * rtol)


def _solved(
    equation: FrequencyEquation, modes: int, tolerance: float, dynamics: Dynamics, t: FloatArray
) -> tuple[BoxSystem, Discretized, float]:
    """System and flow with so many polynomials, and the estimated relative error."""
    system = BoxSystem(equation, modes, tolerance)
    result = Discretized.of(system)
    change = system.gather(result.evolve(dynamics, t).change)
    return system, result, _box_error(system, change, dynamics, t)


def _box_error(system: BoxSystem, change: FloatArray, dynamics: Dynamics, t: FloatArray) -> float:
    """Difference to the leading three quarters of the modes, whose matrix is a corner."""
    fewer = BoxSystem(system.equation, 3 * system.modes // 4, system.tolerance)
    # The rest of the smaller system is a corner of the larger one.
    first, second = system.operators
    corner = slice(fewer.modes)
    fewer.__dict__["operators"] = (first[corner, corner], second[corner, corner])
    lower = fewer.gather(Discretized.of(fewer).evolve(dynamics, t).change)
    difference = change.copy()
    difference[:, : fewer.modes] -= lower
    scale = initial_norm(system)
    worst = float(np.sqrt((difference**2).sum(axis=1).max()))
    return worst / scale if scale > 0 else 0.0
