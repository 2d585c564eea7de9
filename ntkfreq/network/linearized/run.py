"""Train the linearization of a network about its start, by any update rule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ArrayLike, FloatArray, IntArray, PointsLike
from ntkfreq.network.backends import refuse_lost_phases
from ntkfreq.network.batch_order import BatchOrder
from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.inputs import (
    TrainingData,
    checked_data,
    checked_descent,
    checked_frequencies,
    data_of,
)
from ntkfreq.network.linearized.path import follow
from ntkfreq.network.linearized.result import FAITHFUL, LinearizedRun
from ntkfreq.network.linearized.tangent import Tangent
from ntkfreq.network.mlp import FourierFeatureMLP
from ntkfreq.network.record_steps import record_steps
from ntkfreq.ntk.module import is_module
from ntkfreq.problem.given import Pair, pair_of
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.spectra.frequency_grid import default_frequencies


def train_linearized(
    net: Any,
    x: PointsLike | Pair,
    y: ArrayLike | None = None,
    *,
    step_size: float,
    steps: int,
    optimizer: str | Optimizer = "adam",
    freeze_frequencies: bool = False,
    test: Pair | None = None,
    frequencies: ArrayLike | None = None,
    record: int | Sequence[int] | IntArray = 64,
    dtype: str = "float64",
) -> LinearizedRun:
    r"""Train the linearization of a network about its start, and measure what it leaves out.

    .. math:: f_{lin}(x) = f(x;\theta_0) + J(x)\,(\theta - \theta_0), \qquad
              g = J^\top (f_{lin} - y)/N,

    with the update rule on g in the parameters as they are. Deep networks have no limit under Adam
    in this package. Where the parameters move so little that the linearization holds, this is
    what Adam does to *this* network, for the price of its training. Whether it holds is measured
    on the way: `departure` compares the output of the network itself at the same parameters. Below
    0.15 half-times of bands are those of the trained network to some per cent; above it they may
    be off by factors, and a warning says so.

    Parameters
    ----------
    net : FourierFeatureMLP or torch.nn.Module
        Network to start from, which stays as it is; of a module all parameters that require a
        gradient are trained, in its own parametrization.
    x : array_like, shape (N,) for d = 1, else (N, d)
        Training points; or the pair (x, y).
    y : array_like, shape (N,)
        Values there.
    step_size : float
        Step size, the learning rate of PyTorch.
    steps : int
        Number of steps, each on all points.
    optimizer : str or Optimizer
        Update rule, as in `train`.
    freeze_frequencies : bool
        Train everything but w. In a module, freeze parameters by ``requires_grad_(False)``.
    test : (x_test, y_test), optional
        Test points and values.
    frequencies : array_like, shape (F,) or (F, d), optional
        Angular frequencies at which bands are read. Default: a grid that resolves the extent of
        the data and reaches to where 99.9 % of the energy of the initial error lies.
    record : int or array_like of int
        Number of records, evenly in log(1 + step), or the steps to record.
    dtype : {"float64", "float32"}
        Precision of the steps.

    Returns
    -------
    LinearizedRun
        With a UserWarning when the departure exceeds 0.15.

    Raises
    ------
    TypeError, ValueError
        On bad input, a module that has several outputs or cannot be differentiated, and steps
        that are too large: the loss grows beyond bounds.
    ImportError
        Without PyTorch.

    References
    ----------
    Lee et al., arXiv 1902.06720, section 2.2 (linearized networks, by gradient descent).

    Examples
    --------
    >>> from ntkfreq import FourierFeatureMLP, Normal
    >>> net = FourierFeatureMLP.sample(Normal(scale=4.0), 256, activation="relu", rng=0)
    >>> x = np.linspace(-1, 1, 20)
    >>> run = train_linearized(net, x, np.sin(5 * x), step_size=1e-4, steps=100)
    >>> run.faithful, run.parameters
    (True, 197632)
    """
    data = _checked(net, *pair_of(x, y), test)
    steps = checks.integer("steps", steps, 1)
    whole = BatchOrder(None, "shuffled", None)
    descent = checked_descent(step_size, 0.0, 0.0, 0.0, freeze_frequencies, optimizer, whole, "ntk")
    records = record_steps(record, steps)
    grid = None if frequencies is None else checked_frequencies(frequencies, data.x.shape[1])
    tangent = Tangent.of(
        net, descent.freeze_frequencies, checks.choice("dtype", dtype, ("float64", "float32"))
    )
    every = len(data.x) if data.x_test is None else len(data.x) + len(data.x_test)
    tangent.refuse_large(every, descent.optimizer.slots)
    kept = follow(tangent, data, descent, records)
    test_values = np.zeros(0) if data.y_test is None else data.y_test
    if grid is None:
        grid = default_frequencies(data.x, kept.output[0] - data.y, 0.0)
    run = LinearizedRun(
        step=records,
        train_loss=_mean_square(kept.output - data.y),
        test_loss=None if kept.tested is None else _mean_square(kept.tested - test_values),
        train_output=kept.output,
        output=kept.output if kept.tested is None else kept.tested,
        departure=kept.departure,
        x=_as_given(data.x),
        y=data.y,
        test=None if data.x_test is None else (_as_given(data.x_test), test_values),
        frequencies=grid,
        optimizer=descent.optimizer,
        step_size=descent.step_size,
        parameters=tangent.parameters,
    )
    if not run.faithful:
        warnings.warn(
            f"the network departs from its linearization by {run.departure.max():.2g} of the error "
            f"at the start: above {FAITHFUL:g} its training may go otherwise; train it, or make "
            "it wider, with weights of order one in the NTK parametrization",
            UserWarning,
            stacklevel=2,
        )
    return run


def _checked(net: Any, x: Any, y: Any, test: Any) -> TrainingData:
    if isinstance(net, FourierFeatureNet):
        raise TypeError(
            "net=FourierFeatureNet(...) has a limit of its own; solve_frequency_pde(..., "
            "initial=net) follows its units without linearization"
        )
    if is_module(net):
        return data_of(x, y, test)
    if not isinstance(net, FourierFeatureMLP):
        raise TypeError(
            f"net={checks.show(net)} must be a FourierFeatureMLP or a torch.nn.Module with one "
            "output"
        )
    data = checked_data(net, x, y, test)[1]
    for points in (data.x, data.x_test):
        if points is not None:
            refuse_lost_phases(net.w, points)
    return data


def _as_given(x: FloatArray) -> FloatArray:
    return x[:, 0] if x.shape[1] == 1 else x


def _mean_square(errors: FloatArray) -> FloatArray:
    return np.asarray(np.mean(errors**2, axis=1))
