"""Cells of text as numbers: what is one, with which decimal mark, and without losing digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from ntkfreq._support.types import FloatArray

_SIGN = "[+\u2212-]?"
# Python's float() would take "1_0", "infinity" and the digits of other scripts as well.
_PLAIN = {
    mark: re.compile(rf"{_SIGN}(?:\d+(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+)"
                     r"(?:[eEdD][+-]?\d{1,3})?", re.ASCII)
    for mark in ".,"
}  # fmt: skip
# Groups of three digits; the usual marks between them besides the other of point and comma.
_SPACES = "'\u2019\u00a0\u202f\u2009"
_GROUPED = {
    mark: re.compile(
        rf"{_SIGN}\d{{1,3}}([{other}{_SPACES}])\d{{3}}(?:\1\d{{3}})*(?:{re.escape(mark)}\d*)?",
        re.ASCII,
    )
    for mark, other in (".,", ",.")
}
_ONE_GROUP = {
    other: re.compile(rf"{_SIGN}[1-9]\d{{0,2}}{re.escape(other)}\d{{3}}") for other in ",."
}
_WORDS = (
    "nan na n/a #n/a #na n.a. null none nil nat <na> missing ? * . -nan nan(ind) -nan(ind) "
    "1.#qnan -1.#ind 1.#ind -1.#qnan"
)
_MISSING = frozenset(_WORDS.split())
_DASHES = re.compile("[-\u2013\u2014]*")


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value.

    Examples
    --------
    >>> [is_missing(cell) for cell in ("", "NaN", "n/a", "--", "0", "none at all")]
    [True, True, True, True, False, False]
    """
    return bool(_DASHES.fullmatch(cell)) or cell.lower() in _MISSING


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell is a number with this decimal mark, thousands grouped or not.

    Examples
    --------
    >>> [is_number(cell, ".") for cell in ("1.5", ".5", "-1e-3", "1,234.5", "1_0", "1,5", "inf")]
    [True, True, True, True, False, False, False]
    """
    return bool(_PLAIN[decimal].fullmatch(cell) or _GROUPED[decimal].fullmatch(cell))


def is_whole(cell: str) -> bool:
    """Whether a cell is an integer without decimal mark, sign or exponent."""
    return cell.isascii() and cell.isdigit()


def is_one_group(cell: str, mark: str) -> bool:
    """Whether a cell such as 1,234 may be a number with decimals or one grouped in thousands."""
    return bool(_ONE_GROUP[mark].fullmatch(cell))


def shows_decimal(cell: str, decimal: str) -> bool:
    """Whether a cell can be a number with this decimal mark only.

    Examples
    --------
    >>> [shows_decimal(cell, ",") for cell in ("0,5", "1.234,5", "1,234", "12", "1.5")]
    [True, True, False, False, False]
    """
    other = "," if decimal == "." else "."
    return (decimal in cell or cell.count(other) > 1) and (
        is_number(cell, decimal) and not is_number(cell, other)
    )


def normalized(cell: str, decimal: str) -> str:
    """A number's cell as Python writes it: no groups, a decimal point, e for the exponent."""
    grouped = _GROUPED[decimal].fullmatch(cell)
    if grouped and not _PLAIN[decimal].fullmatch(cell):
        cell = cell.replace(grouped[1], "")
    cell = cell.replace("\u2212", "-").replace(decimal, ".")
    return re.sub("[dD]", "e", cell)


def without_loss(numbers: Sequence[str]) -> tuple[FloatArray, str]:
    """Numbers as float64, less the first of them where the digits would not fit otherwise.

    Nanoseconds since 1970 have 19 digits and float64 has 16: without the subtraction steps of
    1000 would become 768 and 1024. Returns the numbers and what was subtracted ("" for nothing).

    Examples
    --------
    >>> without_loss(["1600000000000000000", "1600000000000000100"])
    (array([  0., 100.]), '1600000000000000000')
    >>> without_loss(["0.5", "2"])
    (array([0.5, 2. ]), '')
    """
    values = np.array([float(number) for number in numbers])
    largest = float(np.abs(values).max())
    if not 1e6 <= largest <= 1e100 or largest <= 100 * float(np.ptp(values)):
        return values, ""
    exact = [Decimal(number) for number in numbers]
    steps = sorted(set(exact))
    smallest = min((float(b - a) for a, b in pairwise(steps)), default=0.0)
    if np.spacing(largest) <= 1e-6 * smallest:
        return values, ""
    return np.array([float(value - exact[0]) for value in exact]), numbers[0]
