r"""What training does to one mode of the operator, in continuous and in discrete time.

A mode with rate :math:`\lambda` is multiplied by a decay factor; every quantity of a
solution is a sum over modes of the factor, of one minus the factor, or of its time integral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray


class Dynamics(Protocol):
    """How a mode of rate `rates` (n,) has evolved at times `t` (T,); arrays are (T, n)."""

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        ...

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor, accurate where the factor is close to one."""
        ...

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Integral of the factor over time: the deficit over the rate, t where the rate is 0."""
        ...


def _over_rate(deficit: FloatArray, rates: FloatArray, t: FloatArray) -> FloatArray:
    still = rates <= 0
    quotient = deficit / np.where(still, 1.0, rates)
    return np.where(still, t[:, None], quotient)


@dataclass(frozen=True)
class GradientFlow:
    r"""Continuous time: factor :math:`e^{-\lambda t}`.

    Examples
    --------
    >>> import numpy as np
    >>> GradientFlow().factor(np.array([0.0, 1.0]), np.array([2.0]))
    array([[1.        , 0.13533528]])
    """

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        return np.exp(-t[:, None] * rates)

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor."""
        return -np.expm1(-t[:, None] * rates)

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Integral of the factor over time."""
        return _over_rate(self.deficit(rates, t), rates, t)


@dataclass(frozen=True)
class GradientDescent:
    r"""Plain gradient descent of step :math:`\eta`.

    The factor is :math:`(1-\eta\lambda)^n` at :math:`t=\eta n`, exact in the linear regime
    and stable for :math:`\eta\lambda \le 2`.

    Examples
    --------
    >>> import numpy as np
    >>> GradientDescent(0.5).factor(np.array([0.0, 1.0]), np.array([1.0]))
    array([[1.  , 0.25]])
    """

    step_size: float

    def steps(self, t: FloatArray) -> FloatArray:
        """Number of steps at times `t`; refuses times that are not whole steps."""
        count = np.rint(t / self.step_size)
        off = np.abs(count * self.step_size - t) > 1e-6 * np.maximum(t, self.step_size)
        if off.any():
            raise ValueError(
                f"t={t[off][0]:g} is no multiple of step_size={self.step_size:g}; "
                "use t = step_size * numpy.unique(steps)"
            )
        return count

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        return np.power(1.0 - self.step_size * rates, self.steps(t)[:, None])

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor."""
        product = self.step_size * rates
        small = product < 0.5
        slow = np.log1p(-np.where(small, product, 0.0))
        count = self.steps(t)[:, None]
        return np.where(small, -np.expm1(count * slow), 1.0 - self.factor(rates, t))

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Sum of step size times factor over the steps."""
        return _over_rate(self.deficit(rates, t), rates, t)


def dynamics_for(step_size: float | None, momentum: float, nesterov: bool) -> Dynamics:
    """Gradient flow for `step_size` None, else gradient descent; momentum is refused for now."""
    momentum = _checks.non_negative("momentum", momentum)
    if momentum > 0 or nesterov:
        raise ValueError(
            f"momentum={momentum:g}, nesterov={nesterov}: the solver has gradient flow and plain "
            "gradient descent in this version; leave both at their defaults"
        )
    return (
        GradientFlow()
        if step_size is None
        else GradientDescent(_checks.positive("step_size", step_size))
    )
