"""Targets that are known at samples only: what repeated points mean, and looking values up."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray, Function


def means(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct points (k, d), sorted, and the mean of the values at each, (k,).

    Examples
    --------
    >>> import numpy as np
    >>> means(np.array([[1.0], [0.0], [1.0]]), np.array([2.0, 5.0, 4.0]))[1]
    array([5., 3.])
    """
    places, inverse, counts = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    return places, np.bincount(inverse.reshape(-1), y) / counts


def only_samples(x: FloatArray, y: FloatArray) -> Function:
    """Look up samples; anything between them is unknown."""
    places, values = means(x, y)
    table = {tuple(at): value for at, value in zip(places.tolist(), values.tolist(), strict=True)}

    def lookup(points: Any) -> FloatArray:
        wanted = np.asarray(points, dtype=np.float64).reshape(-1, x.shape[1])
        try:
            return np.array([table[tuple(point)] for point in wanted.tolist()])
        except KeyError:
            raise ValueError("the target is known at its samples only; pass a function") from None

    return lookup
