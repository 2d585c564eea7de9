"""NumPy backend: the formulas themselves, for small problems and as the reference of the others.

No BLAS: `einsum` adds in one order on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends.state import Descent, NetworkState, split
from ntkfreq.network.backends.stepping import take_steps
from ntkfreq.network.backends.two_layer import TwoLayer

# The cosines and sines of one block of units take 16 MB each.
_BLOCK_PAIRS = 2_000_000


def _blocks(w: FloatArray, x: FloatArray) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Blocks of units with their cosines and sines, shape (n, units)."""
    count = max(1, _BLOCK_PAIRS // x.shape[0])
    for start in range(0, w.shape[1], count):
        units = slice(start, start + count)
        phase = np.einsum("ik,kj->ij", x, w[:, units])
        yield units, np.cos(phase), np.sin(phase)


@dataclass(frozen=True)
class Reference(TwoLayer):
    """The plain backend; see `Backend` for the interface."""

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Output (n,) at x (n, d)."""
        w, a, b = split(theta)
        output = np.zeros(x.shape[0])
        for units, c, s in _blocks(w, x):
            output += np.einsum("ij,j->i", c, a[units]) + np.einsum("ij,j->i", s, b[units])
        return output / math.sqrt(a.size)

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)``."""
        w, a, b = split(theta)
        slope = np.empty_like(theta)
        r = r / math.sqrt(a.size)
        for units, c, s in _blocks(w, x):
            slope[-2, units] = np.einsum("ij,i->j", c, r)
            slope[-1, units] = np.einsum("ij,i->j", s, r)
            for k in range(first, w.shape[0]):
                along = r * x[:, k]
                slope[k, units] = b[units] * np.einsum("ij,i->j", c, along)
                slope[k, units] -= a[units] * np.einsum("ij,i->j", s, along)
        return slope[first:]

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take `steps` steps in place."""
        # A diverging run overflows here; training checks the loss after every call.
        with np.errstate(over="ignore", invalid="ignore"):
            take_steps(self.evaluate, self.gradient, state, x, y, descent, steps)

    def threads(self, points: int, units: int) -> int:
        """Cores that a step occupies: one, whatever the number of pairs."""
        return min(points * units, 1)

    def warm_up(self, points: int, units: int, dim: int) -> None:
        """Nothing to compile."""
        del points, units, dim
