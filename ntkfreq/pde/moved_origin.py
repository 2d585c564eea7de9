r"""Targets far from 0 with frozen frequencies, solved about 0, where transforms oscillate slowly.

For :math:`\sigma_a = 0` the kernel depends on differences of points only, so the equation does not
depend on where the target lies: with :math:`y_c(x) = y(x + c)` every loss is the same and every
spectrum is that of :math:`y_c` times :math:`e^{-i\xi\cdot c}`. Elements in frequency would have to
resolve that factor, and need as many more as c is larger than the target. With
:math:`\sigma_a > 0`, or frequencies that shrink towards 0, the position matters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.spectra.spectrum import fourier_sum


def about_zero(
    equation: FrequencyEquation, step: float | None
) -> tuple[FrequencyEquation, FloatArray | None]:
    """The same problem with its data about 0, and where they were, (d,); None if they stay.

    Data on a lattice move by whole multiples of its `step`, so that samples are the same ones.
    """
    frozen = equation.frozen and not equation.decay.contracts
    if not frozen or equation.radial or not equation.measure.infinite:
        return equation, None
    sides = equation.initial_error.sides(equation.dim)
    if sides is None:
        return equation, None
    low, high = np.transpose(np.asarray(sides, dtype=np.float64))
    center = (low + high) / 2
    if step is not None:
        center = step * np.rint(center / step)
    center = np.where(np.abs(center) > (high - low) / 2, center, 0.0)
    if not center.any():
        return equation, None
    first = equation.start
    return (
        replace(
            equation,
            target=equation.target.moved(center),
            initial_output=None if first is None else first.moved(center),
        ),
        center,
    )


def turned(spectrum: ComplexArray, frequencies: FloatArray, center: FloatArray | None) -> Any:
    r"""Spectrum (T, F) of data about 0 times :math:`e^{-i\xi\cdot c}`."""
    if center is None:
        return spectrum
    return spectrum * fourier_sum(center[None], np.ones(1), frequencies)
