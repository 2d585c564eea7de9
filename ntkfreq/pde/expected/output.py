"""The output over random initial networks: its mean and spread without drawing one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ArrayLike, Function, PointsLike
from ntkfreq.pde.clock import checked_tolerance
from ntkfreq.pde.expected.ensemble import ensemble_of, method_for_all, rule_and_clock
from ntkfreq.pde.expected.output_moments import OutputMoments
from ntkfreq.pde.expected.output_result import ExpectedOutput, standard
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.problem.given import DensityLike, TargetLike
from ntkfreq.problem.layers.asked import hidden_layers
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.rates import PerLayer
from ntkfreq.problem.measure import Measure, Points, is_measure
from ntkfreq.problem.optimizers import Optimizer


@guarded
def expected_output(
    rho_w: DensityLike,
    target: TargetLike,
    x: PointsLike,
    *,
    sigma_a: float = 1.0,
    measure: Measure | None = None,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    decay_towards: str = "zero",
    t: ArrayLike | None = None,
    step_size: float | None = None,
    optimizer: str | Optimizer | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    rtol: float = 1e-6,
    method: str = "auto",
    steps: int | ArrayLike | None = None,
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    train_frequencies: bool = True,
    covariance: bool = False,
    batch_size: int | None = None,
) -> ExpectedOutput:
    r"""Mean and standard deviation of the output over random initial outputs, at points.

    A wide network starts at a draw :math:`f_0` of a Gaussian process of covariance
    :math:`\sigma_a^2 k(x - x')`, and its output depends on that draw linearly. So at every time it
    is a Gaussian process: its mean is the solution from :math:`f_0 = 0`, and with samples X,
    weights W and the kernel K of the flow, without decay,

    .. math:: f(x, t) = \bar f(x, t) + f_0(x) - K(x, X)\,W\,\psi_t(K(X, X)\,W)\,f_0(X), \qquad
              \psi_t(\lambda) = \frac{1 - e^{-\lambda t}}{\lambda} .

    Parameters
    ----------
    rho_w, target
        As for :func:`ntkfreq.solve_frequency_pde`.
    x : array_like, shape (n,) or (n, d)
        Where the output is asked for; anywhere for Points, on the box for a Box.
    sigma_a, measure, weight_decay, frequency_decay, decay_towards, t
        As for :func:`ntkfreq.solve_frequency_pde`; the measure is Points or a Box in one
        dimension.
    step_size, optimizer, momentum, nesterov, rtol, method
        As there; "lanczos" follows one state, not all draws, and is refused.
    steps : int or array_like of int, optional
        The last step, or those to record, instead of `t`.
    depth, activation, sigma_w, sigma_b, train_frequencies
        Hidden layers, as for :func:`ntkfreq.solve_frequency_pde`; on Points.
    covariance : bool, default False
        Whether to return the covariance between the outputs at two points as well.
    batch_size : None
        Refused: batches scatter outputs themselves, and only losses are known over them.

    Returns
    -------
    ExpectedOutput
        Means and standard deviations at each time and point.

    Raises
    ------
    ValueError, TypeError
        On Line and Grid, where a random initial output has infinite energy, on batches, and for
        what :func:`ntkfreq.solve_frequency_pde` refuses.

    Notes
    -----
    This is what an ensemble of trained networks scatters by, not the posterior of a Gaussian
    process. At late times it vanishes at the samples, and off them it stays as it is for a network
    that starts at a random output: a training loss of 0 does not show it. Weight decay fades it as
    :math:`e^{-\gamma_a t}` where nothing is learned. It is the limit of infinite width: at finite
    width the kernel is random as well, which adds to the spread.

    References
    ----------
    Lee et al., arXiv 1902.06720, equations (14) to (16), for the Gaussian process of trained
    networks; arXiv 1711.00165 for the initial output of deep ones.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 5)
    >>> output = expected_output(
    ...     Normal(scale=5.0), (x, np.sin(3 * x)), [0.0, 0.25, 3.0], t=[0.0, 1e3]
    ... )
    >>> output.mean.round(2) + 0.0
    array([[0.  , 0.  , 0.  ],
           [0.  , 0.41, 0.  ]])
    >>> output.std.round(2) + 0.0
    array([[1.  , 1.  , 1.  ],
           [0.  , 0.77, 1.  ]])
    """
    solver = method_for_all(
        "expected outputs",
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
    if batch_size is not None:
        raise ValueError(
            f"batch_size={checks.show(batch_size)}: the spread of outputs is known over initial "
            "networks that see all samples at every step; leave batch_size out, or take "
            "expected_losses, which averages over batches"
        )
    equation, rtol = solver.equation, checked_tolerance(rtol)
    points = checks.points("x", x, equation.dim, equation.axis)
    dynamics, clock = rule_and_clock(solver, step_size, momentum, nesterov, optimizer, t, steps)
    count = len(points)
    refuse_memory(
        f"outputs at {len(clock)} times and {count} points x",
        8.0 * len(clock) * count * (2 + (count if covariance else 0)),
        "give fewer points x or times t" + (", or leave covariance out" if covariance else ""),
    )
    where = TestSet.even(points, np.zeros(count))
    ensemble = ensemble_of(solver, dynamics, clock, where, rtol, None)
    ensemble.prior.refuse_outside("x", points)
    found = OutputMoments(ensemble, points)
    if covariance:
        mean, between = found.covariance()
        std = standard(between)
    else:
        (mean, std), between = found.moments(), None
    flat = equation.dim == 1
    return ExpectedOutput(
        t=clock,
        x=points[:, 0] if flat else points,
        mean=mean,
        std=std,
        covariance=between,
        samples=_samples(equation, flat),
        axis=equation.axis,
        status=ensemble.status,
    )


def _samples(equation: Any, flat: bool) -> Any:
    """Points and values of the data, of a measure that consists of some."""
    measure = equation.measure
    if not is_measure(measure, Points):
        return None
    return measure.x[:, 0] if flat else measure.x, equation.target.at(measure.x)
