r"""Inner products of the features over the data, from Fourier moments of the data.

Products of two waves are waves of the sum and of the difference of their frequencies, so all inner
products follow from sums over the data at these, one for each product of two weights of
:math:`1, \sigma_a x_1, \ldots, \sigma_a x_d`. The points enter nothing else.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.features.transform import lattice_plan
from ntkfreq.spectra.spectrum import fourier_sum


def lattice_moments(nodes: Nodes, x: FloatArray, rows: FloatArray, half: IntArray) -> ComplexArray:
    """Sums of strengths (r, n) at points about 0, on all frequencies up to `half` (d,) steps."""
    shape = tuple(int(2 * count + 1) for count in half)
    plan = lattice_plan(1, shape, nodes, x)
    found = np.empty((len(rows), *shape), dtype=np.complex128)
    strengths = np.zeros(len(x), dtype=np.complex128)
    mirror = tuple(slice(None, None, -1) for _ in shape)
    for pair in range(0, len(rows), 2):
        strengths.real = rows[pair]
        strengths.imag = rows[pair + 1] if pair + 1 < len(rows) else 0.0
        ahead = plan.execute(strengths)
        behind = ahead[mirror].conj()
        found[pair] = (ahead + behind) / 2
        if pair + 1 < len(rows):
            found[pair + 1] = (ahead - behind) / 2j
    return found


def products(nodes: Nodes, x: FloatArray, weights: FloatArray, factors: FloatArray) -> FloatArray:
    """Weighted inner products over points of features times factors, (m 2J, m 2J).

    Parameters
    ----------
    nodes : Nodes
        Frequencies and coefficients.
    x : ndarray, shape (n, d)
        Points about the origin of the phases.
    weights : ndarray, shape (n,)
        Weights of the points.
    factors : ndarray, shape (m, n)
        What the features are multiplied by, 1 or a coordinate; the first m rows of the result are
        the features times the first factor.
    """
    m, size = len(factors), 2 * nodes.count
    pairs = [(a, b) for a in range(m) for b in range(a, m)]
    found = np.empty((m, size, m, size))
    for (a, b), part in zip(pairs, _pair_products(nodes, x, weights, factors, pairs), strict=True):
        found[a, :, b] = part
        found[b, :, a] = part.T
    return found.reshape(m * size, m * size)


def _pair_products(
    nodes: Nodes,
    x: FloatArray,
    weights: FloatArray,
    factors: FloatArray,
    pairs: list[tuple[int, int]],
) -> list[FloatArray]:
    rows = np.stack([weights * factors[a] * factors[b] for a, b in pairs])
    if nodes.index is not None:
        index = nodes.index
        half = 2 * np.abs(index).max(axis=0)
        cells = lattice_moments(nodes, x, rows, half)
        less = tuple(np.moveaxis(index[:, None] - index + half, -1, 0))
        more = tuple(np.moveaxis(index[:, None] + index + half, -1, 0))
        sums = ((row[less], row[more]) for row in cells)
    else:
        w, count = nodes.frequencies, nodes.count
        both = np.concatenate([(w[:, None] - w), (w[:, None] + w)])
        every = fourier_sum(x, rows, both.reshape(-1, w.shape[1]))
        sums = (tuple(row.reshape(2, count, count)) for row in every)
    roots = np.sqrt(nodes.weights / 2)
    return [_joined(less, more, roots) for less, more in sums]


def _joined(less: ComplexArray, more: ComplexArray, roots: FloatArray) -> FloatArray:
    """Products of cosines and sines from sums at differences and at sums of frequencies."""
    count = len(roots)
    found = np.empty((2 * count, 2 * count))
    found[:count, :count] = less.real + more.real
    found[count:, count:] = less.real - more.real
    # Of cos(a) sin(b) = (sin(a + b) - sin(a - b)) / 2; the sums are over e^{-i w x}.
    found[:count, count:] = less.imag - more.imag
    found[count:, :count] = found[:count, count:].T
    scale = np.tile(roots, 2)
    found *= scale[:, None]
    found *= scale
    return found
