"""Sums of draws from normal densities and their mixtures, which are normal again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.problem.density.base import NormalPart

# Most normal densities in a sum.
MOST_PARTS = 20_000


def even_parts(parts: Sequence[NormalPart]) -> list[NormalPart]:
    """The parts of the even part of the density: each with its mirror image.

    Examples
    --------
    >>> len(even_parts([NormalPart(0.5, (0.0,), (1.0,)), NormalPart(0.5, (2.0,), (1.0,))]))
    3
    """
    found = []
    for part in parts:
        if any(part.center):
            mirrored = tuple(-place for place in part.center)
            half = part._replace(share=part.share / 2)
            found += [half, half._replace(center=mirrored)]
        else:
            found.append(part)
    return found


def normal_sums(
    parts: Sequence[NormalPart], coefficients: FloatArray, least: float
) -> list[NormalPart] | None:
    """The sum over n of coefficients times the densities of sums of n draws.

    Parameters
    ----------
    parts : sequence of NormalPart
        Normal densities that make up that of a draw.
    coefficients : ndarray, shape (terms,)
        Those of n = 1, 2, ...
    least : float
        Parts of smaller shares are left out.

    Returns
    -------
    list of NormalPart, or None
        None for too many.

    Examples
    --------
    >>> two = [NormalPart(0.5, (0.0,), (3.0,)), NormalPart(0.5, (0.0,), (4.0,))]
    >>> [(part.share, part.scales) for part in normal_sums(two, np.array([0.0, 1.0]), 0.0)][1]
    (0.5, (5.0,))
    """
    shares = np.array([part.share for part in parts])
    centers = np.array([part.center for part in parts])
    variances = np.array([part.scales for part in parts]) ** 2
    step: IntArray = np.eye(len(parts), dtype=np.int64)
    # How many of the draws are from each part, and with what probability.
    counts, chances = step[:0], np.zeros(0)
    found: list[NormalPart] = []
    for n, coefficient in enumerate(coefficients, start=1):
        if n == 1:
            counts, chances = step, shares
        else:
            grown = (counts[:, None, :] + step).reshape(-1, len(parts))
            weights = (chances[:, None] * shares).ravel()
            counts, place = np.unique(grown, axis=0, return_inverse=True)
            chances = np.bincount(place.ravel(), weights=weights).astype(np.float64)
        kept = coefficient * chances > least
        if kept.sum() + len(found) > MOST_PARTS or len(counts) > 4 * MOST_PARTS:
            return None
        places, sizes = counts[kept] @ centers, (counts[kept] @ variances) ** 0.5
        for share, place_of, size in zip(coefficient * chances[kept], places, sizes, strict=True):
            center, scales = tuple(map(float, place_of)), tuple(map(float, size))
            found.append(NormalPart(float(share), center, scales))
    return found
