"""A rule linear in the gradients, in the form that batches are followed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.scheduled import ScheduledDynamics

# Growth of the mean loss that no rule recovers from.
_GROWN = 1e6


@dataclass(frozen=True)
class BatchRule:
    """Velocity v <- beta v + g, and the move a g + c v of the velocity before.

    Attributes
    ----------
    beta, of_gradient, of_velocity : float
        beta, a and c.
    step_size : float
        Step size, for messages.
    """

    beta: float
    of_gradient: float
    of_velocity: float
    step_size: float

    @classmethod
    def of(cls, dynamics: Dynamics) -> BatchRule:
        """That of discrete dynamics.

        Examples
        --------
        >>> from ntkfreq.pde.time.dynamics import HeavyBallDynamics, NesterovDynamics
        >>> BatchRule.of(HeavyBallDynamics(0.1, 0.5)).of_gradient
        1.0
        >>> rule = BatchRule.of(NesterovDynamics(0.1, 0.5))
        >>> rule.of_gradient, rule.of_velocity
        (1.5, 0.25)
        """
        beta, step_size = dynamics.momentum, float(dynamics.step_size or 0.0)
        if dynamics.nesterov:
            return cls(beta, 1 + beta, beta**2, step_size)
        return cls(beta, 1.0, beta, step_size)

    def refuse_growth(self, growth: float, step: int, size: int) -> None:
        """Refuse batches under which the mean loss grows without bound."""
        if growth > _GROWN:
            raise ValueError(
                f"step_size={self.step_size:g} with batches of {size}: the mean loss grows without "
                f"bound, {growth:.1e}-fold by step {step}, though a step on all samples is stable; "
                "take a smaller step_size or a larger batch_size"
            )


def step_sizes(dynamics: Dynamics, last: int) -> FloatArray:
    """Size of each of the first steps, (last,)."""
    step_size = float(dynamics.step_size or 0.0)
    if isinstance(dynamics, ScheduledDynamics):
        factors = [dynamics.schedule.factor(step) for step in range(last)]
        return step_size * np.array(factors, dtype=np.float64)
    return np.full(last, step_size)
