"""Compiled loops over the units of a two-layer network, one chunk of units at a time.

Chunks are fixed by the problem, never by the threads, so that sums are taken in the same order on
any number of threads. A call that would take long is made in several laps, each of which takes a
part of every chunk, so that Python can handle Ctrl-C in between; this changes no sum either.
"""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends import fused_rules, unit_sums
from ntkfreq.network.backends.cost import MOST_AXES
from ntkfreq.network.backends.fused_rules import step_unit
from ntkfreq.network.backends.limits import LARGEST_WEIGHT
from ntkfreq.network.backends.unit_sums import add, add_turned, measure
from ntkfreq.spectra import sincos
from ntkfreq.spectra.sincos import SMALL_PHASE, cos_sin, jit

# Numba's cache looks at this file and at closure variables, not at the files from which inlined
# functions come: their checksum is one of the closure variables.
_STAMP = zlib.crc32("".join(map(inspect.getsource, (sincos, unit_sums, fused_rules))).encode())
# Length of arrays of coordinates, in loops of up to three dimensions.
_ROOM = 3
# Units of a block of a Gram matrix: three such rows a point stay in the cache.
_GRAM_UNITS = 512


@jit(inner=True)
def _dimension(axes: tuple[int, ...], x: FloatArray) -> int:
    """Input dimension, known to the compiler up to three."""
    return x.shape[0] if len(axes) == MOST_AXES else len(axes)


@jit(inner=True)
def _combine(parts: FloatArray, scale: float, output: FloatArray) -> None:
    """Scaled sum of the chunks, in their fixed order."""
    output[:] = 0.0
    for q in range(parts.shape[0]):
        for i in range(output.size):
            output[i] += parts[q, i]
    for i in range(output.size):
        output[i] *= scale


@jit(inner=True)
def _copy(dim: int, theta: FloatArray, j: int, w: FloatArray) -> None:
    """Frequency of unit j."""
    for k in range(dim):
        w[k] = theta[k, j]


@jit(inner=True)
def _share(q: int, chunk: int, m: int, lap: tuple[int, int]) -> tuple[int, int]:
    """Units of chunk q that come in the lap (number, of how many); their order is the same."""
    start = q * chunk
    size = max(0, min(m, start + chunk) - start)
    return start + size * lap[0] // lap[1], start + size * (lap[0] + 1) // lap[1]


@jit(inner=True)
def _descend_units(
    axes: tuple[int, ...],
    theta: FloatArray,
    anchor: FloatArray,
    memory: FloatArray,
    decay: FloatArray,
    scale: FloatArray,
    decoupled: bool,
    kind: int,
    first: int,
    c: FloatArray,
    units: tuple[int, int],
    x: FloatArray,
    reach: FloatArray,
    r: FloatArray,
    q: int,
    out: FloatArray,
    bound: FloatArray,
    escaped: FloatArray,
) -> None:
    """One step of some units of a chunk; their new output is added to row q of `out`.

    ``escaped[q]`` becomes 1 where parameters leave the limits, as in `limits.within`.
    """
    n, dim = r.size, _dimension(axes, x)
    phase, cosine, sine = np.empty(n), np.empty(n), np.empty(n)
    w, change = np.zeros(dim + _ROOM), np.zeros(dim + _ROOM)
    sums = np.zeros(2 * dim + 2)
    for j in range(units[0], units[1]):
        _copy(dim, theta, j, w)
        measure(axes, w, x, r, phase, cosine, sine, sums)
        step_unit(dim, theta, anchor, memory, decay, scale, decoupled, kind, first, j, sums, c)
        turn, share = 0.0, 0.0
        for k in range(dim):
            change[k] = theta[k, j] - w[k]
            turn += abs(change[k]) * reach[k]
            share += abs(theta[k, j]) * bound[k]
        a, b = theta[dim, j], theta[dim + 1, j]
        # NaN compares as false.
        if not (share <= 1.0 and abs(a) <= LARGEST_WEIGHT and abs(b) <= LARGEST_WEIGHT):
            escaped[q] = 1.0
        if turn < SMALL_PHASE:
            add_turned(axes, change, x, a, b, cosine, sine, phase, q, out)
        else:
            _copy(dim, theta, j, w)
            add(axes, w, x, a, b, phase, q, out)


