"""Numba backend: fused direct sums with a branch-free, vectorizing sine-cosine.

Each step recomputes the N x m sines and cosines instead of storing them: the
polynomial costs about 1 ns per pair and core, a stored matrix costs as much in
memory traffic and grows with N m. Within one unit the values are kept, and those at
its updated frequency follow by the addition theorem from the small change of phase.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np
from numba import prange

from ntkfreq._types import FloatArray
from ntkfreq.network.backends.state import Descent, NetworkState
from ntkfreq.network.backends.unit_sums import (
    add_turned_unit,
    add_unit,
    forward,
    pair_of_sums,
    phases,
)
from ntkfreq.sincos import SMALL_PHASE, jit

# Below this many pairs one core does it. On two idle cores threads gain 1.3 times at 4e3 pairs and
# 1.9 times at 2e4; on a busy machine waiting for the other core costs more than that.
PARALLEL_PAIRS = 10_000
# Units a chunk: chunks are fixed by the problem, never by the threads, so that sums are taken
# in the same order on any number of threads. At most _MAX_CHUNKS buffers of N numbers.
_MIN_CHUNK = 32
_MAX_CHUNKS = 64


@jit()
def _descend_units(
    w: FloatArray,
    a: FloatArray,
    b: FloatArray,
    anchor: FloatArray,
    x: FloatArray,
    reach: FloatArray,
    r: FloatArray,
    rx: FloatArray,
    rates: tuple[float, float, float],
    frozen: bool,
    out: FloatArray,
) -> None:
    """One step of every unit given (views of one chunk), then their new output into `out`."""
    step_size, weight_decay, frequency_decay = rates
    n = r.size
    phase, c, s = np.empty(n), np.empty(n), np.empty(n)
    change = np.empty(w.shape[1])
    out[:] = 0.0
    for j in range(a.size):
        aj, bj = a[j], b[j]
        phases(w[j], x, 0.5, phase)
        ga, gb = forward(phase, r, c, s)
        a[j] = aj - step_size * (ga + weight_decay * aj)
        b[j] = bj - step_size * (gb + weight_decay * bj)
        if frozen:
            for i in range(n):
                out[i] += a[j] * c[i] + b[j] * s[i]
            continue
        turn = 0.0
        for k in range(w.shape[1]):
            along_c, along_s = pair_of_sums(rx[k], c, s)
            pull = frequency_decay * (w[j, k] - anchor[j, k])
            moved = w[j, k] - step_size * (bj * along_c - aj * along_s + pull)
            change[k] = moved - w[j, k]
            w[j, k] = moved
            turn += abs(change[k]) * reach[k]
        if turn < SMALL_PHASE:
            phases(change, x, 1.0, phase)
            add_turned_unit(a[j], b[j], c, s, phase, out)
        else:
            phases(w[j], x, 0.5, phase)
            add_unit(a[j], b[j], phase, out)


@jit()
def _combine(parts: FloatArray, scale: float, output: FloatArray) -> None:
    """Scaled sum of the chunks, in their fixed order."""
    output[:] = 0.0
    for q in range(parts.shape[0]):
        for i in range(output.size):
            output[i] += parts[q, i]
    for i in range(output.size):
        output[i] *= scale


@jit()
def _residual(
    output: FloatArray, y: FloatArray, x: FloatArray, scale: float, r: FloatArray, rx: FloatArray
) -> None:
    """Scaled error at the points, and its products with each coordinate."""
    for i in range(y.size):
        r[i] = (output[i] - y[i]) * scale
    for k in range(x.shape[0]):
        for i in range(y.size):
            rx[k, i] = r[i] * x[k, i]


def _advance_kernel(parallel: bool) -> Callable[..., None]:
    """Steps over chunks of units. The loop is a closure variable: Numba's cache tells by it."""
    span = prange if parallel else range

    @jit(parallel=parallel)
    def advance(
        w: FloatArray,
        a: FloatArray,
        b: FloatArray,
        anchor: FloatArray,
        x: FloatArray,
        y: FloatArray,
        output: FloatArray,
        rates: tuple[float, float, float],
        frozen: bool,
        steps: int,
        chunk: int,
    ) -> None:
        n, m = y.size, a.size
        scale = 1.0 / math.sqrt(m)
        chunks = (m + chunk - 1) // chunk
        parts, r, rx = np.empty((chunks, n)), np.empty(n), np.empty(x.shape)
        reach = np.empty(x.shape[0])
        for k in range(x.shape[0]):
            reach[k] = np.max(np.abs(x[k]))
        for _ in range(steps):
            _residual(output, y, x, scale / n, r, rx)
            for q in span(chunks):
                lo, hi = q * chunk, min(m, (q + 1) * chunk)
                _descend_units(
                    w[lo:hi],
                    a[lo:hi],
                    b[lo:hi],
                    anchor[lo:hi],
                    x,
                    reach,
                    r,
                    rx,
                    rates,
                    frozen,
                    parts[q],
                )
            _combine(parts, scale, output)

    return advance


