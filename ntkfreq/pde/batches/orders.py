"""Which samples each step sees, in many runs at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ntkfreq._support.types import IntArray


def shuffled(rng: np.random.Generator, runs: int, points: int, size: int) -> Iterator[IntArray]:
    """Batches (runs, B) of epochs, each of which shuffles the samples; the last has what is left.

    Examples
    --------
    >>> batches = shuffled(np.random.default_rng(0), 2, 5, 3)
    >>> both = np.concatenate([next(batches), next(batches)], axis=1)
    >>> both.shape, np.sort(both)[0]
    ((2, 5), array([0, 1, 2, 3, 4]))
    """
    places = np.broadcast_to(np.arange(points), (runs, points))
    while True:
        order = rng.permuted(places, axis=1)
        for begin in range(0, points, size):
            yield order[:, begin : begin + size]


def independent(
    rng: np.random.Generator, runs: int, points: int, size: int, repetition: bool
) -> Iterator[IntArray]:
    """Batches (runs, B) drawn for each step by itself, with or without repetition within one.

    Examples
    --------
    >>> next(independent(np.random.default_rng(0), 3, 5, 2, False)).shape
    (3, 2)
    """
    places = np.broadcast_to(np.arange(points), (runs, points))
    while True:
        if repetition:
            yield rng.integers(points, size=(runs, size))
        else:
            yield rng.permuted(places, axis=1)[:, :size]


def given(batches: IntArray, runs: int) -> Iterator[IntArray]:
    """Batches (steps, B) that are the same in all runs; -1 stands for none.

    Examples
    --------
    >>> [batch.tolist() for batch in given(np.array([[0, 1], [2, -1]]), 1)]
    [[[0, 1]], [[2]]]
    """
    for row in batches:
        seen = row[row >= 0]
        yield np.broadcast_to(seen, (runs, len(seen)))
