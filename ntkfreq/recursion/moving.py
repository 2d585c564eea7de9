"""One step of one node: its memories, its directions and its accumulated moves.

The memory of a node is a row: mean, mean square and momentum of the cosines and of the sines, then
for every coordinate the two means, the three entries of the second moment and two momenta of the
inner gradients. Its moves are a row as well: those of a and b (times the waves), then for every
coordinate those of w (times x and the waves).
"""

from __future__ import annotations

import math

from ntkfreq._support.types import FloatArray
from ntkfreq.recursion.damped import ROOT_HALF_PI, damped_mean
from ntkfreq.recursion.problem import EACH, SHARED
from ntkfreq.recursion.rules import (
    FREQUENCY_EPSILON,
    FREQUENCY_KEPT,
    FREQUENCY_RATE,
    LINEAR,
    MEAN_KEPT,
    MEAN_TAKEN,
    MOMENTUM,
    OF_GRADIENT,
    OF_MEAN,
    READOUT_EPSILON,
    READOUT_KEPT,
    READOUT_RATE,
    ROOT,
    ROOT_FACTOR,
    SHRUNK,
    SHRUNK_NEXT,
    SIGN,
    SQUARE_KEPT,
)
from ntkfreq.spectra.sincos import jit

# Product of the eigenvalues of a second moment over the square of their sum up to which the
# smaller is rounding.
_FLAT = 1e-13


@jit(inner=True)
def _numerator(g: float, memory: FloatArray, j: int, at: int, c: FloatArray) -> float:
    mean = c[MEAN_KEPT] * memory[j, at] + c[MEAN_TAKEN] * g
    memory[j, at] = mean
    numerator: float = c[OF_GRADIENT] * g + c[OF_MEAN] * mean
    return numerator


@jit(inner=True)
def _onward(direction: float, memory: FloatArray, j: int, at: int, c: FloatArray) -> float:
    """The direction after momentum."""
    if c[MOMENTUM] == 0.0:
        return direction
    total: float = c[MOMENTUM] * memory[j, at] + direction
    memory[j, at] = total
    return total


@jit(inner=True)
def _along_wave(kind: int, g: float, memory: FloatArray, j: int, at: int, c: FloatArray) -> float:
    """Direction of an output weight."""
    p = _numerator(g, memory, j, at, c)
    if kind == SIGN:
        p = 1.0 if p > 0.0 else (-1.0 if p < 0.0 else 0.0)
    elif kind == ROOT:
        square = c[SQUARE_KEPT] * memory[j, at + 1] + (1 - c[SQUARE_KEPT]) * g * g
        memory[j, at + 1] = square
        below = c[ROOT_FACTOR] * math.sqrt(square) + c[READOUT_EPSILON]
        p = p / below if below > 0.0 else 0.0
    return _onward(p, memory, j, at + 2, c)


@jit(inner=True)
def _along_frequency(
    kind: int,
    sigma: float,
    gc: float,
    gs: float,
    memory: FloatArray,
    j: int,
    at: int,
    c: FloatArray,
    work: FloatArray,
) -> tuple[float, float]:
    """Mean over the units of a node of their directions times (sin, -cos) of their phase, and r."""
    pc = _numerator(gc, memory, j, at, c)
    ps = _numerator(gs, memory, j, at + 1, c)
    if kind == LINEAR:
        pc, ps = sigma * sigma * pc, sigma * sigma * ps
    elif kind == SIGN:
        size = math.hypot(pc, ps)
        share = sigma / (ROOT_HALF_PI * size) if size > 0.0 else 0.0
        pc, ps = share * pc, share * ps
    else:
        kept, taken = c[SQUARE_KEPT], 1 - c[SQUARE_KEPT]
        cc = kept * memory[j, at + 2] + taken * gc * gc
        cs = kept * memory[j, at + 3] + taken * gc * gs
        ss = kept * memory[j, at + 4] + taken * gs * gs
        memory[j, at + 2], memory[j, at + 3], memory[j, at + 4] = cc, cs, ss
        if cc + ss > 0.0:
            # q carries the correction of its bias; all else is divided by it in its place.
            epsilon = c[FREQUENCY_EPSILON] / c[ROOT_FACTOR]
            p, q = damped_mean(cc, cs, ss, epsilon, sigma, work)
            half = 0.5 * (cc - ss)
            pc, ps = p * pc + q * (half * pc + cs * ps), p * ps + q * (cs * pc - half * ps)
            pc, ps = pc / c[ROOT_FACTOR], ps / c[ROOT_FACTOR]
        else:
            pc, ps = 0.0, 0.0
    return _onward(pc, memory, j, at + 5, c), _onward(ps, memory, j, at + 6, c)


