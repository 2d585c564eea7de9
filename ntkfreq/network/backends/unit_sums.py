"""Sums over the points of one hidden unit: the innermost loops, each vectorized over points.

In one to three dimensions the phase is computed where it is used; beyond, it gets a loop a
coordinate. LLVM vectorizes a loop that stores only if it can check at run time that no stores
overlap loads, and gives up at more than eight pairs of arrays: hence no fused loop that has more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ntkfreq._types import FloatArray
from ntkfreq.sincos import cos_sin, jit, rotation

Loop = Callable[..., None]


@jit()
def _phases(u: int, w: FloatArray, dim: int, x: FloatArray, scale: float, out: FloatArray) -> None:
    """Phases scale * w_u . x at all points; w has shape (units, d), x has shape (d, n)."""
    first = scale * w[u, 0]
    for i in range(out.size):
        out[i] = first * x[0, i]
    for k in range(1, dim):
        factor = scale * w[u, k]
        for i in range(out.size):
            out[i] += factor * x[k, i]


@jit(sums=True)
def _store(
    u: int, phase: FloatArray, r: FloatArray, c: FloatArray, s: FloatArray, sums: FloatArray
) -> None:
    """Store cosine and sine of all phases, and their sums against the residual."""
    along_a, along_b = 0.0, 0.0
    for i in range(phase.size):
        ci, si = cos_sin(phase[i])
        c[u, i] = ci
        s[u, i] = si
        along_a += r[i] * ci
        along_b += r[i] * si
    sums[u, 0], sums[u, 1] = along_a, along_b


@jit(sums=True)
def _along(
    u: int, k: int, x: FloatArray, r: FloatArray, c: FloatArray, s: FloatArray, sums: FloatArray
) -> None:
    """Sums of r x_k against cosine and sine."""
    along_c, along_s = 0.0, 0.0
    for i in range(r.size):
        weight = r[i] * x[k, i]
        along_c += weight * c[u, i]
        along_s += weight * s[u, i]
    sums[u, 2 + 2 * k], sums[u, 3 + 2 * k] = along_c, along_s


@cache
def measure_loop(dim: int) -> Loop:
    """Cosines and sines of unit u, stored, and their sums against r and r x_k.

    The loop takes u, w (units, at least 3), x (d, n), r (n,), a buffer `phase` (n,), stores into
    row u of `c` and `s` (units, n), and writes ``sum r c, sum r s, sum r x_0 c, sum r x_0 s, ...``
    into row u of `sums`. Rows by number, since a view of a row costs Numba as much as ten points.
    """
    if dim > 2:

        @jit()
        def measure(
            u: int,
            w: FloatArray,
            x: FloatArray,
            r: FloatArray,
            phase: FloatArray,
            c: FloatArray,
            s: FloatArray,
            sums: FloatArray,
        ) -> None:
            _phases(u, w, dim, x, 0.5, phase)
            _store(u, phase, r, c, s, sums)
            for k in range(dim):
                _along(u, k, x, r, c, s, sums)

        return measure

    @jit(sums=True)
    def fused(
        u: int,
        w: FloatArray,
        x: FloatArray,
        r: FloatArray,
        phase: FloatArray,
        c: FloatArray,
        s: FloatArray,
        sums: FloatArray,
    ) -> None:
        half_0, half_1 = 0.5 * w[u, 0], 0.5 * w[u, 1]
        a, b, c_0, s_0, c_1, s_1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(r.size):
            half = half_0 * x[0, i]
            if dim > 1:
                half += half_1 * x[1, i]
            ci, si = cos_sin(half)
            c[u, i] = ci
            s[u, i] = si
            rc, rs = r[i] * ci, r[i] * si
            a += rc
            b += rs
            c_0 += x[0, i] * rc
            s_0 += x[0, i] * rs
            if dim > 1:
                c_1 += x[1, i] * rc
                s_1 += x[1, i] * rs
        sums[u, 0], sums[u, 1], sums[u, 2], sums[u, 3] = a, b, c_0, s_0
        if dim > 1:
            sums[u, 4], sums[u, 5] = c_1, s_1

    return fused


@cache
def add_loop(dim: int) -> Loop:
    """Add a cos(w_u . x) + b sin(w_u . x) to row q of `out`; w has at least 3 columns."""
    if dim > 3:

        @jit(sums=True)
        def add(
            u: int,
            w: FloatArray,
            x: FloatArray,
            a: float,
            b: float,
            phase: FloatArray,
            q: int,
            out: FloatArray,
        ) -> None:
            _phases(u, w, dim, x, 0.5, phase)
            for i in range(out.shape[1]):
                ci, si = cos_sin(phase[i])
                out[q, i] += a * ci + b * si

        return add

    @jit(sums=True)
    def fused(
        u: int,
        w: FloatArray,
        x: FloatArray,
        a: float,
        b: float,
        phase: FloatArray,
        q: int,
        out: FloatArray,
    ) -> None:
        half_0, half_1, half_2 = 0.5 * w[u, 0], 0.5 * w[u, 1], 0.5 * w[u, 2]
        for i in range(out.shape[1]):
            half = half_0 * x[0, i]
            if dim > 1:
                half += half_1 * x[1, i]
            if dim > 2:
                half += half_2 * x[2, i]
            ci, si = cos_sin(half)
            out[q, i] += a * ci + b * si

    return fused


@cache
def turn_loop(dim: int) -> Loop:
    """Add a cos(p + h) + b sin(p + h) to row q of `out`; waves of p given, h = change_u . x."""
    if dim > 3:

        @jit(sums=True)
        def turn(
            u: int,
            change: FloatArray,
            x: FloatArray,
            a: float,
            b: float,
            c: FloatArray,
            s: FloatArray,
            phase: FloatArray,
            q: int,
            out: FloatArray,
        ) -> None:
            _phases(u, change, dim, x, 1.0, phase)
            for i in range(out.shape[1]):
                cosine, sine = rotation(phase[i])
                out[q, i] += (a * c[u, i] + b * s[u, i]) * cosine + (
                    b * c[u, i] - a * s[u, i]
                ) * sine

        return turn

    @jit(sums=True)
    def fused(
        u: int,
        change: FloatArray,
        x: FloatArray,
        a: float,
        b: float,
        c: FloatArray,
        s: FloatArray,
        phase: FloatArray,
        q: int,
        out: FloatArray,
    ) -> None:
        change_0, change_1, change_2 = change[u, 0], change[u, 1], change[u, 2]
        for i in range(out.shape[1]):
            angle = change_0 * x[0, i]
            if dim > 1:
                angle += change_1 * x[1, i]
            if dim > 2:
                angle += change_2 * x[2, i]
            cosine, sine = rotation(angle)
            out[q, i] += (a * c[u, i] + b * s[u, i]) * cosine + (b * c[u, i] - a * s[u, i]) * sine

    return fused
