"""Sums over the points of one node, and the node's share of the output: the innermost loops.

`axes` is a tuple with one entry a coordinate, three at most: its length is part of its type, so
that the compiler knows the dimension. Numba's cache does not see these lines from the kernels that
inline them: those carry the checksum of this file.
"""

from __future__ import annotations

from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.sincos import cos_sin, jit


@jit(sums=True, inner=True)
def measure(
    axes: tuple[int, ...],
    w: FloatArray,
    j: int,
    scale: float,
    x: FloatArray,
    r: FloatArray,
    turned: FloatArray,
    frozen: bool,
    row: int,
    c: FloatArray,
    s: FloatArray,
    sums: FloatArray,
) -> None:
    """Cosines and sines of node j at all points, stored in a row, and their sums.

    Parameters
    ----------
    w : ndarray, shape (d, M)
        Nodes; the frequency is `scale` times column j.
    x : ndarray, shape (d, n)
        Points.
    r : ndarray, shape (n,)
        Weighted errors.
    turned : ndarray, shape (d, n)
        r x, a row a coordinate; not read with `frozen`.
    c, s : ndarray, shape (rows, n)
        Buffers for the waves.
    sums : ndarray, shape (rows, 2 + 2 d)
        Sums of r c, r s, then of r x_k c, r x_k s for every coordinate.
    """
    half_0 = 0.5 * scale * w[0, j]
    half_1 = 0.5 * scale * w[1, j] if len(axes) > 1 else 0.0
    half_2 = 0.5 * scale * w[2, j] if len(axes) > 2 else 0.0
    along_c, along_s = 0.0, 0.0
    for i in range(r.size):
        half = half_0 * x[0, i]
        if len(axes) > 1:
            half += half_1 * x[1, i]
        if len(axes) > 2:
            half += half_2 * x[2, i]
        ci, si = cos_sin(half)
        c[row, i] = ci
        s[row, i] = si
        along_c += r[i] * ci
        along_s += r[i] * si
    sums[row, 0], sums[row, 1] = along_c, along_s
    if frozen:
        return
    for k in range(len(axes)):
        along_c, along_s = 0.0, 0.0
        for i in range(r.size):
            along_c += turned[k, i] * c[row, i]
            along_s += turned[k, i] * s[row, i]
        sums[row, 2 + 2 * k], sums[row, 3 + 2 * k] = along_c, along_s


@jit(sums=True, inner=True)
def waves(
    axes: tuple[int, ...],
    w: FloatArray,
    j: int,
    scale: float,
    x: FloatArray,
    row: int,
    c: FloatArray,
    s: FloatArray,
) -> None:
    """Cosines and sines of node j at all points, stored in a row of c and s."""
    half_0 = 0.5 * scale * w[0, j]
    half_1 = 0.5 * scale * w[1, j] if len(axes) > 1 else 0.0
    half_2 = 0.5 * scale * w[2, j] if len(axes) > 2 else 0.0
    for i in range(x.shape[1]):
        half = half_0 * x[0, i]
        if len(axes) > 1:
            half += half_1 * x[1, i]
        if len(axes) > 2:
            half += half_2 * x[2, i]
        c[row, i], s[row, i] = cos_sin(half)


@jit(sums=True, inner=True)
def add(
    axes: tuple[int, ...],
    u: FloatArray,
    j: int,
    weight: float,
    x: FloatArray,
    frozen: bool,
    row: int,
    c: FloatArray,
    s: FloatArray,
    q: int,
    out: FloatArray,
) -> None:
    """Add weight (c (u_0 + x_k u_{2+2k}) + s (u_1 + x_k u_{3+2k})) to row q of `out`.

    u is row j of its array, c and s are `row` of theirs. Rows by their number, since a view costs
    Numba as much as ten points.
    """
    a, b = weight * u[j, 0], weight * u[j, 1]
    if frozen:
        for i in range(out.shape[1]):
            out[q, i] += c[row, i] * a + s[row, i] * b
        return
    a_0, b_0 = weight * u[j, 2], weight * u[j, 3]
    if len(axes) == 1:
        for i in range(out.shape[1]):
            out[q, i] += c[row, i] * (a + x[0, i] * a_0) + s[row, i] * (b + x[0, i] * b_0)
        return
    a_1, b_1 = weight * u[j, 4], weight * u[j, 5]
    if len(axes) == 2:
        for i in range(out.shape[1]):
            out[q, i] += c[row, i] * (a + x[0, i] * a_0 + x[1, i] * a_1) + s[row, i] * (
                b + x[0, i] * b_0 + x[1, i] * b_1
            )
        return
    a_2, b_2 = weight * u[j, 6], weight * u[j, 7]
    for i in range(out.shape[1]):
        out[q, i] += c[row, i] * (a + x[0, i] * a_0 + x[1, i] * a_1 + x[2, i] * a_2) + s[row, i] * (
            b + x[0, i] * b_0 + x[1, i] * b_1 + x[2, i] * b_2
        )


@jit(inner=True)
def combine(parts: FloatArray, output: FloatArray) -> None:
    """Sum of the chunks, in their fixed order."""
    output[:] = 0.0
    for q in range(parts.shape[0]):
        for i in range(output.size):
            output[i] += parts[q, i]
