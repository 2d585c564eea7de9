"""How the clock of a training run relates to that of a solution, measure by measure."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.problem.measure import Box, Grid, Measure, Points


def common_clock(solution: FrequencySolution, x: FloatArray) -> tuple[float, str]:
    """Solution time per unit of training time, and a sentence about it.

    Raises
    ------
    ValueError
        When the points (n, d) of the run are not what the measure of the solution stands for.
    """
    return _clock(solution.equation.measure, solution, x)


@singledispatch
def _clock(measure: Measure, solution: FrequencySolution, x: FloatArray) -> tuple[float, str]:
    """On the line regular samples stand for an integral, sampled over so much length."""
    spacing = regular_spacing(x)
    support = solution.equation.initial_error.support
    if support is not None and not _covers(x, support, solution, spacing):
        raise ValueError(
            f"history has points on [{x.min():g}, {x.max():g}], which do not cover the target; "
            "train on regular samples of the target and of its zero surroundings"
        )
    volume = len(x) * spacing
    return (
        1 / volume,
        f"solution time = training time / {volume:.6g}, the sampled length N h",
    )


@_clock.register
def _(measure: Points, solution: FrequencySolution, x: FloatArray) -> tuple[float, str]:
    if not np.array_equal(measure.x, x):
        raise ValueError(
            f"solution has {len(measure.x)} points and history {len(x)}, not the same ones; "
            "solve with target=(history.x, history.y)"
        )
    if np.ptp(measure.weights) > 1e-12 * measure.weights.max():
        raise ValueError(
            "solution weighs its points differently and history all alike; solve with "
            "target=(history.x, history.y), without weights"
        )
    return 1.0, "the same: step size times steps"


@_clock.register
def _(measure: Box, solution: FrequencySolution, x: FloatArray) -> tuple[float, str]:
    spacing = regular_spacing(x)
    low, high = measure.lower[0], measure.upper[0]
    if x.min() - low > spacing or high - x.max() > spacing or x.min() < low or x.max() > high:
        raise ValueError(
            f"history has points on [{x.min():g}, {x.max():g}], the box is "
            f"[{low:g}, {high:g}]; train on regular samples of the whole box"
        )
    return 1.0, "the same: regular samples stand for the uniform measure of the box"


@_clock.register
def _(measure: Grid, solution: FrequencySolution, x: FloatArray) -> tuple[float, str]:
    off = (x[:, 0] - measure.origin) / measure.spacing
    spacing = regular_spacing(x)
    if np.abs(off - np.rint(off)).max() > 1e-6 or abs(spacing / measure.spacing - 1) > 1e-6:
        raise ValueError(
            f"history has points that are not those of measure={measure}; train on "
            "origin + spacing * integers, without gaps"
        )
    return _clock.dispatch(Measure)(measure, solution, x)


def _covers(
    x: FloatArray, support: tuple[float, float], solution: FrequencySolution, spacing: float
) -> bool:
    """Whether the target is (nearly) zero outside the samples."""
    probe = np.linspace(*support, 1001)
    values = np.abs(solution.equation.target.at(probe[:, None]))
    outside = (probe < x.min() - spacing) | (probe > x.max() + spacing)
    return bool(values[outside].max(initial=0.0) <= 1e-3 * values.max())


def regular_spacing(x: FloatArray) -> float:
    """Spacing of regular one-dimensional samples; refuses others."""
    steps = np.diff(np.sort(x[:, 0]))
    if x.shape[1] > 1 or len(x) < 3 or np.ptp(steps) > 1e-6 * steps.mean():
        raise ValueError(
            "history has points that are not regularly spaced, so its clock cannot be converted to "
            "that of the solution; solve with target=(history.x, history.y), which uses Points"
        )
    return float(steps.mean())
