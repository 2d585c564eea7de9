"""Solve the frequency-space equation: the main function of the package."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.threads import one_thread
from ntkfreq._support.types import ArrayLike, DrawnNetwork, FloatArray, Function
from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.clock import checked_tolerance, dynamics_clock
from ntkfreq.pde.demand import refuse_tables
from ntkfreq.pde.discretize import discretize
from ntkfreq.pde.method import Method
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.solution.linear import LinearSolution
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.stepped.solve import (
    RTOL,
    fitting_network,
    network_width,
    refuse_layers,
    refuse_stepwise,
    solve_stepwise,
)
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.pde.time.dynamics import dynamics_for
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.given import DensityLike, TargetLike, TestLike
from ntkfreq.problem.layers.asked import hidden_layers, in_standard
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.rates import PerLayer
from ntkfreq.problem.measure import Measure
from ntkfreq.problem.optimizers import Optimizer, as_optimizer


@guarded
def solve_frequency_pde(
    rho_w: DensityLike,
    target: TargetLike,
    *,
    sigma_a: float = 1.0,
    measure: Measure | None = None,
    initial_output: Function | None = None,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    decay_towards: str = "zero",
    t: ArrayLike | None = None,
    frequencies: ArrayLike | None = None,
    test: TestLike | None = None,
    step_size: float | None = None,
    optimizer: str | Optimizer | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    width: int | None = None,
    parametrization: str = "ntk",
    steps: int | ArrayLike | None = None,
    batch_size: int | None = None,
    order: str | ArrayLike = "shuffled",
    seed: int = 0,
    initial: DrawnNetwork | None = None,
    rtol: float | None = None,
    method: str = "auto",
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    train_frequencies: bool = True,
    drop_constant: bool | None = None,
    readout_decay: float = 0.0,
) -> FrequencySolution:
    r"""Predict which frequencies a random-Fourier-feature network learns when.

    Solves the damped heat equation of the error spectrum under gradient descent,

    .. math:: \partial_t \hat e = (2\pi)^d\left[\sigma_a^2\,\nabla\cdot(\rho_w\nabla\hat v)
              - \rho_w\,\hat v\right], \qquad v = (f-y)\,\mu,

    by finite elements in frequency on :class:`~ntkfreq.Line`, periodic ones with the folded
    density on :class:`~ntkfreq.Grid`, a Legendre-Bessel Galerkin method on
    :class:`~ntkfreq.Box` and the Gram flow on :class:`~ntkfreq.Points`, by its matrix or by
    the waves of the kernel.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies; its dimension is that of x.
    target : Target, callable or (x, y)
        What is learned. Arrays put the measure on their points.
    sigma_a : float, default 1
        Standard deviation of the output weights. 0 freezes the frequencies: no diffusion.
    measure : Line, Box, Grid or Points, optional
        Where the data lie. Default: Points for arrays, else Line. Line and Grid take one and two
        dimensions (Line up to 64, where all depends on the distance from 0 only), Box one and two,
        Points any.
    initial_output : callable, optional
        f_0(x), for instance a network, or a Target; None is zero. On Line and Grid it must decay.
    weight_decay, frequency_decay : float, default 0
        Rates :math:`\gamma_a` of the outer and :math:`\gamma_w` of the inner weights, per unit of
        t; gradient flow only.
    decay_towards : {"zero", "start"}, default "zero"
        What the inner weights decay to. Towards zero they carry the learned spectrum along.
    t : array_like, shape (T,), optional
        Increasing times. For Box and Points step size times steps of the loss
        :math:`\tfrac12\mathrm{mean}(e^2)`; for Line and Grid that of :math:`\tfrac12\int e^2d\mu`.
        Default: 0 and 64 log-spaced times from 1/100 of the fastest time scale to 1e4 of it; with
        decay to ten times its own time scale at least, and to 5 / `frequency_decay` at most where
        frequencies shrink. Learning times need 0 among them.
    frequencies : array_like, shape (F,) or (F, d), optional
        Angular frequencies of the spectra, radians per unit of x. Default: see
        :func:`ntkfreq.default_frequencies`.
    test : (x_test, y_test) or measure, optional
        What `spectrum` and `test_loss` refer to. Default: dx on Line, and on Grid for a target that
        is a function; the box on Box; the bounding box of the points for a function on Points with
        d <= 3; else nothing.
    step_size : float, optional
        None for gradient flow; else exact gradient descent, t then being multiples of it.
    optimizer : str or Optimizer, optional
        Update rule of these steps, as for :func:`ntkfreq.train`: ``GradientDescent()``,
        ``HeavyBall(0.9)``, ``Nesterov(0.9)``, or "gd", "heavy_ball", "nesterov", with any schedule,
        by the equation; ``Adam()``, ``AdamW()``, ``RMSProp()``, ``SignDescent()``, batches, and
        any of these with clip step by step, on Points in up to three dimensions. Decay that enters
        the gradient of Adam is refused.
    momentum : float, default 0
        Instead of `optimizer`: heavy ball in the convention of ``torch.optim.SGD``, below 1.
    nesterov : bool, default False
        Nesterov's momentum instead of heavy ball, in the same convention.
    width : int, optional
        Hidden units, which set how far a step of Adam and its relatives moves the output; with
        hidden layers in the standard parametrization, frequencies and units of each layer.
    parametrization : {"ntk", "standard"}, default "ntk"
        As for :func:`ntkfreq.train`; of rules that are followed step by step.
    steps : int or array_like of int, optional
        Instead of `t`, where there is a step size: the last step, or the steps to record. Default
        for rules that are followed step by step: 1000.
    batch_size, order, seed : optional
        Batches as for :func:`ntkfreq.train`, whose `rng` the seed is.
    initial : FourierFeatureNet, optional
        A network whose own units, frequencies and output weights, are followed instead of the
        density, and whose width and initial output are taken: this network and not the mean of
        all; of rules that are followed step by step.
    rtol : float, optional
        Bounds the estimate of :math:`\sup_t\|\delta\hat e(t)\|_2/\|\hat e(0)\|_2`; from 1e-13 to 1;
        default 1e-6. Step by step the error of the output, as a root mean square over steps and
        samples relative to that of y; default 1e-3.
    method : {"auto", "gram", "lanczos", "frequency"}, default "auto"
        On Points: all eigenvectors of the Gram matrix; a Krylov space of its products; or the waves
        that make up the kernel, whose number does not depend on that of the points (up to three
        dimensions). By default the one estimated to take least time; `stats` says which.

    depth : int or HiddenLayers, default 0
        Number of hidden layers behind the Fourier features, as of
        :class:`ntkfreq.FourierFeatureMLP`, or all about them: the kernel is then
        :math:`F(k) + x\cdot x'\,G(k)`, see :func:`ntkfreq.deep_density`. On Points and Box, and on
        Line and Grid in one dimension for a Normal about 0, given `drop_constant`. Of decay
        `readout_decay` alone, on Points.
    activation : {"relu", "tanh", "sine"} or callable
        Their non-linearity.
    sigma_w, sigma_b : float, or sequence of float
        Standard deviations of their weights and biases, of all layers or of each.
    train_frequencies : bool, default True
        With hidden layers, whether w is trained; without them ``sigma_a=0`` freezes it.
    drop_constant : bool, optional
        On Line and Grid with hidden layers, which must be told what becomes of the constant that
        they learn with a strength :math:`c_0 = F(0)` of its own: the output rises everywhere at
        the rate :math:`-c_0\int e\,dx`, on a lattice :math:`-c_0\Delta\sum_k e(x_k)`, the length
        of the data times their mean error. False keeps it, on Line with trained frequencies. True
        leaves it out and solves with the rest of both densities. With frozen frequencies that is
        the limit of wide windows of length W, on which the constant takes away the mean error at
        once, itself of order 1/W; with trained ones it is another problem, where the target has
        an integral: the diffusion then carries the damping at frequency 0 to its neighbours.
    readout_decay : float, default 0
        With hidden layers, rate of the output weights alone, per unit of t; gradient flow only.

    Returns
    -------
    FrequencySolution
        Spectra, losses, outputs and learning times; `status` says whether `rtol` was met. A
        :class:`ntkfreq.SteppedSolution`, which knows its steps, for rules that are followed.

    Raises
    ------
    ValueError, TypeError
        For input that is out of range, does not fit together, or has no sound equation on this
        measure; the message names the remedy.

    References
    ----------
    Molina, Petrache, Sahli Costabal, Courdurier, arXiv 2405.14957.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, solve_frequency_pde
    >>> def y(x):
    ...     return np.exp(-x**2 / 8) * (np.cos(2 * x) + np.cos(6 * x))
    >>> solution = solve_frequency_pde(Normal(scale=3.0), y)
    >>> low, high = (solution.learning_time(band) for band in [(1, 3), (5, 7)])
    >>> round(high / low, 1)
    5.8
    """
    begin = time.perf_counter()
    if initial is not None:
        width = network_width(initial, width)
        initial_output = initial if initial_output is None else initial_output
    layers = hidden_layers(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies)
    if layers is not None and parametrization == "standard" and not stepwise_rule(optimizer):
        layers, width, parametrization = in_standard(layers, width), None, "ntk"
    sigma_a = sigma_a if layers is None else layers.sigma_a
    equation = FrequencyEquation.create(
        rho_w,
        target,
        measure=measure,
        sigma_a=sigma_a,
        initial_output=initial_output,
        weight_decay=weight_decay,
        frequency_decay=frequency_decay,
        decay_towards=decay_towards,
        layers=layers,
        drop_constant=drop_constant,
        readout_decay=readout_decay,
    )
    solver = method_for(equation, method)
    if _is_stepwise(optimizer, width, batch_size, order, initial):
        refuse_layers(equation)
        decay = equation.weight_decay, equation.frequency_decay
        rule = "gd" if optimizer is None else optimizer
        training = StepwiseTraining.create(
            rule, step_size, width, parametrization, decay, batch_size, order, seed
        )
        refuse_stepwise(equation, method, training)
        training.refuse_beside(equation, momentum, nesterov)
        recorded = training.recorded(t, steps)
        grid = _frequencies(solver, frequencies)
        refuse_tables(len(recorded), len(grid), "frequencies", "give fewer of either")
        highest = float(np.linalg.norm(grid.reshape(len(grid), -1), axis=1).max())
        return solve_stepwise(
            equation,
            training,
            steps=recorded,
            frequencies=grid,
            test=resolve_test(solver, test, highest),
            rtol=checked_tolerance(RTOL if rtol is None else rtol),
            initial=None if initial is None else fitting_network(initial, equation.dim),
        )
    _refuse_standard(parametrization)
    solver.refuse()
    rtol = checked_tolerance(1e-6 if rtol is None else rtol)
    dynamics = dynamics_for(step_size, momentum, nesterov, optimizer)
    dynamics.refuse_decay(equation.decay)
    clock = dynamics_clock(solver, dynamics, t, steps)
    dynamics.refuse_times(clock)
    grid = _frequencies(solver, frequencies)
    refuse_tables(len(clock), len(grid), "frequencies", "give fewer of either")
    solver.refuse_tables(len(clock))
    highest = float(np.linalg.norm(grid.reshape(len(grid), -1), axis=1).max())
    where = resolve_test(solver, test, highest)
    with one_thread(solver.on_one_thread):
        discretized = discretize(solver, clock, rtol, dynamics, where.outputs)
        dynamics.refuse_unstable(discretized.fastest_rate)
        return LinearSolution.evaluate(
            method=solver,
            discretized=discretized,
            dynamics=dynamics,
            test=where,
            t=clock,
            frequencies=grid,
            rtol=rtol,
            begin=begin,
        )


def _refuse_standard(parametrization: str) -> None:
    """Refuse a parametrization that no rule linear in the error asks for."""
    if parametrization != "ntk":
        raise ValueError(
            f"parametrization={parametrization!r} is for rules that are followed step by step; of "
            "gradient descent give the step_size of the NTK parametrization, m times the other"
        )


def _is_stepwise(optimizer: Any, width: Any, batch_size: Any, order: Any, initial: Any) -> bool:
    """Whether a rule is followed step by step: what no equation linear in the error describes."""
    given = not isinstance(order, str)
    if width is not None or batch_size is not None or initial is not None or given:
        return True
    return stepwise_rule(optimizer)


def stepwise_rule(optimizer: Any) -> bool:
    """Whether a rule is not linear in the error."""
    if optimizer is None:
        return False
    rule = as_optimizer(optimizer)
    return rule.momentum_if_linear() is None or rule.clip is not None


def _frequencies(method: Method[Any], frequencies: Any) -> FloatArray:
    """The frequencies (F,) or (F, d) of a user, or the default ones."""
    if frequencies is None:
        return method.default_frequencies()
    dim = method.equation.dim
    grid = checks.points("frequencies", frequencies, dim)
    return grid[:, 0] if dim == 1 else grid
