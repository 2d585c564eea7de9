"""Read a profile from a file, and say in one line what was understood."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.profile.archive import read_archive
from ntkfreq.profile.axes import labelled, numbers, positions, printable, refuse_range
from ntkfreq.profile.columns import choose, joined, refuse_series, without_index
from ntkfreq.profile.fills import refuse_far_positions, refuse_fills, stand_ins
from ntkfreq.profile.numbers import is_missing
from ntkfreq.profile.signal import Profile
from ntkfreq.profile.table import Column, read_table
from ntkfreq.profile.text import content, text_of

_FEWEST = 16


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
        missing = [checks.finite_float(f"missing[{k}]", value) for k, value in enumerate(missing)]
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
        if x is None and y is None:
            refuse_series(name, found, position)
    return _profile(name, columns, lines, point, notes, dayfirst, missing)


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
    first = positions(name, short[0], lines, point, dayfirst)
    second = numbers(name, short[1], lines, point, "y")
    values = [first.values, second.values]
    keep = ~(stand_ins(values[0], missing) | stand_ins(values[1], missing))
    x, y = (v[keep] for v in values)
    dropped += int((~keep).sum())
    lines = [line for line, kept in zip(lines, keep, strict=True) if kept]
    if missing is None and len(x):
        refuse_fills(name, second.label, y, lines)
        refuse_fills(name, first.label, x, lines)
        refuse_far_positions(name, first.label, x, lines)
    for label, column, power in ((first.label, x, 50), (second.label, y, 100)):
        refuse_range(name, label, column, power)
    all_notes = [*notes, *first.notes, *second.notes]
    all_notes += (
        [f"{dropped} row{'s' * (dropped > 1)} with missing values dropped"] if dropped else []
    )
    x, y, order = _in_order(x, y)
    if len(x) < _FEWEST:
        without = f" after {dropped} row(s) that miss a value" if dropped else ""
        raise ValueError(f"{name} has {len(x)} samples{without}; give at least {_FEWEST}")
    return Profile(
        x, y, name, labelled(first), labelled(second), (*all_notes, *order), first.unit, second.unit
    )


def _in_order(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, list[str]]:
    """Samples in increasing order of x, with the mean of y at each; and what that took."""
    notes = []
    order = np.argsort(x, kind="stable")
    if np.any(order != np.arange(len(x))):
        notes.append("sorted by x")
        x, y = x[order], y[order]
    places, at, counts = np.unique(x, return_inverse=True, return_counts=True)
    repeated = int(np.sum(counts > 1))
    if repeated:
        notes.append(f"{repeated} repeated x, with the mean of y at each")
        y = np.bincount(at, y) / counts
    return places, y, notes


def _checked_path(path: str | os.PathLike[str]) -> Path:
    try:
        path = Path(path)
    except TypeError:
        raise TypeError(f"path={checks.show(path)} must be the name of a file") from None
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name too long, or one that holds a zero
        found = False
    if not found:
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
            raise TypeError(f"{label}={checks.show(value)} must be the name of a column, a string")
    for label, value in (("header", header), ("dayfirst", dayfirst)):
        if value is not None and not isinstance(value, bool):
            raise TypeError(f"{label}={checks.show(value)} must be True, False or None")
    if delimiter is not None:
        checks.choice("delimiter", delimiter, (",", ";", "\t", "|", " "))
    if decimal is not None:
        checks.choice("decimal", decimal, (".", ","))
