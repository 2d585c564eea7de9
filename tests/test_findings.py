"""The page "What carries over to other networks" says what the committed results say."""

from __future__ import annotations

from pathlib import Path

import pytest

from validation.engine.committed import committed

ROOT = Path(__file__).resolve().parents[1]
TEXT = " ".join((ROOT / "docs" / "findings.rst").read_text(encoding="utf-8").split())


def value(script: str, start: str, end: str = "") -> float:
    """Value of the only claim or measurement whose name starts and ends so."""
    result = committed(script)
    rows = {**result.measurements, **result.claims}
    (found,) = [row for name, row in rows.items() if name.startswith(start) and name.endswith(end)]
    return found.value


def percent(number: float) -> str:
    return f"{100 * number:.0f}"


def bias(rule: str, std: int, amplitudes: str) -> float:
    """Time of the two highest tones over that of the two lowest, random phases."""
    name = f"{rule}, N(0, {std}²), {amplitudes}, random phases: time of the highest"
    return value("adam_bias", name)


def largest(script: str, *parts: str) -> float:
    """Largest of the claims whose names hold all of these parts."""
    claims = committed(script).claims
    return max(row.value for name, row in claims.items() if all(part in name for part in parts))


def matching(script: str, part: str) -> list[float]:
    """Values of the claims whose names hold a part."""
    return [row.value for name, row in committed(script).claims.items() if part in name]


def interval(script: str, start: str) -> tuple[float, float, float]:
    """A measurement and the ends of its interval."""
    (row,) = [row for name, row in committed(script).measurements.items() if name.startswith(start)]
    return row.value, row.low, row.high


def deep_medians(few: bool) -> list[float]:
    """Medians of stored times of tanh, and of ReLU with few layers or with many."""
    found = committed("deep_limit").claims.items()
    medians = {name: row.value for name, row in found if "time" in name and "width" not in name}
    deep = ("relu, depth 4", "relu, depth 5")
    return [
        row
        for name, row in medians.items()
        if "median" in name and any(part in name for part in deep) != few
    ]