@jit(inner=True)
def move_node(
    dim: int,
    kind: int,
    sigma: float,
    sums: FloatArray,
    floor: FloatArray,
    memory: FloatArray,
    moves: FloatArray,
    j: int,
    c: FloatArray,
    work: FloatArray,
) -> None:
    """One step of node j by the coefficients c; `dim` is 0 for frozen w.

    Sums up to `floor` (readout, then a coordinate each) are rounding and count as zero: a rule that
    normalizes would make them as large as any.
    """
    for k in range(2 + 2 * dim):
        if abs(sums[k]) <= floor[k // 2]:
            sums[k] = 0.0
    for k in range(2):
        direction = _along_wave(kind, sums[k], memory, j, 3 * k, c)
        moves[j, k] = c[READOUT_KEPT] * moves[j, k] - c[READOUT_RATE] * direction
    kept = c[READOUT_KEPT] * c[FREQUENCY_KEPT]
    # The gradient sees the output weights before the step, the output those after it.
    before, after = c[SHRUNK], c[SHRUNK_NEXT] * c[FREQUENCY_RATE]
    for k in range(dim):
        at = 2 + 2 * k
        gc, gs = before * sums[at], before * sums[at + 1]
        wc, ws = _along_frequency(kind, sigma, gc, gs, memory, j, SHARED + EACH * k, c, work)
        moves[j, at] = kept * moves[j, at] - after * wc
        moves[j, at + 1] = kept * moves[j, at + 1] - after * ws


@jit(inner=True)
def curvature_node(
    dim: int,
    kind: int,
    sigma: float,
    memory: FloatArray,
    j: int,
    c: FloatArray,
    out: FloatArray,
    work: FloatArray,
) -> None:
    """Rates over preconditioners of node j: for cosines and sines, then cc, cs, ss of w_k.

    What a step of gradient descent would do, with the second moments as they are. What has never
    had a gradient, as the cosines of an odd target, has no curvature, whatever one over epsilon is.
    """
    for k in range(2):
        out[j, k] = c[READOUT_RATE]
        if kind == ROOT:
            root = math.sqrt(memory[j, 3 * k + 1])
            below = c[ROOT_FACTOR] * root + c[READOUT_EPSILON]
            out[j, k] = c[READOUT_RATE] / below if root > 0.0 else 0.0
    rate = c[SHRUNK] * c[SHRUNK_NEXT] * c[FREQUENCY_RATE]
    for k in range(dim):
        at, place = 2 + 3 * k, SHARED + EACH * k + 2
        if kind != ROOT:
            share = sigma * sigma * rate
            out[j, at], out[j, at + 1], out[j, at + 2] = share, 0.0, share
            continue
        cc, cs, ss = memory[j, place], memory[j, place + 1], memory[j, place + 2]
        trace, p, q = cc + ss, 0.0, 0.0
        if trace > 0.0:
            epsilon = c[FREQUENCY_EPSILON] / c[ROOT_FACTOR]
            p, q = damped_mean(cc, cs, ss, epsilon, sigma, work)
        half, share = 0.5 * (cc - ss), rate / c[ROOT_FACTOR]
        if cc * ss - cs * cs <= _FLAT * trace * trace and trace > 0.0:
            # The long axis only: the share of V that has its curvature.
            share *= (p + 0.5 * q * trace) / trace
            out[j, at], out[j, at + 1], out[j, at + 2] = share * cc, share * cs, share * ss
        else:
            out[j, at] = share * (p + q * half)
            out[j, at + 1] = share * q * cs
            out[j, at + 2] = share * (p - q * half)
