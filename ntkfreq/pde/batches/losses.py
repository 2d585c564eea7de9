"""Mean losses under batches: exact second moments where there are some, else simulated runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.sizes import refuse_work
from ntkfreq._support.threads import one_thread
from ntkfreq._support.types import ArrayLike, FloatArray, Function, IntArray
from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.batches import moments, orders, simulated
from ntkfreq.pde.batches.modes import BatchModes
from ntkfreq.pde.batches.result import BatchLosses
from ntkfreq.pde.batches.rule import BatchRule, step_sizes
from ntkfreq.pde.clock import recorded_steps
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.time.dynamics import Dynamics, dynamics_for
from ntkfreq.pde.time.scheduled import ScheduledDynamics, tell_of_idle_steps
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.given import DensityLike, Pair, TargetLike
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.problem.target import as_target
from ntkfreq.recursion.batches import checked_batches

ORDERS = ("shuffled", "independent", "repeated")
METHODS = ("auto", "moments", "simulation")
# Standard errors and shares of one run that the status warns of.
_UNSURE, _HEAVY = 0.05, 0.1
# Operations whose time every step takes, however few samples there are.
_A_STEP = 3e5
# Samples from which on linear algebra gains from threads.
_THREADED = 400

# Mean, standard deviation and standard error, (T,) each, where known.
Side: TypeAlias = tuple[Any, Any, Any]


@guarded
def batch_losses(
    rho_w: DensityLike,
    target: TargetLike,
    *,
    step_size: float,
    batch_size: int | None = None,
    order: str | ArrayLike = "shuffled",
    optimizer: str | Optimizer = "gd",
    steps: int | ArrayLike = 1000,
    method: str = "auto",
    draws: int = 4000,
    rng: int | np.random.Generator | None = 0,
    test: Pair | None = None,
    sigma_a: float = 1.0,
    initial_output: Function | str | None = None,
) -> BatchLosses:
    r"""Mean training and test loss of a wide network over the batches that it sees.

    Gradient descent and momentum with any schedule, on the Gram matrix K of the samples; no
    network is drawn or trained. For batches that are drawn for each step by themselves the means
    are exact, from the second moment :math:`M = \mathbb E\,ee^\top`,

    .. math:: M \leftarrow M - \tfrac{\eta}{N}(K M + M K) + \eta^2 K E K, \qquad
              E = \frac{D}{BN} + \frac{B-1}{BN(N-1)}(M - D),

    D the diagonal of M. Shuffled epochs are another law: within an epoch no sample comes twice.
    Their mean is that of `draws` simulated runs of the linear recursion, with its standard error.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies.
    target : (x, y) or Target
        Samples, N of them.
    step_size : float
        Step size, of the NTK parametrization.
    batch_size : int, optional
        Samples a step, B; needed unless `order` gives the batches.
    order : {"shuffled", "independent", "repeated"} or array_like of int, shape (steps, B)
        Which: shuffled anew in every epoch, the last batch of which takes what is left; drawn for
        each step by itself, with no sample twice in a batch, or ("repeated") with repetition; or
        as given by places in x, -1 for none. All but "repeated" as for :func:`ntkfreq.train`.
    optimizer : str or Optimizer
        ``GradientDescent()``, ``HeavyBall(0.9)`` or ``Nesterov(0.9)`` with any schedule, or "gd",
        "heavy_ball", "nesterov".
    steps : int or array_like of int
        The last step, or the steps to record.
    method : {"auto", "moments", "simulation"}
        Exact second moments, which take 4 N r² operations a step, r modes of N; or simulated
        runs, for every order. By default moments for independent batches.
    draws : int
        Simulated runs.
    rng : None, int or numpy Generator
        Source of simulated batches and initial outputs.
    test : (x_test, y_test), optional
        Test points and values.
    sigma_a : float
        Standard deviation of the output weights; 0 freezes the frequencies.
    initial_output : callable, "random" or None
        f_0(x), for instance a network; "random" takes the mean over initial networks as well, as
        :func:`ntkfreq.expected_losses` does; None is zero.

    Returns
    -------
    BatchLosses

    Raises
    ------
    ValueError, TypeError
        For a target without samples, rules that are not linear in the gradients, a step that is
        unstable on all samples or on batches, and second moments that take too long.

    References
    ----------
    Second moments of stochastic gradient descent in kernel regression: Bordelon, Pehlevan, arXiv
    2106.02713. Shuffled epochs: Gürbüzbalaban, Ozdaglar, Parrilo, arXiv 1510.08560.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 32)
    >>> losses = batch_losses(
    ...     Normal(scale=6.0), (x, np.sin(5 * x)), step_size=0.5, batch_size=4,
    ...     order="independent", steps=[0, 10, 100],
    ... )
    >>> losses.train_mean.round(4), losses.method
    (array([0.5385, 0.0959, 0.0001]), 'moments')
    """
    begin = time.perf_counter()
    equation, x, y, random = _problem(rho_w, target, sigma_a, initial_output)
    dynamics = dynamics_for(checks.positive("step_size", step_size), 0.0, False, optimizer)
    recorded = _recorded(dynamics, steps)
    last, runs = int(recorded[-1]), checks.integer("draws", draws, 2)
    refuse_work(f"steps={last}", _A_STEP * last, "give fewer steps")
    size, name, given = _batches(order, batch_size, max(last, 1), len(x))
    exact = _is_exact(name, checks.choice("method", method, METHODS))
    points = resolve_test(method_for(equation, "gram"), test, 0.0).points
    etas, source = step_sizes(dynamics, last), checks.generator("rng", rng)
    with one_thread(len(x) < _THREADED):
        modes = BatchModes.of(equation, x, y, points, random=random)
        dynamics.refuse_unstable(modes.fastest)
        reach = float(etas.sum()) * dynamics.acceleration
        modes = modes.kept(reach, size)
        rule = BatchRule.of(dynamics)
        if exact:
            moments.refuse_long(modes, last)
            runs, share = 0, None
            means = moments.exact_means(modes, rule, etas, recorded, size, name == "repeated")
            sides: list[Side] = [(mean, None, None) for mean in means]
        else:
            runs = 1 if given is not None and not random else runs
            simulated.refuse_long(modes, last, runs, size)
            batches = _drawn(name, given, source, len(x), size)
            found = simulated.simulate(modes, rule, etas, recorded, batches, runs, source, size)
            sides, share = [_summary(losses) for losses in found], _largest_share(found)
    train, tested = sides
    return BatchLosses(
        step=recorded,
        t=np.append(0.0, np.cumsum(etas))[recorded],
        train_mean=train[0],
        test_mean=tested[0],
        train_std=train[1],
        test_std=tested[1],
        train_error=train[2],
        test_error=tested[2],
        method="moments" if exact else "given order" if runs == 1 else "simulation",
        status=_status(exact, runs, sides, share),
        stats={
            "samples": len(x),
            "modes": len(modes.rates),
            "left_out": modes.left_out,
            "draws": runs,
            "largest_share": share,
            "seconds": time.perf_counter() - begin,
        },
    )


def _problem(
    rho_w: Any, target: Any, sigma_a: Any, initial_output: Any
) -> tuple[FrequencyEquation, FloatArray, FloatArray, bool]:
    """The problem on samples, these, and whether initial outputs are random."""
    goal = as_target(target)
    if goal.samples is None:
        raise ValueError(
            f"target={checks.show(target)} is no set of samples, which batches are drawn from; "
            "give the pair (x, y)"
        )
    random = isinstance(initial_output, str)
    if random:
        checks.choice("initial_output", initial_output, ("random",))
        initial_output = None
    equation = FrequencyEquation.create(rho_w, goal, sigma_a=sigma_a, initial_output=initial_output)
    return equation, *goal.samples, random


def _recorded(dynamics: Dynamics, steps: Any) -> IntArray:
    recorded = recorded_steps(steps)
    if isinstance(dynamics, ScheduledDynamics):
        tell_of_idle_steps(dynamics.schedule, int(recorded[-1]))
    return recorded


def _batches(order: Any, size: Any, steps: int, points: int) -> tuple[int, str, IntArray | None]:
    """Samples a step, the name of the order, and the batches where they are given."""
    if not isinstance(order, str):
        given = checked_batches(order, steps, points)
        if size not in (None, given.shape[1]):
            raise ValueError(
                f"batch_size={checks.show(size)} is not that of order, whose batches have "
                f"{given.shape[1]} sample(s); leave batch_size out"
            )
        return given.shape[1], "given", given
    checks.choice("order", order, ORDERS)
    if size is None:
        raise ValueError(
            f"order={order!r} needs batch_size, the samples of a step, for instance 8; for all of "
            "them at every step use solve_frequency_pde"
        )
    size = checks.integer("batch_size", size, 1)
    if size > points:
        raise ValueError(
            f"batch_size={size} is more than the {points} samples; give at most all of them"
        )
    return size, order, None


def _is_exact(name: str, method: str) -> bool:
    """Whether means are exact second moments."""
    alone = name in ("independent", "repeated")
    if method == "moments" and not alone:
        raise ValueError(
            f"method='moments' with {name} batches: only batches that are drawn for each step by "
            "itself have second moments that close; use method='simulation', or "
            "order='independent'"
        )
    return alone and method != "simulation"


def _drawn(
    name: str, given: IntArray | None, rng: np.random.Generator, points: int, size: int
) -> Callable[[int], Iterator[IntArray]]:
    """Batches of a number of runs, from step to step."""

    def batches(runs: int) -> Iterator[IntArray]:
        if given is not None:
            return orders.given(given, runs)
        if name == "shuffled":
            return orders.shuffled(rng, runs, points, size)
        return orders.independent(rng, runs, points, size, name == "repeated")

    return batches


def _summary(losses: FloatArray | None) -> Side:
    """Mean, standard deviation and standard error of losses (T, runs)."""
    if losses is None:
        return None, None, None
    mean, runs = losses.mean(axis=1), losses.shape[1]
    if runs == 1:
        return mean, None, None
    std = losses.std(axis=1, ddof=1)
    return mean, std, std / np.sqrt(runs)


def _largest_share(found: tuple[FloatArray | None, ...]) -> float:
    """The largest part of a mean that a single run has."""
    known = [losses for losses in found if losses is not None]
    return max(
        float(np.max(losses.max(axis=1) / np.maximum(losses.sum(axis=1), 1e-300)))
        for losses in known
    )


def _status(exact: bool, runs: int, sides: list[Side], share: float | None) -> str:
    """How the means were found, and how well they are known."""
    if exact:
        return "exact: second moments of batches that are drawn for each step by itself"
    if runs == 1:
        return "exact: the given batches, one after the other"
    known = [error / np.maximum(mean, 1e-300) for mean, _, error in sides if error is not None]
    worst = max(float(np.max(relative)) for relative in known)
    told = f"simulated: {runs} runs, standard error at most {100 * worst:.2g} % of the mean"
    if worst > _UNSURE:
        told += "; give more draws"
    assert share is not None
    if share > _HEAVY:
        told += (
            f"; one run holds {100 * share:.2g} % of a mean, so that the standard error is itself "
            "unsure"
        )
    return told
