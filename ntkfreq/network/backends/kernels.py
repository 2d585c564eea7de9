"""Compiled loops over the units of a two-layer network, each a chunk of units a time.

Chunks are fixed by the problem, never by the threads, so that sums are taken in the same order on
any number of threads.
"""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from ntkfreq import sincos
from ntkfreq._types import FloatArray
from ntkfreq.network.backends import unit_sums
from ntkfreq.network.backends.unit_sums import (
    add_turned_unit,
    add_unit,
    forward,
    pair_of_sums,
    phases,
)
from ntkfreq.sincos import SMALL_PHASE, jit

# Numba's cache looks at this file and at closure variables, not at the files from which inlined
# functions come: their checksum is one of the closure variables.
_STAMP = zlib.crc32((inspect.getsource(sincos) + inspect.getsource(unit_sums)).encode())


@jit()
def _moved(value: float, slope: float, memory: FloatArray, k: int, j: int, c: FloatArray) -> Any:
    """Parameter after one step: `Optimizer.update` for one number; c is rate, coefficients."""
    if memory.shape[0] == 0:
        return value - c[0] * slope
    if memory.shape[0] == 1:
        velocity = c[1] * memory[0, k, j] + slope
        memory[0, k, j] = velocity
        return value - c[0] * (c[2] * slope + c[3] * velocity)
    mean = c[1] * memory[0, k, j] + (1 - c[1]) * slope
    square = c[2] * memory[1, k, j] + (1 - c[2]) * slope * slope
    memory[0, k, j] = mean
    memory[1, k, j] = square
    return value - c[0] * c[4] * mean / (math.sqrt(square) * c[5] + c[3])


@jit()
def _step_unit(
    theta: FloatArray,
    anchor: FloatArray,
    memory: FloatArray,
    decay: FloatArray,
    decoupled: bool,
    k: int,
    j: int,
    slope: float,
    c: FloatArray,
) -> None:
    """One parameter: decay, then the optimizer."""
    value = theta[k, j]
    pull = decay[k] * (value - anchor[k, j])
    if decoupled:
        value -= c[0] * pull
    else:
        slope += pull
    theta[k, j] = _moved(value, slope, memory, k, j, c)


@jit()
def _descend_units(
    theta: FloatArray,
    anchor: FloatArray,
    memory: FloatArray,
    decay: FloatArray,
    decoupled: bool,
    frozen: bool,
    c: FloatArray,
    x: FloatArray,
    reach: FloatArray,
    r: FloatArray,
    rx: FloatArray,
    out: FloatArray,
) -> None:
    """One step of every unit given (views of one chunk), then their new output into `out`."""
    n, dim = r.size, x.shape[0]
    phase, cosine, sine = np.empty(n), np.empty(n), np.empty(n)
    w, change = np.empty(dim), np.empty(dim)
    out[:] = 0.0
    for j in range(theta.shape[1]):
        a, b = theta[dim, j], theta[dim + 1, j]
        w[:] = theta[:dim, j]
        phases(w, x, 0.5, phase)
        along_a, along_b = forward(phase, r, cosine, sine)
        turn = 0.0
        if not frozen:
            for k in range(dim):
                with_c, with_s = pair_of_sums(rx[k], cosine, sine)
                slope = b * with_c - a * with_s
                _step_unit(theta, anchor, memory, decay, decoupled, k, j, slope, c)
                change[k] = theta[k, j] - w[k]
                turn += abs(change[k]) * reach[k]
        _step_unit(theta, anchor, memory, decay, decoupled, dim, j, along_a, c)
        _step_unit(theta, anchor, memory, decay, decoupled, dim + 1, j, along_b, c)
        a, b = theta[dim, j], theta[dim + 1, j]
        if frozen:
            for i in range(n):
                out[i] += a * cosine[i] + b * sine[i]
        elif turn < SMALL_PHASE:
            phases(change, x, 1.0, phase)
            add_turned_unit(a, b, cosine, sine, phase, out)
        else:
            w[:] = theta[:dim, j]
            phases(w, x, 0.5, phase)
            add_unit(a, b, phase, out)


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


def descend_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Full-batch steps. The loop is a closure variable: Numba's cache tells kernels by it."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel)
    def descend(
        theta: FloatArray,
        anchor: FloatArray,
        memory: FloatArray,
        decay: FloatArray,
        decoupled: bool,
        frozen: bool,
        constants: FloatArray,
        x: FloatArray,
        y: FloatArray,
        output: FloatArray,
        chunk: int,
    ) -> None:
        n, m = y.size, theta.shape[1]
        scale = 1.0 / math.sqrt(m)
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        parts, r, rx = np.empty((chunks, n)), np.empty(n), np.empty(x.shape)
        reach = np.empty(x.shape[0])
        for k in range(x.shape[0]):
            reach[k] = np.max(np.abs(x[k]))
        for step in range(constants.shape[0]):
            _residual(output, y, x, scale / n, r, rx)
            for q in span(chunks):
                lo, hi = q * chunk, min(m, (q + 1) * chunk)
                _descend_units(
                    theta[:, lo:hi],
                    anchor[:, lo:hi],
                    memory[:, :, lo:hi],
                    decay,
                    decoupled,
                    frozen,
                    constants[step],
                    x,
                    reach,
                    r,
                    rx,
                    parts[q],
                )
            _combine(parts, scale, output)

    return descend


def evaluate_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Output over chunks of units."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel)
    def evaluate(theta: FloatArray, x: FloatArray, output: FloatArray, chunk: int) -> None:
        m, dim = theta.shape[1], x.shape[0]
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        parts = np.zeros((chunks, output.size))
        for q in span(chunks):
            phase, w = np.empty(output.size), np.empty(dim)
            for j in range(q * chunk, min(m, (q + 1) * chunk)):
                w[:] = theta[:dim, j]
                phases(w, x, 0.5, phase)
                add_unit(theta[dim, j], theta[dim + 1, j], phase, parts[q])
        _combine(parts, 1.0 / math.sqrt(m), output)

    return evaluate


def gradient_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Gradient of ``sum_i r_i f(x_i)``, rows from `first` on."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel)
    def gradient(
        theta: FloatArray, x: FloatArray, r: FloatArray, rx: FloatArray, first: int, out: FloatArray
    ) -> None:
        m, dim, n = theta.shape[1], x.shape[0], r.size
        chunks = m if stamp >= 0 else 0
        for j in span(chunks):
            phase, cosine, sine, w = np.empty(n), np.empty(n), np.empty(n), np.empty(dim)
            w[:] = theta[:dim, j]
            phases(w, x, 0.5, phase)
            along_a, along_b = forward(phase, r, cosine, sine)
            out[dim - first, j], out[dim + 1 - first, j] = along_a, along_b
            for k in range(first, dim):
                with_c, with_s = pair_of_sums(rx[k], cosine, sine)
                out[k - first, j] = theta[dim + 1, j] * with_c - theta[dim, j] * with_s

    return gradient
