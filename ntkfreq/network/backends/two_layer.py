"""What follows for a two-layer network from its output and its gradient, on any backend."""

from __future__ import annotations

import math

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.network.backends.state import split

# Units whose gradients are kept at once for a Gram matrix.
_GRAM_UNITS = 65_536


class TwoLayer:
    """Derived quantities; a backend adds `evaluate` and `gradient`."""

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Output (n,) at x (n, d)."""
        raise NotImplementedError

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)``."""
        raise NotImplementedError

    def tangent(
        self, theta: FloatArray, direction: FloatArray, x: FloatArray, first: int
    ) -> FloatArray:
        """Change of the output (n,) at x per unit of a direction (rows from `first` on).

        With the frequencies fixed this is an evaluation with other output weights.
        """
        w, a, b = split(theta)
        change = self.evaluate(np.concatenate([w, direction[-2:]]), x)
        for k in range(first, w.shape[0]):
            turned = np.stack([b * direction[k - first], -a * direction[k - first]])
            change = change + x[:, k] * self.evaluate(np.concatenate([w, turned]), x)
        return change

    def gram(self, theta: FloatArray, x: FloatArray, first: int) -> FloatArray:
        """Gram matrix (n, n) of the gradients at few points x: the empirical NTK.

        A block of units is a network of its own, whose gradients lack its share of the width.
        """
        units = theta.shape[1]
        total = np.zeros((len(x), len(x)))
        for start in range(0, units, _GRAM_UNITS):
            block = np.ascontiguousarray(theta[:, start : start + _GRAM_UNITS])
            scale = math.sqrt(block.shape[1] / units)
            rows = [self.gradient(block, point[None], np.ones(1), first).ravel() for point in x]
            slopes = scale * np.array(rows)
            total += np.einsum("ip,jp->ij", slopes, slopes)
        return total
