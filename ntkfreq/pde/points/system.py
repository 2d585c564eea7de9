r"""Points: finitely many data, the Gram flow :math:`\dot e = -K W e` in symmetric form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points
from ntkfreq.spectra.spectrum import fourier_sum

# Entries of a kernel matrix computed at once.
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class PointsSystem(Portable):
    r"""Errors at the points, scaled by the square root of their weights.

    With :math:`s = W^{1/2} e` the flow is :math:`\dot s = -W^{1/2} K W^{1/2} s`, symmetric, and
    :math:`|s|^2` is the loss.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Points, any dimension.
    points : Points
        Its measure.
    """

    equation: FrequencyEquation
    points: Points

    def with_equation(self, equation: FrequencyEquation) -> PointsSystem:
        """The same points for other data."""
        other = PointsSystem(equation, self.points)
        if "blocks" in self.__dict__:
            (block,) = self.blocks
            both = other.root * other._start, other.root * other._goal
            other.__dict__["blocks"] = (Block(block.stationary, block.moving, None, *both),)
        return other

    @property
    def x(self) -> FloatArray:
        """The points, shape (N, d)."""
        return self.points.x

    @cached_property
    def root(self) -> FloatArray:
        """Square roots of the weights, shape (N,)."""
        return np.sqrt(self.points.weights)

    @cached_property
    def _start(self) -> FloatArray:
        return self.equation.initial_output_at(self.x)

    @cached_property
    def _goal(self) -> FloatArray:
        return self.equation.target.at(self.x)

    @property
    def goal(self) -> FloatArray:
        """The target as unknowns, shape (N,)."""
        return self.root * self._goal

    @property
    def loads(self) -> tuple[FloatArray, ...]:
        """The initial error as unknowns, one array a block."""
        return (self.root * (self._start - self._goal),)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One dense block."""
        x = self.x
        gram = stationary_gram(self.equation.density, x, x)
        sigma_a = self.equation.sigma_a
        # By rows, since the memory for matrices of this size limits the number of points.
        step = max(1, _CHUNK // len(x))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            gram[rows] *= self.root[rows, None] * self.root
            if sigma_a > 0 and not self.equation.decay.active:
                # Without decay the two memories are equal, so the kernel need not be split.
                gram[rows] += gram[rows] * (sigma_a**2 * (x[rows] @ x.T))
        moving = None
        if sigma_a > 0 and self.equation.decay.active:
            moving = gram * (sigma_a**2 * (x @ x.T))
        return (Block(gram, moving, None, self.root * self._start, self.root * self._goal),)

    @property
    def moments(self) -> FloatArray:
        """Weighted means of f_0^2, f_0 y and y^2, shape (3,)."""
        pairs = (self._start, self._start), (self._start, self._goal), (self._goal, self._goal)
        return np.array([self.points.weights @ (one * other) for one, other in pairs])

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        left = self.equation.decay.damping(t)[:, None] * self._start - self._goal
        return fourier_sum(self.x, self.points.weights * left, frequencies)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the data spectrum, shape (T, F)."""
        return fourier_sum(self.x, self.root * evolution.change[0], frequencies)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        r"""What learning adds to the output, :math:`-K_1(x, X) W q_1 - K_2(x, X) W q_2`, (T, n)."""
        first, second = (self.root * evolution.memory(k)[0] for k in (0, 1))
        change = np.empty((len(first), len(x)))
        step = max(1, _CHUNK // len(self.x))
        for start in range(0, len(x), step):
            part = x[start : start + step]
            gram = stationary_gram(self.equation.density, self.x, part)
            change[:, start : start + step] = -first @ gram
            if self.equation.sigma_a > 0:
                gram *= self.equation.sigma_a**2 * (self.x @ part.T)
                change[:, start : start + step] -= second @ gram
        return change
