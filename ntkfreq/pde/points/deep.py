r"""Points behind hidden layers: the Gram flow of the kernel :math:`F(k) + x\cdot x'\,G(k)`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.gram import layered_gram, readout_gram
from ntkfreq.numerics.lanczos import LanczosProcess
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation

# Entries of a kernel matrix computed at once; turns of a Lanczos process for the largest rate.
_CHUNK, _TURNS = 4_000_000, 25


def deep_kernel(equation: FrequencyEquation, x: FloatArray, other: FloatArray) -> FloatArray:
    """Kernel between points (n, d) and (m, d), shape (n, m)."""
    layers = equation.layers
    assert layers is not None
    return layered_gram(equation.density, x, other, layers)


def deep_rate(equation: FrequencyEquation, x: FloatArray, weights: FloatArray) -> float:
    """Largest rate of the flow on points (n, d)."""
    root = np.sqrt(weights)
    operator = deep_kernel(equation, x, x) * (root[:, None] * root)
    process = LanczosProcess(
        lambda v: operator @ v, np.random.default_rng(1).standard_normal(len(x))
    )
    process.extend(_TURNS)
    return float(process.ritz()[0][-1])


@dataclass(frozen=True, eq=False)
class DeepPoints(PointsSystem):
    r"""Errors at the points, scaled by the square root of their weights.

    Where the output weights decay, what was learned through them, by the covariance
    :math:`S_L(k)` of the last units, and through all below them fade differently.
    """

    def kernel(self, x: FloatArray, other: FloatArray) -> FloatArray:
        """Between points (n, d) and (m, d), shape (n, m)."""
        return deep_kernel(self.equation, x, other)

    def readout_kernel(self, x: FloatArray, other: FloatArray) -> FloatArray:
        """The part of the output weights, between points (n, d) and (m, d), shape (n, m)."""
        layers = self.equation.layers
        assert layers is not None
        return layers.rates.readout * readout_gram(self.equation.density, x, other, layers)

    def with_equation(self, equation: FrequencyEquation) -> DeepPoints:
        """The same points for other data."""
        other = replace(self, equation=equation)
        if "blocks" in self.__dict__:
            both = other.root * other._start, other.root * other._goal
            known = self.blocks[0]
            other.__dict__["blocks"] = (Block(known.stationary, known.moving, None, *both),)
        return other

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One dense block."""
        pair = self.root[:, None] * self.root
        gram, moving = self.kernel(self.x, self.x) * pair, None
        if self.equation.decay.active:
            readout = self.readout_kernel(self.x, self.x) * pair
            gram, moving = readout, gram - readout
        return (Block(gram, moving, None, self.root * self._start, self.root * self._goal),)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output, (T, n)."""
        shares, moved = (self.root * evolution.memory(k)[0] for k in (0, 1))
        change = np.empty((len(shares), len(x)))
        step = max(1, _CHUNK // len(self.x))
        for start in range(0, len(x), step):
            part = x[start : start + step]
            kernel = self.kernel(self.x, part)
            if self.equation.decay.active:
                readout = self.readout_kernel(self.x, part)
                found = shares @ readout + moved @ (kernel - readout)
            else:
                found = shares @ kernel
            change[:, start : start + step] = -found
        return change
