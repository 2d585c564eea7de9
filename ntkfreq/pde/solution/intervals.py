"""Intervals for a single network from draws of some, and the prediction of infinite width."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray

_Ends: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]


class Interval(NamedTuple):
    """Ends of an interval for a single network, and the prediction of infinite width."""

    low: float
    predicted: float
    high: float


class Intervals(NamedTuple):
    """Ends of intervals, one for every place of an array, and the predictions."""

    low: FloatArray
    predicted: FloatArray
    high: FloatArray


def checked_level(level: float) -> float:
    """Share of networks that an interval is to cover."""
    level = checks.positive("level", level)
    if level >= 1:
        raise ValueError(f"level={level:g} must be below 1, the share of networks to cover")
    return level


def of_values(limit: FloatArray, drawn: FloatArray, level: float, shrinks: float = 1.0) -> _Ends:
    """Student's interval for one more draw.

    Parameters
    ----------
    limit : ndarray
        Prediction of infinite width.
    drawn : ndarray, shape (K, ...)
        The same of K draws.
    level : float
        Share of networks to cover.
    shrinks : float
        Deviation of a network over that of a draw, where draws are narrower.
    """
    from scipy import stats

    level, count = checked_level(level), len(drawn)
    mean = limit + shrinks**2 * (drawn.mean(axis=0) - limit)
    spread = shrinks * drawn.std(axis=0, ddof=1) * np.sqrt(1 + 1 / count)
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * spread
    return mean - reach, limit, mean + reach


def of_logarithms(
    limit: FloatArray, drawn: FloatArray, level: float, shrinks: float = 1.0
) -> _Ends:
    """The same of positive quantities, whose deviations are relative; infinite ones by ranks."""
    if not (np.isfinite(limit).all() and np.isfinite(drawn).all()):
        return of_ranks(limit, drawn, level)
    tiny = np.finfo(np.float64).tiny
    low, _, high = of_values(
        np.log(np.maximum(limit, tiny)), np.log(np.maximum(drawn, tiny)), level, shrinks
    )
    return np.exp(low), limit, np.exp(high)


def of_ranks(limit: FloatArray, drawn: FloatArray, level: float) -> _Ends:
    """The same where some draws never get there: by their order, the last of them infinite.

    Not scaled to the width: of a network wider than the draws it is wider than need be.
    """
    tail, count = (1 - checked_level(level)) / 2, len(drawn)
    rows = np.sort(np.where(np.isnan(drawn), np.inf, drawn), axis=0)
    low = rows[int(tail * count)]
    high = rows[min(int(np.ceil((1 - tail) * count)), count - 1)]
    return np.minimum(low, limit), limit, np.maximum(high, limit)
