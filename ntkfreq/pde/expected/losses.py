"""Losses over random initial outputs: their mean and spread without drawing a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ntkfreq._support.display import Described, course, span
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, FloatArray, Function
from ntkfreq.files.labelled import about
from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.batches.losses import batch_losses
from ntkfreq.pde.batches.result import BatchLosses
from ntkfreq.pde.clock import checked_tolerance, dynamics_clock
from ntkfreq.pde.expected.ensemble import ensemble_of, method_for_all, rule_and_clock
from ntkfreq.pde.expected.on_batches import (
    or_unknown,
    refuse_hidden_layers,
    rule_of,
    steps_on_batches,
)
from ntkfreq.pde.expected.prior import Prior
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.time.dynamics import dynamics_for
from ntkfreq.pde.time.system import Evolution
from ntkfreq.problem.given import DensityLike, TargetLike, TestLike
from ntkfreq.problem.layers.asked import hidden_layers
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.rates import PerLayer
from ntkfreq.problem.measure import Measure
from ntkfreq.problem.optimizers import Optimizer

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class ExpectedLosses(Described):
    """Mean and standard deviation of the losses over random initial outputs.

    Attributes
    ----------
    t : ndarray, shape (T,)
        Times.
    train_mean, train_std : ndarray, shape (T,)
        Of the training loss, a mean square over the data.
    test_mean, test_std : ndarray, shape (T,), or None
        Of the test loss; None where the target is unknown off the data.
    status : str
        Starts with "converged", "tolerance not met" or "limited by rounding", then the reason.
        Errors are those of the states, relative to the largest of target and initial outputs.
    """

    t: FloatArray
    train_mean: FloatArray
    train_std: FloatArray
    test_mean: FloatArray | None
    test_std: FloatArray | None
    status: str = ""

    def _facts(self) -> dict[str, str]:
        tested = {} if self.test_mean is None else {"test_mean": course(self.test_mean)}
        facts = {"t": span(self.t), "train_mean": course(self.train_mean)} | tested
        return facts | {"status": self.status.partition(":")[0]}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Means over time, with bands of one standard deviation.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            See :func:`ntkfreq.plotting.plot_expected_losses`.
        """
        from ntkfreq.plotting import plot_expected_losses

        return plot_expected_losses(self, ax=ax)

    def to_xarray(self) -> xr.Dataset:
        """Labelled dataset of means and standard deviations, with units."""
        import xarray as xr

        names = ("train_mean", "train_std", "test_mean", "test_std")
        known = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return xr.Dataset(
            {name: ("t", row, about(name)) for name, row in known.items()},
            {"t": ("t", self.t, about("t"))},
            {"status": self.status},
        )


