"""What a cell and a column of text hold: numbers, dates, times of a clock, or words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ntkfreq.profile.clock import is_clock
from ntkfreq.profile.dates import is_date
from ntkfreq.profile.numbers import is_missing, is_number

NUMBER, DATE, CLOCK, WORD, EMPTY = "numbers", "dates", "times", "words", "nothing"
_INFINITE = re.compile("[+-]?inf(inity)?", re.IGNORECASE)


@lru_cache(maxsize=1 << 16)
def kind_of(cell: str) -> str:
    """Kind of one cell, whatever its decimal mark.

    Examples
    --------
    >>> [kind_of(cell) for cell in ("1.5", "1,5", "2021-12-01", "00:04", "depth", "NaN")]
    ['numbers', 'numbers', 'dates', 'times', 'words', 'nothing']
    """
    if is_missing(cell):
        return EMPTY
    if is_number(cell, ".") or is_number(cell, ","):
        return NUMBER
    if is_clock(cell):
        return CLOCK
    return DATE if is_date(cell) else WORD


def is_value(cell: str) -> bool:
    """Whether a cell is a number, a date or a time."""
    return kind_of(cell) not in (WORD, EMPTY)


def looks_like_data(cell: str) -> bool:
    """Whether a cell looks like a value, right or spoiled (1_0, 5V, inf), not like a name."""
    start = cell.lstrip("+-.")[:1]
    return is_value(cell) or start.isdigit() or bool(_INFINITE.fullmatch(cell))


def kind_of_column(cells: Sequence[str]) -> str:
    """Kind of most cells of a column that hold something.

    Examples
    --------
    >>> kind_of_column(["x", "1.5", "2", ""]), kind_of_column(["", "nan"])
    ('numbers', 'nothing')
    """
    counts: dict[str, int] = {}
    for cell in cells:
        kind = kind_of(cell)
        counts[kind] = counts.get(kind, 0) + 1
    counts.pop(EMPTY, None)
    return max(counts, key=lambda kind: counts[kind], default=EMPTY)