def _evaluate_kernel(parallel: bool) -> Callable[..., None]:
    """Output over chunks of units."""
    span = prange if parallel else range

    @jit(parallel=parallel)
    def evaluate(
        w: FloatArray, a: FloatArray, b: FloatArray, x: FloatArray, output: FloatArray, chunk: int
    ) -> None:
        m = a.size
        chunks = (m + chunk - 1) // chunk
        parts = np.zeros((chunks, output.size))
        for q in span(chunks):
            phase = np.empty(output.size)
            for j in range(q * chunk, min(m, (q + 1) * chunk)):
                phases(w[j], x, 0.5, phase)
                add_unit(a[j], b[j], phase, parts[q])
        _combine(parts, 1.0 / math.sqrt(m), output)

    return evaluate


_advance_serial, _advance_parallel = _advance_kernel(False), _advance_kernel(True)
_evaluate_serial, _evaluate_parallel = _evaluate_kernel(False), _evaluate_kernel(True)


def _chunk(units: int) -> int:
    return max(_MIN_CHUNK, -(-units // _MAX_CHUNKS))


def threads(pairs: int) -> int:
    """Cores that a step over this many point-unit pairs occupies."""
    return int(numba.get_num_threads()) if pairs >= PARALLEL_PAIRS else 1


def evaluate(w: FloatArray, a: FloatArray, b: FloatArray, x: FloatArray) -> FloatArray:
    """Output of the network with parameters w (m, d), a (m,), b (m,) at x (n, d), shape (n,)."""
    kernel = _evaluate_parallel if x.shape[0] * a.size >= PARALLEL_PAIRS else _evaluate_serial
    output = np.empty(x.shape[0])
    # Fresh arrays: read-only ones are another type to Numba and would compile a second time.
    kernel(np.array(w), np.array(a), np.array(b), np.array(x.T, order="C"), output, _chunk(a.size))
    return output


def advance(
    state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
) -> None:
    """Take `steps` gradient-descent steps on points x (n, d), values y (n,), in place."""
    kernel = _advance_parallel if y.size * state.a.size >= PARALLEL_PAIRS else _advance_serial
    kernel(
        state.w,
        state.a,
        state.b,
        state.anchor,
        np.array(x.T, order="C"),
        np.array(y),
        state.output,
        (descent.step_size, descent.weight_decay, descent.frequency_decay),
        descent.freeze_frequencies,
        steps,
        _chunk(state.a.size),
    )


def warm_up(pairs: int) -> None:
    """Compile, or load from the cache, what a problem of this many pairs will call."""
    one, grid = np.ones(1), np.ones((1, 1))
    for kernel in (_evaluate_parallel if pairs >= PARALLEL_PAIRS else _evaluate_serial,):
        kernel(grid, one, one, grid, one.copy(), 1)
    step = _advance_parallel if pairs >= PARALLEL_PAIRS else _advance_serial
    step(grid.copy(), one.copy(), one.copy(), grid, grid, one, one.copy(), (0.0,) * 3, False, 1, 1)
