"""NumPy backend: the formulas as they stand, for small problems and as the standard of the rest.

No BLAS: `einsum` adds in one order on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.network.backends.state import Descent, NetworkState

# The cosines and sines of one block of units take 16 MB each.
_BLOCK_PAIRS = 2_000_000


def _blocks(w: FloatArray, x: FloatArray) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Blocks of units with their cosines and sines, shape (n, units)."""
    count = max(1, _BLOCK_PAIRS // x.shape[0])
    for start in range(0, w.shape[0], count):
        units = slice(start, start + count)
        phase = np.einsum("ik,jk->ij", x, w[units])
        yield units, np.cos(phase), np.sin(phase)


def evaluate(w: FloatArray, a: FloatArray, b: FloatArray, x: FloatArray) -> FloatArray:
    """Output of the network with parameters w (m, d), a (m,), b (m,) at x (n, d), shape (n,)."""
    output = np.zeros(x.shape[0])
    for units, c, s in _blocks(w, x):
        output += np.einsum("ij,j->i", c, a[units]) + np.einsum("ij,j->i", s, b[units])
    return output / math.sqrt(a.size)


def advance(
    state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
) -> None:
    """Take `steps` gradient-descent steps on points x (n, d), values y (n,), in place."""
    w, a, b = state.w, state.a, state.b
    # A diverging run overflows here; training looks at the loss after every call.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            r = (state.output - y) / (y.size * math.sqrt(a.size))
            rx = r[:, None] * x
            for units, c, s in _blocks(w, x):
                grad_a, grad_b = np.einsum("ij,i->j", c, r), np.einsum("ij,i->j", s, r)
                grad_w = b[units, None] * np.einsum("ij,ik->jk", c, rx)
                grad_w -= a[units, None] * np.einsum("ij,ik->jk", s, rx)
                if not descent.freeze_frequencies:
                    pull = descent.frequency_decay * (w[units] - state.anchor[units])
                    w[units] -= descent.step_size * (grad_w + pull)
                a[units] -= descent.step_size * (grad_a + descent.weight_decay * a[units])
                b[units] -= descent.step_size * (grad_b + descent.weight_decay * b[units])
            state.output[:] = evaluate(w, a, b, x)


def threads(pairs: int) -> int:
    """Cores that a step occupies: one, whatever the number of pairs."""
    return min(pairs, 1)


def warm_up(pairs: int) -> None:
    """Nothing to compile."""
    del pairs
