r"""Mean losses of many configurations of the same points: one batch of implicit steps.

A network's initial output at the points is :math:`\sigma_a\Phi\zeta` with standard normal
:math:`\zeta`, off them :math:`\sigma_a(\Psi\zeta + \text{rest})`. The rest is independent of
:math:`\zeta`, hence of the data: it decays with the output weights and does not change otherwise.
So only as many states are propagated as the points have, whatever the number of test points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.threads import one_thread
from ntkfreq._support.types import ArrayLike, FloatArray
from ntkfreq.files.labelled import about
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.numerics.nystrom import Pivots, pivoted_cholesky
from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.clock import asked_times, checked_tolerance
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.fading.memory import ConstantMemory
from ntkfreq.pde.time.fading.stepping import advanced
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.given import DensityLike, TargetLike, TestLike
from ntkfreq.problem.measure import Measure, Points, is_measure

if TYPE_CHECKING:
    import xarray as xr

_RESIDUAL = 1e-12
# Numbers held at once, 8 bytes each: collocation data, and states at the times.
_HELD = 8_000_000
# Steps of one configuration at the tolerances that phase maps need, to estimate the memory.
_STEPS = 25


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
    batch = _Batch(PointsSystem(equation, method.measure), points)
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


def _axis(name: str, values: Any) -> FloatArray:
    """Distinct non-negative numbers, shape (n,)."""
    array = np.atleast_1d(checks.real_array(name, values, (0, 1)))
    if array.min() < 0 or np.unique(array).size < array.size:
        raise ValueError(
            f"{name}={checks.show(values)} must be different numbers, none negative; "
            "drop those that repeat"
        )
    return array


@dataclass(frozen=True, eq=False)
class _Batch:
    """The data that configurations of the same points, density and target share."""

    system: PointsSystem
    points: TestSet | None

    @property
    def equation(self) -> FrequencyEquation:
        """The problem, for one of the configurations."""
        return self.system.equation

    @cached_property
    def _operators(self) -> tuple[FloatArray, FloatArray]:
        """A_1, and A_2 for sigma_a = 1, both (n, n)."""
        x, root = self.system.x, self.system.root
        gram = stationary_gram(self.equation.density, x, x) * (root[:, None] * root)
        return gram, gram * (x @ x.T)

    @cached_property
    def _pivots(self) -> tuple[FloatArray, Pivots]:
        x, density = self.system.x, self.equation.density
        found = pivoted_cholesky(
            np.ones(len(x)),
            lambda i: stationary_gram(density, x, x[i : i + 1])[:, 0],
            _RESIDUAL,
            len(x),
        )
        return x[found.index], found

    def _features(self, x: FloatArray) -> FloatArray:
        pivots, found = self._pivots
        return found.features(stationary_gram(self.equation.density, x, pivots))

    @cached_property
    def _draws(self) -> FloatArray:
        """Phi, the initial output at the data for sigma_a = 1, as unknowns, (n, r)."""
        return self.system.root[:, None] * self._features(self.system.x)

    @cached_property
    def _test_factor(self) -> FloatArray:
        """R of a QR of the test errors' features: memory of either kind, Psi, and the target.

        Its columns are 2 n + r + 1; a norm over test points is one over its rows.
        """
        assert self.points is not None
        x, weights = self.points.x, np.sqrt(self.points.weights)
        gram = stationary_gram(self.equation.density, x, self.system.x) * self.system.root
        moving = gram * (x @ self.system.x.T)
        every = np.column_stack([gram, moving, self._features(x), self.points.y])
        return np.asarray(linalg.qr(weights[:, None] * every, mode="r")[0][: every.shape[1]])

    @cached_property
    def _independent(self) -> float:
        """Share of the initial output's variance at the test points independent of the data."""
        assert self.points is not None
        known = np.sum(self._features(self.points.x) ** 2, axis=1)
        return float(self.points.weights @ np.maximum(1 - known, 0.0))

    def held(self, times: int) -> int:
        """Numbers held for one configuration."""
        n, rank = self._draws.shape
        return int(3 * n * (rank + 1) * (4 * _STEPS + 2 * times) + 36 * n**2)

    def means(
        self, pairs: FloatArray, t: FloatArray, tolerance: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean losses of pairs (b, 2) of sigma_a and weight_decay, and the smallest resolved.

        Those on training and test points have shape (b, T), the last (b,).
        """
        scale, rate = pairs[:, :1], pairs[:, 1:]
        stationary, moving = self._operators
        goal = self.system.goal[:, None]

        def free(times: FloatArray) -> FloatArray:
            size = (scale * np.exp(-rate * times))[..., None, None]
            targets = np.broadcast_to(-goal, (*times.shape, *goal.shape))
            return np.concatenate([size * self._draws, targets], axis=-1)

        problem = ConstantMemory(
            operators=(stationary, moving * scale[:, :, None] ** 2),
            mass=None,
            rates=np.repeat(rate, 2, axis=1),
            coefficients=(np.ones_like, lambda times: np.exp(-2 * rate * times)),
            free=free,
        )
        # Where the only time is 0 any positive end serves.
        end = float(t[-1]) or 1.0
        trajectory = advanced(problem, np.full(len(pairs), end), tolerance)
        train = np.sum(trajectory.error(t) ** 2, axis=(2, 3))
        off = np.maximum(trajectory.error_bound, trajectory.rounding) * trajectory.scale
        if self.points is None:
            return train, train, off**2
        tested = self._test_means(trajectory.memory(t), scale, np.exp(-rate * t))
        return train, tested, off**2

    def _test_means(
        self, memory: tuple[FloatArray, ...], scale: FloatArray, left: FloatArray
    ) -> FloatArray:
        """Mean test losses (b, T) from memories (b, T, n, r + 1) and the damping (b, T)."""
        _, n, columns = memory[0].shape[1:]
        size = (scale * left)[..., None]
        kept = np.zeros((*left.shape, 2 * n + columns, columns))
        kept[:, :, :n] = -memory[0]
        kept[:, :, n : 2 * n] = -(scale[..., None, None] ** 2) * memory[1]
        every = np.arange(columns - 1)
        kept[:, :, 2 * n + every, every] = size
        kept[:, :, -1, -1] = -1.0
        # One product a time: of the same shape, hence with the same rounding, in any batch.
        found = np.sum((self._test_factor @ kept) ** 2, axis=(2, 3))
        return np.asarray(found + size[..., 0] ** 2 * self._independent)
