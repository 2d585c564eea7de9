"""Points whose Gram matrix is known by its products alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.operator import KernelOperator, ntk_operator, wave_operator
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation

# Up to so many pairs of points the kernel itself is evaluated for outputs.
_FEW_PAIRS = 20_000_000


@dataclass(frozen=True, eq=False)
class SampledPoints(PointsSystem):
    """Errors at the points, scaled by the square root of their weights; no decay.

    Parameters
    ----------
    tolerance : float
        Error allowed of the kernel.
    nodes : Nodes, optional
        Equispaced waves that make up the kernel.
    reach : pair of ndarray, shape (d,), optional
        Corners of the box in which they do.
    """

    tolerance: float
    nodes: Nodes | None = None
    reach: tuple[FloatArray, FloatArray] | None = None

    @cached_property
    def kernel(self) -> KernelOperator:
        """Products with the Gram matrix."""
        return self._products(self.x)

    def _products(self, x: FloatArray) -> KernelOperator:
        density, sigma_a = self.equation.density, self.equation.sigma_a
        if self.nodes is not None and self.reach is not None:
            low, high = self.reach
            if np.all((low <= x) & (x <= high)):
                return wave_operator(density, x, sigma_a, self.nodes, 0.1 * self.tolerance)
        return ntk_operator(density, x, sigma_a=sigma_a, tolerance=self.tolerance)

    def with_equation(self, equation: FrequencyEquation) -> SampledPoints:
        """The same points for other data."""
        other = replace(self, equation=equation)
        other.__dict__["kernel"] = self.kernel
        return other

    def _action(self, v: FloatArray) -> FloatArray:
        return np.asarray(self.root * self.kernel.matvec(self.root * v))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One block, known by its products."""
        start, goal = self.root * self._start, self.root * self._goal
        return (Block(self._action, None, None, start, goal),)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        r"""What learning adds to the output, (T, n)."""
        if len(x) * len(self.x) <= _FEW_PAIRS:
            return super().output_change(evolution, x)
        shares = self.root * evolution.memory(0)[0]
        if x is self.x:
            return -self.kernel.matvec(shares.T).T
        both = np.concatenate([self.x, x])
        wide = self._products(both)
        padded = np.concatenate([shares, np.zeros((len(shares), len(x)))], axis=1)
        return -wide.matvec(padded.T).T[:, len(self.x) :]
