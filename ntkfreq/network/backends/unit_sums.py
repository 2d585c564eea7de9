"""Sums over the points of one hidden unit: the innermost loops, each vectorized over points."""

from __future__ import annotations

from ntkfreq._types import FloatArray
from ntkfreq.sincos import cos_sin, jit, rotation


@jit()
def phases(wj: FloatArray, x: FloatArray, scale: float, out: FloatArray) -> None:
    """Phases scale * w . x of one unit at all points; x has shape (d, n)."""
    first = scale * wj[0]
    for i in range(out.size):
        out[i] = first * x[0, i]
    for k in range(1, wj.size):
        factor = scale * wj[k]
        for i in range(out.size):
            out[i] += factor * x[k, i]


@jit(sums=True)
def pair_of_sums(weights: FloatArray, c: FloatArray, s: FloatArray) -> tuple[float, float]:
    """Sums of weights * c and weights * s."""
    along_c, along_s = 0.0, 0.0
    for i in range(weights.size):
        along_c += weights[i] * c[i]
        along_s += weights[i] * s[i]
    return along_c, along_s


@jit(sums=True)
def add_unit(aj: float, bj: float, phase: FloatArray, out: FloatArray) -> None:
    """Add a cos + b sin of one unit, phases given by half."""
    for i in range(out.size):
        ci, si = cos_sin(phase[i])
        out[i] += aj * ci + bj * si


@jit(sums=True)
def add_turned_unit(
    aj: float, bj: float, c: FloatArray, s: FloatArray, turn: FloatArray, out: FloatArray
) -> None:
    """Add a cos(p + q) + b sin(p + q), with cosine and sine of p given and q small."""
    for i in range(out.size):
        cosine, sine = rotation(turn[i])
        out[i] += (aj * c[i] + bj * s[i]) * cosine + (bj * c[i] - aj * s[i]) * sine


@jit(sums=True)
def forward(phase: FloatArray, r: FloatArray, c: FloatArray, s: FloatArray) -> tuple[float, float]:
    """Store cosine and sine of all phases; return their sums against the residual."""
    ga, gb = 0.0, 0.0
    for i in range(phase.size):
        ci, si = cos_sin(phase[i])
        c[i] = ci
        s[i] = si
        ga += r[i] * ci
        gb += r[i] * si
    return ga, gb
