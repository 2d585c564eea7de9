"""Many points behind hidden layers: a Krylov space of products with F(k) + x.x' G(k)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.operator import KernelOperator, layered_operator
from ntkfreq.pde.points.choice import FEW, Demand
from ntkfreq.pde.points.deep import DeepPoints, deep_rate
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.layers import HiddenLayers

# Up to so many pairs of points the kernel itself is evaluated for outputs.
_FEW_PAIRS = 20_000_000


@dataclass(frozen=True, eq=False)
class DeepDemand(Demand):
    """What is asked of a solution behind hidden layers, whose kernel has masses of its own."""

    @property
    def layers(self) -> HiddenLayers:
        """The hidden layers."""
        layers = self.equation.layers
        assert layers is not None
        return layers

    @cached_property
    def trace(self) -> float:
        """Trace of the operator, which bounds its largest rate."""
        still, moving = self.layers.masses
        size = np.sum(self.points.x**2, axis=1)
        return float(self.points.weights @ (still + moving * size))

    @cached_property
    def steps(self) -> int:
        """About the dimension of a Krylov space."""
        span = self.horizon * deep_rate(self.equation, self.points.x, self.points.weights)
        return int(min(12 + np.sqrt(1.25 * span * np.log(10 / self.rtol)), self.count))

    @property
    def by_matrix(self) -> bool:
        """Whether the matrix takes less time; only smooth activations have short series."""
        if self.count <= FEW or not self.layers.smooth:
            return True
        return self.seconds("gram", None) < self.seconds("lanczos", None)


@dataclass(frozen=True, eq=False)
class DeepSampled(DeepPoints):
    """Errors at many points; no decay.

    Parameters
    ----------
    tolerance : float
        Error allowed of the kernel.
    """

    tolerance: float

    @cached_property
    def products(self) -> KernelOperator:
        """Products with the Gram matrix."""
        return self._of(self.x)

    def _of(self, x: FloatArray) -> KernelOperator:
        layers = self.equation.layers
        assert layers is not None
        return layered_operator(self.equation.density, x, layers, self.tolerance)

    def with_equation(self, equation: FrequencyEquation) -> DeepSampled:
        """The same points for other data."""
        other = replace(self, equation=equation)
        other.__dict__["products"] = self.products
        return other

    def _action(self, v: FloatArray) -> FloatArray:
        return np.asarray(self.root * self.products.matvec(self.root * v))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One block, known by its products."""
        start, goal = self.root * self._start, self.root * self._goal
        return (Block(self._action, None, None, start, goal),)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output, (T, n)."""
        if len(x) * len(self.x) <= _FEW_PAIRS:
            return super().output_change(evolution, x)
        shares = self.root * evolution.memory(0)[0]
        if x is self.x:
            return -self.products.matvec(shares.T).T
        padded = np.concatenate([shares, np.zeros((len(shares), len(x)))], axis=1)
        wide = self._of(np.concatenate([self.x, x]))
        return -wide.matvec(padded.T).T[:, len(self.x) :]
