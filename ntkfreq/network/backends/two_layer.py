"""Quantities of a two-layer network that follow from output and gradient, on any backend."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.threads import one_thread
from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends.state import split

# Units whose waves are kept at once for a Gram matrix: half a megabyte a point.
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

        On one thread, so that the last bit does not depend on their number.
        """
        w, a, b = split(theta)
        waves, slopes = np.zeros((len(x), len(x))), np.zeros((len(x), len(x)))
        with one_thread():
            for start in range(0, a.size, _GRAM_UNITS):
                units = slice(start, start + _GRAM_UNITS)
                phase = x @ w[:, units]
                c, s = np.cos(phase), np.sin(phase)
                waves += c @ c.T + s @ s.T
                if first == 0:
                    slope = b[units] * c - a[units] * s
                    slopes += slope @ slope.T
        return np.asarray((waves + (x @ x.T) * slopes) / a.size)
