r"""Polynomials with coefficients >= 0 on [-1, 1], and their derivatives.

Short ones by Horner's rule. A long one is as rough as its coefficients fall slowly, at
:math:`|r| = 1` alone: its even and odd parts are interpolated in :math:`1 - r^2` on panels that
halve towards 0, so that a value takes as long for a hundred terms as for a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray

# Terms of one parity up to which Horner's rule is as fast as interpolation.
_SHORT = 150
# Nodes of a panel [a, 2a], from which the roughness at 0 is a away: 1e-17 by 5.8^-23.
_NODES = 24


@dataclass(frozen=True, eq=False)
class PositivePolynomial(Portable):
    """A polynomial by its coefficients (n,), the constant first.

    Examples
    --------
    >>> square = PositivePolynomial(np.array([0.0, 0.0, 1.0]))
    >>> square(np.array([0.0, 0.5, 2.0]))  # at r = 1, 0.5 and -1
    (array([1.  , 0.25, 1.  ]), array([ 2.,  1., -2.]))
    """

    coefficients: FloatArray

    def __call__(self, gap: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and derivatives at r = 1 - gap, gaps of any shape in [0, 2]."""
        r, w = 1 - gap, gap * (2 - gap)
        value, slope = np.zeros_like(r), np.zeros_like(r)
        if self._even is not None:
            parts = self._even(w)
            value += parts[0]
            slope += 2 * r * parts[1]
        if self._odd is not None:
            parts = self._odd(w)
            value += r * parts[0]
            slope += parts[0] + 2 * (1 - w) * parts[1]
        return value, slope

    @cached_property
    def _even(self) -> _Horner | _Panels | None:
        return _of_parity(self.coefficients[::2])

    @cached_property
    def _odd(self) -> _Horner | _Panels | None:
        return _of_parity(self.coefficients[1::2])


def _of_parity(coefficients: FloatArray) -> _Horner | _Panels | None:
    """What evaluates a polynomial in u = 1 - w and its derivative in u; None for 0."""
    if not coefficients.any():
        return None
    horner = _Horner(np.trim_zeros(coefficients, "b"))
    return horner if len(horner.coefficients) <= _SHORT else _Panels(horner)


@dataclass(frozen=True, eq=False)
class _Horner:
    coefficients: FloatArray

    def __call__(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = 1 - w
        value = np.full_like(u, self.coefficients[-1])
        slope = np.zeros_like(u)
        for coefficient in self.coefficients[-2::-1]:
            slope *= u
            slope += value
            value *= u
            value += coefficient
        return value, slope


class _Panels:
    """Chebyshev series on [1/2, 1], [1/4, 1/2], ... and a last panel that begins at w = 0."""

    def __init__(self, horner: _Horner) -> None:
        # On the last panel the highest power changes by less than a factor e.
        self._last = int(np.ceil(np.log2(len(horner.coefficients))))
        unit = chebyshev.chebpts1(_NODES)
        ends = 0.5 ** np.arange(self._last)
        places = [*(end * (3 + unit) / 4 for end in ends), 0.5**self._last * (1 + unit) / 2]
        found = horner(np.concatenate(places))
        analysis = np.linalg.inv(chebyshev.chebvander(unit, _NODES - 1))
        self._series = [part.reshape(-1, _NODES) @ analysis.T for part in found]

    def __call__(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        panel = np.where(w > 0, np.clip(-np.frexp(w)[1], 0, self._last), self._last)
        local = np.ldexp(w, panel)
        x = np.where(panel < self._last, 4 * local - 3, 2 * local - 1)
        value, slope = (_clenshaw(series.T, panel, x) for series in self._series)
        return value, slope


def _clenshaw(series: FloatArray, panel: FloatArray, x: FloatArray) -> FloatArray:
    """Sums of Chebyshev series (k, panels), each with the coefficients of its panel."""
    before, now = np.zeros_like(x), series[-1][panel]
    for coefficients in series[-2:0:-1]:
        before, now = now, coefficients[panel] + 2 * x * now - before
    return np.asarray(series[0][panel] + x * now - before)
