"""The main job, at a width that takes seconds: table, figure, store, command line."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from ntkfreq import load_zarr, save_zarr
from ntkfreq._support.sizes import SizeError
from ntkfreq.cli import app
from ntkfreq.profile import Profile, jacksboro
from ntkfreq.report import Settings, plot_report, run, run_report, tapered
from ntkfreq.report.cases import dense_samples

mpl.use("Agg")
SMALL = Settings(width=8192, steps=120)


@pytest.fixture(scope="module")
def report():
    return run_report(jacksboro(), SMALL)


def test_learned_bands_agree_within_the_noise_of_this_width(report):
    """10 % at the default width of 131072; relative noise grows like width^-1/2, here by four."""
    assert report.worst_ratio() < 0.4
    ratios = [row.ratio for case in report.cases for row in case.bands]
    assert abs(np.nanmedian(ratios) - 1) < 0.03


def test_narrow_density_is_biased_and_the_wide_one_is_not(report):
    """Over the bands of the narrow density, its learning times spread; the wide one's do not."""
    narrow = [row.predicted for row in report.case("narrow", "line").bands]
    assert max(narrow[:7]) > 5 * narrow[0]
    wide = report.case("wide", "line").bands
    below = [row.predicted for row in wide if row.high <= 2.5 * SMALL.narrow + 15]
    assert max(below) < 1.2 * min(below)


def test_table_lists_every_band_of_both_densities(report):
    lines = report.table().splitlines()
    assert sum(line.startswith("narrow") for line in lines) == 8
    assert sum(line.startswith("wide") for line in lines) == 8
    assert "not yet" in report.table()  # 120 steps are too few for the highest narrow band


def test_adam_stands_beside_descent(report):
    """Terrain has weak high tones: the seventh band comes last but one, or before the first."""
    times = {}
    for part in ("descent", "adam"):
        case = report.case("narrow", part)
        assert case.comparison.solution.equation.initial_output is None
        step = case.comparison.history.descent.step_size
        times[part] = np.array([(row.predicted, row.measured) for row in case.bands]) / step
    descent, adam = times["descent"], times["adam"]
    assert np.all(descent[6] > 5 * descent[0])
    assert np.all(adam[6] < adam[0])
    lines = report.table().splitlines()
    start = lines.index(next(line for line in lines if line.startswith("(c) gradient descent")))
    rows = [line.split() for line in lines[start + 5 : start + 13]]
    shown = np.array([[float(x.replace("not", "inf")) for x in row[6:8]] for row in rows[:7]])
    np.testing.assert_allclose(shown, descent[:7], atol=0.05)
    shown = np.array([[float(x) for x in row[8:10]] for row in rows[:7]])
    np.testing.assert_allclose(shown, adam[:7], atol=0.05)
    bias = f"lowest: {descent[6, 0] / descent[0, 0]:.1f} under gradient descent (network "
    assert bias in lines[start + 14]
    assert f"{adam[6, 0] / adam[0, 0]:.1f} under Adam (network " in lines[start + 14]
    titles = [axis.get_title() for axis in plot_report(report).axes]
    assert "narrow density: std 20, Adam" in titles
    assert "both rules, narrow density: learning times" in titles


def test_adam_that_takes_too_long_is_left_out(monkeypatch):
    def too_large(*_):
        raise SizeError("3 nodes and 4 points take a year; take fewer points")

    x = np.linspace(0, 1, 40)
    profile, few = Profile(x, np.cos(20 * x), "a", "x", "y"), Settings(width=64, steps=12)
    monkeypatch.setitem(run._PARTS["narrow"], "adam", too_large)
    report = run_report(profile, few)
    assert report.left_out[-1] == (
        "(c) is left out: 3 nodes and 4 points take a year; take fewer points"
    )
    assert "(c) gradient descent" not in report.table()
    assert len(plot_report(report).axes) < 9
    monkeypatch.setitem(run._PARTS["narrow"], "points", too_large)
    with pytest.raises(ValueError, match="take a year"):
        run_report(profile, few)


def test_tree_reloads_with_labels_and_settings(report, tmp_path):
    tree = load_zarr(save_zarr(report.to_xarray(), tmp_path / "run.zarr"))
    assert isinstance(tree, xr.DataTree)
    case = report.case("wide", "points").comparison
    stored = tree["wide/points"]
    np.testing.assert_array_equal(stored["measured_spectrum"].values, case.measured)
    np.testing.assert_array_equal(stored["t"].values, case.t)
    assert json.loads(stored.attrs["training"])["optimizer"].startswith("GradientDescent(")
    assert json.loads(tree["narrow/adam"].attrs["training"])["optimizer"].startswith("Adam(")
    assert json.loads(tree.attrs["settings"])["width"] == SMALL.width
    assert "rad" in stored["frequency"].attrs["units"]
    for node in tree.subtree:
        for variable in node.to_dataset(inherit=False).variables.values():
            assert {"long_name", "units"} <= set(variable.attrs)


