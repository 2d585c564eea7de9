"""From an equation and a tolerance to a system: one way a measure."""

from __future__ import annotations

import time

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.measure import Box, Grid, Line, Points
from ntkfreq.pde.discretized import Discretized
from ntkfreq.pde.points import PointsSystem
from ntkfreq.pde.refine_box import refine_box
from ntkfreq.pde.refine_line import refine_line


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
    refine = refine_line if isinstance(measure, Line) else refine_box
    result = refine(equation, t, rtol)
    result.details.update(setup_seconds=time.perf_counter() - start, fitted_until=float(t[-1]))
    return result
