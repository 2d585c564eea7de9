"""Where the samples of a table begin, and the names and units above them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NoReturn

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.profile.delimiter import Row
from ntkfreq.profile.kinds import DATE, EMPTY, NUMBER, WORD, is_value, kind_of, looks_like_data
from ntkfreq.profile.numbers import is_missing, is_number, is_whole, normalized
from ntkfreq.profile.units import is_unit


def first_sample(name: str, rows: Sequence[Row], kinds: Sequence[str], header: bool | None) -> int:
    """Index of the first row that is a sample: all its cells are of the kind of their columns.

    Parameters
    ----------
    name : str
        The file, for messages.
    rows : sequence of (int, list of str)
        All rows.
    kinds : sequence of str
        Kind of each column, from the whole file.
    header : bool, optional
        Whether the first row of this width is a header; None decides.

    Raises
    ------
    ValueError
        When a row above the samples is neither a header nor text about the file.
    """
    if header is False:
        return 0
    begin = next((k for k, (_, cells) in enumerate(rows) if _fits(cells, kinds)), None)
    if begin is None:
        raise ValueError(f"{name} holds no numbers; give two columns, x and y")
    for k, (line, cells) in enumerate(rows[:begin]):
        names_above = any(kind_of(cell) == WORD for cell in cells)
        numbered = k == 0 and len(cells) == len(kinds) and all(map(is_whole, filter(None, cells)))
        dashes = not any(map(is_value, cells)) and not names_above
        spoiled = len(cells) == len(kinds) and all(
            looks_like_data(cell) or is_missing(cell) for cell in cells
        )
        if numbered or dashes:
            continue
        if spoiled or not names_above:
            _refuse(name, line, cells, kinds)
        last = k == begin - 1 and len(cells) == len(kinds)
        if last and any(is_value(cell) and not is_whole(cell) for cell in cells):
            _refuse(name, line, cells, kinds)
    if header is True and begin == 0:
        return 1
    above = rows[begin - 1][1] if begin else []
    named = len(above) == len(kinds) and not any(map(is_value, above))
    if header is None and not named and _is_numbered(name, rows[begin:], kinds):
        return begin + 1
    return begin


def names_of(
    rows: Sequence[Row], begin: int, widths: Sequence[int]
) -> tuple[list[str] | None, list[str], list[int]]:
    """Names of the columns, their units from a row of their own, and the lines passed over.

    Looks at the rows above the samples for the last one as wide as the table.
    """
    above = list(rows[:begin])
    fitting = [k for k, (_, cells) in enumerate(above) if len(cells) in widths]
    fitting = [k for k in fitting if not all(map(is_missing, above[k][1]))]
    if not fitting:
        return None, [], [line for line, _ in above]
    at, units = fitting[-1], []
    last = above[at][1]
    if len(fitting) > 1 and all(is_unit(cell) or not cell for cell in last):
        units = [cell.strip("()[] ") for cell in last]
        at = fitting[-2]
    used = {at, fitting[-1]} if units else {at}
    passed = [line for k, (line, _) in enumerate(above) if k not in used]
    return above[at][1], units, passed


def check_rows(name: str, rows: Sequence[Row], kinds: Sequence[str]) -> list[Row]:
    """Rows of samples, each as wide as the table; cells beyond it must be empty.

    Raises
    ------
    ValueError
        Naming the first line that is none.
    """
    width = len(kinds)
    checked = []
    for line, cells in rows:
        kept = cells[:width] if not any(cells[width:]) else cells
        if not _fits(kept, kinds, empty=True):
            _refuse(name, line, kept, kinds)
        checked.append((line, kept))
    return checked


def _fits(cells: Sequence[str], kinds: Sequence[str], *, empty: bool = False) -> bool:
    if len(cells) != len(kinds):
        return False
    found = [kind_of(cell) for cell in cells]
    pairs = [(a, b) for a, b in zip(found, kinds, strict=True) if b not in (WORD, EMPTY)]
    return all(a in (b, EMPTY) for a, b in pairs) and (empty or any(a == b for a, b in pairs))


def _refuse(name: str, line: int, cells: Sequence[str], kinds: Sequence[str]) -> NoReturn:
    if len(cells) == 1:
        raise ValueError(
            f"{name}, line {line}: one column ({cells[0][:40]!r}); give two, x and y, and put # "
            "before lines that are no samples"
        )
    if len(cells) != len(kinds):
        raise ValueError(
            f"{name}, line {line}: {len(cells)} columns where the other lines have {len(kinds)}; "
            "quote cells that hold the delimiter, and put # before lines that are no samples"
        )
    cell, kind = next(
        (cell, kind)
        for cell, kind in zip(cells, kinds, strict=True)
        if kind != WORD and kind_of(cell) not in (kind, EMPTY)
    )
    what = {NUMBER: "finite number", DATE: "date"}.get(kind, "time")
    raise ValueError(
        f"{name}, line {line}: {cell[:40]!r} is no {what}, as most of its column are; write "
        "numbers plainly, and put # before lines that are no samples"
    )


def _is_numbered(name: str, rows: Sequence[Row], kinds: Sequence[str]) -> bool:
    """Whether the first row numbers the columns, as pandas writes above columns without names."""
    line, cells = rows[0]
    first = list(cells)
    while first and not first[-1]:
        first.pop()
    body = [cells for _, cells in rows[1:] if len(cells) == len(kinds)]
    columns = list(zip(*body, strict=True))[: len(first)]
    named = [k for k, cell in enumerate(first) if cell]
    if not body or not named or not all(is_whole(first[k]) for k in named):
        return False
    numbers = [int(first[k]) for k in named]
    counts = all(b == a + 1 for a, b in pairwise(numbers))
    if len(named) < len(first):  # an index without a name stands before the numbered columns
        return counts and named[0] == 1 and not first[0] and not any(map(is_missing, columns[0]))
    if len(named) < 2:
        return False
    continues = _continues(first[0], columns[0]) if kinds[0] == NUMBER else None
    # pandas writes a column of floats with points throughout, and one of integers without any.
    whole = [[is_whole(cell.lstrip("+-")) for cell in column if cell] for column in columns]
    if not any(map(any, whole)) and continues is not True:
        return True
    if not counts or numbers[0] != 0:
        return False
    if continues is False and all(all(column) or not any(column) for column in whole):
        return True
    if continues and kinds[1] == NUMBER and _is_smooth(first[1], columns[1]):
        return False
    raise ValueError(
        f"{name}, line {line}: {', '.join(first)} may number the columns or be the first sample; "
        "give header=True or False (--header or --no-header)"
    )


def _floats(column: Sequence[str]) -> FloatArray:
    cells = [cell for cell in column if cell]
    decimal = "." if all(is_number(cell, ".") for cell in cells) else ","
    return np.array([float(normalized(c, decimal)) for c in cells if is_number(c, decimal)])


def _continues(cell: str, column: Sequence[str]) -> bool | None:
    """Whether a cell continues the even steps of those below; None where steps are uneven."""
    below = _floats(column)
    steps = np.diff(below)
    if not steps.size or not (np.all(steps > 0) or np.all(steps < 0)):
        return None
    first, usual = below[0] - float(cell), float(np.median(steps))
    if np.all(np.abs(steps - usual) <= 0.01 * abs(usual)):
        return bool(abs(first - usual) <= 0.02 * abs(usual))
    # Not even: a cell within reach of the others may be one more of them.
    reach = 10 * float(np.abs(steps / usual).max())
    return None if 0 < first / usual <= reach else False


def _is_smooth(cell: str, column: Sequence[str]) -> bool:
    """Whether a cell lies on the line through the two below it, as closely as others do."""
    values = np.concatenate([[float(cell)], _floats(column)])
    bends = np.abs(np.diff(values, 2))
    usual = 3 * float(np.median(bends[1:]))
    return bool(usual < 0.1 * np.ptp(values[1:]) and bends[0] <= usual)
