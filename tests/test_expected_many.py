"""Many configurations at once against one by one, closed limits, and phases read off them."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
import xarray as xr

from ntkfreq import (
    Box,
    Normal,
    Points,
    expected_losses,
    expected_losses_many,
    ntk_gram,
    phase_map,
)
from ntkfreq.pde.expected import configurations
from ntkfreq.pde.expected import many as expected_many

X = np.sort(np.random.default_rng(3).uniform(-1, 1, 14))
TEST = np.linspace(-1, 1, 41)
T = np.concatenate([[0.0], np.geomspace(0.1, 2000.0, 20)])
SCALES, RATES = np.array([0.0, 0.3, 3.0]), np.array([0.0, 1e-3, 0.05])


def y(x):
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


def many(scales=SCALES, rates=RATES, rtol=1e-4, **changed):
    options = {"measure": Points(X), "t": T, "test": (TEST, y(TEST))} | changed
    return expected_losses_many(
        Normal(scale=12.0), y, sigma_a=scales, weight_decay=rates, rtol=rtol, **options
    )


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"measure": Points(X, weights=np.linspace(1, 2, 14) / np.linspace(1, 2, 14).sum())},
        {"test": Points(X)},  # more features than test points: a wide factor
        {"test": ([0.1, 0.7], [1.0, -1.0])},
        {"test": None},
    ],
)
def test_every_configuration_is_that_of_the_single_solver(changed):
    curves = many(rtol=1e-8, **changed)
    options = {"measure": Points(X), "t": T, "test": (TEST, y(TEST))} | changed
    pairs = [(3.0, 1e-3), (0.3, 0.05)] if changed else itertools.product(SCALES, RATES)
    for scale, rate in pairs:
        one = expected_losses(
            Normal(scale=12.0), y, sigma_a=scale, weight_decay=rate, rtol=1e-9, **options
        )
        found = curves.sel(sigma_a=scale, weight_decay=rate)
        for name in ("train_mean", "test_mean"):
            expected = getattr(one, name)
            np.testing.assert_allclose(found[name], expected, rtol=0, atol=3e-7 * expected[0])


@pytest.mark.parametrize(("scale", "rank"), [(4.0, 12), (0.02, 9)])
def test_in_the_plane_and_where_draws_span_less_than_the_points(scale, rank):
    rng = np.random.default_rng(0)
    x, x_test = rng.uniform(-1, 1, (12, 2)), rng.uniform(-1, 1, (30, 2))
    density, samples = Normal(scale=scale, dim=2), (x, np.sin(x[:, 0] * 3))
    found = configurations.pivoted_cholesky(
        np.ones(12), lambda i: ntk_gram(density, x, x[i : i + 1], sigma_a=0.0)[:, 0], 1e-12, 12
    )
    assert len(found.index) == rank
    options = {
        "sigma_a": 2.0, "weight_decay": 0.01, "t": T, "test": (x_test, np.sin(x_test[:, 0] * 3))
    }  # fmt: skip
    curves = expected_losses_many(density, samples, rtol=1e-8, **options)
    one = expected_losses(density, samples, rtol=1e-9, **options)
    np.testing.assert_allclose(curves.test_mean.values[0, 0], one.test_mean, atol=1e-6, rtol=0)
    np.testing.assert_allclose(curves.train_mean.values[0, 0], one.train_mean, atol=1e-6, rtol=0)


def test_numbers_do_not_depend_on_what_else_is_asked_for(monkeypatch):
    whole = many()
    for scale in SCALES:
        for rate in RATES:
            alone = many(scale, rate)
            kept = whole.sel(sigma_a=[scale], weight_decay=[rate])
            xr.testing.assert_identical(alone, kept)
    xr.testing.assert_identical(many(SCALES[::-1], RATES[::-1]), whole[{
        "sigma_a": slice(None, None, -1), "weight_decay": slice(None, None, -1)
    }])  # fmt: skip
    # Two of nine at a time instead of all.
    monkeypatch.setattr(expected_many, "_HELD", 200_000)
    parts = []
    inner = configurations.advanced
    monkeypatch.setattr(
        configurations, "advanced", lambda *given: parts.append(len(given[1])) or inner(*given)
    )
    xr.testing.assert_identical(many(), whole)
    assert len(parts) > 2
    assert sum(parts) == 9


def test_start_is_the_variance_and_the_end_a_ridge_regression_with_the_stationary_kernel():
    curves = many([0.5, 2.0], [0.01, 0.03], rtol=1e-6, t=[0.0, 1e4])
    square = np.mean(y(TEST) ** 2)
    np.testing.assert_allclose(
        curves.test_mean[:, :, 0], np.array([[0.25], [4.0]]) + square + np.zeros(2), rtol=1e-12
    )
    kernel, cross = (ntk_gram(Normal(scale=12.0), x, X, sigma_a=0.0) for x in (X, TEST))
    for rate in (0.01, 0.03):
        output = cross @ np.linalg.solve(kernel + rate * len(X) * np.eye(len(X)), y(X))
        np.testing.assert_allclose(
            curves.test_mean.sel(weight_decay=rate, t=1e4), np.mean((output - y(TEST)) ** 2),
            rtol=1e-4,
        )  # fmt: skip


def test_labels_default_times_and_no_test_loss_where_the_target_is_unknown():
    curves = expected_losses_many(Normal(scale=5.0), (X, y(X)), sigma_a=[1.0, 2.0])
    assert dict(curves.sizes) == {"sigma_a": 2, "weight_decay": 1, "t": 65}
    assert list(curves.data_vars) == ["train_mean"]
    slow = expected_losses_many(Normal(scale=5.0), (X, y(X)), weight_decay=[0.0, 0.1, 1e-4])
    assert slow.t[-1] == pytest.approx(10 / 1e-4)
    with pytest.raises(ValueError, match=r"it needs train_mean and test_mean.*pass test="):
        phase_map(curves, threshold=0.1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sigma_a": [1.0, 1.0]}, r"sigma_a=.*different numbers, none negative; drop"),
        ({"weight_decay": []}, r"weight_decay is empty; give at least one"),
        ({"weight_decay": [-1.0, 0.0]}, r"weight_decay=.*none negative"),
        ({"sigma_a": [[1.0]]}, r"sigma_a"),
        ({"measure": Box(-1, 1)}, r"measure=Box.*solved at once on Points; use"),
        ({"rtol": 0.0}, r"rtol="),
    ],
)
def test_refusals(change, reason):
    with pytest.raises(ValueError, match=reason):
        expected_losses_many(Normal(scale=5.0), y, **({"measure": Points(X)} | change))


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_large_scales_are_within_the_resolution_of_sixty_digits(rtol):
    """Losses that fall by a hundred orders: the roots are known to a share of the start."""
    x, t = np.linspace(-1, 1, 8), [0.0, 1.0, 10.0, 100.0]
    scales = np.array([1.0, 30.0, 1e3, 1e6])
    curves = expected_losses_many(
        Normal(scale=5.0), (x, np.sin(3 * x)), sigma_a=scales, t=t, rtol=rtol
    )
    for scale in scales.tolist():
        truth = dense_means(x, np.sin(3 * x), 5.0, scale, t)
        one = expected_losses(Normal(scale=5.0), (x, np.sin(3 * x)), sigma_a=scale, t=t)
        np.testing.assert_allclose(one.train_mean, truth, rtol=1e-6 if scale < 1e3 else 1e-4)
        found = curves.sel(sigma_a=scale, weight_decay=0.0)
        off = np.abs(np.sqrt(found.train_mean.values) - np.sqrt(truth))
        assert off.max() <= np.sqrt(float(found.resolution))
        assert np.sqrt(float(found.resolution)) < 3 * rtol * np.sqrt(truth[0])
    with pytest.raises(ValueError, match=r"threshold=1e-10 is below what the curves resolve.*rtol"):
        phase_map(curves.assign(test_mean=curves.train_mean), threshold=1e-10)


def dense_means(x, y, s, sigma_a, times):
    """Mean losses by eigenvectors in sixty digits."""
    with mpmath.workdps(60):
        places, goal = [[mpmath.mpf(v) for v in part.tolist()] for part in (x, y)]
        n = len(places)
        k = mpmath.matrix(n)
        whole = mpmath.matrix(n)
        for i, a in enumerate(places):
            for j, b in enumerate(places):
                k[i, j] = mpmath.exp(-((s * (a - b)) ** 2) / 2)
                whole[i, j] = (1 + mpmath.mpf(sigma_a) ** 2 * a * b) * k[i, j] / n
        rates, modes = mpmath.eigsy(whole)
        means = []
        for time in times:
            decay = modes * mpmath.diag([mpmath.exp(-rate * time) for rate in rates]) * modes.T
            left, spread = decay * mpmath.matrix(goal), decay * k * decay.T
            drawn = mpmath.mpf(sigma_a) ** 2 * mpmath.fsum(spread[i, i] for i in range(n))
            means.append(float((mpmath.fsum(one**2 for one in left) + drawn) / n))
        return np.array(means)


def toy():
    t = np.concatenate([[0.0], np.geomspace(0.1, 100.0, 30)])
    rates = xr.DataArray([1.0, 1.0, 1.0, 1e-5], dims="k", coords={"k": [5, 6, 7, 8]})
    slow = xr.DataArray([1e-5, 0.1, 0.5, 1.0], dims="k")
    clock = xr.DataArray(t, dims="t", coords={"t": t})
    return xr.Dataset({"train_loss": np.exp(-rates * clock), "test_loss": np.exp(-clock * slow)})


def test_phases_of_exponentials():
    found = phase_map(toy(), threshold=0.05)
    names = found.phase.attrs["flag_meanings"].split()
    phases = [names[code] for code in found.phase.values]
    assert phases == ["memorization", "grokking", "comprehension", "confusion"]
    assert found.phase.dims == ("k",)
    np.testing.assert_array_equal(found.k, [5, 6, 7, 8])
    np.testing.assert_allclose(found.t_train[:3], np.log(20), rtol=1e-12)
    np.testing.assert_allclose(found.t_test[1:], np.log(20) / np.array([0.1, 0.5, 1.0]))
    assert np.isinf(found.t_test[0])
    assert found.attrs["t_end"] == pytest.approx(100.0)
    # A looser meaning of late.
    assert phase_map(toy(), threshold=0.05, late=1.5).phase[2] == names.index("grokking")


def accuracies():
    """Right answers that come at steps 2000 and 4000, or 2000 and never."""
    steps = np.arange(0, 6000, 1000.0)
    train = np.array([[0.1, 0.5, 1.0, 1, 1, 1], [0.1, 0.1, 0.5, 1, 1, 1]])
    test = np.array([[0.1, 0.1, 0.1, 0.1, 0.1, 1], [0.1, 0.1, 0.1, 0.1, 0.1, 0.2]])
    names = "train_loss", "test_loss"
    curves = {name: (("k", "t"), rows) for name, rows in zip(names, (train, test), strict=True)}
    return xr.Dataset(curves, {"t": steps})


def test_maps_of_accuracies():
    wrong = accuracies()
    with pytest.raises(ValueError, match=r"2 of 2 training losses that rise like.*train_accuracy"):
        phase_map(wrong, threshold=0.95)
    right = wrong.rename(train_loss="train_accuracy", test_loss="test_accuracy")
    errors = 1 - wrong
    for found in (phase_map(right, threshold=0.95), phase_map(errors, threshold=0.05)):
        np.testing.assert_allclose(found.t_train, [1900.0, 2900.0], rtol=1e-12)
        np.testing.assert_allclose(found.t_test, [4000 + 850 / 0.9, np.inf], rtol=1e-12)
    assert phase_map(right, threshold=0.95).kind == "accuracy"
    assert phase_map(errors, threshold=0.05).kind == "error_rate"
    assert phase_map(wrong, threshold=0.95, kind="loss").t_train.values.tolist() == [0.0, 0.0]
    # One curve that rises among losses is no accuracy.
    rising = toy()
    rising.train_loss[3] = 1 - rising.train_loss[0]
    assert phase_map(rising, threshold=0.05).kind == "loss"


def test_what_is_no_dataset_is_refused():
    with pytest.raises(TypeError, match=r"curves=.*must be an xarray\.Dataset.*grokking_onset"):
        phase_map(np.zeros((2, 3)), threshold=0.1)


def test_curves_without_times_or_over_other_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"dimension t without times.*assign_coords\(t=times\)"):
        phase_map(toy().drop_vars("t"), threshold=0.1)
    fewer = toy().assign(test_loss=toy().test_loss.isel(k=0, drop=True))
    with pytest.raises(ValueError, match=r"dimensions \('k', 't'\) of train_loss.*broadcast"):
        phase_map(fewer, threshold=0.1)


def test_a_clock_that_does_not_move_has_the_losses_of_the_start():
    curves = expected_losses_many(Normal(scale=5.0), (X, y(X)), sigma_a=2.0, t=[0.0])
    np.testing.assert_allclose(curves.train_mean.values, np.mean(y(X) ** 2) + 4.0)
