"""What is compared between trained networks and predictions."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from validation.engine import mean_interval


def across_seeds(values: Any) -> tuple[float, float, float]:
    """Mean over seeds and its interval; infinite ones make it infinite."""
    found = np.asarray(values, dtype=float)
    if not np.isfinite(found).all():
        return float("inf"), float(found.min()), float("inf")
    return mean_interval(found)


def medians_known(rows: np.ndarray) -> np.ndarray:
    """Median of each row of what is known of it; NaN where nothing is.

    Examples
    --------
    >>> medians_known(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]]))
    array([ 2., nan])
    """
    known = [row[~np.isnan(row)] for row in rows]
    return np.array([np.median(row) if row.size else np.nan for row in known])


def pairs_in_order(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Share of pairs along the last axis that are ordered alike; pairs predicted equal are left.

    Examples
    --------
    >>> pairs_in_order(np.array([1.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    array(0.66667)
    """
    shape = np.broadcast_shapes(measured.shape, predicted.shape)
    one, other = np.broadcast_to(measured, shape), np.broadcast_to(predicted, shape)
    right, counted = np.zeros(shape[:-1]), np.zeros(shape[:-1])
    for i, j in combinations(range(shape[-1]), 2):
        differs = other[..., i] != other[..., j]
        alike = (one[..., i] < one[..., j]) == (other[..., i] < other[..., j])
        right += differs & alike
        counted += differs
    return np.asarray(right / np.maximum(counted, 1))


def spread(times: np.ndarray) -> np.ndarray:
    """Time of the highest band over that of the lowest, the last axis."""
    return np.asarray(times[..., -1] / times[..., 0])


def decibels(error: np.ndarray) -> np.ndarray:
    """Level of a mean square below one."""
    return np.asarray(-10 * np.log10(error))