def descend_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., int]:
    """Full-batch steps. The loop is a closure variable, for it decides what is compiled."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def descend(
        axes: tuple[int, ...],
        theta: FloatArray,
        anchor: FloatArray,
        memory: FloatArray,
        decay: FloatArray,
        scale: FloatArray,
        decoupled: bool,
        kind: int,
        first: int,
        constants: FloatArray,
        x: FloatArray,
        y: FloatArray,
        output: FloatArray,
        parts: FloatArray,
        chunk: int,
        lap: tuple[int, int],
        bound: FloatArray,
    ) -> int:
        """Steps taken, negative when the last of them left the limits."""
        n, m = y.size, theta.shape[1]
        factor = 1.0 / math.sqrt(m)
        chunks = parts.shape[0] if stamp >= 0 else 0
        r, reach, escaped = np.empty(n), np.empty(x.shape[0]), np.zeros(chunks)
        for k in range(x.shape[0]):
            reach[k] = np.max(np.abs(x[k]))
        for step in range(constants.shape[0]):
            if lap[0] == 0:
                parts[:] = 0.0
            for i in range(n):
                r[i] = (output[i] - y[i]) * (factor / n)
            for q in span(chunks):
                _descend_units(
                    axes,
                    theta,
                    anchor,
                    memory,
                    decay,
                    scale,
                    decoupled,
                    kind,
                    first,
                    constants[step],
                    _share(q, chunk, m, lap),
                    x,
                    reach,
                    r,
                    q,
                    parts,
                    bound,
                    escaped,
                )
            if lap[0] == lap[1] - 1:
                _combine(parts, factor, output)
            if np.max(escaped) > 0.0:
                return -(step + 1)
        return len(constants)

    return descend


def evaluate_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Output over chunks of units."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def evaluate(
        axes: tuple[int, ...],
        theta: FloatArray,
        x: FloatArray,
        output: FloatArray,
        parts: FloatArray,
        chunk: int,
        lap: tuple[int, int],
    ) -> None:
        m, dim = theta.shape[1], _dimension(axes, x)
        chunks = parts.shape[0] if stamp >= 0 else 0
        if lap[0] == 0:
            parts[:] = 0.0
        for q in span(chunks):
            phase, w = np.empty(output.size), np.zeros(dim + _ROOM)
            units = _share(q, chunk, m, lap)
            for j in range(units[0], units[1]):
                _copy(dim, theta, j, w)
                add(axes, w, x, theta[dim, j], theta[dim + 1, j], phase, q, parts)
        if lap[0] == lap[1] - 1:
            _combine(parts, 1.0 / math.sqrt(m), output)

    return evaluate


def gradient_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Gradient of ``sum_i r_i f(x_i)``, rows from `first` on, over chunks of units."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def gradient(
        axes: tuple[int, ...],
        theta: FloatArray,
        x: FloatArray,
        r: FloatArray,
        first: int,
        out: FloatArray,
        chunk: int,
        lap: tuple[int, int],
    ) -> None:
        m, n, dim = theta.shape[1], r.size, _dimension(axes, x)
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        for q in span(chunks):
            phase, cosine, sine = np.empty(n), np.empty(n), np.empty(n)
            w, sums = np.zeros(dim + _ROOM), np.zeros(2 * dim + 2)
            units = _share(q, chunk, m, lap)
            for j in range(units[0], units[1]):
                _copy(dim, theta, j, w)
                measure(axes, w, x, r, phase, cosine, sine, sums)
                a, b = theta[dim, j], theta[dim + 1, j]
                for k in range(first, dim):
                    out[k - first, j] = b * sums[2 + 2 * k] - a * sums[3 + 2 * k]
                out[dim - first, j], out[dim + 1 - first, j] = sums[0], sums[1]

    return gradient


@jit(sums=True, inner=True)
def _dot(p: FloatArray, i: int, h: int) -> float:
    """Product of two rows."""
    total = 0.0
    for j in range(p.shape[1]):
        total += p[i, j] * p[h, j]
    return total


def gram_kernel(stamp: int = _STAMP) -> Callable[..., None]:
    """Gram matrix of the gradients at few points, over all units."""

    @jit()
    def gram(theta: FloatArray, x: FloatArray, first: int, out: FloatArray) -> None:
        n, m, dim = x.shape[1], theta.shape[1], x.shape[0]
        width = _GRAM_UNITS if stamp >= 0 else 0
        # Zeros beyond the last unit leave every sum as it is.
        c, s, p = np.zeros((n, width)), np.zeros((n, width)), np.zeros((n, width))
        out[:] = 0.0
        for start in range(0, m, width):
            count = min(width, m - start)
            if count < width:
                c[:], s[:], p[:] = 0.0, 0.0, 0.0
            for i in range(n):
                for j in range(count):
                    half = 0.0
                    for k in range(dim):
                        half += 0.5 * theta[k, start + j] * x[k, i]
                    c[i, j], s[i, j] = cos_sin(half)
                for j in range(count):
                    a, b = theta[dim, start + j], theta[dim + 1, start + j]
                    p[i, j] = b * c[i, j] - a * s[i, j]
            for i in range(n):
                for h in range(i + 1):
                    along = 0.0
                    for k in range(dim):
                        along += x[k, i] * x[k, h]
                    out[i, h] += _dot(c, i, h) + _dot(s, i, h)
                    if first == 0:
                        out[i, h] += along * _dot(p, i, h)
        for i in range(n):
            for h in range(i + 1):
                out[i, h] /= m
                out[h, i] = out[i, h]

    return gram
