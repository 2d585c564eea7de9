r"""Powers of the 2x2 matrix of one step with momentum, for many modes and step counts at once.

A mode of error p and velocity v becomes :math:`(p, \eta v) \mapsto B\,(p, \eta v)` in each step.
The first component of :math:`B^n (1, 0)` has closed forms in the roots of the characteristic
polynomial, all of which lose digits somewhere: near a double root, near the root 1, in the first
steps. Here each is used where it loses none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkfreq._support.types import FloatArray

# The logarithm of the growth of an unstable mode is cut off at this value.
GROWTH = 300.0
# A root below this counts as zero; the square of this number does not underflow.
_TINY = 1e-150
# The series in powers of B - 1 is used while n |B - 1| is at most _EARLY; the terms beyond _TERMS
# are then below rounding.
_EARLY, _TERMS = 1.0, 20


@dataclass(frozen=True, eq=False)
class StepMatrix:
    r"""One step of each mode, :math:`(p, \eta v) \mapsto B\,(p, \eta v)`; arrays are (n,).

    In both methods :math:`\det(1 - B) = h = \eta\lambda`, :math:`B_{11} = 1 - c h` and
    :math:`B_{22} = \beta`, so with :math:`B^n = u_n B - u_{n-1} \det B` all follows from
    c (`first`), :math:`-B_{12}B_{21}/h` (`coupling`), :math:`1 - \det B/\beta` (`lost`) and the
    discriminant :math:`(\mathrm{tr} B/2)^2 - \det B`, given in a form without cancellation.
    """

    momentum: float
    first: float
    coupling: float
    product: FloatArray
    lost: FloatArray
    discriminant: FloatArray

    @property
    def half_trace(self) -> FloatArray:
        """Mean of the two roots."""
        return np.asarray((1 + self.momentum - self.first * self.product) / 2)

    @property
    def rest(self) -> FloatArray:
        """One minus the half trace."""
        return np.asarray(((1 - self.momentum) + self.first * self.product) / 2)

    @property
    def offset(self) -> FloatArray:
        """B_11 minus the half trace; it has the sign of the larger root where roots are real."""
        return np.asarray(((1 - self.momentum) - self.first * self.product) / 2)

    def take(self, chosen: Any) -> StepMatrix:
        """The modes chosen."""
        return replace(
            self,
            product=self.product[chosen],
            lost=self.lost[chosen],
            discriminant=self.discriminant[chosen],
        )

    def factor(self, count: FloatArray) -> FloatArray:
        """p_n from p_0 = 1 at rest, shape (T, n) for step counts (T,)."""
        return _by_roots(self, count[:, None], _real_factor, _oscillating_factor)

    def learned(self, count: FloatArray) -> FloatArray:
        """(1 - p_n) / h with its limit at h = 0, shape (T, n) for step counts (T,)."""
        n = count[:, None]
        values = _by_roots(self, n, _real_learned, _oscillating_learned)
        size = np.maximum(2 * self.rest, np.sqrt(np.abs(self.product)))
        row, column = np.nonzero(n * size <= _EARLY)
        values[row, column] = _early_learned(self.take(column), count[row])
        return values


def _by_roots(
    step: StepMatrix,
    n: FloatArray,
    real: Callable[[StepMatrix, FloatArray], FloatArray],
    oscillating: Callable[[StepMatrix, FloatArray], FloatArray],
) -> FloatArray:
    """Evaluate a formula for real and one for complex roots; n is (T, 1)."""
    values = np.empty((n.size, step.product.size))
    for chosen, formula in (
        (step.discriminant >= 0, real),
        (step.discriminant < 0, oscillating),
    ):
        values[:, chosen] = formula(step.take(chosen), n)
    return values


def _alternating(negative: npt.NDArray[np.bool_], n: FloatArray) -> FloatArray:
    """Sign of the n-th power of a number."""
    return np.where(negative & (n % 2 == 1), -1.0, 1.0)


def _real_roots(step: StepMatrix, n: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Logarithm of the larger root's size, its distance from 1, and u_n coupled, per product.

    With the larger root z and the ratio q of the smaller one to it,
    :math:`p_n = z^n + (B_{11} - z)\,u_n` and :math:`u_n = z^{n-1}(1-q^n)/(1-q)`; both terms have
    the sign of :math:`z^n`. A double root is the limit :math:`u_n = n z^{n-1}`.
    """
    root = np.sqrt(step.discriminant)
    positive = step.offset >= 0
    large = np.maximum(np.where(positive, step.half_trace, -step.half_trace) + root, _TINY)
    # From (1 - z)(1 - z') = h, exact also where z is close to 1.
    gap = step.product / (step.rest + root)
    slow = positive & (gap < 0.5)
    log = np.where(slow, np.log1p(-np.where(slow, gap, 0.0)), np.log(large))
    # A step that is too large makes modes grow, which must be noticed without an overflow.
    log = np.minimum(log, GROWTH / np.maximum(n, 1.0))
    ratio = step.momentum * (1 - step.lost) / large**2
    close = ratio > 0.5
    apart = np.where(close, 2 * root / large, 1 - ratio)
    double = apart == 0
    apart = np.where(double, 1.0, apart)
    near = -np.expm1(n * np.log1p(-np.where(close & ~double, apart, 0.0)))
    far = 1 - np.power(np.where(close, 0.0, ratio), n)
    geometric = np.where(double, n, np.where(close, near, far) / apart)
    share = step.coupling / (np.abs(step.offset) + root)
    return log, gap, share * np.exp((n - 1) * log) * geometric


