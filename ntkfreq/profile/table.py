"""A text file as a table: delimiter, header and decimal mark, decided from the whole file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ntkfreq.profile.delimiter import NAMES, Row, choose, split, width_of
from ntkfreq.profile.header import check_rows, first_sample, names_of
from ntkfreq.profile.kinds import EMPTY, NUMBER, kind_of_column
from ntkfreq.profile.numbers import (
    is_missing,
    is_number,
    is_one_group,
    is_whole,
    shows_decimal,
)
from ntkfreq.profile.text import Text
from ntkfreq.profile.units import is_unit


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Attributes
    ----------
    name, unit : str
        "" where the file does not say.
    kind : str
        What its cells are: one of those of :mod:`ntkfreq.profile.kinds`.
    cells : list of str
    """

    name: str
    unit: str
    kind: str
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """Columns of a file, the line numbers of their rows, and how they were read.

    Attributes
    ----------
    columns : list of Column
    lines : list of int
    decimal : str
    names_width : int
        Number of names in the header line; 0 without one.
    notes : tuple of str
    """

    columns: list[Column]
    lines: list[int]
    decimal: str
    notes: tuple[str, ...]


def read_table(
    name: str,
    text: Text,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
) -> Table:
    """The table in a text.

    Parameters
    ----------
    name : str
        The file, for messages.
    text : Text
        Its lines.
    header : bool, optional
        Whether the first row is a header; None decides.
    delimiter, decimal : str, optional
        Delimiter and decimal mark; None decides.

    Raises
    ------
    ValueError
        When there is no table, or a line does not belong to it.
    """
    mark, rows = choose(name, text.lines, delimiter)
    width = width_of(rows)
    whole = [cells for _, cells in rows if len(cells) == width]
    kinds = [kind_of_column(column) for column in zip(*whole, strict=True)]
    begin = first_sample(name, rows, kinds, header)
    body = check_rows(name, rows[begin:], kinds)
    names, units, passed = names_of(rows, begin, range(max(width - 1, 1), width + 1))
    if names is None and text.comment:
        found = split(name, [(0, text.comment)], mark)
        names = found[0][1] if found and len(found[0][1]) == width else None
    columns = [list(column) for column in zip(*(cells for _, cells in body), strict=True)]
    if delimiter is None and mark == ",":
        _refuse_decimals_as_columns(name, body, names)
        _refuse_short_header(name, columns, names)
    point = decimal or _decimal_of(name, body, kinds)
    lines = [line for line, _ in body]
    for column, kind in zip(columns, kinds, strict=True):
        if kind == NUMBER:
            _check_numbers(name, lines, column, point, given=decimal is not None)
    notes = [f"{NAMES.get(mark, repr(mark))}-separated"]
    notes += ["decimal commas"] if point == "," else []
    if point == "." and decimal is None and _may_be_thousands(body, kinds):
        notes += ["points taken as decimal points"]
    notes += _passed(passed)
    return Table(_named(columns, kinds, names, units), lines, point, (*text.notes, *notes))


def _may_be_thousands(body: list[Row], kinds: Sequence[str]) -> bool:
    """Whether all points stand before three digits, as those of thousands would.

    Numbers written with three decimals look so too and are much more common, so they are read
    as such, with a note.
    """
    dotted = [
        cell
        for _, cells in body
        for cell, kind in zip(cells, kinds, strict=True)
        if kind == NUMBER and "." in cell and not is_missing(cell)
    ]
    return bool(dotted) and all(is_one_group(cell, ".") for cell in dotted)


def _passed(lines: list[int]) -> list[str]:
    if not lines:
        return []
    if len(lines) == 1:
        return [f"line {lines[0]} passed over"]
    return [f"{len(lines)} lines above the header passed over"]


def _named(
    columns: list[list[str]], kinds: list[str], names: list[str] | None, units: list[str]
) -> list[Column]:
    """Columns with names; a header that is one name short begins at the second column."""
    found = list(names or [])
    # Excel and others end each line with a delimiter: an empty column, mostly without a name.
    while len(columns) > 2 and kinds[-1] == EMPTY and not (len(found) == len(kinds) and found[-1]):
        columns, kinds, found = columns[:-1], kinds[:-1], found[: len(kinds) - 1]
    if found and len(found) == len(columns) - 1:
        found, units = ["", *found], ["", *units] if units else []
    elif len(found) != len(columns):
        found, units = [""] * len(columns), []
    units = units if len(units) == len(columns) else [""] * len(columns)
    return [
        Column(" ".join(label.split()), unit, kind, column)
        for label, unit, kind, column in zip(found, units, kinds, columns, strict=True)
    ]


