"""Claims with a tolerance, and figures measured without one: as objects, as JSON, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEVEL = 0.95


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "not finite"


@dataclass(frozen=True)
class Claim:
    """A value, the range that was stated for it before the run, and whether it lies there.

    JSON form: an object of the four fields. JSON keeps no infinity and no nan; an end without
    bound and a value that is not finite are null.

    Examples
    --------
    >>> Claim.of(-0.52, -0.6, -0.4)
    Claim(value=-0.52, low=-0.6, high=-0.4, holds=True)
    >>> Claim.from_json({"value": 12.0, "low": 10.0, "high": None, "holds": True}).tolerance
    'at least 10'
    """

    value: float
    low: float
    high: float
    holds: bool

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Claim:
        """Claim that low <= value <= high; it never holds when the value is nan."""
        return cls(float(value), float(low), float(high), bool(low <= value <= high))

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Claim:
        """Claim kept as JSON."""
        value = np.nan if row["value"] is None else row["value"]
        low = -np.inf if row["low"] is None else row["low"]
        high = np.inf if row["high"] is None else row["high"]
        return cls(value, low, high, row["holds"])

    def to_json(self) -> dict[str, Any]:
        """Fields by name, infinities still in them."""
        return asdict(self)

    @property
    def tolerance(self) -> str:
        """The range in words.

        Examples
        --------
        >>> Claim.of(0.01, 0.0, 0.03).tolerance, Claim.of(-0.52, -0.6, -0.4).tolerance
        ('at most 0.03', '-0.5 ± 0.1')
        >>> Claim.of(12.0, 10.0, float("inf")).tolerance, Claim.of(0.0, -0.01, 0.01).tolerance
        ('at least 10', '± 0.01')
        >>> Claim.of(1.0, 0.8, 1.25).tolerance
        '0.8 to 1.25'
        """
        low, high = self.low, self.high
        if not np.isfinite(low):
            return f"at most {_number(high)}"
        if not np.isfinite(high):
            return f"at least {_number(low)}"
        if low == high:
            return f"exactly {low:.4g}"
        if low == 0:
            return f"at most {high:.4g}"
        middle, half = (low + high) / 2, (high - low) / 2
        if abs(middle) < 1e-9 * half:
            return f"± {half:.4g}"
        both = f"{low:.4g} to {high:.4g}"
        about = f"{middle:.4g} ± {half:.4g}"
        # A window about 1 or -1/2 is read as such; one from 0.8 to 1.25 has no middle to speak of.
        return about if half < abs(middle) and len(about) <= len(both) else both

    @property
    def text(self) -> str:
        """The value with four digits.

        Examples
        --------
        >>> Claim.of(0.123456, 0, 1).text, Claim.of(float("nan"), 0, 1).text
        ('0.1235', 'not finite')
        """
        return _number(self.value)

    @property
    def verdict(self) -> str:
        """Whether it holds, in a word.

        Examples
        --------
        >>> Claim.of(2.0, 0.0, 1.0).verdict
        'FAILS'
        """
        return "holds" if self.holds else "FAILS"


@dataclass(frozen=True)
class Measurement:
    """A value of which nothing is claimed, and the ends of its confidence interval.

    JSON form: an object of the four fields; what is not finite is null.

    Examples
    --------
    >>> Measurement(2.1, 1.9, 2.3).tolerance
    '95 % interval 1.9 to 2.3'
    """

    value: float
    low: float
    high: float
    level: float = LEVEL

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Measurement:
        """Measured value kept as JSON."""
        value, low, high = (
            np.nan if row[name] is None else row[name] for name in ("value", "low", "high")
        )
        return cls(value, low, high, row["level"])

    def to_json(self) -> dict[str, Any]:
        """Fields by name, infinities still in them."""
        return asdict(self)

    @property
    def tolerance(self) -> str:
        """The interval in words."""
        return f"{100 * self.level:g} % interval {_number(self.low)} to {_number(self.high)}"

    @property
    def text(self) -> str:
        """The value with four digits."""
        return _number(self.value)

    @property
    def verdict(self) -> str:
        """That it was measured."""
        return "measured"


def verdicts(claims: Mapping[str, tuple[float, float, float]]) -> dict[str, Claim]:
    """Claims from (value, low, high): each holds when low <= value <= high, and never when nan.

    Examples
    --------
    >>> verdicts({"slope": (-0.52, -0.6, -0.4)})["slope"].holds
    True
    """
    return {name: Claim.of(*row) for name, row in claims.items()}


def intervals(
    figures: Mapping[str, tuple[float, float, float]], level: float = LEVEL
) -> dict[str, Measurement]:
    """Measured figures from (value, low, high), ends of a confidence interval; no verdict.

    Examples
    --------
    >>> intervals({"exponent": (2.1, 1.9, 2.3)})["exponent"].level
    0.95
    """
    return {
        name: Measurement(float(value), float(low), float(high), level)
        for name, (value, low, high) in figures.items()
    }
