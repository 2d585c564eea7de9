"""The points that each step sees, as an array of their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import arrays, checks
from ntkfreq._support.types import IntArray


def epoch_batches(points: int, batch_size: int, steps: int, seed: int) -> IntArray:
    """Batches of shuffled epochs, those of `ntkfreq.train` with this seed.

    Every epoch shuffles the points anew, by seed and epoch alone; its last batch takes what is
    left.

    Parameters
    ----------
    points, batch_size, steps, seed : int
        Number of points, points of a batch, steps, and the seed.

    Returns
    -------
    ndarray of int, shape (steps, batch_size)
        Numbers of the points; -1 where a batch is smaller.

    Examples
    --------
    >>> batches = epoch_batches(5, 2, 3, seed=0)
    >>> sorted(int(k) for k in batches.ravel())
    [-1, 0, 1, 2, 3, 4]
    """
    size = checks.integer("batch_size", batch_size, 1, points)
    count = -(-points // size)
    rows = np.full((steps, size), -1, dtype=np.int64)
    for epoch in range(-(-steps // count)):
        order = np.random.default_rng([seed, epoch]).permutation(points)
        for place in range(min(count, steps - epoch * count)):
            part = order[place * size : (place + 1) * size]
            rows[epoch * count + place, : len(part)] = part
    return rows


def checked_batches(batches: Any, steps: int, points: int) -> IntArray:
    """Batches (steps, B) of points, -1 where a batch is smaller."""
    given = arrays.plain("order", batches)
    if given.ndim != 2 or given.dtype.kind not in "iu" or given.size == 0:
        raise ValueError(
            f"order, or batches, of shape {given.shape} and type {given.dtype} must be "
            "integers of shape (steps, B): the points that each step sees"
        )
    if len(given) < steps:
        raise ValueError(
            f"order, or batches, holds {len(given)} step(s), fewer than steps={steps}; "
            "give a row for each"
        )
    given = given[:steps]
    # Unsigned numbers beyond int64 would become negative ones.
    if given.min() < -1 or given.max() >= points or np.any(given.max(axis=1) < 0):
        raise ValueError(
            f"order, or batches, runs from {given.min()} to {given.max()}; each row must "
            f"number at least one of the {points} points, from 0, with -1 where it is shorter"
        )
    return given.astype(np.int64)
