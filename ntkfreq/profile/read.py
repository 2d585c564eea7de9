"""Read a profile from a file, and say in one line what was understood."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.profile.archive import read_archive
from ntkfreq.profile.clock import read_clock
from ntkfreq.profile.columns import choose, joined, whole_dates, without_index
from ntkfreq.profile.dates import read_dates, read_whole_dates
from ntkfreq.profile.fills import refuse_far_positions, refuse_fills, stand_ins
from ntkfreq.profile.kinds import CLOCK, DATE
from ntkfreq.profile.numbers import is_missing, is_whole, normalized, without_loss
from ntkfreq.profile.signal import Profile
from ntkfreq.profile.table import Column, read_table
from ntkfreq.profile.text import content, text_of
from ntkfreq.profile.units import unit_of

_FEWEST = 16
# Dates count in the largest of these that the record is a few of long.
_CLOCKS = (("day", 86400 * 10**9), ("h", 3600 * 10**9), ("s", 10**9))


@dataclass(frozen=True)
class Axis:
    """Numbers of one column, what they are called, and what was counted from."""

    values: FloatArray
    label: str
    unit: str
    notes: tuple[str, ...] = ()


def read_profile(
    path: str | os.PathLike[str],
    *,
    x: str | None = None,
    y: str | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    dayfirst: bool | None = None,
    missing: Sequence[float] | None = None,
) -> Profile:
    r"""Read a profile, y over x, from a table of text or an `.npz`.

    Delimiter, decimal mark, header and the kind of each column are decided from the whole file,
    and ``Profile.understood`` says in one line how. What may be read in two ways is refused;
    the keywords below then decide.

    Parameters
    ----------
    path : path-like
        Text of any name (.csv, .txt, .tsv, .dat, packed by gzip or not) or an `.npz` with arrays
        x and y (read without pickle).
    x, y : str, optional
        Columns, by name or by number from 1. Needed when there are more than two.
    header : bool, optional
        Whether the first row names the columns.
    delimiter : str, optional
        One of ``, ; | \t`` and a blank.
    decimal : str, optional
        Decimal mark, "." or ",".
    dayfirst : bool, optional
        Whether 1/2/2021 is the first of February.
    missing : sequence of float, optional
        Numbers that stand for a missing value; rows with one are dropped. Without it, numbers such
        as -9999 far outside all others are refused; with an empty one they are taken as they are.

    Returns
    -------
    Profile
        Sorted by x, with the mean of y where an x is repeated, without rows that miss a value.
        Dates are in days (or h or s, if the record is short) from the first one.

    Raises
    ------
    ValueError
        When the file is no table of numbers, may be read in several ways, or has fewer than 16
        samples; the message says where and what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "tide.csv")
    ...     rows = [f"{k * 0.5};{k % 5},25" for k in range(20)]
    ...     _ = path.write_text("t (h);level (m)\n" + "\n".join(rows).replace(".", ","))
    ...     read_profile(path).understood
    'tide.csv: 20 samples of level (m) against t (h), semicolon-separated, decimal commas'
    """
    _check_arguments(x, y, header, delimiter, decimal, dayfirst)
    path = _checked_path(path)
    data = content(path)
    if missing is not None:
        missing = [_checks.finite_float(f"missing[{k}]", value) for k, value in enumerate(missing)]
    name = printable(path.name)
    notes: tuple[str, ...] = ()
    if data[:4] == b"PK\x03\x04" and path.suffix.lower() != ".xlsx":
        columns = read_archive(name, data, x or "x", y or "y")
        lines = list(range(1, len(columns[0].cells) + 1))
        point = "."
    elif path.suffix.lower() == ".npz":
        raise ValueError(
            f"{name} cannot be read as .npz of numbers; write it with numpy.savez(path, x=x, y=y)"
        )
    else:
        table = read_table(
            name, text_of(name, data), header=header, delimiter=delimiter, decimal=decimal
        )
        found, dated = joined(table.columns)
        found, indexed = without_index(found)
        position, value, left = choose(name, found, x, y)
        columns, lines, point = (position, value), table.lines, table.decimal
        notes = (*table.notes, *dated, *indexed, *left)
    return _profile(name, columns, lines, point, notes, dayfirst, missing)


def printable(text: str) -> str:
    """A text from outside that every terminal, file and figure can write, on one line."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 80 else text[:77] + "..."