def test_figure_has_units_on_its_axes(report):
    figure = plot_report(report)
    labels = {axis.get_xlabel() for axis in figure.axes if axis.get_xlabel()}
    assert "distance (km)" in labels
    assert any("rad per half-length" in label for label in labels)


def test_taper_is_the_profile_inside_and_zero_outside():
    x, y = jacksboro().scaled()
    target = tapered(x, y)
    inside = np.abs(x) < 0.7
    np.testing.assert_allclose(target(x)[inside], y[inside], rtol=1e-12, atol=1e-12)
    assert np.all(target([-1.5, -1.0, 1.0, 2.0]) == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"narrow": -1.0}, "narrow=-1.0 must be greater than 0"),
        ({"narrow": 200.0}, "narrow=200 must be below wide=100"),
        ({"rate": 2.5}, "rate=2.5 must be below 2"),
        ({"width": 1001}, "width=1001 must be even"),
        ({"steps": 3}, "steps=3 must be at least 10"),
        ({"sigma_a": -0.1}, "sigma_a=-0.1 must not be negative"),
    ],
)
def test_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_straight_line_leaves_nothing_to_learn():
    x = np.linspace(0, 9, 40)
    with pytest.raises(ValueError, match="straight line: nothing is left"):
        run_report(Profile(x, 3 * x + 1, "ramp", "x", "y"), SMALL)


def test_command_writes_everything_for_a_users_csv(tmp_path):
    rng = np.random.default_rng(5)
    x = np.sort(rng.uniform(0, 10, 80))
    lines = ["position,height", *(f"{a},{np.sin(2 * a) + 0.1 * a}" for a in x)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    result = CliRunner().invoke(
        app,
        f"compare {tmp_path}/mine.csv --width 256 --steps 20 --narrow 10 --wide 40 "
        f"--out {tmp_path}/out",
    )
    assert result.exit_code == 0, result.output
    assert "mine.csv: 80 samples of height against position, unevenly" in result.output
    # Nine pictures in a page of documentation.
    assert (tmp_path / "out" / "compare.png").stat().st_size < 450_000
    assert set(load_zarr(tmp_path / "out" / "compare.zarr").children) == {"narrow", "wide"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "compare.png",
        "compare.txt",
        "compare.zarr",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n", "holds no numbers"),
        ("1\n2\n3\n", "line 1: one column"),
        ("0,0\n1,\n2,3\n", "has 2 samples after 1 row(s) that miss a value"),
        ("0,5\n1,abc\n2,3\n", "line 2: 'abc' is no finite number"),
    ],
)
def test_command_answers_a_bad_csv_with_a_sentence(tmp_path, content, message):
    (tmp_path / "bad.csv").write_text(content)
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "bad.csv")])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_version_is_told():
    result = CliRunner().invoke(app, ["--version"])
    assert result.output.startswith("ntkfreq 0.")


def test_verdict_counts_what_agrees_and_names_the_worst(report):
    text, worst = report.verdict(), 100 * report.worst_ratio()
    assert f"between prediction and network is {worst:.1f} %" in text
    assert "narrow density" in text or "wide density" in text
    nothing = dataclasses.replace(report, cases=())
    assert nothing.verdict() == "no band was learned within 120 steps; use more --steps"


def test_rough_profiles_get_samples_that_do_not_alias():
    """White noise fills all frequencies up to that of its samples and beyond (its spline)."""
    noise = np.random.default_rng(1).standard_normal(400)
    x = np.linspace(-1, 1, 400)
    smooth_grid, _ = dense_samples(tapered(x, np.cos(5 * x)), 20.0)
    rough = tapered(x, noise)
    grid, spacing = dense_samples(rough, 20.0)
    assert len(smooth_grid) == 256
    assert len(grid) > 500
    xi = np.linspace(0, 50, 60)
    sampled = spacing * np.exp(-1j * np.outer(xi, grid)) @ rough(grid)
    exact = rough.transform(xi)
    assert np.linalg.norm(sampled - exact) < 0.01 * np.linalg.norm(exact)


