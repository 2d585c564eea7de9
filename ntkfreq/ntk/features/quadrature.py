r"""Gauss-Legendre rules for :math:`\int\rho_w(w)\cos(w\cdot z)\,dw` where the density has kinks.

In one dimension each piece of the density between kinks gets one rule, as long as it takes for
differences up to the extent of the data; products of densities get products of rules, mixtures the
rules of their parts. Weights of Gauss rules are positive.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.nodes import Nodes, half_space, kernel_error
from ntkfreq.numerics.quadrature import gauss_legendre
from ntkfreq.problem.density import Density
from ntkfreq.spectra.spectrum import fourier_sum

# Nodes of the first rule of a piece, and the ratio of those of the next.
_FIRST, _GROWTH = 10, 1.3
# A piece whose rule has more nodes than this beyond one for each radian is halved, and one of more
# radians than _LONGEST, as the nodes of a rule take the cube of their number.
_SLOW, _LONGEST = 120, 250.0
_MOST_PIECES = 4000
_LOOKS = 65


def quadrature_nodes(
    density: Density, extent: FloatArray, tolerance: float, most: float
) -> Nodes | None:
    """Nodes of Gauss rules for differences up to `extent` (d,); None where there are none.

    Parameters
    ----------
    density : Density
        With a pdf; in more than one dimension a product, or a mixture of products.
    extent : ndarray, shape (d,)
        Largest difference along each axis.
    tolerance : float
        Error of the kernel.
    most : float
        Most nodes.

    Examples
    --------
    >>> from ntkfreq import Laplace
    >>> found = quadrature_nodes(Laplace(scale=20.0), np.array([2.0]), 1e-12, 1e4)
    >>> found.count < 800, found.error < 1e-12
    (True, True)
    """
    frequencies, weights = [], []
    for share, part in density.parts:
        if not part.has_pdf or part.factors is None:
            return None
        count = 1
        rules = []
        for factor, side in zip(part.factors, extent, strict=True):
            rule = _line_rule(factor, float(side), tolerance / (8 * len(extent)), most)
            if rule is None:
                return None
            count *= len(rule[0])
            if count > 4 * most:
                return None
            rules.append(rule)
        grid = np.meshgrid(*[rule[0] for rule in rules], indexing="ij")
        shares = np.meshgrid(*[rule[1] for rule in rules], indexing="ij")
        frequencies.append(np.stack(grid, axis=-1).reshape(-1, len(rules)))
        weights.append(share * np.prod(np.stack(shares), axis=0).ravel())
    w, c, _ = half_space(np.concatenate(frequencies), np.concatenate(weights))
    order = np.argsort(c)
    few = int(np.searchsorted(np.cumsum(c[order]), tolerance / 8))
    kept = np.sort(order[few:])
    if len(kept) > most:
        return None
    found = Nodes(w[kept], c[kept])
    return replace(found, error=kernel_error(density, found, extent))


def _line_rule(
    density: Density, extent: float, tolerance: float, most: float
) -> tuple[FloatArray, FloatArray] | None:
    """Nodes and weights on the whole line, of one density of one variable."""
    reach = density.radius(tolerance)
    if 0.3 * reach * extent > most:
        return None
    marks = density.landmarks()
    half = [0.0, reach, *marks.kinks, *(end for interval in marks.support for end in interval)]
    for place, width in marks.scales:
        half += [place, place - 6 * width, place + 6 * width]
    half = [mark for mark in half if 0 <= mark <= reach]
    breaks = np.unique(half if density.even else [*half, *(-mark for mark in half)])
    pieces = list(itertools.pairwise(breaks))
    z = (extent * (1 - np.cos(np.linspace(0, np.pi, _LOOKS))) / 2)[:, None]
    allowed = tolerance / len(pieces)
    nodes, weights = [], []
    done = 0
    while pieces:
        low, high = pieces.pop()
        done += 1
        if done > _MOST_PIECES:
            return None
        middle, size = (low + high) / 2, (high - low) / 2
        found = _piece(density, middle, size, z, allowed)
        if found is None:
            pieces += [(low, middle), (middle, high)]
            continue
        nodes.append(found[0])
        weights.append(found[1])
    if not nodes:
        return None
    w, c = np.concatenate(nodes), np.concatenate(weights)
    if density.even:
        w, c = np.concatenate([w, -w]), np.concatenate([c, c])
    kept = c > 0
    return w[kept], c[kept]


def _piece(
    density: Density, middle: float, size: float, z: FloatArray, allowed: float
) -> tuple[FloatArray, FloatArray] | None:
    """A rule on one piece that no longer changes; None if it takes too many nodes."""
    phase = float(size * z[-1, 0])
    if phase > _LONGEST:
        return None
    count, before = int(_FIRST + 0.6 * phase), None
    while count <= _SLOW + phase:
        unit, weight = gauss_legendre(count)
        nodes = middle + size * unit
        weights = size * weight * density.pdf(nodes)
        sums = fourier_sum(nodes[:, None], weights, z)
        if before is not None and np.abs(sums - before).max() <= max(allowed, 2e-16):
            return nodes, weights
        before, count = sums, int(np.ceil(_GROWTH * count))
    return None
