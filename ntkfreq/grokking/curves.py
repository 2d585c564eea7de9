"""The kind of two learning curves (losses, error rates, accuracies), and their crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.bands import first_passage

KINDS = ("loss", "error_rate", "accuracy")
# A loss that decays is small before it is zero. A curve that jumps to zero from above this share of
# its largest value is a count of wrong answers.
_COUNTED = 1e-6
# An accuracy starts low and ends near its highest: within this share of its range.
_NEAR_END = 0.1
# Curves below this at their highest are not taken for accuracies.
_LOW = 0.3
# Means over a set in single precision may exceed one by their rounding.
_WHOLE = 1 + 1e-6


@dataclass(frozen=True)
class Crossing:
    """When one curve reaches its level.

    Attributes
    ----------
    time : float
        First passage; inf if never.
    between : tuple of float
        The records before and after it; (0, first time) for a curve that is there at the first
        record, (last time, inf) for one that never is.
    lost : float
        First record after it that is beyond the level again; inf if it stays.
    best : float
        Lowest loss or error rate, or highest accuracy.
    """

    time: float
    between: tuple[float, float]
    lost: float
    best: float


def crossing(t: FloatArray, curve: FloatArray, level: float, kind: str) -> Crossing:
    """Crossing of a curve of a given kind; counts are interpolated as they are.

    Examples
    --------
    >>> import numpy as np
    >>> crossing(np.array([1e3, 2e3]), np.array([0.5, 1.0]), 0.95, "accuracy")
    Crossing(time=1900.0, between=(1000.0, 2000.0), lost=inf, best=1.0)
    """
    sign = -1.0 if kind == "accuracy" else 1.0
    falling, goal = sign * curve, sign * level
    time = first_passage(t, falling, goal, linear=kind != "loss")
    best = float(sign * falling.min())
    if np.isinf(time):
        return Crossing(time, (float(t[-1]), time), float("inf"), best)
    at = int(np.flatnonzero(falling <= goal)[0])
    between = (float(t[at - 1]) if at else 0.0, float(t[at]))
    later = np.flatnonzero(falling[at:] > goal)
    lost = float(t[at + later[0]]) if later.size else float("inf")
    return Crossing(time, between, lost, best)


def read_kind(kind: Any, train: FloatArray, test: FloatArray) -> str:
    """The kind of two curves, given or recognized; curves that look like accuracies are refused.

    Raises
    ------
    ValueError
        For another word, accuracies that are negative or above 100, and curves that look like
        accuracies while `kind` is None.
    """
    if kind is not None:
        kind = checks.choice("kind", kind, KINDS)
        highest = max(float(train.max()), float(test.max()))
        if kind == "accuracy" and highest > 100 * _WHOLE:
            raise ValueError(
                f"kind='accuracy' with values up to {highest:g}: accuracies are shares up to 1 or "
                "percentages up to 100; for losses leave kind out"
            )
        return str(kind)
    if look_like_accuracies(train, test):
        raise ValueError(
            f"train_loss rises from {train[0]:g} to {train[-1]:g}, which looks like an accuracy; "
            "pass kind='accuracy' and the accuracy to reach as threshold, or kind='loss' if these "
            "are losses"
        )
    for name, curve in (("train_loss", train), ("test_loss", test)):
        _refuse_placeholders(name, curve)
    return "error_rate" if jumps_to_zero(train) or jumps_to_zero(test) else "loss"


def _refuse_placeholders(name: str, curve: FloatArray) -> None:
    """Refuse zeros that stand for losses not yet evaluated; a loss from 0 on rises slowly."""
    evaluated = np.flatnonzero(curve)
    if evaluated.size and evaluated[0] and curve[evaluated[0]] > 0.5 * curve.max():
        raise ValueError(
            f"{name} is exactly 0 at its first {evaluated[0]} record(s) and then "
            f"{curve[evaluated[0]]:.3g}, as a loss not yet evaluated; drop these records, or "
            "pass kind='loss' if it was 0"
        )


def look_like_accuracies(train: FloatArray, test: FloatArray) -> bool:
    """Whether the training curve rises from first to last, or is right throughout.

    Examples
    --------
    >>> import numpy as np
    >>> look_like_accuracies(np.array([0.1, 0.6, 1.0]), np.array([0.1, 0.1, 0.2]))
    True
    """
    top = max(float(train.max()), float(test.max()))
    whole = 100.0 if top > _WHOLE else 1.0
    if top > whole * _WHOLE or len(train) < 2:
        return False
    right_throughout = bool(np.all(train >= whole / _WHOLE))
    return _rises(test if right_throughout else train, whole)


def _rises(curve: FloatArray, whole: float) -> bool:
    """Whether a curve is lowest at its start, and high at its end or in most of its later half."""
    lowest, highest = float(curve.min()), float(curve.max())
    extent = highest - lowest
    low = curve[0] <= lowest + _NEAR_END * extent
    ends_high = curve[-1] >= highest - _NEAR_END * extent
    stays_high = np.median(curve[len(curve) // 2 :]) >= lowest + 0.5 * extent
    return bool(extent > 0 and highest >= _LOW * whole and low and (ends_high or stays_high))


def jumps_to_zero(curve: FloatArray) -> bool:
    """Whether a curve jumps to exactly zero from far above.

    Examples
    --------
    >>> import numpy as np
    >>> jumps_to_zero(np.array([0.9, 0.5, 0.0])), jumps_to_zero(np.array([0.9, 1e-9, 0.0]))
    (True, False)
    """
    at_zero = np.flatnonzero(curve == 0)
    if at_zero.size == 0 or at_zero[0] == 0:
        return False
    return bool(curve[at_zero[0] - 1] > _COUNTED * curve.max())


def units_agree(kind: str, thresholds: tuple[float, float], *curves: FloatArray) -> None:
    """Refuse accuracies and thresholds of which one is a share and the other a percentage.

    Raises
    ------
    ValueError
        Naming both.
    """
    if kind != "accuracy":
        return
    highest = max(float(curve.max()) for curve in curves)
    if max(thresholds) > 1 and highest <= _WHOLE:
        raise ValueError(
            f"threshold={max(thresholds):g} is a percentage and the accuracies reach {highest:g}, "
            "shares: give threshold as a share, or the accuracies in percent"
        )
    if min(thresholds) <= 1 and highest > _WHOLE:
        raise ValueError(
            f"threshold={min(thresholds):g} is a share and the accuracies reach {highest:g}, "
            "percentages: give threshold in percent, or the accuracies as shares"
        )
    if max(thresholds) > 100:
        raise ValueError(f"threshold={max(thresholds):g} is above 100 %; no accuracy reaches it")
