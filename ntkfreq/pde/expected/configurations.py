"""Many configurations of the same points, advanced together, by the matrix of the points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.numerics.nystrom import Pivots, pivoted_cholesky
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.fading.memory import ConstantMemory
from ntkfreq.pde.time.fading.stepping import advanced
from ntkfreq.problem.equation import FrequencyEquation

_RESIDUAL = 1e-12
# Steps of one configuration at the tolerances that phase maps need, to estimate the memory.
_STEPS = 25


@dataclass(frozen=True, eq=False)
class Configurations:
    """The data that configurations of the same points, density and target share."""

    system: PointsSystem
    points: TestSet | None

    @property
    def equation(self) -> FrequencyEquation:
        """The problem, for one of the configurations."""
        return self.system.equation

    @property
    def goal(self) -> FloatArray:
        """The target as unknowns, shape (n,)."""
        return self.system.goal

    @property
    def beyond(self) -> float:
        """Mean square of the part of the target that is never learned: the unknowns hold all."""
        return 0.0

    @cached_property
    def operators(self) -> tuple[FloatArray, FloatArray]:
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
    def draws(self) -> FloatArray:
        """Phi, the initial output at the data for sigma_a = 1, as unknowns, (n, r)."""
        return self.system.root[:, None] * self._features(self.system.x)

    @cached_property
    def test_factor(self) -> FloatArray:
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
    def independent(self) -> float:
        """Share of the initial output's variance at the test points independent of the data."""
        assert self.points is not None
        known = np.sum(self._features(self.points.x) ** 2, axis=1)
        return float(self.points.weights @ np.maximum(1 - known, 0.0))

    def held(self, times: int) -> int:
        """Numbers held for one configuration."""
        n, rank = self.draws.shape
        return int(3 * n * (rank + 1) * (4 * _STEPS + 2 * times) + 36 * n**2)

    def means(
        self, pairs: FloatArray, t: FloatArray, tolerance: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean losses of pairs (b, 2) of sigma_a and weight_decay, and the smallest resolved.

        Those on training and test points have shape (b, T), the last (b,).
        """
        scale, rate = pairs[:, :1], pairs[:, 1:]
        stationary, moving = self.operators
        goal = self.goal[:, None]

        def free(times: FloatArray) -> FloatArray:
            size = (scale * np.exp(-rate * times))[..., None, None]
            targets = np.broadcast_to(-goal, (*times.shape, *goal.shape))
            return np.concatenate([size * self.draws, targets], axis=-1)

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
        train = np.sum(trajectory.error(t) ** 2, axis=(2, 3)) + self.beyond
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
        found = np.sum((self.test_factor @ kept) ** 2, axis=(2, 3))
        return np.asarray(found + size[..., 0] ** 2 * self.independent)
