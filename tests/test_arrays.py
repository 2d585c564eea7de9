"""Arrays of every kind at the door: understood exactly, or refused with the remedy."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Grid,
    Normal,
    Points,
    Target,
    band_energy,
    error_spectrum,
    expected_losses,
    gram_flow,
    ntk_gram,
    ntk_regression,
    solve_frequency_pde,
    spectral_mismatch,
    train,
)
from ntkfreq._support.checks import finite_float, integer, non_negative, positive, real_array

X = np.linspace(-1, 1, 12)
Y = np.sin(3 * X)
RHO = Normal(scale=4.0)
T = [0.0, 1.0, 10.0]


def dense(x, y, sigma_a=1.0, scale=4.0):
    """Losses of the kernel flow, from the closed form of the kernel."""
    gap = x[:, None] - x
    gram = (1 + sigma_a**2 * np.outer(x, x)) * np.exp(-0.5 * (scale * gap) ** 2) / len(x)
    rates, modes = np.linalg.eigh(gram)
    parts = modes.T @ y
    return np.array([np.mean((modes @ (np.exp(-rates * t) * parts)) ** 2) for t in T])


# The same twelve numbers in other clothes.
SAME = {
    "list": X.tolist(),
    "tuple": tuple(X.tolist()),
    "float32 of exact numbers": np.float32(np.arange(12) / 8),
    "float128": X.astype(np.longdouble),
    "Decimal": [Decimal(repr(value)) for value in X.tolist()],
    "Fraction": [Fraction(value) for value in X.tolist()],
    "column": X[:, None],
    "strided": np.repeat(X, 2)[::2],
    "unmasked": np.ma.masked_array(X, np.zeros(12, bool)),
    "pandas": pd.Series(X, index=range(12, 0, -1)),
    "nullable": pd.array(X.tolist(), dtype="Float64"),
    "xarray": xr.DataArray(X, dims="time", attrs={"units": "m"}),
    "torch": torch.tensor(X, requires_grad=True),
    "list of tensors": [torch.tensor(value, dtype=torch.float64) for value in X.tolist()],
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_numbers_in_other_clothes_give_the_same_losses(kind):
    x = SAME[kind]
    plain = np.arange(12) / 8 if "32" in kind else X
    y = np.sin(3 * plain)
    assert np.allclose(
        solve_frequency_pde(RHO, (x, y), t=T).train_loss, dense(plain, y), rtol=0, atol=1e-12
    )


# Values that NumPy would turn into plain numbers without a word.
HOLES = np.ma.masked_array(np.where(np.arange(12) == 4, -9999.0, Y), np.arange(12) == 4)
REFUSED = {
    "masked": (HOLES, ValueError, r"masked array with 1 of 12 entries masked; leave these out"),
    "list with masked": (list(HOLES), (TypeError, ValueError), "masked|missing"),
    "NaT": (pd.to_datetime(["2022-01-01"] * 11 + [None]), TypeError, "dates"),
    "None": ([None, *Y[1:]], ValueError, "holds missing values"),
    "NA": (pd.array([None, *Y[1:]], dtype="Float64"), ValueError, "missing values|NaN"),
    "strings": ([str(value) for value in Y], TypeError, r"strings \(str\): convert them"),
    "underscore": (["1_0"] * 12, TypeError, "strings"),
    "bytes": (np.array([b"1"] * 12), TypeError, "bytes: convert them"),
    "a boolean among numbers": (
        [True, *Y[1:].tolist()],
        TypeError,
        r"booleans \(bool\): convert them",
    ),
    "booleans": (Y > 0, TypeError, r"booleans \(bool\): convert them"),
    "complex": (Y + 0j, TypeError, "it is complex: take its .real"),
    "records": (np.zeros(12, [("a", float)]), TypeError, "records .* pass one field"),
    "integers": (
        1_600_000_000_000_000_000 + 1000 * np.arange(12),
        ValueError,
        "digits that double",
    ),
    "long decimals": (
        [Decimal(1_600_000_000) + Decimal(k) / 10**9 for k in range(12)],
        ValueError,
        "digits that double",
    ),
    "float128 digits": (
        np.longdouble(2) ** 60 + np.arange(12).astype(np.longdouble),
        ValueError,
        "digits that double",
    ),
    "beyond double": ([10**400] * 12, ValueError, "beyond double precision"),
    "packed": (
        xr.DataArray(Y, dims="t", attrs={"_FillValue": -9999.0}),
        ValueError,
        "decode it first",
    ),
    "dataset": (xr.Dataset({"y": ("t", Y)}), TypeError, "pass one variable"),
    "ragged": ([[1.0], [1.0, 2.0]], TypeError, "array of real numbers"),
    "set": ({1.0, 2.0}, TypeError, "array of real numbers"),
    "sparse tensor": (torch.tensor(Y).to_sparse(), TypeError, "no dense array of numbers"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_values_that_would_lose_their_meaning_are_refused_everywhere(kind):
    y, error, message = REFUSED[kind]
    net = FourierFeatureNet.sample(RHO, 16, rng=0)
    calls = [
        lambda: solve_frequency_pde(RHO, (X, y), t=T),
        lambda: expected_losses(RHO, (X, y), t=T),
        lambda: train(net, X, y, step_size=0.1, steps=2),
        lambda: ntk_regression(RHO, X, y, [0.0]),
        lambda: gram_flow(ntk_gram(RHO, X), y, T),
        lambda: error_spectrum(X, y, [0.0]),
        lambda: Target.from_samples(X, y),
        lambda: Points(X, y),
        lambda: real_array("y", y, 1),
    ]
    for call in calls:
        with pytest.raises(error, match=message):
            call()


def test_leaving_masked_rows_out_gives_the_flow_of_the_rest():
    keep = ~np.ma.getmaskarray(HOLES)
    found = solve_frequency_pde(RHO, (X[keep], HOLES[keep]), t=T).train_loss
    assert np.allclose(found, dense(X[keep], Y[keep]), rtol=0, atol=1e-12)


def test_integers_keep_their_digits_once_the_smallest_is_subtracted():
    stamps = 1_600_000_000_000_000_000 + 1000 * np.arange(64)
    with pytest.raises(ValueError, match=r"x - x.min\(\)"):
        Points(stamps)
    assert np.array_equal(np.diff(Points(stamps - stamps.min()).x[:, 0]), np.full(63, 1000.0))


DATES = np.datetime64("2022-01-01") + np.arange(90)
DAYS = np.arange(90.0)
TONES = np.sin(2 * np.pi * DAYS / 7) + 0.5 * np.cos(2 * np.pi * DAYS / 3)


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
def test_dates_of_any_unit_are_days_since_the_first(unit):
    dates = DATES.astype(f"datetime64[{unit}]")
    plain = solve_frequency_pde(Normal(scale=1.0), (DAYS, TONES), t=T, sigma_a=0.01)
    dated = solve_frequency_pde(Normal(scale=1.0), (dates, TONES), t=T, sigma_a=0.01)
    assert np.array_equal(dated.train_loss, plain.train_loss)
    assert np.array_equal(dated.frequencies, plain.frequencies)
    assert np.array_equal(
        dated.output(dates[:5] + np.timedelta64(12, "h")), plain.output(DAYS[:5] + 0.5)
    )
    assert dated.equation.axis.frequency_unit == "rad per day"
    assert dated.to_xarray()["xi"].attrs["units"] == "rad per day"
    assert dated.to_xarray().attrs["x"].startswith("days since 2022-01-01")
    grid = np.linspace(0.2, 3.0, 2000)
    assert abs(grid[np.abs(error_spectrum(dates, TONES, grid)).argmax()] - 2 * np.pi / 7) < 2e-3
    assert ntk_gram(Normal(scale=1.0), dates[:2], sigma_a=0)[0, 1] == pytest.approx(np.exp(-0.5))
    net = FourierFeatureNet.sample(Normal(scale=1.0), 32, rng=0)
    runs = [train(net, x, TONES, step_size=1e-4, steps=5) for x in (dates, DAYS)]
    assert np.array_equal(runs[0].train_loss, runs[1].train_loss)
    assert runs[0].axis.origin == dates[0]
    assert runs[1].axis.origin is None


OTHER_DATES = {
    "pandas index": pd.date_range("2022-01-01", periods=90, freq="D"),
    "pandas series": pd.Series(pd.date_range("2022-01-01", periods=90, freq="D")),
    "with a time zone": pd.date_range("2022-01-01", periods=90, freq="24h", tz="Europe/Paris"),
    "datetime": [datetime.datetime(2022, 1, 1) + datetime.timedelta(days=k) for k in range(90)],
    "date": [datetime.date(2022, 1, 1) + datetime.timedelta(days=k) for k in range(90)],
    "aware": [
        datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(days=k)
        for k in range(90)
    ],
    "xarray": xr.DataArray(DATES.astype("datetime64[ns]"), dims="time"),
    "shuffled": DATES,
    "durations": np.arange(90) * np.timedelta64(24, "h"),
    "python durations": [datetime.timedelta(days=k) for k in range(90)],
    "weeks": None,
}


@pytest.mark.parametrize("kind", OTHER_DATES)
def test_dates_of_other_libraries_mean_the_same(kind):
    x, y, days = OTHER_DATES[kind], TONES, DAYS
    if kind == "shuffled":
        order = np.random.default_rng(0).permutation(90)
        x, y, days = x[order], y[order], days[order]
    if kind == "weeks":
        x, days = np.arange(90) * np.timedelta64(1, "W"), 7 * DAYS
    found = Points(x)
    assert np.array_equal(found.x[:, 0], days)
    assert found.axis.unit == "day"
    assert np.array_equal(
        solve_frequency_pde(Normal(scale=1.0), (x, y), t=T).train_loss,
        solve_frequency_pde(Normal(scale=1.0), (days, y), t=T).train_loss,
    )


def test_nanoseconds_since_1970_keep_their_gaps():
    stamps = np.datetime64("2020-09-13T12:26:40", "ns") + 1000 * np.arange(64)
    gaps = np.diff(Points(stamps).x[:, 0]) * 86400e9
    assert np.allclose(gaps, 1000.0, rtol=1e-9, atol=0)


def test_dates_and_numbers_are_not_mixed_up():
    dated = solve_frequency_pde(Normal(scale=1.0), (DATES, TONES), t=T)
    assert np.array_equal(dated.output([0.5]), dated.output([np.datetime64("2022-01-01T12")]))
    plain = solve_frequency_pde(Normal(scale=1.0), (DAYS, TONES), t=T)
    with pytest.raises(TypeError, match=r"x=.* holds dates where x is counted in numbers"):
        plain.output(DATES)
    with pytest.raises(TypeError, match=r"durations where x is counted in days since 2022-01-01"):
        dated.output(np.arange(3) * np.timedelta64(1, "D"))
    with pytest.raises(TypeError, match=r"frequencies=.* holds dates"):
        error_spectrum(DAYS, TONES, DATES)
    with pytest.raises(TypeError, match=r"y=.* it holds dates, which only x may"):
        solve_frequency_pde(Normal(), (DAYS, DATES))
    with pytest.raises(TypeError, match=r"it holds durations, which only x may"):
        solve_frequency_pde(Normal(), (DAYS, DATES - DATES[0]))
    with pytest.raises(TypeError, match=r"x=.* holds dates where x is counted in numbers"):
        FourierFeatureNet.sample(Normal(), 4, rng=0)(DATES)
    with pytest.raises(TypeError, match=r"mixes times with something else"):
        Points([datetime.date(2022, 1, 1), 3.0])
    with pytest.raises(TypeError, match=r"with and without a time zone"):
        Points([datetime.datetime(2022, 1, 1), datetime.datetime(2022, 1, 2, tzinfo=datetime.UTC)])
    with pytest.raises(ValueError, match=r"1 missing time"):
        Points(np.array(["2022-01-01", "NaT"], dtype="datetime64[s]"))
    with pytest.raises(ValueError, match=r"Hz needs dates or durations as x"):
        plain.equation.axis.angular("band", 1.0, "Hz")
    assert dated.axis.angular("band", 1.0, "Hz") == pytest.approx(2 * np.pi * 86400)


def test_bands_in_cycles_and_hertz():
    net = FourierFeatureNet.sample(Normal(scale=1.0), 512, zero_output=True, rng=0)
    t = np.append(0.0, np.geomspace(1e-4, 1e3, 60))
    dated = solve_frequency_pde(Normal(scale=1.0), (DATES, TONES), t=t)
    run = train(net, DATES, TONES, step_size=1e-4, steps=60)
    for result in (dated, run):
        week = result.learning_time((0.8, 1.0))
        for units, unit in (("cycles", 2 * np.pi), ("Hz", 2 * np.pi * 86400)):
            other = result.learning_time((0.8 / unit, 1.0 / unit), units=units)
            assert other == pytest.approx(week, rel=1e-12)
        with pytest.raises(ValueError, match="units='turns' must be one of 'rad', 'cycles', 'Hz'"):
            result.learning_time((0.8, 1.0), units="turns")
    assert dated.plot().axes[0].get_xlabel().endswith("(rad per day)")


def test_measures_at_dates_are_counted_from_the_origin_of_the_samples():
    box = Box(np.datetime64("2022-01-03"), np.datetime64("2022-01-20"))
    assert (box.lower, box.upper) == ((0.0,), (17.0,))
    near = (DATES, np.exp(-(((DAYS - 40) / 9) ** 2)))
    plain = solve_frequency_pde(RHO, (DAYS, near[1]), measure=Box(2.0, 19.0), t=T)
    dated = solve_frequency_pde(RHO, near, measure=box, t=T)
    assert np.array_equal(dated.train_loss, plain.train_loss)
    with pytest.raises(TypeError, match=r"lower=.* must both be numbers, both dates or both dur"):
        Box(np.datetime64("2022-01-03"), 5.0)
    with pytest.raises(TypeError, match=r"give both at dates, or both as numbers"):
        solve_frequency_pde(RHO, (DAYS, near[1]), measure=box, t=T)
    grid = Grid(np.timedelta64(6, "h"), np.datetime64("2022-01-01"))
    assert (grid.spacing, grid.origin, grid.axis.unit) == (0.25, 0.0, "day")
    with pytest.raises(TypeError, match=r"origin=.* is a duration and spacing=0.5 a number; give"):
        Grid(0.5, np.timedelta64(6, "h"))
    with pytest.raises(TypeError, match=r"spacing=.* is a date; give a duration"):
        Grid(np.datetime64("2022-01-01"))


def test_repeated_points_count_as_often_as_they_are_given():
    x, y = np.r_[X, X[::3]], np.r_[Y, Y[::3] + 0.1]
    assert np.allclose(
        solve_frequency_pde(RHO, (x, y), t=T).train_loss, dense(x, y), rtol=0, atol=1e-12
    )
    # On a box the spline goes through the means.
    places, inverse = np.unique(x, return_inverse=True)
    mean = np.bincount(inverse, y) / np.bincount(inverse)
    losses = [
        solve_frequency_pde(RHO, pair, measure=Box(-1, 1), t=T).train_loss
        for pair in ((x, y), (places, mean))
    ]
    assert np.array_equal(*losses)


def test_columns_and_lists():
    expected = dense(X, Y)
    for target in ((X, Y[:, None]), (X[:, None], Y[:, None]), [X, Y], [list(X), list(Y)]):
        found = solve_frequency_pde(RHO, target, t=T).train_loss
        assert np.allclose(found, expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=r"y has shape \(12, 3\).*take one column .* y\[:, k\]"):
        solve_frequency_pde(RHO, (X, np.c_[Y, Y, Y]), t=T)


def test_functions_may_write_into_what_they_are_given():
    def doubled(x):
        x *= 2.0
        return np.sin(x)

    points = Points(X)
    with pytest.raises(ValueError, match=r"read-only"):
        points.x[0] = 7.0
    found = solve_frequency_pde(RHO, doubled, measure=points, test=(X, Y), t=T)
    assert np.array_equal(points.x[:, 0], X)
    assert np.allclose(found.train_loss, dense(X, np.sin(2 * X)), rtol=0, atol=1e-12)

    def shifted(x):
        x -= 0.5
        return np.exp(-(x**2)) * np.cos(4 * x)

    for measure in (Box(-1, 1), None, Grid(0.5)):
        one, two = (
            solve_frequency_pde(RHO, y, measure=measure, t=[0.0, 0.1])
            for y in (shifted, lambda x: np.exp(-((x - 0.5) ** 2)) * np.cos(4 * (x - 0.5)))
        )
        assert np.allclose(one.train_loss, two.train_loss, rtol=1e-12, atol=0)


def test_the_users_arrays_are_neither_changed_nor_kept():
    x, y = X.copy(), Y.copy()
    solution = solve_frequency_pde(RHO, (x, y), t=T)
    before = solution.output([0.3])
    x[:] = y[:] = 9.0
    assert np.array_equal(solution.output([0.3]), before)


@pytest.mark.parametrize(
    "value", [np.complex128(1 + 5j), np.str_("2.5"), np.True_, True, "2", None, np.timedelta64(1)]
)
def test_scalars_of_another_kind_are_refused(value):
    with pytest.raises(TypeError, match=r"sigma_a=.* must be a real number"):
        solve_frequency_pde(RHO, (X, Y), sigma_a=value)


def test_ranges_are_told():
    assert finite_float("a", Decimal("0.5")) == 0.5
    assert finite_float("a", Fraction(1, 2)) == 0.5
    with pytest.raises(ValueError, match=r"a=10+.* must be finite, of magnitude 1e.50 at most"):
        finite_float("a", 10**400)
    with pytest.raises(ValueError, match=r"a=1e.300 must be of magnitude 1e.50 at most"):
        finite_float("a", 1e300)
    for check in (positive, non_negative):
        with pytest.raises(ValueError, match=r"a=1e-300 must be from 1e-50 to 1e.50"):
            check("a", 1e-300)
    with pytest.raises(ValueError, match=r"n=18446744073709551616 must be at most 9007"):
        integer("n", 2**64, 0)
    with pytest.raises(ValueError, match=r"x has a largest magnitude of 1e.200; it must be 0 or"):
        Points(X * 1e200)
    with pytest.raises(ValueError, match=r"y has a largest magnitude of 9.*e-161"):
        solve_frequency_pde(RHO, (X, Y * 1e-160))
    with pytest.raises(ValueError, match=r"t=.* must be 0 or from 1e-50 to 1e.50"):
        solve_frequency_pde(RHO, (X, Y), t=[0.0, 1e-300])
    with pytest.raises(ValueError, match=r"weights reaches from 1e-60 to 1"):
        Points([0.0, 1.0], [1e-60, 1.0])


def test_stamps_that_their_precision_merges_are_refused():
    exact = 1.142726468e9 + 1e-3 * np.arange(400)
    single = exact.astype(np.float32)
    for x in (single, single + np.float32(128) * np.arange(400, dtype=np.float32)):
        with pytest.raises(ValueError, match=r"x reaches 1.142.* float32 holds steps of 1.3e\+02"):
            Points(x)
    with pytest.raises(ValueError, match=r"where float64 holds steps of 2.4e-07 only, and its"):
        Points(1.6e9 + 1e-7 * np.arange(400))
    # The remedy.
    assert np.allclose(np.diff(Points(exact - exact.min()).x[:, 0]), 1e-3, rtol=1e-3, atol=0)
    assert np.allclose(Points(np.float32(X)).x[:, 0], X, rtol=0, atol=1e-7)


class FileVariable:
    """What a reader of files hands over: an array with attributes, read on conversion."""

    def __init__(self):
        self.attrs = {"scale_factor": 0.01}

    def __array__(self, dtype=None, copy=None):
        return np.arange(12)


def test_variables_of_files_that_are_still_packed_are_refused():
    with pytest.raises(ValueError, match=r"y carries the attribute\(s\) scale_factor: it is pack"):
        solve_frequency_pde(RHO, (X, FileVariable()))


def test_spectra_pass_the_same_door():
    hole = np.ma.masked_array(np.exp(1j * X), np.arange(12) == 3)
    for name, call in {
        "spectrum": lambda: band_energy(X + 2, hole, [(0, 4)]),
        "train_spectrum": lambda: spectral_mismatch(hole, X),
        "test_spectrum": lambda: spectral_mismatch(X, hole),
    }.items():
        with pytest.raises(ValueError, match=f"{name} is a masked array with 1 of 12"):
            call()
    assert band_energy([1.0, 2.0], torch.tensor([3j, 4.0]), [(0, 3)]) == pytest.approx([12.5])


def test_a_row_of_points_is_told_from_a_column():
    with pytest.raises(ValueError, match=r"12 value\(s\) for 1 point.*one point: transpose it"):
        solve_frequency_pde(RHO, (X[None], Y))
    net = FourierFeatureNet.sample(RHO, 16, rng=0)
    with pytest.raises(
        ValueError, match=r"x holds .*shape \(1, 12\).* transpose it if it is a row"
    ):
        train(net, X[None], Y, step_size=0.1, steps=2)
