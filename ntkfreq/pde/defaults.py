"""Line and Grid in more than one dimension: times and frequencies when the user names none."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.radial.system import log_rate
from ntkfreq.problem.density.folded_plane import PlaneFold
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Grid
from ntkfreq.problem.rectangle import tensor_points
from ntkfreq.spectra.frequency_grid import default_frequencies

_SAMPLES = 129


def fastest_beyond_one(equation: FrequencyEquation) -> float:
    """About the fastest rate at which something is learned."""
    error = equation.initial_error
    if error.radius is not None:
        far = error.radius
    else:
        far = float(np.hypot(*np.abs(error.rectangle or ((0.0, 0.0),) * 2).max(axis=1)))
    if equation.radial:
        return float(np.exp(log_rate(equation.density, np.zeros(1))[0])) * (
            1 + (equation.sigma_a * far) ** 2
        )
    places = np.concatenate([np.zeros((1, equation.dim)), equation.density.modes]) + 1e-9
    if isinstance(equation.measure, Grid):
        fold = PlaneFold(equation.density, equation.measure.spacing)
        peak = float(fold.at(places)[0].max())
    else:
        peak = float(equation.density.even_values(places).max())
    return (2 * np.pi) ** equation.dim * peak * (1 + (equation.sigma_a * far) ** 2)


def frequencies_beyond_one(equation: FrequencyEquation) -> FloatArray:
    """Frequencies along the axes, along the first only where all is radial, shape (F, d)."""
    error, reach = equation.initial_error, equation.density.radius(0.01)
    if equation.radial:
        assert error.radius is not None
        x = np.linspace(-error.radius, error.radius, 4097)
        size = default_frequencies(x[:, None], error.at(x[:, None]), reach)
        return np.concatenate([size[:, None], np.zeros((len(size), equation.dim - 1))], axis=1)
    sides = [np.linspace(low, high, _SAMPLES) for low, high in error.rectangle or ((-1, 1),) * 2]
    x = tensor_points(sides[0], sides[1])
    return default_frequencies(x, equation.initial_error_at(x), reach)
