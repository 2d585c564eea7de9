"""Sums over the points of one hidden unit: the innermost loops, each vectorized over points.

In one and two dimensions (for outputs also in three) the phase is computed where it is used;
beyond, it gets a loop a coordinate. LLVM vectorizes a loop that stores only if it can check at run
time that no stores overlap loads, and gives up at more than eight pairs of arrays: hence no fused
loop that has more.

`axes` is a tuple with one entry a coordinate, four at most. Its length is part of its type, so that
the compiler knows it and drops the branches of other dimensions. (A dimension held by a closure
would do the same, but Numba cannot cache functions whose closure holds compiled ones.)
"""

from __future__ import annotations

from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.sincos import cos_sin, jit, rotation


@jit(inner=True)
def _phases(w: FloatArray, x: FloatArray, scale: float, out: FloatArray) -> None:
    """Phases scale * w . x of one unit at all points; x has shape (d, n)."""
    first = scale * w[0]
    for i in range(out.size):
        out[i] = first * x[0, i]
    for k in range(1, x.shape[0]):
        factor = scale * w[k]
        for i in range(out.size):
            out[i] += factor * x[k, i]


@jit(sums=True, inner=True)
def _store(
    phase: FloatArray, r: FloatArray, c: FloatArray, s: FloatArray, sums: FloatArray
) -> None:
    """Store cosine and sine of all phases, and their sums against the residual."""
    along_a, along_b = 0.0, 0.0
    for i in range(phase.size):
        ci, si = cos_sin(phase[i])
        c[i] = ci
        s[i] = si
        along_a += r[i] * ci
        along_b += r[i] * si
    sums[0], sums[1] = along_a, along_b


@jit(sums=True, inner=True)
def _along(
    k: int, x: FloatArray, r: FloatArray, c: FloatArray, s: FloatArray, sums: FloatArray
) -> None:
    """Sums of r x_k against cosine and sine."""
    along_c, along_s = 0.0, 0.0
    for i in range(r.size):
        weight = r[i] * x[k, i]
        along_c += weight * c[i]
        along_s += weight * s[i]
    sums[2 + 2 * k], sums[3 + 2 * k] = along_c, along_s


@jit(sums=True, inner=True)
def measure(
    axes: tuple[int, ...],
    w: FloatArray,
    x: FloatArray,
    r: FloatArray,
    phase: FloatArray,
    c: FloatArray,
    s: FloatArray,
    sums: FloatArray,
) -> None:
    """Cosines and sines of one unit, stored, and their sums against r and r x_k.

    Takes w (at least 3,), x (d, n), r (n,) and a buffer `phase` (n,); stores into `c` and `s` (n,),
    and writes ``sum r c, sum r s, sum r x_0 c, sum r x_0 s, ...`` into `sums`.
    """
    if len(axes) > 2:
        _phases(w, x, 0.5, phase)
        _store(phase, r, c, s, sums)
        for k in range(x.shape[0]):
            _along(k, x, r, c, s, sums)
        return
    half_0, half_1 = 0.5 * w[0], 0.5 * w[1]
    a, b, c_0, s_0, c_1, s_1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(r.size):
        half = half_0 * x[0, i]
        if len(axes) > 1:
            half += half_1 * x[1, i]
        ci, si = cos_sin(half)
        c[i] = ci
        s[i] = si
        rc, rs = r[i] * ci, r[i] * si
        a += rc
        b += rs
        c_0 += x[0, i] * rc
        s_0 += x[0, i] * rs
        if len(axes) > 1:
            c_1 += x[1, i] * rc
            s_1 += x[1, i] * rs
    sums[0], sums[1], sums[2], sums[3] = a, b, c_0, s_0
    if len(axes) > 1:
        sums[4], sums[5] = c_1, s_1


@jit(sums=True, inner=True)
def add(
    axes: tuple[int, ...],
    w: FloatArray,
    x: FloatArray,
    a: float,
    b: float,
    phase: FloatArray,
    q: int,
    out: FloatArray,
) -> None:
    """Add a cos(w . x) + b sin(w . x) of one unit to row q of `out`; w has at least 3 entries.

    A row by its number, since a view costs Numba as much as ten points.
    """
    if len(axes) > 3:
        _phases(w, x, 0.5, phase)
    half_0, half_1, half_2 = 0.5 * w[0], 0.5 * w[1], 0.5 * w[2]
    for i in range(out.shape[1]):
        if len(axes) > 3:
            half = phase[i]
        else:
            half = half_0 * x[0, i]
            if len(axes) > 1:
                half += half_1 * x[1, i]
            if len(axes) > 2:
                half += half_2 * x[2, i]
        ci, si = cos_sin(half)
        out[q, i] += a * ci + b * si


@jit(sums=True, inner=True)
def add_turned(
    axes: tuple[int, ...],
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
    """Add a cos(p + h) + b sin(p + h) to row q of `out`; waves of p given, h = change . x."""
    if len(axes) > 3:
        _phases(change, x, 1.0, phase)
    change_0, change_1, change_2 = change[0], change[1], change[2]
    for i in range(out.shape[1]):
        if len(axes) > 3:
            angle = phase[i]
        else:
            angle = change_0 * x[0, i]
            if len(axes) > 1:
                angle += change_1 * x[1, i]
            if len(axes) > 2:
                angle += change_2 * x[2, i]
        cosine, sine = rotation(angle)
        out[q, i] += (a * c[i] + b * s[i]) * cosine + (b * c[i] - a * s[i]) * sine
