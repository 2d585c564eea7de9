"""Quarter hours with German dates and quoted decimal commas: 2523,00 became 252.300."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ntkfreq.profile import read_profile

from .verdict import Case, judge

CASE = Case(
    source="csvkit issue 876; tad issue 139; meta-csv issue 5; CSV.jl issue 1150",
    kind="a file is read as something else",
    right="2523,00 is 2523 and 30.07.2017 is in July; where a mark may mean thousands or decimals, "
    "a refusal that asks which",
)

COUNT = 40
STAMPS = [datetime(2017, 7, 30, 14) + timedelta(minutes=15 * k) for k in range(COUNT)]
HOURS = np.arange(COUNT) / 4
POWER = np.round(2500 + 40 * np.sin(HOURS) + np.cos(7 * HOURS), 2)
RIGHT = np.array([HOURS, POWER])


def read(text, **keywords):
    """Hours and values of a file of this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_text(text, encoding="utf-8")
        profile = read_profile(path, **keywords)
    hours = profile.x * {"h": 1, "day": 24, "s": 1 / 3600}[profile.x_unit]
    return np.array([hours, profile.y])


def rows(pattern, date="%d.%m.%Y %H:%M:%S"):
    """One line a reading, with decimal commas."""
    pairs = zip(STAMPS, POWER, strict=True)
    return "".join(pattern.format(f"{s:{date}}", f"{y:.2f}".replace(".", ",")) for s, y in pairs)


@CASE.each(
    quoted=rows('{},"{}"\n'),
    semicolons=rows("{};{}\n"),
    tabs=rows("{}\t{}\n"),
    header=rows("{};{}\n").join(["Datum;Leistung (kW)\n", ""]),
    iso_dates=rows("{};{}\n", "%Y-%m-%d %H:%M"),
    date_and_time_apart=rows("{};{}\n", "%d.%m.%Y;%H:%M"),
    grouped_thousands=rows("{};2.{}\n").replace(";2.2", ";2."),
)
def quarter_hours(text):
    return judge(lambda: read(text), RIGHT, rtol=1e-12)


@CASE.attempt("2.155 beside 19,47")
def thousands_or_decimals():
    # Numbers of cases with grouped thousands, and rates with decimal commas, in one table.
    counts = 1155 + 37 * np.arange(COUNT)
    rates = 19.47 + np.arange(COUNT) / 4
    text = "".join(
        f"{rate:.2f};{count // 1000}_{count % 1000:03d}\n".replace(".", ",").replace("_", ".")
        for rate, count in zip(rates, counts, strict=True)
    )
    with_mark = {"decimal": ","}

    def pairs(**keywords):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "in.csv"
            path.write_text(text, encoding="utf-8")
            profile = read_profile(path, **keywords)
        return np.array([profile.x, profile.y])

    right = np.array([rates.round(2), counts])
    return judge(
        pairs,
        right,
        rtol=1e-12,
        refusal="thousands.*decimal=','",
        remedy=lambda: pairs(**with_mark),
    )
