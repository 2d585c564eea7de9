"""A month of temperature every five minutes, and a rough hour: stamps in seconds and as dates."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from ntkfreq.cli import app
from ntkfreq.profile import read_profile

from .verdict import RIGHT, WRONG, Case, Verdict, judge

CASE = Case(
    source="dsp.stackexchange question 82543",
    kind="a part that does not apply stops the rest; dates in files",
    right="one row a reading, the axis in days or seconds as written; the command compares on the "
    "samples where the line cannot be sampled finely enough",
)

RNG = np.random.default_rng(3)
COUNT = 240
DAYS = np.arange(COUNT) / 24
TEMPERATURE = (
    6 + 3 * np.sin(2 * np.pi * DAYS - 1.9) + 0.8 * np.sin(4 * np.pi * DAYS)
    + 0.3 * RNG.standard_normal(COUNT)
).round(2)  # fmt: skip
STAMPS = np.datetime64("2021-12-01T00:04", "s") + (DAYS * 86400).round().astype("timedelta64[s]")


def rows(stamps):
    return "time,temp_C\n" + "".join(
        f"{stamp},{y:.2f}\n" for stamp, y in zip(stamps, TEMPERATURE, strict=True)
    )


def american(stamp):
    return stamp.item().strftime("%m/%d/%Y %I:%M %p")


FILES = {
    "seconds since 1970": rows(STAMPS.astype(np.int64)),
    "ISO dates": rows(STAMPS.astype("datetime64[m]")),
    "ISO dates with a blank": rows(str(s).replace("T", " ") for s in STAMPS),
    "ISO dates in UTC": rows(f"{s}Z" for s in STAMPS),
    "dates as in the United States": rows(american(s) for s in STAMPS),
}


def positions(text):
    """Scaled positions and values of a file of this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_text(text, encoding="utf-8")
        profile = read_profile(path)
    return np.array([profile.scaled()[0], profile.y])


def reading(label):
    @CASE.attempt(f"file: {label}")
    def call():
        right = np.array([2 * DAYS / DAYS[-1] - 1, TEMPERATURE])
        return judge(
            lambda: positions(FILES[label]), right, rtol=1e-9, refusal="(date|time).*(ISO|seconds)"
        )

    return call


for label in FILES:
    reading(label)


def command(text, *options):
    """Exit code and output of `ntkfreq compare` on a file of this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_text(text, encoding="utf-8")
        return CliRunner().invoke(
            app,
            ["compare", str(path), "--out", folder, "--width", "512", "--steps", "20", *options],
        )


@CASE.attempt("command: too rough for part (a)")
def rough():
    # White noise has no spectrum that the samples of part (a) could resolve.
    y = RNG.standard_normal(500)
    text = "x,y\n" + "".join(f"{k},{v:.3f}\n" for k, v in enumerate(y))
    found = command(text)
    output = " ".join(found.output.split())
    runs = found.exit_code == 0 and "(b)" in output
    said = "rough" in output or found.exit_code == 0
    return Verdict(RIGHT if runs and said else WRONG, output[-140:])


@CASE.attempt("command: bands say their unit")
def unit():
    found = command(FILES["seconds since 1970"], "--narrow", "5", "--wide", "10")
    output = " ".join(found.output.split())
    said = found.exit_code == 0 and ("rad" in output or "Hz" in output or "cycles" in output)
    return Verdict(RIGHT if said else WRONG, output[:140])
