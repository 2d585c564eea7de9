r"""Targets far from 0 with frozen frequencies: solved about 0, where waves turn slowly.

For :math:`\sigma_a = 0` the kernel knows differences of points only, so the equation does not
depend on where the target sits: with :math:`y_c(x) = y(x + c)` every loss is the same and every
spectrum is that of :math:`y_c` times :math:`e^{-i\xi\cdot c}`. Elements in frequency would have to
resolve that factor, and need as many more as c is larger than the target. With
:math:`\sigma_a > 0`, or frequencies that shrink towards 0, the place matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Grid, Line
from ntkfreq.problem.target import Target
from ntkfreq.spectra.spectrum import fourier_sum


def about_zero(equation: FrequencyEquation) -> tuple[FrequencyEquation, FloatArray | None]:
    """The same problem with its data about 0, and where they were, (d,); None if they stay."""
    error = equation.initial_error
    sides = error.rectangle or (() if error.support is None else (error.support,))
    frozen = equation.sigma_a == 0 and not equation.decay.contracts
    if not frozen or len(sides) != equation.dim or not isinstance(equation.measure, Line | Grid):
        return equation, None
    low, high = np.transpose(np.asarray(sides, dtype=np.float64))
    center = (low + high) / 2
    if isinstance(equation.measure, Grid):
        # By whole spacings, so that samples are the same ones.
        center = equation.measure.spacing * np.rint(center / equation.measure.spacing)
    center = np.where(np.abs(center) > (high - low) / 2, center, 0.0)
    if not center.any():
        return equation, None
    first = equation.start
    return (
        replace(
            equation,
            target=_moved(equation.target, center),
            initial_output=None if first is None else _moved(first, center),
        ),
        center,
    )


def turned(spectrum: ComplexArray, frequencies: FloatArray, center: FloatArray | None) -> Any:
    r"""Spectrum (T, F) of data about 0 times :math:`e^{-i\xi\cdot c}`."""
    if center is None:
        return spectrum
    return spectrum * fourier_sum(center[None], np.ones(1), frequencies)


def _moved(part: Target, center: FloatArray) -> Target:
    rectangle = part.rectangle
    if rectangle is not None:
        (a, b), (c, d) = rectangle
        one, other = map(float, center)
        rectangle = ((a - one, b - one), (c - other, d - other))
    support, kinks = part.support, part.kinks
    if len(center) == 1:
        by = float(center[0])
        support = None if support is None else (support[0] - by, support[1] - by)
        kinks = tuple(kink - by for kink in kinks)
    return Target(_at(part, center), support, kinks, rectangle=rectangle)


def _at(part: Target, center: FloatArray) -> Callable[[Any], FloatArray]:
    def function(x: Any) -> FloatArray:
        return part.at(np.asarray(x, dtype=np.float64).reshape(-1, len(center)) + center)

    return function
