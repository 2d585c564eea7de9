r"""Mean losses of many configurations of the same points: one batch of implicit steps.

A network's initial output at the points is :math:`\sigma_a\Phi\zeta` with standard normal
:math:`\zeta`, off them :math:`\sigma_a(\Psi\zeta + \text{rest})`. The rest is independent of
:math:`\zeta`, hence of the data: it decays with the output weights and does not change otherwise.
So only as many states are propagated as the points have, whatever the number of test points.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.threads import one_thread
from ntkfreq._support.types import ArrayLike, FloatArray
from ntkfreq.files.labelled import about
from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.clock import asked_times, checked_tolerance
from ntkfreq.pde.expected.configurations import Configurations
from ntkfreq.pde.expected.wave_configurations import WaveConfigurations
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.points.choice import Demand, quickest
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.given import DensityLike, TargetLike, TestLike
from ntkfreq.problem.measure import Measure, Points, is_measure

if TYPE_CHECKING:
    import xarray as xr

# Numbers held at once, 8 bytes each: collocation data, and states at the times.
_HELD = 8_000_000


@guarded
def expected_losses_many(
    rho_w: DensityLike,
    target: TargetLike,
    *,
    sigma_a: ArrayLike = 1.0,
    weight_decay: ArrayLike = 0.0,
    measure: Measure | None = None,
    t: ArrayLike | None = None,
    test: TestLike | None = None,
    rtol: float = 1e-4,
) -> xr.Dataset:
    r"""Mean losses over random initial outputs, for every pair of initialization and decay.

    The means of :func:`ntkfreq.expected_losses` on the grid of all `sigma_a` and `weight_decay`,
    advanced together: a map of some thousand configurations takes a minute. Each configuration
    has its own time steps and the same numbers, to the last bit, whatever others are asked for.

    Parameters
    ----------
    rho_w, target
        As for :func:`ntkfreq.solve_frequency_pde`.
    sigma_a : float or array_like, shape (S,)
        Standard deviations of the output weights.
    weight_decay : float or array_like, shape (G,)
        Rates :math:`\gamma_a` of the output weights, per unit of t.
    measure : Points, optional
        Where the data sit; default the samples of the target.
    t : array_like, shape (T,), optional
        Increasing times, the same for all; default those of the largest `sigma_a` and the smallest
        rate.
    test
        As for :func:`ntkfreq.solve_frequency_pde`.
    rtol : float, default 1e-4
        Error of a state in time, relative to the larger of the target and the initial output's
        largest principal component: root mean squares are accurate to this share of the *start*,
        not of themselves. See `resolution` below; :func:`ntkfreq.expected_losses` without decay is
        accurate relative to each loss.

    Returns
    -------
    xarray.Dataset
        `train_mean` and, where the target is known off the data, `test_mean`, with dimensions
        (sigma_a, weight_decay, t), in units of the target squared. The coordinate `resolution`
        (sigma_a, weight_decay) bounds the square of the error of a root: a loss below it is only
        known to be below it, up to a factor of 4; a smaller `rtol` resolves it.

    Raises
    ------
    ValueError, TypeError
        On another measure than Points, on empty or repeated rates or scales, and for what
        :func:`ntkfreq.solve_frequency_pde` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 12)
    >>> curves = expected_losses_many(
    ...     Normal(scale=5.0), (x, np.sin(3 * x)), sigma_a=[0.1, 1.0], weight_decay=[1e-3, 0.1],
    ...     t=[0.0, 10.0, 1000.0],
    ... )
    >>> curves.train_mean.sel(sigma_a=1.0, t=1000.0).values.round(4)
    array([0.    , 0.0566])
    """
    import xarray as xr

    scales = _axis("sigma_a", sigma_a)
    rates = _axis("weight_decay", weight_decay)
    slowest = float(rates[rates > 0].min(initial=rates.max()))
    equation = FrequencyEquation.create(
        rho_w, target, measure=measure, sigma_a=float(scales.max()), weight_decay=slowest
    )
    if not is_measure(equation.measure, Points):
        raise ValueError(
            f"measure={equation.measure!r}: many configurations are solved at once on Points; use "
            "measure=Points(x), or expected_losses one by one"
        )
    method = method_for(equation)
    method.refuse()
    tolerance = 0.5 * checked_tolerance(rtol)
    clock = asked_times(method, t, None)
    where = resolve_test(method, test, 0.0)
    points = where.points
    batch = _batch(method, points, float(clock[-1]), tolerance)
    pairs = np.stack(np.meshgrid(scales, rates, indexing="ij"), axis=-1).reshape(-1, 2)
    size = max(1, _HELD // batch.held(len(clock)))
    with one_thread():
        parts = [
            batch.means(pairs[k : k + size], clock, tolerance) for k in range(0, len(pairs), size)
        ]
    shape = (scales.size, rates.size, clock.size)
    train, tested, finest = (np.concatenate(part) for part in zip(*parts, strict=True))
    train, tested = train.reshape(shape), tested.reshape(shape)
    dims = ("sigma_a", "weight_decay", "t")
    curves = {"train_mean": train}
    if points is not None or where.on_data:
        curves["test_mean"] = train.copy() if points is None else tested
    axes = dict(zip(dims, (scales, rates, clock), strict=True))
    coordinates = {name: (name, values, about(name)) for name, values in axes.items()}
    resolution = (dims[:2], finest.reshape(shape[:2]), about("resolution"))
    return xr.Dataset(
        {name: (dims, values, about(name)) for name, values in curves.items()},
        coordinates | {"resolution": resolution},
    )


def _batch(method: Any, points: TestSet | None, t_end: float, tolerance: float) -> Configurations:
    """The data that all configurations share: points, or waves where these are many and it pays."""
    system = PointsSystem(method.equation, method.measure)
    equation = replace(method.equation, sigma_a=1.0)
    horizon = min(t_end, 1 / equation.weight_decay) if equation.weight_decay > 0 else t_end
    outputs = None if points is None else points.x
    demand = Demand(equation, method.measure, max(horizon, 1e-300), tolerance, outputs)
    by, nodes = quickest(demand, dense=True)
    if by == "frequency" and nodes is not None:
        return WaveConfigurations(system, points, demand.basis(nodes))
    method.refuse_matrix()
    return Configurations(system, points)


def _axis(name: str, values: Any) -> FloatArray:
    """Distinct non-negative numbers, shape (n,)."""
    array = np.atleast_1d(checks.real_array(name, values, (0, 1)))
    if array.min() < 0 or np.unique(array).size < array.size:
        raise ValueError(
            f"{name}={checks.show(values)} must be different numbers, none negative; "
            "drop those that repeat"
        )
    return array
