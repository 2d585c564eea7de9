"""Which columns of a table are x and y."""

from __future__ import annotations

from collections.abc import Sequence

from ntkfreq.profile.dates import are_whole_dates, is_day
from ntkfreq.profile.kinds import CLOCK, DATE, EMPTY, NUMBER, WORD
from ntkfreq.profile.numbers import is_missing, is_whole
from ntkfreq.profile.table import Column

_HALVES = frozenset(("am", "pm", "a.m.", "p.m."))


def joined(columns: Sequence[Column]) -> tuple[list[Column], list[str]]:
    """Columns with a date and the time of its day, in the next column, made one.

    A marker AM or PM in a third column, as blanks as delimiters make it, is joined as well.
    """
    kept: list[Column] = []
    notes = []
    rest = list(columns)
    while rest:
        column = rest.pop(0)
        if column.kind == DATE and rest and rest[0].kind == CLOCK and _are_days(column.cells):
            parts = [column, rest.pop(0)]
            if rest and all(c.lower() in _HALVES or is_missing(c) for c in rest[0].cells):
                parts.append(rest.pop(0))
            cells = [
                "" if any(map(is_missing, row)) else " ".join(row)
                for row in zip(*(part.cells for part in parts), strict=True)
            ]
            name = " ".join(part.name for part in parts if part.name)
            column = Column(name, "", DATE, cells)
            notes.append("date and time joined")
        kept.append(column)
    return kept, notes


def without_index(columns: Sequence[Column]) -> tuple[list[Column], list[str]]:
    """Columns without the row numbers that pandas and R put first, under an empty name."""
    first = columns[0]
    unnamed = first.name == "" or first.name.startswith("Unnamed:")
    named = any(column.name for column in columns[1:])
    numbers = all(map(is_whole, first.cells)) and len(set(first.cells)) == len(first.cells)
    if len(columns) < 3 or not (unnamed and named and numbers):
        return list(columns), []
    return list(columns[1:]), ["row numbers without a name left out"]


def choose(
    name: str, columns: Sequence[Column], x: str | None, y: str | None
) -> tuple[Column, Column, list[str]]:
    """The columns of x and y: those named, or the only two that can be meant.

    Raises
    ------
    ValueError
        When a name is none of the file's, or more than two columns may be meant.
    """
    usable = [column for column in columns if column.kind not in (WORD, EMPTY)]
    if x is None or y is None:
        # A date can only be a position; so it is x wherever it stands.
        times = [column for column in usable if column.kind in (DATE, CLOCK)]
        wanted, which = (x, "x") if x is not None else (y, "y")
        given = None if wanted is None else _named(name, columns, wanted, which)
        others = [column for column in usable if column is not given]
        if len(usable) - (given in usable) != (2 if given is None else 1):
            _refuse(name, columns, len(usable))
        if given is None:
            position = times[0] if len(times) == 1 else others[0]
            value = next(column for column in others if column is not position)
        else:
            position, value = (given, others[0]) if x is not None else (others[0], given)
    else:
        position, value = _named(name, columns, x, "x"), _named(name, columns, y, "y")
    if position is value:
        raise ValueError(f"{name}: x and y are both the column {position.name!r}; name two")
    if position.kind in (WORD, EMPTY) or value.kind != NUMBER:
        wrong = position if position.kind in (WORD, EMPTY) else value
        raise ValueError(
            f"{name}: the column {wrong.name or columns.index(wrong) + 1!r} holds {wrong.kind}; "
            "x must be numbers, dates or times, and y numbers"
        )
    left = [c.name or f"column {k + 1}" for k, c in enumerate(columns)]
    left = [label for label, c in zip(left, columns, strict=True) if c not in (position, value)]
    notes = [f"left out: {_few(left)}"] if left and x is None and y is None else []
    return position, value, notes


def refuse_series(name: str, columns: Sequence[Column], x: Column) -> None:
    """Refuse a table of several series below one another, distinguished by a column of words.

    Raises
    ------
    ValueError
        When x is repeated under different words.
    """
    for k, column in enumerate(columns):
        words: dict[str, set[str]] = {}
        for position, word in zip(x.cells, column.cells, strict=True):
            words.setdefault(position, set()).add(word)
        several = next((p for p, found in words.items() if p and len(found) > 1), None)
        if column.kind == WORD and several is not None:
            label = column.name or str(k + 1)
            raise ValueError(
                f"{name}: x repeats ({several} under {_few(sorted(words[several]), 3)}), so column "
                f"{label!r} tells several series apart; keep the rows of one, or give x= and y= "
                "(--x and --y) to take the mean of y at each x"
            )


def whole_dates(column: Column) -> bool:
    """Whether a column of numbers holds dates in digits."""
    return column.kind == NUMBER and are_whole_dates(
        [cell for cell in column.cells if not is_missing(cell)]
    )


def _are_days(cells: Sequence[str]) -> bool:
    return all(is_missing(cell) or is_day(cell) for cell in cells)


def _named(name: str, columns: Sequence[Column], wanted: str, which: str) -> Column:
    for same in (str, str.lower):
        found = [column for column in columns if same(column.name) == same(wanted.strip())]
        if len(found) == 1:
            return found[0]
    if is_whole(wanted) and 1 <= int(wanted) <= len(columns):
        return columns[int(wanted) - 1]
    raise ValueError(
        f"{which}={wanted!r} is no column of {name}; it has {_listed(columns)}; give a name, "
        "or a number from 1"
    )


def _refuse(name: str, columns: Sequence[Column], usable: int) -> None:
    if usable < 2:
        raise ValueError(
            f"{name} has one column of numbers among {_listed(columns)}; give two, x and y"
        )
    commas = all(map(is_whole, (cell.lstrip("+-") for c in columns for cell in c.cells if cell)))
    hint = "; if these are decimal commas, separate columns by semicolons" if commas else ""
    raise ValueError(
        f"{name} has {len(columns)} columns, {_listed(columns)}; say which are x and y by x= and "
        f"y= (--x and --y), by name or by number from 1{hint}"
    )


def _listed(columns: Sequence[Column]) -> str:
    return _few([column.name or str(k + 1) for k, column in enumerate(columns)])


def _few(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
