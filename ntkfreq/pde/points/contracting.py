r"""Points under decay of the frequencies towards zero: fixed features while the data move.

The output learned at time t is :math:`F(e^{-\gamma_w t} x, t)`: a feature :math:`\cos(w\cdot x)`
of a shrinking frequency is that of the initial frequency at the shrunken point. So in the
coordinate :math:`z = e^{-\gamma_w t} x` nothing is advected, the features of the kernel do not
change, and the data move towards 0 along rays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.numerics.nystrom import Pivots, pivoted_cholesky
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points
from ntkfreq.spectra.spectrum import fourier_sum

# Residual of the kernel on the landmarks, relative to k(0) = 1: some hundred roundings.
_RESIDUAL = 1e-13
_MOST_FEATURES = 1200
_MOST_LANDMARKS = 6000


@dataclass(frozen=True, eq=False)
class ContractingPoints(Portable):
    """Errors at the points, scaled by the square root of their weights.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Points, any dimension, and frequencies that decay towards zero.
    points : Points
        Its measure.
    t_end : float
        Last time.
    outputs : ndarray, shape (n, d), optional
        Where outputs will be asked for; elsewhere in more than one dimension they are
        accurate to the square root of the residual of the features only.
    """

    equation: FrequencyEquation
    points: Points
    t_end: float
    outputs: FloatArray | None = None
    blocks: tuple[Block, ...] = field(default=(), init=False)

    @property
    def x(self) -> FloatArray:
        """The points, shape (N, d)."""
        return self.points.x

    @cached_property
    def root(self) -> FloatArray:
        """Square roots of the weights, shape (N,)."""
        return np.sqrt(self.points.weights)

    @cached_property
    def _goal(self) -> FloatArray:
        return self.equation.target.at(self.x)

    @property
    def goal(self) -> FloatArray:
        """The target as unknowns, shape (N,)."""
        return self.root * self._goal

    @cached_property
    def landmarks(self) -> FloatArray:
        """Points along the rays that the data, and the points of output, move on; (n, d)."""
        everywhere = self._everywhere
        if self.equation.dim == 1:
            low, high = min(0.0, everywhere.min()), max(0.0, everywhere.max())
            count = 16 * self.equation.density.radius(1e-3) * (high - low)
            grid = np.linspace(low, high, int(np.clip(count, 200, _MOST_FEATURES)))[:, None]
            return np.unique(np.concatenate([grid, self.x]), axis=0)
        size = float(np.linalg.norm(everywhere, axis=1).max())
        phase = self.equation.density.radius(1e-3) * size
        rays = int(np.clip(np.ceil(phase * (1 - self._end)), 6, 60))
        shrink = np.linspace(self._end, 1.0, rays)
        marks = (shrink[:, None, None] * everywhere).reshape(-1, self.equation.dim)
        if len(marks) > _MOST_LANDMARKS:
            chosen = np.random.default_rng(0).choice(len(marks), _MOST_LANDMARKS, replace=False)
            marks = marks[chosen]
        return np.concatenate([self.x, marks])

    @cached_property
    def _everywhere(self) -> FloatArray:
        """Data and points of output together."""
        x = self.x
        return x if self.outputs is None else np.concatenate([x, self.outputs])

    @property
    def _end(self) -> float:
        return float(self.equation.decay.contraction(np.array(self.t_end)))

    @cached_property
    def _first(self) -> Pivots:
        marks, density = self.landmarks, self.equation.density
        return pivoted_cholesky(
            np.ones(len(marks)),
            lambda i: stationary_gram(density, marks, marks[i : i + 1])[:, 0],
            _RESIDUAL,
            _MOST_FEATURES,
        )

    @property
    def stationary_pivots(self) -> tuple[FloatArray, Pivots]:
        """Points whose kernel functions span the stationary kernel, and their factor."""
        return self.landmarks[self._first.index], self._first

    @cached_property
    def _second(self) -> Pivots:
        marks, density = self.landmarks, self.equation.density
        unit = _directions(marks)
        return pivoted_cholesky(
            np.sum(unit**2, axis=1),
            lambda i: stationary_gram(density, marks, marks[i : i + 1])[:, 0] * (unit @ unit[i]),
            _RESIDUAL,
            _MOST_FEATURES,
        )

    @cached_property
    def residual(self) -> float:
        """Largest error of the kernel at random moments of the data, relative to k(0) = 1."""
        rng = np.random.default_rng(1)
        shrink = rng.uniform(self._end, 1.0, 200)[:, None]
        probes = shrink * self.x[rng.integers(len(self.x), size=200)]
        pivots = self.landmarks[self._first.index]
        found = self._first.features(stationary_gram(self.equation.density, probes, pivots))
        return float(max(np.max(1.0 - np.sum(found**2, axis=1)), self._first.residual))

    @property
    def _moving(self) -> bool:
        return self.equation.sigma_a > 0

    def jacobian(self, t: float, x: FloatArray) -> FloatArray:
        """Features at points (n, d) at one time, shape (n, Q)."""
        decay, density = self.equation.decay, self.equation.density
        shrink = float(decay.contraction(np.array(t)))
        marks = self.landmarks
        pivots = marks[self._first.index]
        parts = [self._first.features(stationary_gram(density, shrink * x, pivots))]
        if self._moving:
            pivots = marks[self._second.index]
            columns = stationary_gram(density, shrink * x, pivots)
            columns *= _directions(x) @ _directions(pivots).T
            size = self.equation.sigma_a * float(decay.damping(np.array(t)))
            length = size * np.linalg.norm(x, axis=1)[:, None]
            parts.append(length * self._second.features(columns))
        return np.concatenate(parts, axis=1)

    def weighted_jacobian(self, t: float) -> FloatArray:
        """Features at the data times the square roots of the weights, shape (N, Q)."""
        return self.root[:, None] * self.jacobian(t, self.x)

    @cached_property
    def rates(self) -> FloatArray:
        """Rates at which the coefficients of the features decay, shape (Q,)."""
        decay = self.equation.decay
        first = np.full(len(self._first.index), decay.weight)
        if not self._moving:
            return first
        return np.concatenate([first, np.full(len(self._second.index), decay.frequency)])

    def free(self, t: FloatArray) -> FloatArray:
        """Unknowns if nothing were learned, at times (T,), shape (T, N)."""
        left = self.equation.free_output(t, self.x) - self._goal
        return np.asarray(self.root * left)

    @property
    def moments(self) -> FloatArray:
        """Weighted means of f_0^2, f_0 y and y^2, shape (3,)."""
        start = self.equation.initial_output_at(self.x)
        pairs = (start, start), (start, self._goal), (self._goal, self._goal)
        return np.array([self.points.weights @ (one * other) for one, other in pairs])

    def train_loss(self, evolution: Evolution) -> FloatArray:
        """Weighted mean of the squared errors, shape (T,)."""
        return evolution.energy

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        return fourier_sum(self.x, self.root * self.free(t), frequencies)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the data spectrum, shape (T, F)."""
        return fourier_sum(self.x, self.root * evolution.change[0], frequencies)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, d) points, shape (T, n)."""
        held = evolution.memory(0)[0]
        values = np.empty((len(held), len(x)))
        for t in np.unique(evolution.t):
            rows = evolution.t == t
            values[rows] = -held[rows] @ self.jacobian(float(t), x).T
        return values


def _directions(x: FloatArray) -> FloatArray:
    """Unit vectors of points (n, d); zero at the origin."""
    length = np.linalg.norm(x, axis=1)[:, None]
    return np.asarray(x / np.where(length > 0, length, 1.0))