def _profile(
    name: str,
    columns: tuple[Column, Column],
    lines: list[int],
    point: str,
    notes: tuple[str, ...],
    dayfirst: bool | None,
    missing: Sequence[float] | None,
) -> Profile:
    """Numbers from two columns of cells: without missing rows, sorted, repeats averaged."""
    whole = [
        k for k, row in enumerate(zip(columns[0].cells, columns[1].cells, strict=True))
        if not any(map(is_missing, row))
    ]  # fmt: skip
    dropped = len(lines) - len(whole)
    lines = [lines[k] for k in whole]
    short = [Column(c.name, c.unit, c.kind, [c.cells[k] for k in whole]) for c in columns]
    if not lines:
        raise ValueError(f"{name} holds no row with both x and y; {dropped} row(s) miss a value")
    first = _positions(name, short[0], lines, point, dayfirst)
    second = _numbers(name, short[1], lines, point, "y")
    values = [first.values, second.values]
    keep = ~(stand_ins(values[0], missing) | stand_ins(values[1], missing))
    x, y = (v[keep] for v in values)
    dropped += int((~keep).sum())
    lines = [line for line, kept in zip(lines, keep, strict=True) if kept]
    if missing is None and len(x):
        refuse_fills(name, second.label, y, lines)
        refuse_fills(name, first.label, x, lines)
        refuse_far_positions(name, first.label, x, lines)
    told = [*notes, *first.notes, *second.notes]
    told += [f"{dropped} row{'s' * (dropped > 1)} with missing values dropped"] if dropped else []
    x, y, order = _in_order(x, y)
    if len(x) < _FEWEST:
        without = f" after {dropped} row(s) that miss a value" if dropped else ""
        raise ValueError(f"{name} has {len(x)} samples{without}; give at least {_FEWEST}")
    return Profile(
        x, y, name, _labelled(first), _labelled(second), (*told, *order), first.unit, second.unit
    )


def _in_order(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, list[str]]:
    """Samples in increasing order of x, with the mean of y at each; and what that took."""
    notes = []
    order = np.argsort(x, kind="stable")
    if np.any(order != np.arange(len(x))):
        notes.append("sorted by x")
        x, y = x[order], y[order]
    positions, at, counts = np.unique(x, return_inverse=True, return_counts=True)
    repeated = int(np.sum(counts > 1))
    if repeated:
        notes.append(f"{repeated} repeated x, with the mean of y at each")
        y = np.bincount(at, y) / counts
    return positions, y, notes


def _positions(
    name: str, column: Column, lines: list[int], point: str, dayfirst: bool | None
) -> Axis:
    """A column of x: dates and times in a unit of their own, numbers as they are."""
    rows = list(zip(lines, column.cells, strict=True))
    if column.kind == DATE:
        stamps = read_dates(name, rows, dayfirst)
    elif whole_dates(column):
        stamps = read_whole_dates(column.cells)
    elif column.kind == CLOCK:
        return _elapsed(column, read_clock(name, rows), "", ("times as hours:minutes",))
    else:
        _refuse_padded(name, column, lines)
        return _numbers(name, column, lines, point, "x")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=min(stamps.nanoseconds) // 1000
    )
    since = moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
    return _elapsed(column, stamps.nanoseconds, since, stamps.notes)


def _elapsed(column: Column, stamps: list[int], since: str, notes: tuple[str, ...]) -> Axis:
    start = min(stamps) if since else 0
    span = max(stamps) - min(stamps)
    unit, size = next((c for c in _CLOCKS if span >= 2 * c[1]), _CLOCKS[-1])
    values = np.array([(stamp - start) / size for stamp in stamps])
    label = f"{column.name or 'time'} ({unit}{' since ' + since if since else ''})"
    return Axis(values, label, unit, notes)


def _numbers(name: str, column: Column, lines: list[int], point: str, default: str) -> Axis:
    cells = [normalized(cell, point) for cell in column.cells]
    values, origin = without_loss(cells)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{name}, line {lines[bad[0]]}: {column.cells[bad[0]][:40]!r} is no finite number"
        )
    # A header that numbers the columns names nothing.
    label = f"column {column.name}" if is_whole(column.name) else printable(column.name) or default
    notes = (f"{label} counted from {origin}",) if origin else ()
    return Axis(values, label, column.unit or unit_of(column.name), notes)


def _labelled(axis: Axis) -> str:
    """Label with its unit in brackets, once."""
    return axis.label if not axis.unit or "(" in axis.label else f"{axis.label} ({axis.unit})"


def _refuse_padded(name: str, column: Column, lines: list[int]) -> None:
    """Refuse clock times without a colon, 0930 and 1000, which are no even count."""
    cells = column.cells
    digits = all(len(cell) == 4 and cell.isascii() and cell.isdigit() for cell in cells)
    if digits and any(cell[0] == "0" for cell in cells) and all(int(c[2:]) < 60 for c in cells):
        raise ValueError(
            f"{name}, line {lines[0]}: {cells[0]!r} looks like a time of the clock; write "
            f"{cells[0][:2]}:{cells[0][2:]}, or numbers without zeros in front"
        )


def _checked_path(path: str | os.PathLike[str]) -> Path:
    try:
        path = Path(path)
    except TypeError:
        raise TypeError(f"path={_checks.show(path)} must be the name of a file") from None
    if not path.is_file():
        raise ValueError(
            f"path={printable(str(path))!r} is no file; give a table of text (.csv, .txt, .tsv, "
            ".dat) or an .npz of x and y"
        )
    return path


def _check_arguments(
    x: object, y: object, header: object, delimiter: object, decimal: object, dayfirst: object
) -> None:
    for label, value in (("x", x), ("y", y)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{label}={_checks.show(value)} must be the name of a column, a string")
    for label, value in (("header", header), ("dayfirst", dayfirst)):
        if value is not None and not isinstance(value, bool):
            raise TypeError(f"{label}={_checks.show(value)} must be True, False or None")
    if delimiter is not None:
        _checks.choice("delimiter", delimiter, (",", ";", "\t", "|", " "))
    if decimal is not None:
        _checks.choice("decimal", decimal, (".", ","))
