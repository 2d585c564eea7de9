"""Compiled loops over the units of a two-layer network, each a chunk of units a time.

Chunks are fixed by the problem, never by the threads, so that sums are taken in the same order on
any number of threads. Kernels are made for one input dimension, on first use.
"""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import prange

from ntkfreq import sincos
from ntkfreq._types import FloatArray
from ntkfreq.network.backends import unit_sums
from ntkfreq.network.backends.unit_sums import add_loop, measure_loop, turn_loop
from ntkfreq.sincos import SMALL_PHASE, jit

# Numba's cache looks at this file and at closure variables, not at the files from which inlined
# functions come: their checksum is one of the closure variables.
_STAMP = zlib.crc32((inspect.getsource(sincos) + inspect.getsource(unit_sums)).encode())
# Room for the coordinates that a loop of up to three dimensions may name.
_ROOM = 3
# Units of a step worked on together, and points times units whose waves stay in the cache.
_MOST_TOGETHER, _CACHED = 8, 2048


@jit()
def _step_unit(
    theta: FloatArray,
    anchor: FloatArray,
    memory: FloatArray,
    decay: FloatArray,
    decoupled: bool,
    first: int,
    u: int,
    j: int,
    sums: FloatArray,
    c: FloatArray,
) -> None:
    """One step of unit j, whose sums stand in row u: decay, then `Optimizer.update` by number.

    c holds the rate and the optimizer's coefficients.
    """
    slots, dim = memory.shape[0], theta.shape[0] - 2
    a, b = theta[dim, j], theta[dim + 1, j]
    for k in range(first, dim + 2):
        slope = sums[u, k - dim] if k >= dim else b * sums[u, 2 + 2 * k] - a * sums[u, 3 + 2 * k]
        value = theta[k, j]
        pull = decay[k] * (value - anchor[k, j])
        if decoupled:
            value -= c[0] * pull
        else:
            slope += pull
        if slots == 0:
            value -= c[0] * slope
        elif slots == 1:
            velocity = c[1] * memory[0, k, j] + slope
            memory[0, k, j] = velocity
            value -= c[0] * (c[2] * slope + c[3] * velocity)
        else:
            mean = c[1] * memory[0, k, j] + (1 - c[1]) * slope
            square = c[2] * memory[1, k, j] + (1 - c[2]) * slope * slope
            memory[0, k, j] = mean
            memory[1, k, j] = square
            value -= c[0] * c[4] * mean / (math.sqrt(square) * c[5] + c[3])
        theta[k, j] = value


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
def _copy(theta: FloatArray, j: int, u: int, w: FloatArray) -> None:
    """Frequency of unit j, to row u."""
    for k in range(theta.shape[0] - 2):
        w[u, k] = theta[k, j]


