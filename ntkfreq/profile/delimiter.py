"""Lines into cells: the delimiter is the one that splits the most lines of the whole file well."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence

from ntkfreq.profile.kinds import WORD, is_value, kind_of, kind_of_column

BLANKS = " "
NAMES = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", BLANKS: "blank"}
Row = tuple[int, list[str]]


def split(name: str, lines: Sequence[tuple[int, str]], delimiter: str) -> list[Row]:
    """Rows of cells, each with the number of its first line; quoted cells may hold delimiters.

    Raises
    ------
    ValueError
        When the quotes of a line do not close.

    Examples
    --------
    >>> split("a.csv", [(1, 'x;"a;b"'), (2, ";")], ";")
    [(1, ['x', 'a;b'])]
    """
    texts = [line for _, line in lines]
    if delimiter == BLANKS:
        texts = [re.sub("[ \t]+", " ", text).strip() for text in texts]
    reader = csv.reader(texts, delimiter=delimiter, skipinitialspace=True)
    rows: list[Row] = []
    begin = 0
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return rows
        except csv.Error as error:
            raise ValueError(
                f"{name}, line {lines[begin][0]}: cannot be split into columns ({error})"
            ) from None
        if any(cells):
            rows.append((lines[begin][0], cells))
        begin = reader.line_num


def choose(name: str, lines: Sequence[tuple[int, str]], given: str | None) -> tuple[str, list[Row]]:
    """The delimiter of a file and its rows.

    Raises
    ------
    ValueError
        When no delimiter makes columns.
    """
    marks = [given] if given is not None else list(NAMES)
    tables = {mark: split(name, lines, mark) for mark in marks if _occurs(mark, lines)}
    ranks = {mark: _rank(rows) for mark, rows in tables.items()}
    best = max(ranks, key=lambda mark: ranks[mark], default=None)
    if best is not None and ranks[best][0] > 0:
        return best, tables[best]
    for line, text in lines:
        if is_value(text.strip()) or _holds_columns(text):
            raise ValueError(
                f"{name}, line {line}: one column ({text.strip()[:40]!r}); give two, x and y"
            )
    raise ValueError(f"{name} holds no numbers; give two columns, x and y")


def width_of(rows: Sequence[Row]) -> int:
    """Number of columns of most rows that hold values."""
    counts = Counter(len(cells) for _, cells in rows if _is_clean(cells))
    # Among equally frequent widths the one met first; a table begins before its footnotes.
    return max(counts, key=lambda width: counts[width], default=0)


def _occurs(mark: str, lines: Sequence[tuple[int, str]]) -> bool:
    return mark == BLANKS or any(mark in line for _, line in lines)


def _rank(rows: Sequence[Row]) -> tuple[int, int]:
    """How well a delimiter does: rows of the usual width, and few columns of words."""
    width = width_of(rows)
    body = [cells for _, cells in rows if len(cells) == width and _is_clean(cells)]
    words = sum(kind_of_column(column) == WORD for column in zip(*body, strict=True))
    return len(body), -words


def _is_clean(cells: list[str]) -> bool:
    """At least two columns that are no words, one with a value, no cell with columns inside."""
    kinds = [kind_of(cell) for cell in cells]
    if len(cells) - kinds.count(WORD) < 2 or not any(map(is_value, cells)):
        return False
    return not any(
        kind == WORD and _holds_columns(cell) for cell, kind in zip(cells, kinds, strict=True)
    )


def _holds_columns(cell: str) -> bool:
    for mark in NAMES:
        pieces = [piece.strip() for piece in cell.split(mark) if piece.strip()]
        if len(pieces) > 1 and all(map(is_value, pieces)):
            return True
    return False
