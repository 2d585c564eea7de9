r"""Points behind hidden layers: the Gram flow of the kernel :math:`F(k) + x\cdot x'\,G(k)`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.gram import layered_gram
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
    """Errors at the points, scaled by the square root of their weights; no decay."""

    def kernel(self, x: FloatArray, other: FloatArray) -> FloatArray:
        """Between points (n, d) and (m, d), shape (n, m)."""
        return deep_kernel(self.equation, x, other)

    def with_equation(self, equation: FrequencyEquation) -> DeepPoints:
        """The same points for other data."""
        other = replace(self, equation=equation)
        if "blocks" in self.__dict__:
            both = other.root * other._start, other.root * other._goal
            other.__dict__["blocks"] = (Block(self.blocks[0].stationary, None, None, *both),)
        return other

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One dense block."""
        gram = self.kernel(self.x, self.x)
        gram *= self.root[:, None] * self.root
        return (Block(gram, None, None, self.root * self._start, self.root * self._goal),)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output, (T, n)."""
        shares = self.root * evolution.memory(0)[0]
        change = np.empty((len(shares), len(x)))
        step = max(1, _CHUNK // len(self.x))
        for start in range(0, len(x), step):
            part = x[start : start + step]
            change[:, start : start + step] = -shares @ self.kernel(self.x, part)
        return change