def _descend_units(dim: int) -> Callable[..., None]:
    """One step of the units of a chunk, then their new output into row q of `out`."""
    measure, add, turn_back = measure_loop(dim), add_loop(dim), turn_loop(dim)

    @jit()
    def descend_units(
        theta: FloatArray,
        anchor: FloatArray,
        memory: FloatArray,
        decay: FloatArray,
        decoupled: bool,
        first: int,
        c: FloatArray,
        units: tuple[int, int],
        x: FloatArray,
        reach: FloatArray,
        r: FloatArray,
        q: int,
        out: FloatArray,
    ) -> None:
        n = r.size
        # Several units at a time: their sums are independent, so one's latency hides behind the
        # next one's work. As many as keep their cosines and sines in the first-level cache.
        size = max(1, min(_MOST_TOGETHER, _CACHED // n))
        phase, cosine, sine = np.empty(n), np.empty((size, n)), np.empty((size, n))
        w, change = np.zeros((size, dim + _ROOM)), np.zeros((size, dim + _ROOM))
        sums, turn = np.zeros((size, 2 * dim + 2)), np.zeros(size)
        out[q] = 0.0
        for start in range(units[0], units[1], size):
            together = min(size, units[1] - start)
            for u in range(together):
                _copy(theta, start + u, u, w)
                measure(u, w, x, r, phase, cosine, sine, sums)
            for u in range(together):
                _step_unit(theta, anchor, memory, decay, decoupled, first, u, start + u, sums, c)
                turn[u] = 0.0
                for k in range(dim):
                    change[u, k] = theta[k, start + u] - w[u, k]
                    turn[u] += abs(change[u, k]) * reach[k]
            for u in range(together):
                a, b = theta[dim, start + u], theta[dim + 1, start + u]
                if turn[u] < SMALL_PHASE:
                    turn_back(u, change, x, a, b, cosine, sine, phase, q, out)
                else:
                    _copy(theta, start + u, u, w)
                    add(u, w, x, a, b, phase, q, out)

    return descend_units


@cache
def descend_kernel(dim: int, parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Full-batch steps. The loop is a closure variable: Numba's cache tells kernels by it."""
    span: Any = prange if parallel else range
    descend_units = _descend_units(dim)

    @jit(parallel=parallel)
    def descend(
        theta: FloatArray,
        anchor: FloatArray,
        memory: FloatArray,
        decay: FloatArray,
        decoupled: bool,
        first: int,
        constants: FloatArray,
        x: FloatArray,
        y: FloatArray,
        output: FloatArray,
        chunk: int,
    ) -> None:
        n, m = y.size, theta.shape[1]
        scale = 1.0 / math.sqrt(m)
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        parts, r, reach = np.empty((chunks, n)), np.empty(n), np.empty(dim)
        for k in range(dim):
            reach[k] = np.max(np.abs(x[k]))
        for step in range(constants.shape[0]):
            for i in range(n):
                r[i] = (output[i] - y[i]) * (scale / n)
            for q in span(chunks):
                descend_units(
                    theta,
                    anchor,
                    memory,
                    decay,
                    decoupled,
                    first,
                    constants[step],
                    (q * chunk, min(m, (q + 1) * chunk)),
                    x,
                    reach,
                    r,
                    q,
                    parts,
                )
            _combine(parts, scale, output)

    return descend


@cache
def evaluate_kernel(dim: int, parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Output over chunks of units."""
    span: Any = prange if parallel else range
    add = add_loop(dim)

    @jit(parallel=parallel)
    def evaluate(theta: FloatArray, x: FloatArray, output: FloatArray, chunk: int) -> None:
        m = theta.shape[1]
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        parts = np.zeros((chunks, output.size))
        for q in span(chunks):
            phase, w = np.empty(output.size), np.zeros((1, dim + _ROOM))
            for j in range(q * chunk, min(m, (q + 1) * chunk)):
                _copy(theta, j, 0, w)
                add(0, w, x, theta[dim, j], theta[dim + 1, j], phase, q, parts)
        _combine(parts, 1.0 / math.sqrt(m), output)

    return evaluate


@cache
def gradient_kernel(dim: int, parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Gradient of ``sum_i r_i f(x_i)``, rows from `first` on, over chunks of units."""
    span: Any = prange if parallel else range
    measure = measure_loop(dim)

    @jit(parallel=parallel)
    def gradient(
        theta: FloatArray, x: FloatArray, r: FloatArray, first: int, out: FloatArray, chunk: int
    ) -> None:
        m, n = theta.shape[1], r.size
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        for q in span(chunks):
            phase, cosine, sine = np.empty(n), np.empty((1, n)), np.empty((1, n))
            w, sums = np.zeros((1, dim + _ROOM)), np.zeros((1, 2 * dim + 2))
            for j in range(q * chunk, min(m, (q + 1) * chunk)):
                _copy(theta, j, 0, w)
                measure(0, w, x, r, phase, cosine, sine, sums)
                a, b = theta[dim, j], theta[dim + 1, j]
                for k in range(first, dim):
                    out[k - first, j] = b * sums[0, 2 + 2 * k] - a * sums[0, 3 + 2 * k]
                out[dim - first, j], out[dim + 1 - first, j] = sums[0, 0], sums[0, 1]

    return gradient
