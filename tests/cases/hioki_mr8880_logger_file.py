"""A logger's own file: eleven lines about the recording, channels with units, a mark at the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ntkfreq.profile import read_profile

from .verdict import Case, judge

CASE = Case(
    source="manuals of loggers and oscilloscopes: Hioki MR8880 (appendix 4), Rohde & Schwarz RTM20 "
    "(minimum and maximum as two rows of one time), Vaisala DA10 (-999 for missing data)",
    kind="a file is read as something else",
    right="the channel that was asked for, over its time; the mean where a time comes twice; "
    "stand-ins for missing values never learned",
)

COUNT = 50
TIME = 1e-5 * np.arange(COUNT)
VOLTS = np.round(1.2 * np.sin(TIME / 2e-5), 5)
HEAD = (
    '"File name","WAVE0001.CSV","V1.00"\n"Title comment",""\n'
    '"Start trigger time","\'10-06-30 15:53:03"\n"CH","CH1","CH2","LA1"\n'
    '"Mode","DC","DC","LOGIC"\n"Range","500mV","2V","-"\n"Comment","","",""\n'
    '"Scaling","Off","Off","-"\n"Ratio"," 1.00000E+00"," 1.00000E+00","-"\n'
    '"Offset","0.00000E+00","0.00000E+00","-"\n"Time","CH1[V]","CH2[V]","LA1"\n'
)


def read(text, **keywords):
    """Positions, values and unit of y, of a file of this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_text(text, encoding="utf-8")
        profile = read_profile(path, **keywords)
    return np.array([profile.x, profile.y])


def rows(pattern):
    return "".join(pattern.format(t, v, 2 * v) for t, v in zip(TIME, VOLTS, strict=True))


LOGGER = HEAD + rows("{:.9E},{:.5E}, {:.5E},1,\n")
RIGHT = np.array([TIME, VOLTS])


@CASE.attempt("a channel by name")
def by_name():
    right = np.array([TIME, 2 * VOLTS])
    return judge(lambda: read(LOGGER, x="Time", y="CH2[V]"), right, rtol=1e-9)


@CASE.attempt("no channel named")
def which():
    return judge(
        lambda: read(LOGGER),
        RIGHT,
        rtol=1e-9,
        refusal=r"Time, CH1\[V\], CH2\[V\], LA1; say which are x and y",
        remedy=lambda: read(LOGGER, x="Time", y="CH1[V]"),
    )


@CASE.attempt("minimum and maximum at one time")
def pairs():
    text = "in s,C1 in V\n" + "".join(
        f"{t:.9E},{v - 0.25:.5f}\n{t:.9E},{v + 0.25:.5f}\n"
        for t, v in zip(TIME, VOLTS, strict=True)
    )
    return judge(lambda: read(text), RIGHT, rtol=1e-9)


@CASE.each(**{f"stand_in {value}": value for value in ("-999", "-99", "9999", "1e20", "-9999.0")})
def stand_in(value):
    text = "t (s),v (V)\n" + rows("{:.9E},{:.5f}\n")
    lines = text.splitlines()
    lines[7] = lines[7].split(",")[0] + "," + value
    text = "\n".join(lines) + "\n"
    return judge(
        lambda: read(text),
        np.delete(RIGHT, 6, axis=1),
        rtol=1e-9,
        refusal="in line 8, far outside all other values.*missing=",
        remedy=lambda: read(text, missing=[float(value)]),
    )
