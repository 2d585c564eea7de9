"""The verb of the package: solve the frequency-space equation."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.threads import one_thread
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.defaults import fastest_beyond_one, frequencies_beyond_one
from ntkfreq.pde.demand import refuse_points, refuse_tables
from ntkfreq.pde.discretize import discretize, refuse_unsolved
from ntkfreq.pde.lattice.refine import folded_equation
from ntkfreq.pde.solution import FrequencySolution, refuse_discrete_decay
from ntkfreq.pde.testset import TestSet, resolve_test
from ntkfreq.pde.time.dynamics import Discrete, dynamics_for
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box, Grid, Line, Points
from ntkfreq.problem.rectangle import tensor_points
from ntkfreq.spectra.frequency_grid import default_frequencies

# Latest of the default times, or so many of the fastest time scales.
_LATEST = 1e14


@guarded
def solve_frequency_pde(
    rho_w: Any,
    target: Any,
    *,
    sigma_a: float = 1.0,
    measure: Any = None,
    initial_output: Any = None,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    decay_towards: str = "zero",
    t: Any = None,
    frequencies: Any = None,
    test: Any = None,
    step_size: float | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    rtol: float = 1e-6,
) -> FrequencySolution:
    r"""Predict which frequencies a random-Fourier-feature network learns when.

    Solves the damped heat equation of the error spectrum under gradient descent,

    .. math:: \partial_t \hat e = (2\pi)^d\left[\sigma_a^2\,\nabla\cdot(\rho_w\nabla\hat v)
              - \rho_w\,\hat v\right], \qquad v = (f-y)\,\mu,

    by finite elements in frequency on :class:`~ntkfreq.Line`, periodic ones with the folded
    density on :class:`~ntkfreq.Grid`, a Legendre-Bessel Galerkin method on
    :class:`~ntkfreq.Box` and the Gram flow on :class:`~ntkfreq.Points`.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies; its dimension is that of x.
    target : Target, callable or (x, y)
        What is learned. Arrays put the measure on their points.
    sigma_a : float, default 1
        Standard deviation of the output weights. 0 freezes the frequencies: no diffusion.
    measure : Line, Box, Grid or Points, optional
        Where the data sit. Default: Points for arrays, else Line. Line and Grid take one and two
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
        :func:`ntkfreq.spectra.frequency_grid.default_frequencies`.
    test : (x_test, y_test) or measure, optional
        What `spectrum` and `test_loss` refer to. Default: dx on Line, and on Grid for a target that
        is a function; the box on Box; the bounding box of the points for a function on Points with
        d <= 3; else nothing.
    step_size : float, optional
        None for gradient flow; else exact gradient descent, t then being multiples of it.
    momentum : float, default 0
        Heavy ball in the convention of ``torch.optim.SGD``, below 1; needs `step_size`.
    nesterov : bool, default False
        Nesterov's momentum instead of heavy ball, in the same convention.
    rtol : float, default 1e-6
        Bounds the estimate of :math:`\sup_t\|\delta\hat e(t)\|_2/\|\hat e(0)\|_2`; from 1e-13 to 1.

    Returns
    -------
    FrequencySolution
        Spectra, losses, outputs and learning times; `status` says whether `rtol` was met.

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
    equation = FrequencyEquation.create(
        rho_w,
        target,
        measure=measure,
        sigma_a=sigma_a,
        initial_output=initial_output,
        weight_decay=weight_decay,
        frequency_decay=frequency_decay,
        decay_towards=decay_towards,
    )
    refuse_unsolved(equation)
    refuse_points(equation)
    rtol = checked_tolerance(rtol)
    dynamics = dynamics_for(step_size, momentum, nesterov)
    refuse_discrete_decay(equation, dynamics)
    clock = default_times(equation, step_size) if t is None else checks.times("t", t)
    if isinstance(dynamics, Discrete):
        dynamics.steps(clock)
    if frequencies is None:
        grid = _default_grid(equation)
    else:
        grid = checks.points("frequencies", frequencies, equation.dim)
        grid = grid[:, 0] if equation.dim == 1 else grid
    refuse_tables(len(clock), len(grid), "frequencies", "give fewer of either")
    if isinstance(equation.measure, Points):
        refuse_tables(len(clock), len(equation.measure.x), "points", "give fewer times")
    where = resolve_test(
        equation, test, float(np.linalg.norm(grid.reshape(len(grid), -1), axis=1).max())
    )
    known = where.x if isinstance(where, TestSet) else None
    with one_thread(isinstance(equation.measure, Line | Grid) and equation.dim == 1):
        discretized = discretize(equation, clock, rtol, dynamics, known)
        if isinstance(dynamics, Discrete):
            dynamics.refuse_unstable(discretized.fastest_rate)
        return FrequencySolution.evaluate(
            equation=equation,
            discretized=discretized,
            dynamics=dynamics,
            test=where,
            t=clock,
            frequencies=grid,
            rtol=rtol,
            begin=begin,
        )