def test_bands_beyond_the_nyquist_frequency_of_the_samples_are_left_out():
    x = np.linspace(0, 1, 30)
    rng = np.random.default_rng(0)
    coarse = run_report(Profile(x, rng.standard_normal(30), "coarse", "x", "y"), SMALL)
    nyquist = np.pi / (2 / 29)
    assert max(row.high for row in coarse.case("wide", "points").bands) <= nyquist
    assert max(row.high for row in coarse.case("wide", "line").bands) > nyquist


def test_output_folder_is_refused_before_the_work(tmp_path):
    (tmp_path / "taken").write_text("")
    result = CliRunner().invoke(app, ["compare", "--out", str(tmp_path / "taken")])
    assert result.exit_code == 2
    assert "cannot be made a folder" in result.output


def month(count=8928, noise=0.3):
    """A month of temperatures every five minutes: daily tides, a slow wave, and noise."""
    day = np.arange(count) / 288
    y = 6 + 3 * np.sin(2 * np.pi * day - 1.9) + 1.5 * np.sin(2 * np.pi * day / 9)
    return day, y + noise * np.random.default_rng(3).standard_normal(count)


def test_case_that_cannot_be_run_does_not_stop_the_others(monkeypatch):
    """With fewer samples allowed, (a) is too rough for both densities; (b) runs all the same."""
    monkeypatch.setattr("ntkfreq.report.cases._MOST_SAMPLES", 500)
    x, y = month(900)
    rough = Profile(x, y, "month.csv", "time (day)", "temp (C)", x_unit="day")
    report = run_report(rough, Settings(width=512, steps=20))
    assert [(case.density, case.data) for case in report.cases] == [
        ("narrow", "points"),
        ("narrow", "descent"),
        ("narrow", "adam"),
        ("wide", "points"),
    ]
    assert "(a) line" not in report.table()
    assert "(b) points" in report.table()
    first = report.left_out[0]
    assert first.startswith("(a) is left out for the narrow density: the profile varies too fast")
    assert first in report.table()
    with pytest.raises(
        ValueError, match=r"no case density='narrow', data='line'; \(a\) is left out"
    ):
        report.case("narrow", "line")
    assert len(plot_report(report).axes) >= 6
    # Following the remedy brings (a) back.
    length = float(first.split("--average ")[1].split()[0])
    again = run_report(rough.averaged(length), Settings(width=512, steps=20))
    assert again.find("narrow", "line") is not None


def test_month_of_five_minutes_is_smooth_enough_for_the_line():
    x, y = month()
    scaled = Profile(x, y, "month.csv", "time (day)", "temp (C)").scaled()
    for scale in (20.0, 100.0):
        grid, _ = dense_samples(tapered(*scaled), scale)
        assert len(grid) <= 32768


def test_too_many_samples_to_record_leave_the_line(monkeypatch):
    monkeypatch.setattr("ntkfreq.report.run.MOST_SAMPLES", 100)
    x, y = month(150, noise=0)
    report = run_report(Profile(x, y, "a", "t (s)", "u", x_unit="s"), Settings(width=64, steps=12))
    assert {case.data for case in report.cases} == {"line"}
    assert "(b) and (c) are left out: 150 samples, above 100, which" in report.table()
    assert len(plot_report(report).axes) >= 6


def test_no_case_at_all_is_an_error(monkeypatch):
    monkeypatch.setattr("ntkfreq.report.run.MOST_SAMPLES", 100)
    monkeypatch.setattr("ntkfreq.report.cases._MOST_SAMPLES", 10)
    x, y = month(150)
    with pytest.raises(
        ValueError, match=r"\(b\) and \(c\) are left out: 150 .*; \(a\) is left out"
    ):
        run_report(Profile(x, y, "a", "t", "u"), Settings(width=64, steps=12))


def test_one_hertz_is_found_in_the_band_that_says_so(tmp_path):
    """A sine of 1 Hz over 10 s: only the band around 1 Hz has most of the error."""
    t = np.linspace(0, 10, 200)
    rows = "".join(f"{a:.9f},{np.sin(2 * np.pi * a):.9f}\n" for a in t)
    (tmp_path / "sine.csv").write_text("t_s,volt\n" + rows)
    line = (
        f"compare {tmp_path}/sine.csv --width 256 --steps 20 --narrow 10 --wide 40 --out {tmp_path}"
    )
    result = CliRunner().invoke(app, [*line.split(), "--cycles"])
    assert result.exit_code == 0, result.output
    assert "1 rad per half-length is 0.03183 Hz" in result.output
    # 2 pi of 5 s are 31.4 radians per half-length.
    (row,) = [row for row in result.output.splitlines() if "25.0 -   37.5" in row]
    low, _, high = row.split()[4:7]
    assert float(low) < 1 < float(high)
    assert float(high) == pytest.approx(37.5 / 5 / (2 * np.pi), rel=1e-3)
    result = CliRunner().invoke(app, line.split())
    assert "1 rad per half-length is 0.2 rad per s" in result.output


