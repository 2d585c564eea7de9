r"""How far the weighted Gram matrix of points is off where a kernel is replaced by waves.

Of a heavy tail that is left out a Gram matrix hardly notices: its error E is the Gram matrix of the
tail alone, and the norm of that of the frequencies between R and 2 R is about
:math:`(2\pi)^d\rho_w(R)` times the density of the points, seen through a window of the width
:math:`\pi/R`. Where this resolves single points, it is the share of frequencies times the weight
of a point.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.problem.density import Density

# Error of a sum of waves by rounding, which a Gram matrix of the kernel has as well.
_ROUNDING = 1e-14
# Points from which the error of a Gram matrix is estimated.
_ENTRIES = 700
# Octaves of frequencies of which the norm is estimated, and directions in which a density is seen.
_OCTAVES, _DIRECTIONS = 12, 16
# Points in cells of which the largest weight is found.
_MOST_CELLS = 2**22


def operator_error(
    density: Density,
    nodes: Nodes,
    x: FloatArray,
    weights: FloatArray,
    sigma_a: float,
    enough: float = 0.0,
) -> float:
    """Estimate of the norm of the error of the weighted Gram matrix of points (n, d).

    Of all points where a tail alone is left out, else from some of them, which takes longer and
    is tried where the first is above `enough`.
    """
    if nodes.beyond is None or len(x) <= _ENTRIES:
        return _from_some(density, nodes, x, weights, sigma_a)
    size = 1 + sigma_a**2 * np.sum(x**2, axis=1)
    most = float(1 + sigma_a**2 * np.sum(np.max(x**2, axis=0)))
    copies = (nodes.copies + _ROUNDING) * float(weights @ size)
    found = copies + most * tail_norm(density, x, weights, nodes.beyond)
    return found if found <= enough else min(found, _from_some(density, nodes, x, weights, sigma_a))


def _from_some(
    density: Density, nodes: Nodes, x: FloatArray, weights: FloatArray, sigma_a: float
) -> float:
    """That of some of the points, by their largest eigenvalue, and that of a point with itself.

    The latter is the largest of all where a tail of the density is left out: most entries hardly
    notice.
    """
    count = len(x)
    own = float(np.max(weights * (1 + sigma_a**2 * np.sum(x**2, axis=1))))
    some = np.arange(count)
    if count > _ENTRIES:
        some = np.unique(np.random.default_rng(0).choice(count, _ENTRIES, p=weights))
    x, share = x[some], np.full(len(some), 1 / len(some)) if count > _ENTRIES else weights
    z = (x[:, None] - x).reshape(-1, x.shape[1])
    off = nodes.kernel(z) - density.kernel_values(z)
    # What is below rounding is no error.
    off = np.sign(off) * np.maximum(np.abs(off) - _ROUNDING, 0.0)
    matrix = off.reshape(len(x), -1) * (1 + sigma_a**2 * (x @ x.T))
    itself = float(off[0])
    np.fill_diagonal(matrix, 0.0)
    root = np.sqrt(share)
    matrix *= root[:, None] * root
    largest = float(np.abs(np.linalg.eigvalsh(matrix)).max())
    return largest + own * abs(itself)


def tail_norm(density: Density, x: FloatArray, weights: FloatArray, beyond: float) -> float:
    """Estimate of the norm of the weighted Gram matrix of the frequencies beyond a size.

    Examples
    --------
    >>> from ntkfreq import StudentT
    >>> rho_w = StudentT(3, scale=5.0, dim=2)
    >>> x = np.random.default_rng(0).uniform(-1, 1, (100_000, 2))
    >>> bool(2e-8 < tail_norm(rho_w, x, np.full(100_000, 1e-5), 200.0) < 4e-8)
    True
    """
    dim = x.shape[1]
    steps = np.concatenate([np.eye(dim), np.random.default_rng(0).normal(size=(_DIRECTIONS, dim))])
    steps /= np.linalg.norm(steps, axis=1)[:, None]
    directions = np.concatenate([steps, -steps])
    total, low = 0.0, beyond
    for _ in range(_OCTAVES):
        radii = low * np.linspace(1.0, 2.0, 5)
        highest = float(density.pdf((radii[:, None, None] * directions).reshape(-1, dim)).max())
        heaviest = _heaviest_cell(x, weights, np.pi / low)
        here = highest * (2 * low) ** dim * heaviest
        total += here
        if here < 0.01 * total:
            break
        low *= 2
    return total


def _heaviest_cell(x: FloatArray, weights: FloatArray, side: float) -> float:
    """Largest weight in a cell of a grid of some width."""
    index = np.floor((x - x.min(axis=0)) / side).astype(np.int64)
    shape = index.max(axis=0) + 1
    if np.prod(shape.astype(float)) <= _MOST_CELLS:
        cell = np.ravel_multi_index(tuple(index.T), tuple(shape))
    else:
        # So many cells hold few points each; those that share a remainder count as one.
        cell = (index @ np.array([1, 1_000_003, 998_244_353])[: x.shape[1]]) % _MOST_CELLS
    return float(np.bincount(cell, weights).max())
