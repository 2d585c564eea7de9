r"""Points in frequency space: the Gram flow in the span of the waves that make up the kernel.

On a bounded set the kernel is a sum of few waves (:mod:`ntkfreq.ntk.features`), so what can be
learned has few coordinates, however many points there are. They enter by their Fourier moments, and
outputs and spectra are sums over the waves.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.ntk.features.solve import products_of
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points
from ntkfreq.spectra.spectrum import fourier_sum

Operator: TypeAlias = Callable[[FloatArray], FloatArray]
# Values of outputs that are held at once.
_CHUNK = 8_000_000
# Pairs of frequencies at which moments of the data are cheaper than outputs at all points.
_MOST_PAIRS = 2_000_000


@dataclass(frozen=True, eq=False)
class WavePoints(Portable, abc.ABC):
    """Points whose kernel is a sum of waves; how the unknowns are chosen is up to subclasses.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Points, in up to three dimensions.
    points : Points
        Its measure.
    basis : WaveBasis
        The waves, and the data in terms of them.
    """

    equation: FrequencyEquation
    points: Points
    basis: WaveBasis

    def with_equation(self, equation: FrequencyEquation) -> Self:
        """The same points and waves for other data."""
        return replace(self, equation=equation)

    @abc.abstractmethod
    def unknowns_of(self, rows: FloatArray) -> FloatArray:
        """Values (q, N) at the points as unknowns, (q, r)."""

    @abc.abstractmethod
    def learned(self, evolution: Evolution) -> FloatArray:
        """What learning adds to the output, as coefficients of the features, (T, m 2 J)."""

    @property
    def x(self) -> FloatArray:
        """The points, shape (N, d)."""
        return self.points.x

    @cached_property
    def _start(self) -> FloatArray:
        return self.equation.initial_output_at(self.x)

    @cached_property
    def _goal(self) -> FloatArray:
        return self.equation.target.at(self.x)

    @cached_property
    def _unknowns(self) -> FloatArray:
        """Initial output and target as unknowns, shape (2, r)."""
        goal = self.unknowns_of(self._goal[None])
        if not self._start.any():
            return np.concatenate([np.zeros_like(goal), goal])
        return np.concatenate([self.unknowns_of(self._start[None]), goal])

    @property
    def goal(self) -> FloatArray:
        """The target as unknowns, shape (r,)."""
        return np.asarray(self._unknowns[1])

    @property
    def loads(self) -> tuple[FloatArray, ...]:
        """The initial error as unknowns, one array a block."""
        return (self._unknowns[0] - self._unknowns[1],)

    @cached_property
    def moments(self) -> FloatArray:
        """Weighted means of f_0^2, f_0 y and y^2, shape (3,)."""
        return self._means(self._start, self._goal)

    def _means(self, one: FloatArray, other: FloatArray) -> FloatArray:
        pairs = (one, one), (one, other), (other, other)
        return np.array([self.points.weights @ (left * right) for left, right in pairs])

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        rows = self.points.weights * np.stack([self._start, self._goal])
        start, goal = fourier_sum(self.x, rows, frequencies)
        return np.asarray(np.multiply.outer(self.equation.decay.damping(t), start) - goal)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the data spectrum, shape (T, F)."""
        learned = self.learned(evolution)
        pairs = len(frequencies) * self.basis.size
        if pairs <= _MOST_PAIRS:
            return np.asarray(learned @ self.basis.spectra(frequencies))
        found = np.empty((len(learned), len(frequencies)), dtype=np.complex128)
        step = max(2, _CHUNK // len(self.x))
        for first in range(0, len(learned), step):
            rows = slice(first, first + step)
            change = self.points.weights * self.basis.combine(learned[rows], self.x)
            found[rows] = fourier_sum(self.x, change, frequencies)
        return found

    def covers(self, x: FloatArray) -> bool:
        """Whether the waves make up the kernel between the data and points (n, d)."""
        return bool(np.all(x >= self.basis.low) and np.all(x <= self.basis.high))

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, d) points, shape (T, n)."""
        return self.basis.combine(self.learned(evolution), x)


class FrequencyPoints(WavePoints):
    """Unknowns are orthonormal coordinates of what can be learned: a small dense problem."""

    def unknowns_of(self, rows: FloatArray) -> FloatArray:
        """Values (q, N) at the points as coordinates, (q, r)."""
        return self.basis.coordinates(rows)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One block: diagonal without decay, and the parts that fade at rates of their own."""
        start, goal = self._unknowns
        if not self.equation.decay.active:
            return (Block(self.basis.rates, None, None, start, goal),)
        stationary = self.basis.stationary @ self.basis.stationary.T
        moving = None
        if self.equation.sigma_a > 0:
            moving = self.basis.moving @ self.basis.moving.T
        return (Block(stationary, moving, None, start, goal),)

    def learned(self, evolution: Evolution) -> FloatArray:
        """What learning adds to the output, as coefficients of the features, (T, m 2 J)."""
        parts = [evolution.memory(0)[0] @ self.basis.stationary]
        if self.equation.sigma_a > 0:
            parts.append(evolution.memory(1)[0] @ self.basis.moving)
        return np.asarray(-np.concatenate(parts, axis=1))


class FeaturePoints(WavePoints):
    """Unknowns are sums over the features themselves, which may be many; no decay."""

    def unknowns_of(self, rows: FloatArray) -> FloatArray:
        """Weighted sums of values (q, N) at the points times features, (q, m 2 J)."""
        return self.basis.project(rows)

    @cached_property
    def operator(self) -> Operator:
        """Inner products of the features, by their products with vectors."""
        return products_of(self.basis)

    def with_equation(self, equation: FrequencyEquation) -> Self:
        """The same points and waves for other data."""
        other = super().with_equation(equation)
        other.__dict__["operator"] = self.operator
        return other

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One block, known by its products."""
        start, goal = self._unknowns
        return (Block(self.operator, None, None, start, goal),)

    def train_loss(self, evolution: Evolution) -> FloatArray:
        """Weighted mean of the squared errors, shape (T,): the initial one less what is learned."""
        start, both, goal = self.moments
        return np.asarray(np.maximum(start - 2 * both + goal + evolution.energy, 0.0))

    def learned(self, evolution: Evolution) -> FloatArray:
        """What learning adds to the output, as coefficients of the features, (T, m 2 J)."""
        return -evolution.memory(0)[0]
