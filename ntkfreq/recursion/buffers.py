"""Buffers of compiled loops, and which nodes a lap takes.

They become part of the kernels that call them, which carry the checksum of this file.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.sincos import jit

# Numbers between two buffers at least. LLVM compares the distance of arrays with the length of its
# vectors, not with theirs: whether short ones are summed in lanes would hang on where they lie.
APART = 64


@jit(inner=True)
def room(n: int) -> FloatArray:
    """A buffer of n numbers, away from others."""
    return np.empty(n + APART)[:n]


@jit(inner=True)
def rooms(d: int, n: int) -> FloatArray:
    """A buffer of shape (d, n), away from others."""
    return np.empty(d * n + APART)[: d * n].reshape((d, n))


@jit(inner=True)
def share(q: int, chunk: int, m: int, lap: tuple[int, int]) -> tuple[int, int]:
    """Nodes of chunk q that come in the lap (number, of how many)."""
    start = q * chunk
    size = max(0, min(m, start + chunk) - start)
    return start + size * lap[0] // lap[1], start + size * (lap[0] + 1) // lap[1]
