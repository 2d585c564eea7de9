"""The time of a prediction step by step, for who asks before it begins."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, DrawnNetwork, Function
from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.clock import checked_tolerance
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.stepped.duration import run_seconds
from ntkfreq.pde.stepped.solve import (
    RTOL,
    fitting_network,
    network_width,
    outputs_at,
    refuse_stepwise,
)
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.given import DensityLike, TargetLike, TestLike
from ntkfreq.problem.measure import Measure
from ntkfreq.problem.optimizers import Optimizer


@guarded
def stepwise_seconds(
    rho_w: DensityLike,
    target: TargetLike,
    *,
    sigma_a: float = 1.0,
    measure: Measure | None = None,
    initial_output: Function | None = None,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    t: ArrayLike | None = None,
    test: TestLike | None = None,
    step_size: float | None = None,
    optimizer: str | Optimizer = "adam",
    width: int | None = None,
    parametrization: str = "ntk",
    steps: int | ArrayLike | None = None,
    batch_size: int | None = None,
    order: str | ArrayLike = "shuffled",
    initial: DrawnNetwork | None = None,
    rtol: float | None = None,
) -> float:
    """Seconds that `solve_frequency_pde` is expected to take for a rule that is followed.

    Rules such as Adam are followed step by step; on many points or in many steps that takes
    minutes. This asks beforehand, in less than a second.

    Parameters
    ----------
    rho_w, target, sigma_a, measure, initial_output, weight_decay, frequency_decay
        As for :func:`ntkfreq.solve_frequency_pde`, as are all others.
    t, test, step_size, optimizer, width, parametrization, steps, batch_size, order, initial, rtol
        The optimizer is Adam by default.

    Returns
    -------
    float
        Seconds on as many cores as are idle, by constants measured on a server of 2023: right
        within a factor of two there. Compiling, once after an installation, takes some ten seconds
        more. Where the nodes for `rtol` turn out too few for this target, more are taken, which can
        take some times as long.

    Raises
    ------
    ValueError, TypeError
        For what :func:`ntkfreq.solve_frequency_pde` refuses, other than a run that takes too long.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, stepwise_seconds
    >>> x = np.linspace(-1, 1, 100)
    >>> training = {"step_size": 1e-3, "width": 4096, "steps": 1000}
    >>> stepwise_seconds(Normal(scale=10), (x, np.sin(9 * x)), **training) < 2
    True
    >>> stepwise_seconds(Normal(scale=10), (x, np.sin(9 * x)), rtol=1e-6, **training) > 10
    True
    """
    equation = FrequencyEquation.create(
        rho_w,
        target,
        measure=measure,
        sigma_a=sigma_a,
        initial_output=initial if initial_output is None else initial_output,
        weight_decay=weight_decay,
        frequency_decay=frequency_decay,
    )
    training = StepwiseTraining.create(
        optimizer,
        step_size,
        width if initial is None else network_width(initial, width),
        parametrization,
        (equation.weight_decay, equation.frequency_decay),
        batch_size,
        order,
        0,
    )
    refuse_stepwise(equation, "auto", training)
    training.refuse_beside(equation, 0.0, False)
    recorded, solver = training.recorded(t, steps), method_for(equation)
    grid = solver.default_frequencies()
    highest = float(np.linalg.norm(grid.reshape(len(grid), -1), axis=1).max())
    return run_seconds(
        equation,
        training,
        outputs_at(equation, resolve_test(solver, test, highest)),
        recorded,
        checked_tolerance(RTOL if rtol is None else rtol),
        None if initial is None else fitting_network(initial, equation.dim),
    )[0]
