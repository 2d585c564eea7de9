"""Results as labelled datasets: what their variables are, their units, files that take them."""

from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from ntkfreq import (
    Box,
    FourierFeatureMLP,
    FourierFeatureNet,
    Grid,
    Line,
    Normal,
    Points,
    batch_losses,
    compare,
    expected_losses,
    expected_losses_many,
    expected_output,
    load_zarr,
    phase_map,
    save_zarr,
    solve_frequency_pde,
    train,
)
from ntkfreq.files.labelled import plain_attributes

mpl.use("Agg")

X = np.linspace(-1, 1, 24)
DATES = np.datetime64("2022-01-01") + np.arange(24).astype("timedelta64[D]")
RHO = Normal(scale=6.0)
T = np.append(0.0, np.geomspace(0.1, 10.0, 8))
TIMES = np.array([0.0, 0.1, 1.0, 10.0])


def wave(x):
    return np.sin(5 * x)


def solution(**options):
    return solve_frequency_pde(RHO, (X, wave(X)), t=TIMES, **options)


def history(net=None, **options):
    net = net or FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)
    return train(net, X, wave(X), step_size=0.2, steps=20, kernel_probe=4, **options)


def plane():
    x = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    return solve_frequency_pde(Normal(scale=4.0, dim=2), (x, x[:, 0]), t=T)


def curves():
    return expected_losses_many(
        RHO, wave, measure=Points(X), sigma_a=[0.1, 1.0], weight_decay=[1e-3, 1e-1], t=T
    )


COMPLEX = {
    "solution": lambda: solution(test=(X, wave(X))),
    "at steps": lambda: solution(step_size=0.1),
    "at dates": lambda: solve_frequency_pde(Normal(scale=1.0), (DATES, wave(X)), t=T),
    "in the plane": plane,
    "history": lambda: history(test=(X, wave(X)), batch_size=7, rng=2**40),
    "deep": lambda: history(FourierFeatureMLP.sample(RHO, 8, zero_output=True, rng=0)),
    "comparison": lambda: compare(solution(), history()),
}
REAL = {
    "expected": lambda: expected_losses(RHO, wave, measure=Box(-1, 1), t=T).to_xarray(),
    "output": lambda: expected_output(RHO, (X, wave(X)), X, t=T, covariance=True).to_xarray(),
    "many": curves,
    "batches": lambda: batch_losses(
        RHO, (X, wave(X)), step_size=0.2, batch_size=7, steps=9, draws=20, test=(X, wave(X))
    ).to_xarray(),
    "phases": lambda: phase_map(curves(), threshold=0.03),
}


def labelled(data):
    for name, variable in data.variables.items():
        assert variable.attrs.get("long_name"), name
        assert variable.attrs.get("units"), name


def written(data, path):
    """A dataset as a netCDF file gives it back."""
    data.to_netcdf(path, engine="scipy")
    with xr.open_dataset(path, engine="scipy") as back:
        return back.load()


@pytest.mark.parametrize("name", COMPLEX)
def test_parts_of_spectra_go_into_netcdf_with_all_attributes(name, tmp_path):
    data = COMPLEX[name]().to_xarray()
    labelled(data)
    back = written(data.real, tmp_path / "real.nc")
    loss = "predicted_loss" if name == "comparison" else "train_loss"
    np.testing.assert_array_equal(back[loss], data[loss])
    spectrum = "measured_spectrum" if name == "comparison" else "data_spectrum"
    whole = back[spectrum] + 1j * written(data.imag, tmp_path / "imag.nc")[spectrum]
    np.testing.assert_array_equal(whole, data[spectrum])
    assert dict(back.attrs) == dict(data.real.attrs) == data.attrs
    assert back[spectrum].attrs == data[spectrum].attrs
    xr.testing.assert_identical(load_zarr(save_zarr(data, tmp_path / "run.zarr")), data)


@pytest.mark.parametrize("name", REAL)
def test_real_results_go_into_netcdf_as_they_are(name, tmp_path):
    data = REAL[name]()
    labelled(data)
    back = written(data, tmp_path / "run.nc")
    xr.testing.assert_allclose(back, data, rtol=0)
    for variable in data.variables:
        assert back[variable].attrs.keys() == data[variable].attrs.keys()


def test_spectra_are_drawn_along_frequency():
    data = solution().to_xarray()
    assert {"t", "frequency"} <= set(data.indexes)
    (line,) = abs(data.data_spectrum).isel(t=-1).plot()
    np.testing.assert_array_equal(line.get_xdata(), solution().frequencies)
    label = " ".join(line.axes.get_xlabel().split())  # which xarray breaks into lines
    assert label == "angular frequency [rad per unit of x]"
    near = data.data_spectrum.sel(frequency=5.0, method="nearest")
    assert abs(float(near.frequency) - 5.0) < 1.0
    np.testing.assert_array_equal(data.xi, data.frequency)


