"""What a cause M says of the delay D, which is infinite where the test loss never falls."""

from __future__ import annotations

import numpy as np
from scipy import stats


def rank_correlation(mismatch: np.ndarray, delay: np.ndarray) -> float:
    """Spearman's, tests that never fall being the last; nan where either does not vary."""
    if min(np.unique(values).size for values in (mismatch, delay)) == 1:
        return float("nan")
    return float(stats.spearmanr(mismatch, delay).statistic)


def explained(delay: np.ndarray, *causes: np.ndarray) -> float:
    """Share of the variance of D that a linear function of the causes explains."""
    design = np.column_stack([np.ones_like(delay), *causes])
    if np.ptp(delay) == 0:
        return float("nan")
    rest = delay - design @ np.linalg.lstsq(design, delay, rcond=None)[0]
    return float(1 - np.sum(rest**2) / np.sum((delay - delay.mean()) ** 2))


def slope(mismatch: np.ndarray, delay: np.ndarray) -> float:
    """Slope of the line, of the runs that arrive; nan where their mismatch does not vary."""
    known = np.isfinite(delay)
    away = mismatch[known] - mismatch[known].mean() if known.any() else np.zeros(1)
    return float(away @ delay[known] / (away @ away)) if away.any() else float("nan")


def share(mismatch: np.ndarray, delay: np.ndarray) -> float:
    """Share of the variance of D explained by the line, of the runs that arrive."""
    known = np.isfinite(delay)
    return explained(delay[known], mismatch[known]) if known.sum() > 2 else float("nan")