def checked_tolerance(rtol: float) -> float:
    """The tolerance, or a refusal of one that double precision cannot meet."""
    rtol = checks.positive("rtol", rtol)
    if not 1e-13 <= rtol < 1:
        raise ValueError(f"rtol={rtol:g} must lie in [1e-13, 1), the range of double precision")
    return rtol


def default_times(equation: FrequencyEquation, step_size: float | None) -> FloatArray:
    """0 and 64 log-spaced times over six decades about the fastest time scale."""
    plane = isinstance(equation.measure, Line | Grid) and equation.dim > 1
    if isinstance(equation.measure, Grid) and not plane:
        equation = folded_equation(equation)
    density, measure = equation.density, equation.measure
    if plane:
        fastest = fastest_beyond_one(equation)
    elif isinstance(measure, Line | Grid):
        probe = np.concatenate([[0.0], *(mark[:1] for mark in _locations(equation))])
        support = equation.initial_error.support or (0.0, 0.0)
        reach = max(map(abs, support))
        rate = 2 * np.pi * float(density.even_values(probe + 1e-9).max())
        # The norm of sigma_a^2 d(rho d) against data of extent L is about sigma_a^2 L^2 rho.
        fastest = rate * (1 + (equation.sigma_a * reach) ** 2)
    else:
        corners = np.array(
            [np.maximum(np.abs(measure.lower), np.abs(measure.upper))]
            if isinstance(measure, Box)
            else _points(measure)
        )
        far = float(np.max(np.sum(corners**2, axis=1)))
        fastest = 1 + equation.sigma_a**2 * far
    last = 1e4 / fastest
    slowest = min(filter(None, (equation.weight_decay, equation.frequency_decay)), default=0.0)
    if slowest > 0:
        # With decay the end of the story is some ten times its own time scale; frequencies that
        # shrink by e^5 have nothing more to tell.
        last = max(last, 10 / slowest)
        if equation.decay.contracts:
            last = min(last, 5 / equation.frequency_decay)
        # Later than this every mode that double precision can tell from 0 has been learned.
        last = min(last, _LATEST * max(1.0, 1 / fastest))
    times = np.geomspace(min(0.01 / fastest, 1e-3 * last), last, 64)
    if step_size is not None:
        times = step_size * np.unique(np.rint(times / step_size))
    return np.concatenate([[0.0], times[times > 0]])


def _locations(equation: FrequencyEquation) -> list[FloatArray]:
    marks = equation.density.landmarks()
    return [np.array([place]) for place, _ in marks.scales] + [
        np.array([(low + min(high, 2 * low + 1)) / 2]) for low, high in marks.support
    ]


def _points(measure: Any) -> FloatArray:
    assert isinstance(measure, Points)
    return measure.x


def _default_grid(equation: FrequencyEquation) -> FloatArray:
    measure = equation.measure
    if isinstance(measure, Line | Grid) and equation.dim > 1:
        return frequencies_beyond_one(equation)
    if isinstance(measure, Points):
        x = measure.x
    elif isinstance(measure, Box) and equation.dim == 2:
        sides = [np.linspace(*ends, 257) for ends in zip(measure.lower, measure.upper, strict=True)]
        x = tensor_points(sides[0], sides[1])
    else:
        low, high = (
            (measure.lower[0], measure.upper[0])
            if isinstance(measure, Box)
            else equation.initial_error.support or (-1.0, 1.0)
        )
        x = np.linspace(low, high, 4097)[:, None]
    reach = equation.density.radius(0.01)
    return default_frequencies(x, equation.initial_error_at(x), reach)
