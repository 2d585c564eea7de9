"""How the network is trained: rule, step size, width, batches; checked once, at entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.clock import recorded_steps
from ntkfreq.pde.time.scheduled import tell_of_idle_steps
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.optimizers import Optimizer, as_optimizer
from ntkfreq.recursion.batches import checked_batches, epoch_batches
from ntkfreq.recursion.rules import Rates, closed_rule

# Steps of a run whose length nobody gave.
STEPS = 1000


@dataclass(frozen=True, eq=False)
class StepwiseTraining(Portable):
    """A rule with all that it needs to be followed.

    Attributes
    ----------
    optimizer : Optimizer
        Update rule with its schedule.
    step_size : float
        Learning rate as it is given to the trainer.
    width : int
        Hidden units m.
    parametrization : {"ntk", "standard"}
        Where the factor of the width stands.
    rates : Rates
        What the limit sees of them.
    batch_size : int or None
        Points a step; None for all.
    order : {"shuffled", "independent"} or ndarray of int, shape (steps, B)
        Which.
    seed : int
        Of the batches.
    """

    optimizer: Optimizer
    step_size: float
    width: int
    parametrization: str
    rates: Rates
    batch_size: int | None
    order: Any
    seed: int

    @classmethod
    def create(
        cls,
        optimizer: Any,
        step_size: Any,
        width: Any,
        parametrization: str,
        decay: tuple[float, float],
        batch_size: int | None,
        order: Any,
        seed: int,
    ) -> StepwiseTraining:
        """Check what a user gives; see :func:`ntkfreq.solve_frequency_pde`."""
        rule = as_optimizer(optimizer)
        closed_rule(rule)
        name = type(rule).__name__
        if step_size is None:
            raise ValueError(
                f"optimizer={name} needs step_size: it is followed step by step; give the learning "
                "rate of the training, for instance step_size=1e-3"
            )
        checks.choice("parametrization", parametrization, ("ntk", "standard"))
        if width is None and (rule.normalized or parametrization == "standard"):
            why = (
                "every parameter moves by about step_size whatever the gradient, so the output "
                "moves by the root of the width times that"
                if rule.normalized
                else "in the standard parametrization the output moves by the width times step_size"
            )
            raise ValueError(f"optimizer={name} needs width, the number of hidden units: {why}")
        width = 1 if width is None else checks.integer("width", width, 1)
        rates = Rates.scaled(
            rule,
            step_size,
            width,
            parametrization=parametrization,
            weight_decay=decay[0],
            frequency_decay=decay[1],
        )
        if isinstance(order, str):
            checks.choice("order", order, ("shuffled", "independent"))
            if order == "independent" and batch_size is None:
                raise ValueError("order='independent' draws batches; give batch_size")
        if batch_size is not None:
            batch_size = checks.integer("batch_size", batch_size, 1)
        seed = checks.integer("seed", seed, 0)
        return cls(rule, float(step_size), width, parametrization, rates, batch_size, order, seed)

    def refuse_beside(self, equation: FrequencyEquation, momentum: float, nesterov: bool) -> None:
        """Refuse a second momentum, and weights of points beside batches, which count alike."""
        if momentum != 0 or nesterov:
            raise ValueError(
                f"momentum={checks.show(momentum)}, nesterov={checks.show(nesterov)}: rules that "
                "are followed step by step have their own; give optimizer=HeavyBall(momentum) or "
                "Nesterov(momentum)"
            )
        weights = getattr(equation.measure, "weights", None)
        batched = self.batch_size is not None or not isinstance(self.order, str)
        if batched and weights is not None and np.ptp(weights) > 1e-12 * np.max(weights):
            raise ValueError(
                "batch_size or order with weighted points: the points of a batch count alike; "
                "leave the weights out, or see all points at every step"
            )

    def times(self, steps: IntArray) -> FloatArray:
        """Training time at steps, step size times step; with a schedule, the sum of the steps."""
        schedule = self.optimizer.schedule
        if schedule.constant:
            return self.step_size * steps.astype(np.float64)
        factors = [schedule.factor(step) for step in range(int(steps[-1]))]
        return np.asarray(self.step_size * np.append(0.0, np.cumsum(factors))[steps])

    def steps_at(self, t: Any) -> IntArray:
        """The steps at times of a user, which must be whole ones."""
        clock = checks.times("t", t)
        if not self.optimizer.schedule.constant:
            raise ValueError(
                f"t with schedule={self.optimizer.schedule!r}: steps are not all alike; give "
                "steps= instead, the last step or those to record"
            )
        steps = np.rint(clock / self.step_size)
        off = np.abs(steps * self.step_size - clock) > 1e-6 * np.maximum(clock, self.step_size)
        if off.any():
            raise ValueError(
                f"t={clock[off][0]:g} is no multiple of step_size={self.step_size:g}; use "
                "t = step_size * numpy.unique(steps), or steps="
            )
        return steps.astype(np.int64)

    def recorded(self, t: Any, steps: Any) -> IntArray:
        """Steps to record: those of a user, or 64 in a thousand, evenly in log(1 + step)."""
        if t is not None and steps is not None:
            raise ValueError("t and steps say the same thing twice; give one of them")
        if t is not None:
            return self.steps_at(t)
        found = recorded_steps(STEPS if steps is None else steps)
        tell_of_idle_steps(self.optimizer.schedule, int(found[-1]))
        return found

    def batches(self, steps: int, points: int) -> IntArray | None:
        """Points that each step sees, (steps, B), those of `train` with this seed; None for all."""
        if not isinstance(self.order, str):
            given = checked_batches(self.order, steps, points)
            if self.batch_size not in (None, given.shape[1]):
                raise ValueError(
                    f"batch_size={self.batch_size} is not that of order, whose batches have "
                    f"{given.shape[1]} point(s); leave batch_size out"
                )
            return given
        if self.batch_size is None:
            return None
        if self.order == "shuffled":
            return epoch_batches(points, self.batch_size, steps, self.seed)
        size = checks.integer("batch_size", self.batch_size, 1, points)
        rows = [
            np.random.default_rng([self.seed, step, 1]).choice(
                points, size, replace=False, shuffle=False
            )
            for step in range(steps)
        ]
        return np.array(rows)