def test_figure_tells_the_unit_of_the_file(report):
    labels = [axis.get_xlabel() for axis in plot_report(report, cycles=True).axes]
    one = 1 / report.profile.half_length / (2 * np.pi)
    assert (
        sum(f"1 rad per half-length is {one:.3g} cycles per km" in label for label in labels) == 5
    )
    x = np.linspace(0, 1, 40)
    bare = Profile(x, np.cos(20 * x), "$a_b", "depth $x", "cost $")
    figure = plot_report(run_report(bare, Settings(width=64, steps=12)))
    assert any("(unit of x)" in axis.get_xlabel() for axis in figure.axes)
    figure.draw_without_rendering()  # dollar signs would be taken for formulas


def test_long_records_need_no_matrix():
    """More samples than a matrix may have, once left out."""
    x = np.linspace(0, 10, 13_000)
    y = np.sin(4 * x) + 0.1 * np.random.default_rng(0).standard_normal(x.size)
    report = run_report(Profile(x, y, "a", "t (s)", "u", x_unit="s"), Settings(width=256, steps=20))
    points = [case for case in report.cases if case.data == "points"]
    assert len(points) == 2
    assert points[0].bands
    assert all(0.5 < band.ratio < 2 for band in points[0].bands if np.isfinite(band.ratio))


def test_foreign_things_in_the_output_folder_are_not_replaced(tmp_path):
    (tmp_path / "a" / "compare.png").mkdir(parents=True)
    (tmp_path / "b" / "compare.zarr").mkdir(parents=True)
    (tmp_path / "b" / "compare.zarr" / "mine").write_text("")
    for folder, name in (("a", "compare.png, which is no file"), ("b", "which is no Zarr store")):
        result = CliRunner().invoke(app, ["compare", "--out", str(tmp_path / folder)])
        assert result.exit_code == 2
        assert name in result.output
        assert "samples" not in result.output
    assert (tmp_path / "b" / "compare.zarr" / "mine").exists()


def test_options_of_the_command_reach_the_reader(tmp_path):
    rows = "".join(f"{k};{np.sin(k / 3):.4f};{k % 5}\n".replace(".", ",") for k in range(160))
    (tmp_path / "mine.dat").write_text("t;u;v\n" + rows)
    line = f"compare {tmp_path}/mine.dat --width 64 --steps 12 --out {tmp_path}/out"
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 2
    assert "say which are x and y by x= and y= (--x and --y)" in result.output
    more = "--x t --y 2 --delimiter semicolon --decimal , --missing -9999 --average 4 --header"
    result = CliRunner().invoke(app, [*line.split(), *more.split()])
    assert result.exit_code == 0, result.output
    assert (
        "mine.dat: 40 samples of u against t, semicolon-separated, decimal commas" in result.output
    )
    assert "means over 4 of 160 samples" in result.output
    for wrong, message in (
        ("--delimiter colon", "delimiter='colon' must be one of tab, semicolon"),
        ("--missing few", "missing='few' must be a number, or none"),
        ("--average -1", "length=-1.0 must be greater than 0"),
    ):
        result = CliRunner().invoke(app, [*line.split(), "--x", "t", "--y", "u", *wrong.split()])
        assert result.exit_code == 2
        assert message in result.output


def test_ctrl_c_ends_in_a_sentence(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ntkfreq.report.run_report", stop)
    result = CliRunner().invoke(app, ["compare", "--out", str(tmp_path / "out")])
    assert result.exit_code == 130
    assert "ntkfreq compare: stopped; no file was changed" in result.output


def test_terminal_that_lacks_letters_still_gets_its_answer(tmp_path):
    rows = "".join(f"{k},{np.sin(k / 3):.4f}\n" for k in range(40))
    (tmp_path / "mine.csv").write_text("t (s),温度 (°C)\n" + rows)
    command = [sys.executable, "-m", "ntkfreq", "compare", str(tmp_path / "mine.csv")]
    command += ["--width", "64", "--steps", "12", "--out", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, encoding="latin-1", env=environment)
    assert done.returncode == 0, done.stderr
    assert "40 samples of ?? (°C) against t (s)" in done.stdout