def _real_factor(step: StepMatrix, n: FloatArray) -> FloatArray:
    log, _, coupled = _real_roots(step, n)
    size = np.exp(n * log) + step.product * coupled
    return np.asarray(_alternating(step.offset < 0, n) * size)


def _real_learned(step: StepMatrix, n: FloatArray) -> FloatArray:
    """(1 - p_n) / h for real roots."""
    fast = step.offset < 0
    log, gap, coupled = _real_roots(step, n)
    other = (gap == 0) | fast
    decayed = -np.expm1(n * np.where(other, 0.0, log)) / np.where(other, 1.0, gap)
    slow = np.where(other, n, decayed) / (step.rest + np.sqrt(step.discriminant)) - coupled
    product = np.where(fast, step.product, 1.0)
    return np.where(fast, (1 - _real_factor(step, n)) / product, slow)


def _oscillating_factor(step: StepMatrix, n: FloatArray) -> FloatArray:
    """By modulus and argument of the roots; the argument is measured from the nearer half axis."""
    root = np.sqrt(-step.discriminant)
    negative = step.half_trace < 0
    sign = np.where(negative, -1.0, 1.0)
    # Rounding the determinant before its logarithm would cost n roundings.
    modulus = np.exp(n * ((np.log(step.momentum) + np.log1p(-step.lost)) / 2))
    angle = n * np.arctan2(root, sign * step.half_trace)
    wave = np.cos(angle) + sign * step.offset / root * np.sin(angle)
    return np.asarray(_alternating(negative, n) * modulus * wave)


def _oscillating_learned(step: StepMatrix, n: FloatArray) -> FloatArray:
    """(1 - p_n) / h for complex roots; h is small there at early steps only."""
    return (1 - _oscillating_factor(step, n)) / step.product


def _early_learned(step: StepMatrix, n: FloatArray) -> FloatArray:
    r"""(1 - p_n) / h from :math:`B^n = \sum_k \binom nk (B-1)^k`, for n |B - 1| below 1; all (n,).

    The formulas by roots lose digits to cancellation in these first steps.
    """
    before, power = np.zeros_like(step.product), -np.full_like(step.product, step.first)
    binomial, total = n, -n * power
    for k in range(2, _TERMS + 1):
        # (B - 1)^2 = -2 rest (B - 1) - h, whose first entry is over h here, but for (B - 1)^0.
        last = 1.0 if k == 2 else step.product * before
        before, power = power, -2 * step.rest * power - last
        binomial = binomial * ((n - (k - 1)) / k)
        total = total - binomial * power
    return total
