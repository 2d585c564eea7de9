"""Mean and spread of outputs: by plain formulas, by trained networks, and by expected losses."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.linalg import expm

from ntkfreq import (
    Box,
    Empirical,
    FourierFeatureMLP,
    FourierFeatureNet,
    Grid,
    HeavyBall,
    Laplace,
    Line,
    Normal,
    Points,
    StudentT,
    expected_losses,
    expected_output,
    ntk_gram,
    solve_frequency_pde,
    train,
)
from ntkfreq.problem.layers import HiddenLayers
from validation.reference.kernels import KERNELS
from validation.reference.nodes import Nodes, points_nodes
from validation.reference.random_start import linear_maps

X = np.linspace(-1, 1, 9)
AT = np.array([-1.3, -1.0, -0.6, 0.11, 0.75, 2.0])
T = np.array([0.0, 1.0, 13.3, 400.0])
RHO = Normal(scale=9.0)
KERNEL = partial(KERNELS["normal"], scale=9.0)


def y(x):
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


def found(**options):
    settings = {"sigma_a": 1.7, "t": T, "rtol": 1e-8} | options
    return expected_output(RHO, (X, y(X)), AT, covariance=True, **settings)


def plain(tangent, prior, root, t):
    """Mean and covariance at AT: exp and its integral from one matrix exponential."""
    n, between = len(X), slice(len(X), None)
    means, covers = [], []
    for time in t:
        both = np.zeros((2 * n, 2 * n))
        both[:n, :n], both[:n, n:] = -tangent[:n, :n] * root**2, np.eye(n)
        integral = expm(both * time)[:n, n:]
        gain = (tangent[between, :n] * root**2) @ integral
        means.append(gain @ y(X))
        change = np.concatenate([-gain, np.eye(len(AT))], axis=1)
        covers.append(change @ prior @ change.T)
    return np.array(means), np.array(covers)


@pytest.mark.parametrize("weights", [None, np.linspace(1, 3, 9)])
def test_formula_by_a_matrix_exponential(weights):
    every = np.concatenate([X, AT])
    k = KERNEL((every[:, None] - every)[..., None])
    share = np.full(9, 1 / 9) if weights is None else weights / weights.sum()
    tangent = k * (1 + 1.7**2 * np.outer(every, every))
    mean, cover = plain(tangent, 1.7**2 * k, np.sqrt(share), T)
    output = found(measure=Points(X, weights))
    # Features of the kernel leave 1e-12 of its variance out, and pivots lose some digits more.
    np.testing.assert_allclose(output.mean, mean, atol=1e-9)
    np.testing.assert_allclose(output.covariance, cover, atol=1e-9)
    np.testing.assert_allclose(
        output.std**2, np.diagonal(output.covariance, axis1=1, axis2=2), atol=1e-12
    )


@pytest.mark.parametrize(("weight", "frequency"), [(0.01, 0.0), (0.02, 0.01)])
def test_decay_against_dense_propagators(weight, frequency):
    output = found(weight_decay=weight, frequency_decay=frequency, decay_towards="start")
    rule = Nodes(AT[:, None], np.ones(len(AT)))
    maps, offsets = linear_maps(
        KERNEL, points_nodes(X), y, 1.7, T, rule, np.zeros(len(AT)), weight, frequency
    )
    every = np.concatenate([X, AT])
    prior = 1.7**2 * KERNEL((every[:, None] - every)[..., None])
    cover = maps[:, len(X) :] @ prior @ maps[:, len(X) :].swapaxes(1, 2)
    np.testing.assert_allclose(output.mean, offsets[:, len(X) :], atol=1e-7)
    np.testing.assert_allclose(output.covariance, cover, atol=1e-7)


def test_frequency_decay_towards_zero_over_drawn_outputs():
    options = {"sigma_a": 1.0, "weight_decay": 0.01, "frequency_decay": 0.01, "t": T[:3]}
    output = expected_output(RHO, (X, y(X)), AT[1:5], **options)
    drawn = np.array(
        [
            solve_frequency_pde(
                RHO, (X, y(X)), rtol=1e-4, **options,
                initial_output=FourierFeatureNet.sample(RHO, 2000, rng=seed),
            ).output(AT[1:5])
            for seed in range(40)
        ]
    )  # fmt: skip
    std = drawn.std(axis=0, ddof=1)
    assert np.all(np.abs(drawn.mean(axis=0) - output.mean) < 4 * std / np.sqrt(40) + 1e-4)
    # The standard error of a standard deviation from 40 draws is 0.113 of it.
    assert np.all(np.abs(std - output.std) < 4 * 0.113 * output.std + 1e-4)


def test_at_the_start_and_at_the_end():
    """sigma_a everywhere; then 0 at the samples, and on between them."""
    output = expected_output(
        RHO, (X, y(X)), np.concatenate([X, [0.13, 3.0]]), sigma_a=1.7, t=[0, 1e9]
    )
    np.testing.assert_allclose(output.std[0], 1.7, rtol=1e-12)
    np.testing.assert_allclose(output.std[1, :9], 0.0, atol=1e-5)
    np.testing.assert_allclose(output.mean[1, :9], y(X), atol=1e-5)
    assert output.std[1, 9] > 0.3
    assert output.std[1, 10] == pytest.approx(1.7, rel=1e-9)  # k is 0 that far away


def test_weight_decay_fades_what_is_not_learned():
    output = expected_output(RHO, (X, y(X)), [7.0], weight_decay=0.02, t=[0.0, 10.0, 100.0])
    np.testing.assert_allclose(output.std[:, 0], np.exp(-0.02 * output.t), rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.01},
        {"weight_decay": 0.01, "frequency_decay": 0.01},
        {"depth": 2, "activation": "tanh", "sigma_b": 0.3},
        {"t": None, "steps": [0, 3, 40], "step_size": 0.2, "optimizer": HeavyBall(0.8)},
        {"sigma_a": 0.0},
        {"method": "frequency"},
        {"method": "frequency", "weight_decay": 0.01},
    ],
    ids=str,
)
def test_expected_losses_follow(options):
    """E mean (f - y)^2 and, with Gaussian f, its variance, from mean and covariance."""
    settings = {"t": T, "sigma_a": 1.7} | options
    losses = expected_losses(RHO, (X, y(X)), **settings)
    output = expected_output(RHO, (X, y(X)), X, covariance=True, **settings)
    gap, cover = output.mean - y(X), output.covariance
    mean = np.mean(gap**2 + output.std**2, axis=1)
    pairs = np.einsum("tij,tij->t", cover, cover)
    spread = np.sqrt(2 * pairs + 4 * np.einsum("ti,tij,tj->t", gap, cover, gap)) / 9
    # Of the squares of states that are right to 1e-6 of the start.
    np.testing.assert_allclose(mean, losses.train_mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(spread, losses.train_std, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(output.t, losses.t)
    assert output.status == losses.status


@pytest.mark.parametrize("density", [RHO, Laplace(scale=4.0), Normal(scale=25.0)], ids=str)
@pytest.mark.parametrize("weight", [0.0, 0.01])
def test_box(density, weight):
    """Its mean loss is the mean over the box, by a rule that resolves it."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    options = {"measure": Box(-1, 1), "weight_decay": weight, "t": T, "sigma_a": 0.8}
    losses = expected_losses(density, y, **options)
    output = expected_output(density, y, nodes, **options)
    mean = ((output.mean - y(nodes)) ** 2 + output.std**2) @ weights / 2
    np.testing.assert_allclose(mean, losses.train_mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(output.std[0], 0.8, rtol=1e-6)
    solution = solve_frequency_pde(density, y, **options)
    np.testing.assert_allclose(output.mean, solution.output(nodes), atol=2e-6)
    assert output.samples is None


def test_mean_and_spread_of_trained_networks():
    draws, width, steps = 100, 2048, np.array([0, 20, 300])
    output = expected_output(RHO, (X, y(X)), AT[1:5], step_size=0.1, steps=steps)
    outputs = []
    for seed in range(draws):
        net = FourierFeatureNet.sample(RHO, width, rng=seed)
        history = train(
            net, X, y(X), step_size=0.1, steps=300, test=(AT[1:5], y(AT[1:5])), record=steps,
            backend="direct",
        )  # fmt: skip
        outputs.append(history.output)
    found = np.array(outputs)
    std = found.std(axis=0, ddof=1)
    # 12 numbers at four standard errors; kernels of this width scatter by 2 %, which moves means
    # by the square of that.
    gap = np.abs(found.mean(axis=0) - output.mean)
    assert np.all(gap < 4 * output.std / np.sqrt(draws) + 0.01)
    assert np.all(np.abs(std - output.std) < 4 * output.std / np.sqrt(2 * draws) + 0.01)


def test_depth_two_against_the_formula_and_networks_at_the_start():
    options = {"depth": 2, "activation": "relu", "sigma_w": 1.2, "sigma_b": 0.4}
    every = np.concatenate([X, AT])
    tangent = ntk_gram(RHO, every, sigma_a=1.7, **options)
    layers = HiddenLayers(2, "relu", 1.2, 0.4, sigma_a=1.7)
    prior = 1.7**2 * layers.readout_values(KERNEL((every[:, None] - every)[..., None]))
    mean, cover = plain(tangent, prior, np.full(9, 1 / 3), T)
    output = found(**options)
    np.testing.assert_allclose(output.mean, mean, atol=1e-8)
    np.testing.assert_allclose(output.covariance, cover, atol=1e-8)
    starts = [
        FourierFeatureMLP.sample(RHO, 256, sigma_a=1.7, rng=seed, **options)(AT)
        for seed in range(300)
    ]
    # The mean square has a standard error of 8 %, for tails heavier than normal a little more.
    ratio = np.mean(np.square(starts), axis=0) / output.std[0] ** 2
    assert np.all(np.abs(ratio - 1) < 0.4)


def test_many_samples_by_waves_as_by_their_matrix():
    x = np.sort(np.random.default_rng(0).uniform(-1, 1, 1500))
    options = {"t": [0.0, 10.0, 1e3], "covariance": True}
    waves = expected_output(RHO, (x, y(x)), AT, method="frequency", **options)
    gram = expected_output(RHO, (x, y(x)), AT, method="gram", **options)
    np.testing.assert_allclose(waves.mean, gram.mean, atol=1e-6)
    np.testing.assert_allclose(waves.covariance, gram.covariance, atol=1e-6)


def test_one_sample_and_samples_that_repeat():
    """Of one sample the formula is one line; twice the sample is the same."""
    one = expected_output(RHO, ([0.5], [2.0]), [0.5, 0.6], t=[0.0, 0.7, 1e4])
    twice = expected_output(RHO, ([0.5, 0.5], [2.0, 2.0]), [0.5, 0.6], t=[0.0, 0.7, 1e4])
    rate = 1 + 0.25
    gone = -np.expm1(-rate * one.t)
    k = np.exp(-0.5 * 81 * 0.01)
    gain = gone * k * (1 + 0.3) / rate
    np.testing.assert_allclose(one.mean, np.stack([2 * gone, 2 * gain], axis=1), atol=1e-12)
    variance = np.stack([(1 - gone) ** 2, 1 - 2 * gain * k + gain**2], axis=1)
    np.testing.assert_allclose(one.std**2, variance, atol=1e-12)
    np.testing.assert_allclose(twice.mean, one.mean, atol=1e-12)
    np.testing.assert_allclose(twice.std, one.std, atol=1e-7)


def test_two_dimensions_and_atoms():
    x = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    output = expected_output(Normal(scale=4.0, dim=2), (x, x[:, 0]), x[:3], t=[0.0, 1e6])
    assert output.x.shape == (3, 2)
    np.testing.assert_allclose(output.std, [[1, 1, 1], [0, 0, 0]], atol=1e-5)
    data = output.to_xarray()
    assert data.output_std.dims == ("t", "point")
    np.testing.assert_array_equal(data.x_1, x[:3, 1])
    # Waves of one frequency, and x times these, are known everywhere from four samples.
    atom = expected_output(
        Empirical([2.0]), ([0.0, 0.4, 1.1, 1.5], [1.0, 0.5, 0.0, 1.0]), [0.1, 9.0], t=[0.0, 1e6]
    )
    np.testing.assert_allclose(atom.std[0], 1.0, rtol=1e-9)
    np.testing.assert_allclose(atom.std[1], 0.0, atol=1e-5)


def test_heavy_tails_begin_at_their_full_variance():
    nodes = np.linspace(-1, 1, 41)
    output = expected_output(
        StudentT(3.0, scale=5.0), lambda x: 0.3 * x, nodes, measure=Box(-1, 1), sigma_a=2.0,
        t=[0.0, 1.0], rtol=1e-3,
    )  # fmt: skip
    # At the ends of the box a few polynomials too few overshoot.
    np.testing.assert_allclose(output.std[0], 2.0, rtol=1e-3)


def test_dates():
    days = np.datetime64("2024-03-01") + np.arange(0, 40, 4)
    values = np.sin(np.arange(10.0))
    at = days[:2] + np.timedelta64(1, "D")
    options = {"t": [0.0, 50.0], "sigma_a": 0.3}
    dated = expected_output(Normal(scale=0.5), (days, values), at, **options)
    plain = expected_output(
        Normal(scale=0.5), (np.arange(0.0, 40, 4), values), [1.0, 5.0], **options
    )
    np.testing.assert_array_equal(dated.mean, plain.mean)
    np.testing.assert_array_equal(dated.std, plain.std)
    assert dated.to_xarray().attrs["x"] == "days since 2024-03-01"
    assert dated.plot().get_xlabel() == "x (days since 2024-03-01)"


def test_labelled_dataset_and_short_repr():
    output = found()
    data = output.to_xarray()
    assert set(data) == {"output_mean", "output_std", "output_covariance"}
    assert data.output_covariance.sel(x=0.11, x_other=0.75).shape == (4,)
    assert data.output_std.attrs["units"] == "unit of y"
    assert repr(output).startswith("ExpectedOutput(t=4 from 0 to 400, x=6 from -1.3 to 2, mean=")
    assert repr(output).endswith("status=converged)")
    assert "output_covariance" not in expected_output(RHO, (X, y(X)), AT, t=T).to_xarray()


def test_picture():
    output = found()
    ax = output.plot(times=[1.0, 390.0], deviations=1)
    assert ax.get_legend_handles_labels()[1] == [
        "mean at t = 1", "mean at t = 400", "1 standard deviation", "samples",
    ]  # fmt: skip
    line = ax.lines[1].get_xydata()
    np.testing.assert_allclose(line[:, 1], output.mean[3])
    band = ax.collections[1].get_paths()[0].vertices
    top = output.mean[3] + output.std[3]
    assert all(
        np.any(np.all(np.isclose(band, point), axis=1)) for point in zip(AT, top, strict=True)
    )
    with pytest.raises(ValueError, match=r"times=500.0 are not all .* from 0 to 400; give"):
        output.plot(times=500.0)
    with pytest.raises(ValueError, match="deviations"):
        output.plot(deviations=-1)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    flat = expected_output(Normal(dim=2), (x, x[:, 0]), x, t=[0.0])
    with pytest.raises(ValueError, match=r"output has points of dimension 2.*pictures"):
        flat.plot()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 4}, r"batch_size=4: the spread of outputs.*expected_losses"),
        ({"optimizer": "adam", "step_size": 0.1}, "optimizer"),
        ({"step_size": 0.1, "weight_decay": 0.1}, "solved as gradient flow"),
        ({"step_size": 99.0, "t": [0, 99.0]}, "max_step_size"),
        ({"method": "lanczos"}, "not all of them at once"),
        ({"rtol": 2.0}, "rtol"),
        ({"depth": 2, "weight_decay": 0.1}, "not linear in the hidden weights"),
        ({"t": [1.0, 0.5]}, "strictly increasing"),
    ],
)
def test_refusals(options, match):
    with pytest.raises((ValueError, TypeError), match=match):
        expected_output(RHO, (X, y(X)), AT, **options)


def test_refusals_of_measures_and_points():
    for measure in (Line(), Grid(0.5)):
        with pytest.raises(ValueError, match=r"expected outputs need Points or a Box.*energy"):
            expected_output(RHO, lambda x: np.exp(-(x**2)), AT, measure=measure)
    with pytest.raises(ValueError, match=r"x has points on \[-1.3, 2\], outside the box"):
        expected_output(RHO, y, AT, measure=Box(-1, 1), t=[0.0, 1.0])
    with pytest.raises(ValueError, match=r"depth=1: the initial output behind hidden layers is"):
        expected_output(RHO, y, AT, measure=Box(-1, 1), depth=1)
    with pytest.raises(ValueError, match=r"x holds points of dimension 2"):
        expected_output(RHO, (X, y(X)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"outputs at 3 times and 100000 points x.*covariance out"):
        expected_output(RHO, (X, y(X)), np.linspace(-1, 1, 100_000), t=[0, 1, 2], covariance=True)
