"""Columns of dates and times, in the order of day and month that the whole column shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from ntkfreq.profile.clock import CLOCK, since_midnight

_ZONE = r"(?:\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_AFTER = rf"(?:(?:\s*[T,]\s*|\s+){CLOCK}{_ZONE})?"
_DAY_NAME = r"(?:[A-Za-z]{3,9},?\s+)?"
_YEAR = r"(?P<c>\d{4}|\d{2})"
_FORMS = {
    "ymd": r"(?P<a>\d{4})(?P<mark>[-/.])(?P<b>\d{1,2})(?:(?P=mark)(?P<c>\d{1,2}))",
    "three": rf"(?P<a>\d{{1,2}})(?P<mark>[-/.])(?P<b>\d{{1,2}})(?P=mark){_YEAR}",
    "day name": rf"{_DAY_NAME}(?P<a>\d{{1,2}})[-\s./]+(?P<b>[A-Za-z]{{3,9}})\.?[-\s./,]+{_YEAR}",
    "name day": rf"{_DAY_NAME}(?P<b>[A-Za-z]{{3,9}})\.?\s+(?P<a>\d{{1,2}}),?\s+(?P<c>\d{{4}})",
}
_COMPACT = (
    r"(?P<a>\d{4})(?P<b>\d{2})(?P<c>\d{2})T(?P<hour>\d{2}):?(?P<minute>\d{2})"
    rf"(?::?(?P<second>\d{{2}})(?:[.,](?P<fraction>\d{{1,9}}))?)?{_ZONE}"
)
_PATTERNS = {form: re.compile(text + _AFTER, re.ASCII) for form, text in _FORMS.items()} | {
    "ym": re.compile(r"(?P<a>\d{4})[-/](?P<b>\d{1,2})", re.ASCII),
    "compact": re.compile(_COMPACT, re.ASCII),
}
_MONTHS = "january february march april may june july august september october november december"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERS = {"day first": "dmy", "month first": "mdy", "year first": "ymd"}


@dataclass(frozen=True)
class Stamps:
    """Dates in whole nanoseconds since 1970, and how they were written.

    Attributes
    ----------
    nanoseconds : list of int
    notes : tuple of str
        How they were read.
    """

    nanoseconds: list[int]
    notes: tuple[str, ...] = ()


def is_date(cell: str) -> bool:
    """Whether a cell has the form of a date, with or without a time.

    Examples
    --------
    >>> cells = ("2021-12-01T00:04Z", "12/01/2021 12:04 AM", "1.12.2021", "1 Dec 2021", "12.5")
    >>> [is_date(cell) for cell in cells]
    [True, True, True, True, False]
    """
    return cell[:1].isalnum() and any(form.fullmatch(cell) for form in _PATTERNS.values())


def is_day(cell: str) -> bool:
    """Whether a cell is a date without a time."""
    return is_date(cell) and ":" not in cell and "T" not in cell[4:]


def are_whole_dates(cells: Sequence[str]) -> bool:
    """Whether whole numbers are dates in digits, 20211231 or 202112 or 20211231235900, all of them.

    Plain numbers that counted through one century's worth of such values would leave the calendar:
    20211231 is followed by 20220101, not by 20211232.
    """
    first = {len(cell) for cell in cells}
    if len(first) != 1 or (length := first.pop()) not in (6, 8, 12, 14) or len(set(cells)) < 8:
        return False
    if not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    try:
        years = {_digits(cell).year for cell in cells}
    except ValueError:
        return False
    earliest, latest = min(years), max(years)
    # Six digits are few: only where months run over the turn of a year does nothing else fit.
    turns = length > 6 or latest > earliest
    return turns and earliest >= 1800 and latest <= 2100


def _digits(cell: str) -> datetime:
    hour, minute, second = (int(cell[k : k + 2] or 0) for k in (8, 10, 12))
    year, month, day = int(cell[:4]), int(cell[4:6]), int(cell[6:8] or 1)
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def read_whole_dates(cells: Iterable[str]) -> Stamps:
    """Dates in digits as stamps."""
    return Stamps([_since_epoch(_digits(cell)) for cell in cells], ("dates in digits",))


def read_dates(name: str, rows: Sequence[tuple[int, str]], dayfirst: bool | None) -> Stamps:
    """Dates of one column, all in one order of day and month.

    Parameters
    ----------
    name : str
        The file, for messages.
    rows : sequence of (int, str)
        Line numbers and cells.
    dayfirst : bool, optional
        Order of day and month in dates such as 1/2/2021; None decides from the whole column.

    Raises
    ------
    ValueError
        When a cell is no date of the calendar, orders are mixed, or both orders fit.

    Examples
    --------
    >>> read_dates("a.csv", [(1, "13/01/2021"), (2, "1/2/2021")], None).notes
    ('dates day first',)
    """
    found = [(line, cell, _match(cell)) for line, cell in rows]
    for line, cell, match in found:
        if match is None:
            raise ValueError(f"{name}, line {line}: {cell!r} is no date, as the others of it are")
    forms = {match[0] for _, _, match in found if match is not None}
    if "three" not in forms:
        orders = ["ymd"]
    elif len(forms) > 1:
        raise ValueError(
            f"{name} writes dates in two ways, such as {rows[0][1]!r}; write all of them alike, "
            "best as 2021-12-31T23:59"
        )
    else:
        marks = {match[1]["mark"] for _, _, match in found if match is not None}
        orders = _orders(name, rows, marks, dayfirst)
    zoned = {bool(match[1]["zone"]) for _, _, match in found if match and "zone" in match[1]}
    if len(zoned) > 1:
        raise ValueError(f"{name}: some times have a time zone and some have none; give all one")
    stamps = [_stamp(name, line, cell, orders[0]) for line, cell in rows]
    words = [word for word, order in _ORDERS.items() if order == orders[0]]
    notes = [f"dates {words[0]}"] if "three" in forms else ["dates"]
    return Stamps(stamps, (*notes, *(["in UTC"] if zoned == {True} else [])))


def _match(cell: str) -> tuple[str, dict[str, str | None]] | None:
    for form, pattern in _PATTERNS.items():
        match = pattern.fullmatch(cell)
        if match:
            return form, match.groupdict()
    return None


def _orders(
    name: str, rows: Sequence[tuple[int, str]], marks: set[str | None], dayfirst: bool | None
) -> list[str]:
    """The one order of day, month and year that fits all cells of a column."""
    cells = {re.split(r"[\sT,]", cell)[0] for _, cell in rows}
    numbers = [tuple(map(int, re.split(r"[-/.]", cell))) for cell in cells]
    short = any(len(re.split(r"[-/.]", cell)[2]) == 2 for cell in cells)
    tried = ["dmy", "mdy", *(["ymd"] if short else [])]
    if dayfirst is not None:
        tried = ["dmy" if dayfirst else "mdy"]
    elif marks == {"."}:
        tried = ["dmy"]  # nobody writes points month first
    fitting = [order for order in tried if all(_is_day(n, order) for n in numbers)]
    if not fitting:
        wrong = next((row for row in rows if not _fits(row[1], tried[0])), rows[0])
        raise ValueError(
            f"{name}, line {wrong[0]}: {wrong[1]!r} is no date "
            f"{next(word for word, order in _ORDERS.items() if order == tried[0])}; "
            "all dates must be in one order"
        )
    readings = {tuple(_year_month_day(n, order) for n in numbers) for order in fitting}
    if len(readings) > 1:
        raise ValueError(
            f"{name}: dates such as {rows[0][1]!r} may be day first or month first, and no row "
            "shows which; give dayfirst=True or False (--dayfirst or --monthfirst), or write them "
            "in ISO form, as 2021-12-31"
        )
    return fitting


def _fits(cell: str, order: str) -> bool:
    day = re.split(r"[\sT,]", cell)[0]
    return _is_day(tuple(map(int, re.split(r"[-/.]", day))), order)


def _is_day(numbers: tuple[int, ...], order: str) -> bool:
    try:
        datetime(*_year_month_day(numbers, order), tzinfo=UTC)
    except ValueError:
        return False
    return True


def _year_month_day(numbers: tuple[int, ...], order: str) -> tuple[int, int, int]:
    named = dict(zip(order, numbers, strict=True))
    year = named["y"]
    if year < 100:
        year += 2000 if year < 69 else 1900  # as POSIX reads two digits
    return year, named["m"], named["d"]


def _stamp(name: str, line: int, cell: str, order: str) -> int:
    match = _match(cell)
    assert match is not None
    form, fields = match
    try:
        if form == "three":
            numbers = tuple(int(fields[key] or 0) for key in "abc")
            year, month, day = _year_month_day(numbers, order)
        elif form in ("day name", "name day"):
            year, month, day = _year_month_day(
                (int(fields["a"] or 0), _month(fields["b"] or ""), int(fields["c"] or 0)), "dmy"
            )
        else:
            year, month, day = (
                int(fields["a"] or 0),
                int(fields["b"] or 0),
                int(fields.get("c") or 1),
            )
        date = datetime(year, month, day, tzinfo=_zone(fields.get("zone")))
    except ValueError as error:
        raise ValueError(f"{name}, line {line}: {cell!r} is no date ({error})") from None
    return _since_epoch(date) + since_midnight(name, line, fields)


def _month(word: str) -> int:
    lowered = word.lower()
    for k, month in enumerate(_MONTHS.split()):
        if lowered in (month, month[:3]) or lowered == month[:4] == "sept":
            return k + 1
    raise ValueError(f"{word!r} is no English name of a month")


def _zone(zone: str | None) -> timezone:
    if zone is None or zone in ("Z", "UTC", "GMT"):
        return UTC
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if zone[0] == "-" else offset)


def _since_epoch(date: datetime) -> int:
    return (date - _EPOCH) // timedelta(microseconds=1) * 1000