FALLS = ("amplitudes k", "equal amplitudes", "amplitudes 1/k")
ONSET, RANK = "grokking_onset", "rank correlation of mismatch and delay"
SENTENCES = {
    "shares, frozen": lambda: (
        "within {:.1f} % of the tone's amplitude",
        100 * value("spurious_frequencies", "frozen w: largest |mean share - s_g|"),
    ),
    "shares, trained": lambda: (
        "by up to {} % of the amplitude",
        percent(value("spurious_frequencies", "trained w, sigma_a = 3", "mean share - s_g|")),
    ),
    "phases": lambda: (
        "names the phase of all {:.0f} trained networks",
        120 * value(ONSET, "share of problems"),
    ),
    "95th percentiles": lambda: (
        "{} and {} % at the 95th percentile",
        *(percent(value(ONSET, f"{name}: 95th")) for name in ("t_train", "t_test")),
    ),
    "mean losses": lambda: (
        "the mean losses name the phase of {} % of the same networks; their times are {} % off in "
        "the median for the training loss and {} % for the test loss",
        percent(value("expected_onset", "share of problems")),
        *(
            percent(value("expected_onset", f"{name}: median", "initial output unknown"))
            for name in ("t_train", "t_test")
        ),
    ),
    "map": lambda: (
        "{:.0f} of 58 networks trained on it show the phase of the map",
        58 * value("phase_diagram", "share of 58 networks"),
    ),
    "parity": lambda: (
        "{:.1f} times at a share of 0.8, {:.1f} at 0.5, {:.0f} at 0.2",
        *(value("zhou_parity", f"share {s}: t_test / t_train") for s in (0.8, 0.5, 0.2)),
    ),
    "digits": lambda: (
        "{:.0f} times as long at least",
        value("zhou_digits", "scale 8, Adam: steps to 80 % accuracy, test over training"),
    ),
    "digits, spectrum": lambda: (
        "a spectrum {:.0f} times that of the data or more",
        value("zhou_digits", "scale 8, Adam: spectrum of the initial output"),
    ),
    "mismatch": lambda: (
        "{:.2f} for the sine, {:.2f} for the parity; {:.2f} for the parity when",
        value("mismatch", f"zhou_1d: {RANK}"),
        value("mismatch", f"zhou_parity: {RANK}"),
        value("mismatch", "zhou_parity: rank correlation, mismatch of training and test points"),
    ),
    "mismatch, problems": lambda: (
        "Over the 120 problems it is {:.2f}",
        value("mismatch", f"{ONSET}: {RANK}"),
    ),
    "domain": lambda: (
        "wrong by a factor of {:.0f} at the end",
        value("domain", "bounded: line equation over trained test loss"),
    ),
    "bands": lambda: (
        "{} % of the bands up to 2.5 standard deviations",
        percent(value("frequency_bias", "all cases: share of bands and seeds within 10 %")),
    ),
    "bias": lambda: (
        "takes {:.1f} times as long as the lowest, with a wide one {:.0f} % longer, and with one "
        "that favours high frequencies the highest is learned {:.0f} times sooner",
        value("frequency_bias", "narrow normal: learning time of the highest"),
        100 * (value("frequency_bias", "wide normal: learning time of the highest") - 1),
        1 / value("frequency_bias", "favours high: learning time of the highest"),
    ),
    "deep, stored": lambda: (
        "{:.2f} and {:.2f} for tanh at any depth and ReLU up to three layers, and reaches {:.2f} "
        "for ReLU at four and five",
        *(end(deep_medians(few=True)) for end in (min, max)),
        max(deep_medians(few=False)),
    ),
    "deep, wide": lambda: (
        "are within {:.1f} % at one, two and five",
        100 * max(abs(row - 1) for row in matching("deep_limit", "width 1024: median of")),
    ),
    "deep, intervals": lambda: (
        "which hold {} % of all single half-times",
        percent(value("deep_limit", "stored networks, all cases: share inside")),
    ),
    "deep, off the data": lambda: (
        "the test loss is {:.2f} of the predicted one (95 % interval {:.2f} to {:.2f}), the shares "
        "of the tone and of its alias are off by {:.3f}",
        *interval("deep_limit", "off the data, all problems: test loss"),
        value("deep_limit", "off the data, all problems: RMS of shares"),
    ),
    "initializations": lambda: (
        "takes {:.0f} % longer for the highest tone than for the lowest",
        100 * (value("initializations", "control: highest over lowest tone") - 1),
    ),
    "photograph": lambda: (
        "{} % of the bands within 10 %",
        percent(value("two_dimensions", "all cases: share of bands and seeds within 10 %")),
    ),
    "descent, tones": lambda: (
        "gradient descent takes {:.0f} to {:.0f} times as long for the high ones",
        min(bias("gradient descent", 10, fall) for fall in FALLS),
        max(bias("gradient descent", 10, fall) for fall in FALLS),
    ),
    "Adam, tones": lambda: (
        "Adam takes {:.0f}, {:.0f} and {:.1f} times as long",
        *(bias("Adam", 10, fall) for fall in FALLS),
    ),
    "descent, wide": lambda: (
        "about the same time for all ({:.2f} to {:.2f} times)",
        min(bias("gradient descent", 40, fall) for fall in FALLS),
        max(bias("gradient descent", 40, fall) for fall in FALLS),
    ),
    "Adam, wide": lambda: (
        "Adam {:.1f}, {:.1f} and {:.2f} times",
        *(bias("Adam", 40, fall) for fall in FALLS),
    ),
    "Adam, predicted": lambda: (
        "in all 16 problems its ratio is that of the networks within {} %",
        percent(
            max(
                abs(row.value - 1)
                for name, row in committed("adam_bias").claims.items()
                if name.startswith("Adam") and "trained over predicted" in name
            )
        ),
    ),
    "Adam, width": lambda: (
        "falls with the width like a power of {:.3f}, with frozen frequencies {:.3f}",
        value("adam_limit", "Adam: power of the width"),
        value("adam_limit", "Adam, w frozen: power of the width"),
    ),
    "Adam, rules": lambda: (
        "At width 65536 it is below {:.1f} % of the target at every step",
        100 * largest("adam_limit", "largest error over steps, width 65536"),
    ),
    "signs": lambda: (
        "{:.1f} % over the steps for sign descent and {:.1f} % with momentum, {:.1f} and {:.1f} % "
        "at the worst step, and hardly less in wider networks (powers of {:.2f} and {:.2f};",
        *(
            share * value("adam_limit", f"{rule}: {what}")
            for share, what in (
                (100, "error over the steps"),
                (100, "largest error over steps"),
                (1, "power of the width"),
            )
            for rule in ("sign descent", "signum")
        ),
    ),
    "practice, median": lambda: (
        "mean half-time of networks is the predicted one within {:.1f} % in the median over bands",
        100 * abs(value("adam_practice", "all: median of trained mean") - 1),
    ),
    "practice, bands": lambda: (
        "{:.0f}, {:.0f} and {:.0f} % are. Weaker ones",
        *(
            100 * value("adam_practice", f"width {width}: share of {count} bands")
            for width, count in ((256, 412), (1024, 376), (4096, 272))
        ),
    ),
    "practice, own": lambda: (
        "within 4 % (width 256, {:.0f} % of them), 1 % (1024, {:.0f} %) and 0.4 % (4096, {:.0f} %;",
        *(100 * value("adam_practice", f"width {width}, own units") for width in (256, 1024, 4096)),
    ),
    "practice, intervals": lambda: (
        "hold {:.0f} to {:.0f} % of half-times, {:.0f} to {:.0f} % where networks start",
        *(
            100
            * end(
                value("adam_practice", f"width {width}{start}: share of single half-times in")
                for width in (256, 1024, 4096)
            )
            for start in ("", ", random f_0")
            for end in (min, max)
        ),
    ),
    "edge": lambda: (
        "within {:.0f} % in the median over 75 runs, without a shift (median ratio {:.2f})",
        100 * value("adam_edge", "crossing of 75 runs"),
        value("adam_edge", "crossing: median of trained over predicted"),
    ),
    "edge, after": lambda: (
        "it stays at the edge, {:.2f} of it in the median",
        value("adam_edge", "sharpness from the crossing on"),
    ),
    "batches": lambda: (
        "within {:.1f} % at every recorded one of 64 steps",
        100 * largest("batches_schedules", "without the scatter of the batches"),
    ),
    "epochs": lambda: (
        "shuffled epochs by up to {} % at large steps",
        percent(value("batches_schedules", "8 of 32, step 1: largest |independent batches")),
    ),
    "schedules": lambda: (
        "within {:.1f} % down to a thousandth",
        100 * largest("batches_schedules", "down to a thousandth"),
    ),
    "width": lambda: (
        "like a power of {:.3f}",
        value("width_scaling", "slope of"),
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_numbers_on_the_page_are_those_of_the_results(name):
    words, *numbers = SENTENCES[name]()
    assert words.format(*numbers) in TEXT
