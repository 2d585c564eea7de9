"""Means, medians and other statistics of independent runs, each with its confidence interval."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from validation.engine.claims import LEVEL, Measurement, intervals


def mean_interval(samples: Any, level: float = LEVEL) -> tuple[float, float, float]:
    """Mean of independent samples and its Student t interval.

    Parameters
    ----------
    samples : array_like, shape (n,)
        At least two finite numbers, one a seed.
    level : float, default 0.95
        Confidence.

    Returns
    -------
    (mean, low, high)

    Raises
    ------
    ValueError
        For fewer than two samples or numbers that are not finite.

    Examples
    --------
    >>> [round(end, 3) for end in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    from scipy import stats

    values: FloatArray = np.asarray(samples, dtype=np.float64).ravel()
    if values.size < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"samples={values[:4].tolist()}... must be at least two finite numbers; train more "
            "seeds, or leave out what was never learned"
        )
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / float(np.sqrt(values.size))
    reach = float(stats.t.ppf((1 + level) / 2, values.size - 1)) * error
    return mean, mean - reach, mean + reach


def median_interval(samples: Any) -> tuple[float, float, float, float]:
    """Median, order statistics on either side, and how often they enclose the true median.

    Exact whatever the distribution, and defined for times that are infinite. The innermost pair
    that encloses it in 95 % of cases; below six samples the outermost, which does so less often.
    What is not a number is left out.

    Returns
    -------
    (median, low, high, level)

    Examples
    --------
    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    (3.5, 1.0, 6.0, 0.96875)
    """
    from scipy import stats

    values = np.asarray(samples, dtype=float).ravel()
    values = np.sort(values[~np.isnan(values)])
    count = values.size
    if count < 2:
        only = float(values[0]) if count else float("nan")
        return only, only, only, 0.0
    inside = [1 - 2 * stats.binom.cdf(k, count, 0.5) for k in range(count // 2)]
    enough = [k for k, level in enumerate(inside) if level >= 0.95]
    k = enough[-1] if enough else 0
    return float(np.median(values)), float(values[k]), float(values[-1 - k]), float(inside[k])


def medians(samples: Mapping[str, Any]) -> dict[str, Measurement]:
    """Medians of samples as measured figures, each with the level its interval has.

    Examples
    --------
    >>> medians({"time": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})["time"]
    Measurement(value=3.5, low=1.0, high=6.0, level=0.969)
    """
    found: dict[str, Measurement] = {}
    for name, values in samples.items():
        median, low, high, level = median_interval(values)
        found |= intervals({name: (median, low, high)}, round(level, 3))
    return found


def resampled(
    statistic: Callable[..., float], count: int, *columns: FloatArray
) -> tuple[float, float, float]:
    """A statistic of runs (n,) and the middle 95 % of it over resampled runs: the bootstrap.

    Columns are resampled together. Resampled runs that have no statistic (nan) do not count.

    Examples
    --------
    >>> value, low, high = resampled(np.mean, 200, np.arange(20.0))
    >>> value, low < value < high
    (9.5, True)
    """
    from scipy import stats

    with warnings.catch_warnings():
        # SciPy's own interval has none where a draw is nan; ours leaves these draws out.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        draws = stats.bootstrap(
            columns,
            statistic,
            n_resamples=count,
            paired=True,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
    found = draws[np.isfinite(draws)]
    low, high = np.quantile(found, [0.025, 0.975]) if found.size else (np.nan, np.nan)
    return float(statistic(*columns)), float(low), float(high)
