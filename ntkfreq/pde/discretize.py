"""From an equation and a tolerance to a system: what all measures share."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.method import Method
from ntkfreq.pde.moved_origin import about_zero
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.equation import FrequencyEquation

# A decay rate times the last time below this changes nothing: exp of it rounds to 1.
_NO_DECAY = 2.0**-54


def discretize(
    method: Method[Any],
    t: FloatArray,
    rtol: float,
    dynamics: Dynamics,
    outputs: FloatArray | None = None,
) -> Discretized:
    """Build the discretization of a method, with data moved to where they are cheap.

    `outputs` (n, d) are points where outputs will be asked for, if they are known already.
    """
    method.refuse()
    start = time.perf_counter()
    asked, t_end = method.equation, float(t[-1])
    equation, center = about_zero(without_negligible_decay(asked, t_end), method.lattice_step)
    details: dict[str, Any] = {}
    if center is not None:
        details["solved_about"] = center.tolist()
    if asked.decay.active and not equation.decay.active:
        details["decay"] = f"below rounding until t={t_end:g}, and left out"
    if asked.drop_constant and asked.layers is not None:
        details["dropped"] = f"a constant learned with strength {asked.layers.atom:.4g}"
    found = replace(method, equation=equation, measure=equation.measure).discretize(
        t, rtol, dynamics, outputs
    )
    forever = method.for_all_times and not asked.decay.active
    return replace(
        found,
        details=found.details | details,
        given=asked,
        center=center,
        fitted_until=np.inf if forever else dynamics.acceleration * t_end,
        setup_seconds=time.perf_counter() - start,
    )


def without_negligible_decay(equation: FrequencyEquation, t_end: float) -> FrequencyEquation:
    """The equation without the decay that changes nothing, to rounding, until the last time."""
    rates = equation.weight_decay, equation.frequency_decay
    weight, frequency = (rate if rate * t_end > _NO_DECAY else 0.0 for rate in rates)
    if (weight, frequency) == rates:
        return equation
    return replace(equation, weight_decay=weight, frequency_decay=frequency)