def _refuse_decimals_as_columns(name: str, body: list[Row], names: list[str] | None) -> None:
    """Refuse what may be one column of numbers with decimal commas, 1,5 and 2,5.

    Two names in the header, or cells that no decimals could be, show two columns.
    """
    if len(body[0][1]) != 2:
        return
    if names is not None and len(names) == 2 and not any(map(is_unit, names)):
        return
    left = [cells[0].lstrip("+-") for _, cells in body]
    right = [cells[1] for _, cells in body]
    if not all(map(is_whole, right)) or not all(is_whole(c) or is_one_group(c, ".") for c in left):
        return
    if all(map(is_whole, left)):
        values = [int(cells[0]) for _, cells in body]
        steps = {b - a for a, b in pairwise(values)}
        padded = any(len(cell) > 1 and cell[0] == "0" for cell in right)
        minus = any(cells[0] in ("-0", "+0") for _, cells in body)
        # Decimals of fixed length have one length; others do not end in 0.
        lengths = {len(cell) for cell in right}
        odd = len(lengths) > 1 and any(len(cell) > 1 and cell.endswith("0") for cell in right)
        even = len(steps) == 1 and steps != {0}
        if not padded and not minus and (odd or even):
            return
    raise ValueError(
        f"{name}: lines such as {','.join(body[0][1])!r} may be two columns or one column of "
        "decimal commas; give a header line with two names, or delimiter=',' (--delimiter ,), if "
        "they are x and y"
    )


def _refuse_short_header(name: str, columns: list[list[str]], names: list[str] | None) -> None:
    """Refuse a header one name short where decimal commas may be the reason: x,y over 1,2,5."""
    if not names or len(names) != len(columns) - 1 or not all(columns[-1]):
        return
    if all(is_whole(cell.lstrip("+-")) or is_missing(cell) for c in columns for cell in c):
        raise ValueError(
            f"{name}: the header has {len(names)} names and the lines {len(columns)} whole "
            "numbers, as decimal commas would make them; separate columns by semicolons, or name "
            "them all"
        )


def _decimal_of(name: str, body: list[Row], kinds: Sequence[str]) -> str:
    """Decimal mark of the numbers of a file."""
    numbers = [
        (line, cell)
        for line, cells in body
        for cell, kind in zip(cells, kinds, strict=True)
        if kind == NUMBER and not is_missing(cell)
    ]
    shown = {
        point: next((row for row in numbers if shows_decimal(row[1], point)), None)
        for point in ".,"
    }
    if shown["."] and shown[","]:
        raise ValueError(
            f"{name} has decimal points ({shown['.'][1]!r} in line {shown['.'][0]}) and decimal "
            f"commas ({shown[','][1]!r} in line {shown[','][0]}); write all numbers alike"
        )
    if shown[","] or shown["."]:
        return "," if shown[","] else "."
    groups = next((row for row in numbers if is_one_group(row[1], ",")), None)
    if groups is None:
        return "."
    raise ValueError(
        f"{name}, line {groups[0]}: {groups[1]!r} may have decimals or thousands behind the comma, "
        "and no number of the file shows which; give decimal=',' or decimal='.' (--decimal)"
    )


def _check_numbers(
    name: str, lines: list[int], column: list[str], point: str, *, given: bool
) -> None:
    """Refuse cells that are no numbers with this decimal mark, or that may be read in two ways."""
    other = "," if point == "." else "."
    grouped = given or any(shows_decimal(cell, point) and other in cell for cell in column)
    for line, cell in zip(lines, column, strict=True):
        if is_missing(cell):
            continue
        if not is_number(cell, point):
            raise ValueError(
                f"{name}, line {line}: {cell!r} is no number with the decimal mark {point!r} of "
                "the file; write all numbers alike"
            )
        if not grouped and other in cell:
            raise ValueError(
                f"{name}, line {line}: {cell!r} may have decimals or thousands behind the "
                f"{other!r}, while other numbers of the file show decimals behind {point!r}; give "
                f"decimal={point!r} (--decimal) if it means thousands, or write all numbers alike"
            )
