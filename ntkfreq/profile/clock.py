"""Times of a clock, and durations, as whole nanoseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_CLOCK_ONLY = re.compile(CLOCK, re.ASCII)
_DURATION = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+) days?,?\s*)?(?P<hours>\d+):(?P<minutes>\d{2})"
    r"(?::(?P<seconds>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?",
    re.ASCII,
)


def is_clock(cell: str) -> bool:
    """Whether a cell is a time of day or a duration: 00:04, 12:04 AM, 26:10:05.5, 1 day 02:00:00.

    Examples
    --------
    >>> [is_clock(cell) for cell in ("00:04", "12:04:30 PM", "0 days 00:05:00", "5", "a:bc")]
    [True, True, True, False, False]
    """
    return ":" in cell and bool(_CLOCK_ONLY.fullmatch(cell) or _DURATION.fullmatch(cell))


def read_clock(name: str, rows: Sequence[tuple[int, str]]) -> list[int]:
    """Times of one column, without dates, in nanoseconds since 0:00.

    Raises
    ------
    ValueError
        When the clock goes back, which it does at midnight.

    Examples
    --------
    >>> read_clock("a.csv", [(1, "0:01"), (2, "24:00:00.5")])
    [60000000000, 86400500000000]
    """
    stamps: list[int] = []
    halves = any("m" in cell.lower() for _, cell in rows)
    for line, cell in rows:
        match = (_CLOCK_ONLY if halves else _DURATION).fullmatch(cell)
        if match is None:
            raise ValueError(f"{name}, line {line}: {cell!r} is no time, as the others of it are")
        stamps.append(
            since_midnight(name, line, match.groupdict())
            if halves
            else _duration(name, line, match)
        )
        if len(stamps) > 1 and stamps[-1] < stamps[-2]:
            raise ValueError(
                f"{name}, line {line}: the clock goes back to {cell!r}; give dates with the times, "
                "or hours that count on"
            )
    return stamps


def since_midnight(name: str, line: int, fields: Mapping[str, str | None]) -> int:
    """Nanoseconds since midnight of the fields of `CLOCK`; 24:00 is the next midnight.

    Raises
    ------
    ValueError
        When no clock shows such a time.
    """
    hour, minute, second = (int(fields.get(key) or 0) for key in ("hour", "minute", "second"))
    half = (fields.get("half") or "").lower()
    midnight = hour == 24 and minute == second == 0
    if minute > 59 or second > 59 or (hour > 23 and not midnight) or (half and not 1 <= hour <= 12):
        raise ValueError(f"{name}, line {line}: {hour}:{minute:02d}:{second:02d} is no time of day")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return (3600 * hour + 60 * minute + second) * 10**9 + _fraction(fields.get("fraction"))


def _duration(name: str, line: int, match: re.Match[str]) -> int:
    days, hours, minutes, seconds = (
        int(match[key] or 0) for key in ("days", "hours", "minutes", "seconds")
    )
    if minutes > 59 or seconds > 59:
        raise ValueError(f"{name}, line {line}: {match[0]!r} is no time as hours:minutes:seconds")
    whole = (((24 * days + hours) * 60 + minutes) * 60 + seconds) * 10**9
    whole += _fraction(match["fraction"])
    return -whole if match["sign"] else whole


def _fraction(digits: str | None) -> int:
    return int((digits or "").ljust(9, "0"))
