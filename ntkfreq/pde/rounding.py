"""How much a prediction hangs on digits that double precision does not hold."""

from __future__ import annotations

import numpy as np

from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box, Points


def phase_rounding(equation: FrequencyEquation) -> float:
    """Change of the kernel when x moves by its last digit, over the extent of data or target.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> problem = FrequencyEquation.create(Normal(loc=1e8), ([0.0, 1.0], [1.0, 2.0]))
    >>> phase_rounding(problem)
    1.3...e-08
    """
    return equation.density.phase_rounding(_extent(equation))


def _extent(equation: FrequencyEquation) -> float:
    """Largest distance of two points at which data are seen."""
    measure, target = equation.measure, equation.target
    if isinstance(measure, Points):
        return float(np.linalg.norm(np.ptp(measure.x, axis=0)))
    if isinstance(measure, Box):
        return float(np.linalg.norm(np.subtract(measure.upper, measure.lower)))
    if target.radius is not None:
        return 2 * target.radius
    sides = target.rectangle or ((target.support or (0.0, 0.0)),)
    return float(np.linalg.norm([high - low for low, high in sides]))
