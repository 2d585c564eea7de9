"""Columns of text as the numbers of an axis, with its label and unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.profile.clock import read_clock
from ntkfreq.profile.columns import whole_dates
from ntkfreq.profile.dates import read_dates, read_whole_dates
from ntkfreq.profile.kinds import CLOCK, DATE
from ntkfreq.profile.numbers import is_number, is_whole, normalized, without_loss
from ntkfreq.profile.table import Column
from ntkfreq.profile.units import unit_of

# Dates count in the largest of these that the record is a few of long.
_CLOCKS = (("day", 86400 * 10**9), ("h", 3600 * 10**9), ("s", 10**9))


@dataclass(frozen=True)
class AxisNumbers:
    """Numbers of one column, what they are called, and what was counted from."""

    values: FloatArray
    label: str
    unit: str
    notes: tuple[str, ...] = ()


def printable(text: str) -> str:
    """A text from outside that every terminal, file and figure can write, on one line."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 80 else text[:77] + "..."


def positions(
    name: str, column: Column, lines: list[int], point: str, dayfirst: bool | None
) -> AxisNumbers:
    """A column of x: dates and times in a unit of their own, numbers as they are.

    Raises
    ------
    ValueError
        When a cell is not what its column is, or the column may be read in two ways.
    """
    rows = list(zip(lines, column.cells, strict=True))
    if column.kind == DATE:
        stamps = read_dates(name, rows, dayfirst)
    elif whole_dates(column):
        stamps = read_whole_dates(column.cells)
    elif column.kind == CLOCK:
        return _elapsed(column, read_clock(name, rows), "", ("times as hours:minutes",))
    else:
        _refuse_padded(name, column, lines)
        return numbers(name, column, lines, point, "x")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=min(stamps.nanoseconds) // 1000
    )
    since = moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
    return _elapsed(column, stamps.nanoseconds, since, stamps.notes)


def _elapsed(column: Column, stamps: list[int], since: str, notes: tuple[str, ...]) -> AxisNumbers:
    start = min(stamps) if since else 0
    span = max(stamps) - min(stamps)
    unit, size = next((c for c in _CLOCKS if span >= 2 * c[1]), _CLOCKS[-1])
    values = np.array([(stamp - start) / size for stamp in stamps])
    # A unit in the name of a column of dates is not theirs.
    label = printable(column.name.partition("(")[0]) or "time"
    return AxisNumbers(
        values, f"{label} ({unit} since {since})" if since else f"{label} ({unit})", unit, notes
    )


def numbers(name: str, column: Column, lines: list[int], point: str, default: str) -> AxisNumbers:
    """A column of numbers, less the first where digits would be lost otherwise.

    Raises
    ------
    ValueError
        When a number is too large for double precision, or a cell is none.
    """
    cells = [normalized(cell, point) for cell in column.cells]
    try:
        values, origin = without_loss(cells)
    except ValueError:
        none = next(cell for cell in column.cells if not is_number(cell, point))
        raise ValueError(
            f"{name}: {default} holds {none[:40]!r}, which is no number; give numbers (dates and "
            "times belong to x)"
        ) from None
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{name}, line {lines[bad[0]]}: {column.cells[bad[0]][:40]!r} is no finite number"
        )
    # A header that numbers the columns names nothing.
    label = f"column {column.name}" if is_whole(column.name) else printable(column.name) or default
    notes = (f"{label} counted from {origin}",) if origin else ()
    return AxisNumbers(values, label, column.unit or unit_of(column.name), notes)


def labelled(axis: AxisNumbers) -> str:
    """Label with its unit in brackets, once."""
    return axis.label if not axis.unit or "(" in axis.label else f"{axis.label} ({axis.unit})"


def refuse_range(name: str, label: str, values: FloatArray, power: int) -> None:
    """Refuse numbers whose squares and products double precision does not hold."""
    sizes = np.abs(values)
    bad = sizes[(sizes > 0) & ((sizes < 10.0**-power) | (sizes > 10.0**power))]
    if bad.size:
        raise ValueError(
            f"{name}: {label} holds {bad[0]:.3g}; sizes must be 0 or from 1e-{power} to 1e{power}, "
            "write the column in another unit"
        )


def _refuse_padded(name: str, column: Column, lines: list[int]) -> None:
    """Refuse clock times without a colon, 0930 and 1000, which are no even count."""
    cells = column.cells
    digits = all(len(cell) == 4 and cell.isascii() and cell.isdigit() for cell in cells)
    if digits and any(cell[0] == "0" for cell in cells) and all(int(c[2:]) < 60 for c in cells):
        raise ValueError(
            f"{name}, line {lines[0]}: {cells[0]!r} looks like a time of the clock; write "
            f"{cells[0][:2]}:{cells[0][2:]}, or numbers without zeros in front"
        )