@guarded
def expected_losses(
    rho_w: DensityLike,
    target: TargetLike,
    *,
    sigma_a: float = 1.0,
    measure: Measure | None = None,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    decay_towards: str = "zero",
    t: ArrayLike | None = None,
    test: TestLike | None = None,
    step_size: float | None = None,
    optimizer: str | Optimizer | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    rtol: float = 1e-6,
    method: str = "auto",
    batch_size: int | None = None,
    order: str | ArrayLike = "shuffled",
    rng: int | np.random.Generator | None = 0,
    steps: int | ArrayLike | None = None,
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    train_frequencies: bool = True,
) -> ExpectedLosses:
    r"""Mean and standard deviation of train and test loss over random initial outputs.

    A network starts at a draw of a Gaussian process of covariance
    :math:`\sigma_a^2 k(x - x')`, and its error depends on that draw linearly,
    :math:`e(t) = E_t \zeta + \mu_t` with standard normal :math:`\zeta`. So without any sampling

    .. math:: \mathbb E\,L = |\mu_t|^2 + \operatorname{tr} E_t^\top E_t, \qquad
              \operatorname{Var} L = 2\operatorname{tr}(E_t^\top E_t)^2 + 4 |E_t^\top \mu_t|^2 .

    Parameters
    ----------
    rho_w, target, sigma_a, measure, weight_decay, frequency_decay, decay_towards, t, test
        As for :func:`ntkfreq.solve_frequency_pde`; the measure is Points or a Box in one
        dimension.
    step_size, optimizer, momentum, nesterov, rtol, method
        As there; "lanczos" follows one state, not all draws, and is refused.
    batch_size, order, rng
        Batches, as for :func:`ntkfreq.batch_losses`: the mean is over them as well. Of batches
        that are drawn for each step by itself means are exact, and standard deviations NaN.
    steps : int or array_like of int, optional
        The last step, or those to record, instead of `t`.
    depth, activation, sigma_w, sigma_b, train_frequencies
        Hidden layers, as for :func:`ntkfreq.solve_frequency_pde`; on Points, without batches.

    Returns
    -------
    ExpectedLosses
        Means and standard deviations at each time.

    Raises
    ------
    ValueError, TypeError
        On Line and Grid, where a random initial output has infinite energy, and for what
        :func:`ntkfreq.solve_frequency_pde` refuses.

    Notes
    -----
    Behind L hidden layers the covariance of the initial output is
    :math:`\sigma_a^2 S_L(k(x - x'))`, with the covariance :math:`S_L` of the units of the last
    layer (formulas: :func:`ntkfreq.deep_density`), and the errors move by the kernel
    :math:`F(k) + x\cdot x'\,G(k)`. Means need this covariance alone. Standard deviations are
    fourth moments, which are those of a Gaussian process: at finite width the initial output has
    heavier tails, and its kernel, which is random as well, is drawn with it.

    References
    ----------
    Lee et al., arXiv 1711.00165, for the initial output of deep networks.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 12)
    >>> losses = expected_losses(Normal(scale=5.0), (x, np.sin(3 * x)), t=[0.0, 100.0])
    >>> losses.train_mean.round(4)
    array([1.4792, 0.0036])
    >>> deep = expected_losses(
    ...     Normal(scale=5.0), (x, np.sin(3 * x)), t=[0.0, 100.0], depth=2, activation="tanh"
    ... )
    >>> deep.train_mean.round(4)
    array([1.4792, 0.    ])
    """
    solver = method_for_all(
        "expected losses",
        rho_w,
        target,
        measure=measure,
        layers=hidden_layers(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies),
        method=method,
        sigma_a=sigma_a,
        weight_decay=weight_decay,
        frequency_decay=frequency_decay,
        decay_towards=decay_towards,
    )
    equation = solver.equation
    rtol = checked_tolerance(rtol)
    if batch_size is not None or not isinstance(order, str) or order != "shuffled":
        refuse_hidden_layers(equation)
        dynamics = dynamics_for(step_size, momentum, nesterov, optimizer)
        found = batch_losses(
            equation.density,
            equation.target,
            step_size=dynamics.step_size or 0.0,
            batch_size=batch_size,
            order=order,
            optimizer=rule_of(dynamics, optimizer),
            steps=steps_on_batches(
                equation, dynamics, dynamics_clock(solver, dynamics, t, steps), method
            ),
            rng=rng,
            test=cast(Any, test),
            sigma_a=equation.sigma_a,
            initial_output="random",
        )
        return _of_batches(found)
    dynamics, clock = rule_and_clock(solver, step_size, momentum, nesterov, optimizer, t, steps)
    where = resolve_test(solver, test, 0.0)
    ensemble = ensemble_of(solver, dynamics, clock, where, rtol, where.outputs)
    train, tested, points = [], [], where.points
    for evolution, state in ensemble.states():
        train.append(_train_moments(evolution, state, ensemble.prior))
        if points is not None:
            tested.append(_test_moments(evolution, ensemble.prior, points))
    means = np.array(train)
    others = means if where.on_data else np.array(tested) if tested else None
    return ExpectedLosses(
        clock,
        means[:, 0],
        means[:, 1],
        None if others is None else others[:, 0],
        None if others is None else others[:, 1],
        ensemble.status,
    )


def _of_batches(found: BatchLosses) -> ExpectedLosses:
    tested = found.test_mean
    return ExpectedLosses(
        found.t,
        found.train_mean,
        or_unknown(found.train_std, found.t),
        tested,
        None if tested is None else or_unknown(found.test_std, found.t),
        found.status,
    )


def _moments(draws: FloatArray, mean: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of the squared norm of draws (r, n) zeta + mean (n,)."""
    gram = draws @ draws.T
    variance = 2 * float(np.sum(gram**2)) + 4 * float(np.sum((draws @ mean) ** 2))
    return float(np.trace(gram) + mean @ mean), float(np.sqrt(variance))


def _train_moments(evolution: Evolution, state: FloatArray, prior: Prior) -> tuple[float, float]:
    mean, spread = _moments(state[:-1], state[-1])
    system = prior.system
    left = float(system.equation.decay.damping(evolution.t[0]))
    unlearned = max(float(system.moments[2] - np.sum(system.goal**2)), 0.0)
    return mean + left**2 * prior.unrepresented + unlearned, spread


def _test_moments(evolution: Evolution, prior: Prior, points: TestSet) -> tuple[float, float]:
    rows = prior.tested(evolution, points)
    return _moments(rows[:-1], rows[-1])
