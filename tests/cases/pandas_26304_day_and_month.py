"""Dates of which some rows were read month first and others day first, within one column."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from ntkfreq.profile import read_profile

from .verdict import Case, judge

CASE = Case(
    source="pandas issues 26304, 11725, 12583, 19402 and 35402",
    kind="a file is read as something else",
    right="all dates of a column in one order, that which the whole column shows; where both fit, "
    "a refusal that asks which",
)

COUNT = 90
FIRST = date(2019, 12, 2)
DAYS = np.arange(COUNT) * 2
LEVELS = np.round(np.sin(DAYS / 9) + 0.1 * np.cos(DAYS), 4)
RIGHT = np.array([DAYS, LEVELS])


def read(form, days=DAYS, first=FIRST, **keywords):
    """Days and levels of a file with dates in this form."""
    rows = (
        f"{first + timedelta(days=int(k)):{form}};{y}\n" for k, y in zip(days, LEVELS, strict=False)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_text("date;level\n" + "".join(rows), encoding="utf-8")
        profile = read_profile(path, **keywords)
    assert profile.x_unit == "day"
    return np.array([profile.x, profile.y])


@CASE.each(
    day_first_with_slashes="%d/%m/%Y",
    month_first_with_slashes="%m/%d/%Y",
    day_first_with_points="%d.%m.%Y",
    day_first_with_dashes="%d-%m-%Y",
    two_digits_of_the_year="%d.%m.%y",
    time_behind="%d/%m/%Y 00:00",
    iso="%Y-%m-%d",
    iso_with_slashes="%Y/%m/%d",
    digits="%Y%m%d",
    names_of_months="%d %b %Y",
)
def orders(form):
    return judge(lambda: read(form), RIGHT)


# Eighteen days that are all at most the twelfth, of two months: both orders are in the calendar.
EITHER = np.array([*range(10), *range(31, 39)])


@CASE.each(day_first=True, month_first=False)
def both_fit(dayfirst):
    form = "%d/%m/%Y" if dayfirst else "%m/%d/%Y"
    first = date(2021, 1, 3)
    right = np.array([EITHER, LEVELS[: len(EITHER)]])
    return judge(
        lambda: read(form, EITHER, first),
        right,
        refusal="day first or month first.*dayfirst=True or False",
        remedy=lambda: read(form, EITHER, first, dayfirst=dayfirst),
    )
