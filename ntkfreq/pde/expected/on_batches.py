"""What expected losses ask of the mean over batches: a rule, and whole steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.scheduled import ScheduledDynamics
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.problem.optimizers import GradientDescent, HeavyBall, Nesterov, Optimizer


def refuse_hidden_layers(equation: FrequencyEquation) -> None:
    """Refuse hidden layers."""
    if equation.layers is not None:
        raise ValueError(
            f"batch_size or order with depth={equation.layers.depth}: the mean over batches is "
            "known without hidden layers; leave batch_size and order out, or train networks"
        )


def steps_on_batches(
    equation: FrequencyEquation, dynamics: Dynamics, clock: FloatArray, method: str
) -> IntArray:
    """The steps at times (T,), or a refusal of what batches do not know."""
    measure: Any = equation.measure
    if not is_measure(measure, Points):
        raise ValueError(
            f"batch_size with measure={measure!r}: batches are drawn from samples; give "
            "target=(x, y) with Points, or leave batch_size and order out"
        )
    if measure.weights is not None and np.ptp(measure.weights) > 1e-12 * np.max(measure.weights):
        raise ValueError(
            "batch_size with weighted points: the points of a batch count alike; leave the "
            "weights out, or see all points at every step"
        )
    if equation.weight_decay > 0 or equation.frequency_decay > 0:
        raise ValueError(
            f"weight_decay={equation.weight_decay:g}, frequency_decay="
            f"{equation.frequency_decay:g} with batches: the mean over batches is known without "
            "decay; leave one of them out"
        )
    if method not in ("auto", "gram"):
        raise ValueError(
            f"method={method!r} with batches, which are followed on the Gram matrix; leave method "
            "out"
        )
    if dynamics.step_size is None:
        raise ValueError("batch_size or order without step_size: batches are seen step by step")
    if isinstance(dynamics, ScheduledDynamics):
        return dynamics.steps(clock)
    dynamics.refuse_times(clock)
    return np.rint(clock / dynamics.step_size).astype(np.int64)


def rule_of(dynamics: Dynamics, optimizer: Any) -> str | Optimizer:
    """The optimizer, or that of a momentum given as a number."""
    if optimizer is not None:
        rule: str | Optimizer = optimizer
        return rule
    if dynamics.momentum == 0:
        return GradientDescent()
    return Nesterov(dynamics.momentum) if dynamics.nesterov else HeavyBall(dynamics.momentum)


def or_unknown(spread: FloatArray | None, t: FloatArray) -> FloatArray:
    """Standard deviations (T,); NaN where only means are known."""
    return np.full(len(t), np.nan) if spread is None else spread
