r"""Gradient descent and momentum whose steps follow a schedule, exactly.

A mode of rate :math:`\lambda` is multiplied by :math:`\prod_i (1 - \eta_i\lambda)` under gradient
descent; with momentum, from rest, by the recursion :math:`v \leftarrow \beta v + e`,
:math:`e \leftarrow e - \eta_i\lambda v` (heavy ball) or :math:`e - \eta_i\lambda(e + \beta v)`
(Nesterov). What the output gains is followed beside it, so that slow modes lose no digits.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_work
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.companion import GROWTH
from ntkfreq.problem.decay import Decay
from ntkfreq.problem.optimizers import Momentum, Optimizer
from ntkfreq.problem.step_schedules import Schedule

# Most steps, and operations of a run: a step of a mode takes about three.
_MOST_STEPS = 1_000_000
# Steps among which a default clock ends, and its records.
_DEFAULT, _RECORDS = 100_000, 64


@dataclass(frozen=True)
class ScheduledDynamics:
    r"""Steps :math:`\eta_n = \eta\,\phi_n` of gradient descent or momentum.

    Parameters
    ----------
    step_size : float
        :math:`\eta`.
    momentum : float
        :math:`\beta`; 0 for gradient descent.
    nesterov : bool
        Whether the momentum is Nesterov's.
    schedule : Schedule
        The factors :math:`\phi_n`.

    Examples
    --------
    >>> from ntkfreq.problem.step_schedules import Warmup
    >>> dynamics = ScheduledDynamics(0.5, 0.0, False, Warmup(2))
    >>> t = dynamics.times(np.array([0, 1, 2]))
    >>> t, dynamics.factor(np.array([1.0]), t).ravel()
    (array([0.  , 0.25, 0.75]), array([1.   , 0.75 , 0.375]))
    """

    step_size: float
    momentum: float
    nesterov: bool
    schedule: Schedule

    @property
    def schedule_text(self) -> str:
        """The schedule."""
        return repr(self.schedule)

    @property
    def acceleration(self) -> float:
        """How many times faster than gradient flow slow modes are learned."""
        return 1 / (1 - self.momentum)

    @cached_property
    def _clock(self) -> list[FloatArray]:
        return [np.zeros(1)]

    def times(self, steps: IntArray) -> FloatArray:
        """The sum of the step sizes before steps (T,)."""
        last, known = int(np.max(steps)), self._clock[0]
        if len(known) <= last:
            wanted = min(max(last, 2 * len(known)), _MOST_STEPS)
            if last > wanted:
                raise ValueError(
                    f"steps ends at {last}, above {_MOST_STEPS}, the most that a schedule is "
                    "followed for; record fewer, or leave the schedule out"
                )
            factors = [self.schedule.factor(n) for n in range(len(known) - 1, wanted)]
            more = known[-1] + self.step_size * np.cumsum(factors)
            self._clock[0] = known = np.append(known, more)
        return np.asarray(known[steps])

    def steps(self, t: FloatArray) -> IntArray:
        """Number of steps at times (T,); refuses times that are not between whole steps."""
        if len(t) == 0:
            return np.zeros(0, dtype=np.int64)
        last = 64
        while self.times(np.array([last]))[0] < t[-1] * (1 - 1e-9) and last < _MOST_STEPS:
            last = min(2 * last, _MOST_STEPS)
        clock = self.times(np.arange(last + 1))
        at = np.searchsorted(clock, t * (1 - 1e-9) - 1e-9 * self.step_size)
        at = np.minimum(at, last)
        off = np.abs(clock[at] - t) > 1e-6 * np.maximum(t, self.step_size)
        if off.any():
            raise ValueError(
                f"t={t[off][0]:g} is no sum of steps of schedule={self.schedule!r} times "
                f"step_size={self.step_size:g}; give steps= instead, the last step or those to "
                "record"
            )
        return np.asarray(at, dtype=np.int64)

    def default_steps(self, until: float) -> IntArray:
        """Steps (T,) evenly in their logarithm, until a time or 100 000 steps."""
        clock = self.times(np.arange(_DEFAULT + 1))
        last = int(np.clip(np.searchsorted(clock, until), 1, _DEFAULT))
        spaced = np.rint(np.expm1(np.linspace(0.0, np.log1p(last), _RECORDS)))
        return np.unique(spaced.astype(np.int64))

    def _run(self, rates: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Remaining share and what the output gained, (T, n) each."""
        steps = self.steps(t)
        last = int(steps[-1]) if len(steps) else 0
        refuse_work(f"{last} steps of {len(rates)} modes", 4.0 * last * len(rates), "fewer steps")
        etas = np.diff(self.times(np.arange(last + 1)))
        left, gained, velocity = np.ones(len(rates)), np.zeros(len(rates)), np.zeros(len(rates))
        most = np.exp(GROWTH)
        both = np.empty((2, len(t), len(rates)))
        row = 0
        for step in range(last + 1):
            while row < len(steps) and steps[row] == step:
                both[0, row], both[1, row] = left, gained
                row += 1
            if step == last:
                break
            velocity = self.momentum * velocity + left
            move = etas[step] * (left + self.momentum * velocity if self.nesterov else velocity)
            gained = gained + move
            # A step that is too large makes modes grow, which must be noticed without an overflow.
            left = np.clip(left - rates * move, -most, most)
        return both[0], both[1]

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        return self._run(rates, t)[0]

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor."""
        return np.asarray(rates * self._run(rates, t)[1])

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """The deficit over the rate, and its limit at rate 0."""
        return self._run(rates, t)[1]

    @cached_property
    def _largest(self) -> float:
        return max(self.schedule.factor(n) for n in range(10_000))

    def max_step_size(self, fastest: float) -> float:
        """Largest step size with which no step of the schedule lets a mode grow."""
        if fastest <= 0:
            return np.inf
        beta = self.momentum
        bound = 2 * (1 + beta) / (1 + 2 * beta if self.nesterov else 1.0)
        return bound / (fastest * self._largest)

    @property
    def fastest_stable(self) -> float:
        """Largest rate that does not grow at the largest step."""
        return self.max_step_size(1.0) / self.step_size

    def refuse_times(self, t: FloatArray) -> None:
        """Refuse times that are no whole steps."""
        self.steps(t)

    def refuse_unstable(self, fastest: float) -> None:
        """Refuse a step with which a mode of rate `fastest` grows."""
        limit = self.max_step_size(fastest)
        if self.step_size > limit:
            raise ValueError(
                f"step_size={self.step_size:g} with schedule={self.schedule!r} exceeds "
                f"max_step_size={limit:.6g}, beyond which its largest steps let a mode grow; take "
                "a smaller step"
            )

    def refuse_decay(self, decay: Decay) -> None:
        """Refuse finite steps under decay, whose coefficients change from step to step."""
        if decay.active:
            raise ValueError(
                f"schedule={self.schedule!r} with weight_decay={decay.weight:g}, "
                f"frequency_decay={decay.frequency:g}: the equation with decay is solved as "
                "gradient flow; leave step_size and optimizer out, or take AdamW, which is "
                "followed step by step"
            )


def scheduled(optimizer: Optimizer, step_size: Any) -> ScheduledDynamics | None:
    """Those of a rule that is linear in the gradients and has a schedule; None for others."""
    found: Momentum | None = optimizer.momentum_if_linear()
    if found is None or optimizer.clip is not None or optimizer.schedule.constant:
        return None
    if step_size is None:
        raise ValueError(
            f"optimizer={checks.show(optimizer)} has a schedule of steps and needs step_size, "
            "which its factors multiply"
        )
    step = checks.positive("step_size", step_size)
    return ScheduledDynamics(step, found.beta, found.nesterov, optimizer.schedule)


def tell_of_idle_steps(schedule: Schedule, last: int) -> None:
    """Warn of a run that is longer than its schedule: its last steps move nothing."""
    if last < 1 or schedule.factor(last - 1) > 0:
        return
    low, high = 0, last - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if schedule.factor(middle) == 0 else (middle + 1, high)
    warnings.warn(
        f"schedule={schedule!r} is 0 from step {low} on, and the run has {last}: nothing moves "
        "after; give fewer steps, or a longer schedule",
        stacklevel=5,
    )
