"""One step of one node: its memories, its directions and its accumulated moves.

The memory of a node is a row: mean, mean square and momentum of the cosines and of the sines, then
for every coordinate the two means, the three entries of the second moment and two momenta of the
inner gradients. Its moves are a row as well: those of a and b (times the waves), then for every
coordinate those of w (times x and the waves).

A node that is one unit has, for every coordinate, one gradient :math:`b C' - a S'` of its own, with
its mean, mean square and momentum in the first three places, and its output weights in the last
two; its move is that of w times b and -a.
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
    OF_UNITS,
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
def _along_wave(kind: int, p: float, root: float, epsilon: float) -> float:
    """Direction of an output weight, from its numerator and the root of its mean square."""
    if kind == SIGN:
        return 1.0 if p > 0.0 else (-1.0 if p < 0.0 else 0.0)
    if kind == ROOT:
        below = root + epsilon
        return p / below if below > 0.0 else 0.0
    return p


@jit(inner=True)
def _along_frequency(
    kind: int,
    sigma: float,
    pc: float,
    ps: float,
    cc: float,
    cs: float,
    ss: float,
    factor: float,
    epsilon: float,
    work: FloatArray,
) -> tuple[float, float]:
    """Mean over the units of a node of their directions times r and (sin, -cos) of their phase.

    From the numerators and the second moment; `factor` corrects the bias of its root.
    """
    if kind == LINEAR:
        return sigma * sigma * pc, sigma * sigma * ps
    if kind == SIGN:
        size = math.hypot(pc, ps)
        share = sigma / (ROOT_HALF_PI * size) if size > 0.0 else 0.0
        return share * pc, share * ps
    if cc + ss <= 0.0:
        return 0.0, 0.0
    # The root carries the correction of its bias; all else is divided by it in its place.
    p, q = damped_mean(cc, cs, ss, epsilon / factor, sigma, work)
    half = 0.5 * (cc - ss)
    wc = p * pc + q * (half * pc + cs * ps)
    ws = p * ps + q * (cs * pc - half * ps)
    return wc / factor, ws / factor


@jit(inner=True)
def _unit_coordinate(
    kind: int,
    j: int,
    at: int,
    gc: float,
    gs: float,
    memory: FloatArray,
    c: FloatArray,
) -> tuple[float, float]:
    """Direction of one coordinate of w of a unit, times b and -a; its memory goes on."""
    a, b = memory[j, at + 5], memory[j, at + 6]
    g = b * gc - a * gs
    mean = c[MEAN_KEPT] * memory[j, at] + c[MEAN_TAKEN] * g
    square = c[SQUARE_KEPT] * memory[j, at + 1] + (1 - c[SQUARE_KEPT]) * g * g
    p, root = c[OF_GRADIENT] * g + c[OF_MEAN] * mean, c[ROOT_FACTOR] * math.sqrt(square)
    step = _along_wave(kind, p, root, c[FREQUENCY_EPSILON]) + c[MOMENTUM] * memory[j, at + 2]
    memory[j, at], memory[j, at + 1], memory[j, at + 2] = mean, square, step
    return b * step, -a * step


@jit(inner=True)
def move_nodes(
    dim: int,
    kind: int,
    sigma: float,
    start: int,
    count: int,
    offset: int,
    sums: FloatArray,
    floor: FloatArray,
    memory: FloatArray,
    moves: FloatArray,
    c: FloatArray,
    work: FloatArray,
) -> None:
    """One step of `count` nodes from `start` on, by the coefficients c; `dim` is 0 for frozen w.

    Their sums stand in `sums` from row `offset` on. Sums up to `floor` (readout, then a coordinate
    each) are rounding and count as zero: a rule that normalizes would make them as large as any.

    Several nodes at once, and only numbers passed on: an array that is passed to another function,
    even to one that becomes part of this, is counted by atomic operations, which take longer than
    all else here.
    """
    units = kind >= OF_UNITS
    kind -= OF_UNITS if units else 0
    mean_kept, mean_taken, momentum = c[MEAN_KEPT], c[MEAN_TAKEN], c[MOMENTUM]
    square_kept, square_taken = c[SQUARE_KEPT], 1 - c[SQUARE_KEPT]
    of_gradient, of_mean, factor = c[OF_GRADIENT], c[OF_MEAN], c[ROOT_FACTOR]
    kept = c[READOUT_KEPT] * c[FREQUENCY_KEPT]
    # The gradient sees the output weights before the step, the output those after it.
    before, after = c[SHRUNK], c[SHRUNK_NEXT] * c[FREQUENCY_RATE]
    for b in range(count):
        j, row = start + b, offset + b
        for k in range(2):
            g, at = sums[row, k], 3 * k
            if abs(g) <= floor[0]:
                g = 0.0
            mean = mean_kept * memory[j, at] + mean_taken * g
            square = square_kept * memory[j, at + 1] + square_taken * g * g
            root = factor * math.sqrt(square)
            p = of_gradient * g + of_mean * mean
            step = _along_wave(kind, p, root, c[READOUT_EPSILON])
            step += momentum * memory[j, at + 2]
            memory[j, at], memory[j, at + 1], memory[j, at + 2] = mean, square, step
            moves[j, k] = c[READOUT_KEPT] * moves[j, k] - c[READOUT_RATE] * step
        for k in range(dim):
            at, place = SHARED + EACH * k, 2 + 2 * k
            gc, gs = before * sums[row, place], before * sums[row, place + 1]
            if abs(sums[row, place]) <= floor[1 + k]:
                gc = 0.0
            if abs(sums[row, place + 1]) <= floor[1 + k]:
                gs = 0.0
            if units:
                wc, ws = _unit_coordinate(kind, j, at, gc, gs, memory, c)
                moves[j, place] = kept * moves[j, place] - after * wc
                moves[j, place + 1] = kept * moves[j, place + 1] - after * ws
                continue
            mean_c = mean_kept * memory[j, at] + mean_taken * gc
            mean_s = mean_kept * memory[j, at + 1] + mean_taken * gs
            cc = square_kept * memory[j, at + 2] + square_taken * gc * gc
            cs = square_kept * memory[j, at + 3] + square_taken * gc * gs
            ss = square_kept * memory[j, at + 4] + square_taken * gs * gs
            pc, ps = of_gradient * gc + of_mean * mean_c, of_gradient * gs + of_mean * mean_s
            epsilon = c[FREQUENCY_EPSILON]
            wc, ws = _along_frequency(kind, sigma, pc, ps, cc, cs, ss, factor, epsilon, work)
            wc += momentum * memory[j, at + 5]
            ws += momentum * memory[j, at + 6]
            memory[j, at], memory[j, at + 1] = mean_c, mean_s
            memory[j, at + 2], memory[j, at + 3], memory[j, at + 4] = cc, cs, ss
            memory[j, at + 5], memory[j, at + 6] = wc, ws
            moves[j, place] = kept * moves[j, place] - after * wc
            moves[j, place + 1] = kept * moves[j, place + 1] - after * ws


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
    units = kind >= OF_UNITS
    kind -= OF_UNITS if units else 0
    for k in range(2):
        out[j, k] = c[READOUT_RATE]
        if kind == ROOT:
            root = math.sqrt(memory[j, 3 * k + 1])
            below = c[ROOT_FACTOR] * root + c[READOUT_EPSILON]
            out[j, k] = c[READOUT_RATE] / below if root > 0.0 else 0.0
    rate = c[SHRUNK] * c[SHRUNK_NEXT] * c[FREQUENCY_RATE]
    for k in range(dim):
        at, place = 2 + 3 * k, SHARED + EACH * k + 2
        if units:
            share, a, b = rate, memory[j, place + 3], memory[j, place + 4]
            if kind == ROOT:
                root = math.sqrt(memory[j, place - 1])
                below = c[ROOT_FACTOR] * root + c[FREQUENCY_EPSILON]
                share = rate / below if root > 0.0 else 0.0
            out[j, at], out[j, at + 1], out[j, at + 2] = (
                share * b * b,
                -share * a * b,
                share * a * a,
            )
            continue
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
