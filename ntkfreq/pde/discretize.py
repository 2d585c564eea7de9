"""From an equation and a tolerance to a system: one way a measure."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.box.refine import refine_box
from ntkfreq.pde.box_plane.refine import refine_box_plane
from ntkfreq.pde.lattice.refine import refine_lattice
from ntkfreq.pde.line.refine import refine_line
from ntkfreq.pde.moved_origin import about_zero
from ntkfreq.pde.plane.lattice_problem import refuse_lattice
from ntkfreq.pde.plane.refine import refine_plane
from ntkfreq.pde.points.contracting import ContractingPoints
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.radial.refine import refine_radial, refuse_radial
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box, Grid, Line, Points

# Exponentials of this are 1 to the last bit.
_NO_DECAY = 2.0**-54


def refuse_unsolved(equation: FrequencyEquation) -> None:
    """Refuse what has no sound equation or discretization here, naming what has."""
    measure = equation.measure
    if isinstance(measure, Grid) and equation.decay.contracts:
        raise ValueError(
            f"frequency_decay={equation.frequency_decay:g} towards zero on {measure}: shrinking "
            "frequencies carry the learned spectrum from alias to alias, and the equation on the "
            "lattice does not close; use measure=Points(x) with enough lattice points, or "
            "decay_towards='start'"
        )
    if isinstance(measure, Line | Grid) and equation.dim > 1 and equation.decay.active:
        raise ValueError(
            f"weight_decay={equation.weight_decay:g}, frequency_decay="
            f"{equation.frequency_decay:g} on {measure} with dim={equation.dim}: decay is solved "
            "there for dim=1; use measure=Points(x), which takes any dimension"
        )
    if isinstance(measure, Grid) and equation.dim > 1:
        refuse_lattice(equation)
    if isinstance(measure, Grid) and equation.dim == 1:
        FoldedDensity(equation.density, measure.spacing).refuse_slopes()
    if equation.radial:
        refuse_radial(equation)
    if isinstance(measure, Box) and measure.dim > 2:
        raise ValueError(
            f"measure={measure} has dimension {measure.dim}; the box is solved in one and two "
            "dimensions: use measure=Points(x), which takes any dimension"
        )
    if isinstance(measure, Box) and measure.dim == 2 and equation.decay.contracts:
        raise ValueError(
            f"frequency_decay={equation.frequency_decay:g} towards zero on {measure}: shrinking "
            "frequencies are solved on a box in one dimension; use measure=Points(x), or "
            "decay_towards='start'"
        )


def discretize(
    equation: FrequencyEquation,
    t: FloatArray,
    rtol: float,
    dynamics: Dynamics,
    outputs: FloatArray | None = None,
) -> Discretized:
    """Choose and build the discretization for the measure of the equation.

    `outputs` (n, d) are points where outputs will be asked for, if they are known already.
    """
    refuse_unsolved(equation)
    start = time.perf_counter()
    asked, equation = equation, without_negligible_decay(equation, float(t[-1]))
    decaying = equation.decay.active
    equation, center = about_zero(equation)
    result = replace(_refined(equation, t, rtol, dynamics, outputs), center=center)
    if center is not None:
        result.details["solved_about"] = center.tolist()
    forever = isinstance(equation.measure, Points) and not asked.decay.active
    if asked.decay.active and not decaying:
        result.details["decay"] = f"below rounding until t={t[-1]:g}, and left out"
    result.details.update(
        setup_seconds=time.perf_counter() - start,
        # In the time of gradient flow, of which momentum runs through more.
        fitted_until=np.inf if forever else dynamics.acceleration * float(t[-1]),
    )
    return result


def without_negligible_decay(equation: FrequencyEquation, t_end: float) -> FrequencyEquation:
    """The equation without the decay that changes nothing, to rounding, until the last time."""
    rates = equation.weight_decay, equation.frequency_decay
    weight, frequency = (rate if rate * t_end > _NO_DECAY else 0.0 for rate in rates)
    if (weight, frequency) == rates:
        return equation
    return replace(equation, weight_decay=weight, frequency_decay=frequency)


def _refined(
    equation: FrequencyEquation,
    t: FloatArray,
    rtol: float,
    dynamics: Dynamics,
    outputs: FloatArray | None,
) -> Discretized:
    if isinstance(equation.measure, Points):
        return _points(equation, float(t[-1]), rtol, outputs)
    if equation.radial:
        return refine_radial(equation, t, rtol, dynamics)
    if isinstance(equation.measure, Line | Grid) and equation.dim > 1:
        return refine_plane(equation, t, rtol, dynamics)
    if isinstance(equation.measure, Line):
        return refine_line(equation, t, rtol, dynamics)
    if isinstance(equation.measure, Grid):
        return refine_lattice(equation, t, rtol, dynamics)
    if equation.dim == 2:
        return refine_box_plane(equation, t, rtol, dynamics)
    return refine_box(equation, t, rtol, dynamics, outputs)


def _points(
    equation: FrequencyEquation, t_end: float, rtol: float, outputs: FloatArray | None
) -> Discretized:
    """Points need no discretization in space, but features where frequencies contract."""
    assert isinstance(equation.measure, Points)
    if not equation.decay.contracts:
        plain = Discretized.of(PointsSystem(equation), method="Gram flow on the points")
        return plain.with_decay(t_end, 0.5 * rtol)
    system = ContractingPoints(equation, t_end, outputs)
    x, weights = equation.measure.x, equation.measure.weights
    # The kernel is off only between a point and its own recent path.
    strength = weights * (1 + equation.sigma_a**2 * np.sum(x**2, axis=1))
    slowest = max(equation.weight_decay, 1 / t_end)
    error = system.residual * float(strength.max()) / slowest
    details = {"method": "features of the kernel on moving points", "residual": system.residual}
    # Where kinks are beyond all features, as under heavy tails, small steps would gain nothing.
    in_time = max(0.5 * rtol, 0.05 * min(error, 0.1))
    return Discretized.moving(system, t_end, in_time, error, details)
