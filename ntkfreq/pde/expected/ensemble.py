"""All random initial outputs of a problem at once: what losses and outputs over them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.clock import dynamics_clock
from ntkfreq.pde.discretize import discretize
from ntkfreq.pde.expected.prior import Prior, prior_of
from ntkfreq.pde.judging.testset import Tested
from ntkfreq.pde.method import Method
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.solution.outcome import status_of
from ntkfreq.pde.time.columns import readers, respond
from ntkfreq.pde.time.dynamics import Dynamics, dynamics_for
from ntkfreq.pde.time.response import Reader
from ntkfreq.pde.time.system import Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.problem.optimizers import Optimizer


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Draws of the initial output and minus the target, advanced to the last time.

    Attributes
    ----------
    prior : Prior
        The draws.
    t : ndarray, shape (T,)
        Times.
    status : str
        Whether the tolerance was met.
    """

    prior: Prior
    t: FloatArray
    status: str
    parts: list[Reader]

    @property
    def equation(self) -> FrequencyEquation:
        """The problem that is solved."""
        equation: FrequencyEquation = self.prior.system.equation
        return equation

    def states(self) -> Iterator[tuple[Evolution, FloatArray]]:
        """One time after the other, with the errors (r + 1, n); the last row is of the mean."""
        return respond(self.parts, self.t)


def method_for_all(
    what: str,
    rho_w: Any,
    target: Any,
    *,
    measure: Any,
    layers: HiddenLayers | None,
    method: str,
    **settings: Any,
) -> Method[Any]:
    """The method that follows all initial outputs, or a refusal where `what` are not known."""
    if layers is not None and is_measure(measure) and not is_measure(measure, Points):
        raise ValueError(
            f"measure={measure!r} with depth={layers.depth}: the initial output behind hidden "
            "layers is known on samples; give (x, y), or measure=Points(x)"
        )
    if layers is not None:
        settings["sigma_a"] = layers.sigma_a
    equation = FrequencyEquation.create(rho_w, target, measure=measure, layers=layers, **settings)
    solver = method_for(equation, method).for_all_states()
    if solver.without_expectation is not None:
        raise ValueError(
            f"measure={solver.measure!r}: {what} need Points or a Box in one dimension; "
            f"{solver.without_expectation}"
        )
    solver.refuse()
    return solver


def rule_and_clock(
    solver: Method[Any],
    step_size: Any,
    momentum: float,
    nesterov: bool,
    optimizer: str | Optimizer | None,
    t: Any,
    steps: Any,
) -> tuple[Dynamics, FloatArray]:
    """The linear rule of training, and the times (T,)."""
    dynamics = dynamics_for(step_size, momentum, nesterov, optimizer)
    dynamics.refuse_decay(solver.equation.decay)
    return dynamics, dynamics_clock(solver, dynamics, t, steps)


def ensemble_of(
    solver: Method[Any],
    dynamics: Dynamics,
    clock: FloatArray,
    where: Tested,
    rtol: float,
    spanned: FloatArray | None,
) -> Ensemble:
    """All initial outputs advanced to the last time.

    The draws span the initial output at the data, and at the points `spanned` (m, d).
    """
    discretized = discretize(solver, clock, rtol, dynamics, where.outputs)
    dynamics.refuse_times(clock)
    dynamics.refuse_unstable(discretized.fastest_rate)
    prior = prior_of(discretized.system, spanned)
    draws = [_with_target(prior, group) for group in prior.groups]
    parts = readers(discretized, dynamics, clock, draws)
    spent = max(part.error for part in parts)
    judged = replace(discretized, error=max(discretized.error, spent))
    return Ensemble(prior, clock, status_of(solver, judged, dynamics, where, clock, rtol), parts)


def _with_target(prior: Prior, group: Any) -> Callable[[float], FloatArray]:
    """Columns of one block: the draws, and minus the target as the last."""
    goal = prior.system.goal[group]
    return lambda t: np.column_stack([prior.unknowns(t)[group], -goal])
