"""Claims with a tolerance, and figures measured without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray

LEVEL = 0.95


def verdicts(claims: Mapping[str, tuple[float, float, float]]) -> dict[str, dict[str, Any]]:
    """Claims as (value, low, high): each holds when low <= value <= high, and never when nan.

    Examples
    --------
    >>> verdicts({"slope": (-0.52, -0.6, -0.4)})["slope"]["holds"]
    True
    """
    return {
        name: {
            "value": float(value),
            "low": float(low),
            "high": float(high),
            "holds": bool(low <= value <= high),
        }
        for name, (value, low, high) in claims.items()
    }


def intervals(
    figures: Mapping[str, tuple[float, float, float]], level: float = LEVEL
) -> dict[str, dict[str, Any]]:
    """Measured figures as (value, low, high), ends of a confidence interval; no verdict.

    Examples
    --------
    >>> intervals({"exponent": (2.1, 1.9, 2.3)})["exponent"]["level"]
    0.95
    """
    return {
        name: {"value": float(value), "low": float(low), "high": float(high), "level": level}
        for name, (value, low, high) in figures.items()
    }


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


def medians(samples: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Medians of samples as measured figures, each with the level its interval has.

    Examples
    --------
    >>> medians({"time": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})["time"]
    {'value': 3.5, 'low': 1.0, 'high': 6.0, 'level': 0.969}
    """
    found: dict[str, dict[str, Any]] = {}
    for name, values in samples.items():
        median, low, high, level = median_interval(values)
        found |= intervals({name: (median, low, high)}, round(level, 3))
    return found


def tolerance_text(row: Mapping[str, Any]) -> str:
    """The tolerance of a claim, or the interval of a measured figure, in words.

    Examples
    --------
    >>> tolerance_text({"low": 0.0, "high": 0.03}), tolerance_text({"low": -0.6, "high": -0.4})
    ('at most 0.03', '-0.5 ± 0.1')
    >>> tolerance_text({"low": 10.0, "high": None}), tolerance_text({"low": -0.01, "high": 0.01})
    ('at least 10', '± 0.01')
    >>> tolerance_text({"low": 0.8, "high": 1.25})
    '0.8 to 1.25'
    """
    low, high = (None if end is None or not np.isfinite(end) else end for end in ends(row))
    if "level" in row:
        percent = f"{100 * row['level']:g} %"
        return f"{percent} interval {_number(row['low'])} to {_number(row['high'])}"
    if low is None or high is None:
        return f"at most {_number(high)}" if low is None else f"at least {_number(low)}"
    if low == high:
        return f"exactly {low:.4g}"
    if low == 0:
        return f"at most {high:.4g}"
    middle, half = (low + high) / 2, (high - low) / 2
    if abs(middle) < 1e-9 * half:
        return f"± {half:.4g}"
    both = f"{low:.4g} to {high:.4g}"
    about = f"{middle:.4g} ± {half:.4g}"
    # A window about one or -1/2 is read as such; one from 0.8 to 1.25 has no middle to speak of.
    return about if half < abs(middle) and len(about) <= len(both) else both


def ends(row: Mapping[str, Any]) -> tuple[Any, Any]:
    """Lower and upper end of a row."""
    return row["low"], row["high"]


def value_text(row: Mapping[str, Any]) -> str:
    """The value of a row with four digits; JSON keeps no infinity and has None for it.

    Examples
    --------
    >>> value_text({"value": 0.123456}), value_text({"value": None})
    ('0.1235', 'not finite')
    """
    return _number(row["value"])


def _number(value: float | None) -> str:
    return "not finite" if value is None or not np.isfinite(value) else f"{value:.4g}"


def verdict_text(row: Mapping[str, Any]) -> str:
    """Holds, FAILS, or measured where no tolerance is claimed.

    Examples
    --------
    >>> verdict_text({"holds": False}), verdict_text({"level": 0.95})
    ('FAILS', 'measured')
    """
    if "holds" not in row:
        return "measured"
    return "holds" if row["holds"] else "FAILS"