def test_units_are_those_of_x_and_of_the_measure():
    dated = solve_frequency_pde(Normal(scale=1.0), (DATES, wave(X)), t=T).to_xarray()
    assert dated.frequency.attrs["units"] == "rad per day"
    assert dated.t.attrs["units"] == "1"
    assert dated.train_loss.attrs["units"] == "(unit of y)^2"

    def bump(x):
        return np.exp(-np.sum(np.reshape(x, (len(x), -1)) ** 2, axis=1))

    line = solve_frequency_pde(RHO, bump, t=[0.0, 0.1], test=(X, bump(X)))
    data = line.to_xarray()
    assert isinstance(line.equation.measure, Line)
    assert data.t.attrs["units"] == "1 / (unit of x)"
    assert data.train_loss.attrs["units"] == "(unit of y)^2 (unit of x)"
    assert data.data_spectrum.attrs["units"] == "(unit of y) (unit of x)"
    assert data.test_loss.attrs["units"] == "(unit of y)^2"
    assert data.spectrum.attrs["units"] == "unit of y"
    grid = solve_frequency_pde(
        RHO, bump, measure=Grid(np.timedelta64(12, "h"), np.datetime64("2022-01-01")), t=[0.0, 0.1]
    ).to_xarray()
    assert grid.test_loss.attrs["units"] == "(unit of y)^2 day"
    flat = solve_frequency_pde(Normal(scale=3.0, dim=2), bump, t=[0.0, 0.1])
    assert flat.to_xarray().t.attrs["units"] == "1 / (unit of x)^2"


def test_comparison_has_the_times_of_the_run():
    x = np.linspace(-6, 6, 201)

    def bump(x):
        return np.exp(-(x**2)) * np.cos(5 * x)

    net = FourierFeatureNet.sample(RHO, 256, zero_output=True, rng=0)
    run = train(net, x, bump(x), step_size=0.02, steps=20)
    data = compare(solve_frequency_pde(RHO, bump, t=[0.0, 1.0]), run).to_xarray()
    assert data.t.attrs == {"long_name": "training time", "units": "1"}
    assert data.predicted_loss.attrs["units"] == "(unit of y)^2 (unit of x)"


def test_hidden_weights_are_numbers():
    deep = history(FourierFeatureMLP.sample(RHO, 8, zero_output=True, rng=0)).to_xarray()
    assert deep.weight_norm.attrs["units"] == "1"
    assert history().to_xarray().weight_norm.attrs["units"] == "unit of y"


def test_times_of_phases_are_in_the_units_of_the_curves():
    data = curves()
    assert phase_map(data, threshold=0.03).t_test.attrs["units"] == "1"
    data.t.attrs = {}
    assert phase_map(data, threshold=0.03).t_test.attrs["units"] == "unit of t"


def test_attributes_are_plain():
    found = plain_attributes(
        {
            "none": None, "yes": True, "no": np.False_, "nested": {"a": (1, None)}, "words": ["a"],
            "mixed": [1, "a"], "flags": [True], "empty": [], "numbers": (0.5, 1), "far": [2**40],
            "seed": -(2**40), "small": np.int64(3), "never": np.inf, "text": "",
        }
    )  # fmt: skip
    assert found == {
        "none": "none", "yes": 1, "no": 0, "nested": '{"a": [1, null]}', "words": '["a"]',
        "mixed": '[1, "a"]', "flags": "[true]", "empty": "[]", "numbers": [0.5, 1],
        "far": "[1099511627776]", "seed": "-1099511627776", "small": 3, "never": "none", "text": "",
    }  # fmt: skip


def test_settings_are_read_back_from_text():
    data = solution().to_xarray()
    assert json.loads(data.attrs["stats"])["unknowns"] == 24
    both = compare(solution(), history()).to_xarray()
    assert json.loads(both.attrs["prediction"])["kind"] == "prediction"
    assert json.loads(both.attrs["training"])["batch_size"] is None


def test_results_saved_before_frequency_was_indexed_load(tmp_path):
    xi = np.arange(3.0)
    spectrum = (("t", "frequency"), np.ones((2, 3)) * 1j)
    old = xr.Dataset(
        {"data_spectrum": spectrum, "train_loss": ("t", [1.0, 0.5])},
        {"t": [0.0, 1.0], "xi": ("frequency", xi, {"units": "rad per unit of x"})},
        {"nesterov": False, "step_size": None, "stats": {"unknowns": 3, "support": None}},
    )
    xr.testing.assert_identical(load_zarr(save_zarr(old, tmp_path / "old.zarr")), old)
