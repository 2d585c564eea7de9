"""Parts of the validation script about deep networks as people train them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ntkfreq import FourierFeatureMLP, empirical_ntk_gram, ntk_gram, ntk_regression
from validation.claims.deep_practice import networks, picture, statistics, tones

X = np.linspace(-1.0, 1.0, 16)


@pytest.mark.parametrize("depth", [1, 3])
def test_kernel_of_pytorchs_defaults_is_the_mean_of_drawn_ones(depth):
    """Also of narrow layers but for terms in 1 / width, biases and their rates included."""
    width, kernels, own = 256, [], []
    for seed in range(12):
        rng = np.random.default_rng([depth, seed])
        w = 5.0 * rng.standard_normal((width // 2, 1))
        net = networks.OnFeatures(networks.network("default", width, depth, seed), w)
        own.append(empirical_ntk_gram(net, X))
        kernels.append(networks.default_kernel(networks.drawn_kernel(w, X), depth, width))
    # One network is off by 8 % (one layer) and 20 % (three), the mean of 12 by less than a third.
    mean = np.mean(own, axis=0)
    assert np.linalg.norm(mean - np.mean(kernels, axis=0)) < 0.08 * np.linalg.norm(mean)
    # Where biases count most, all of it is a constant: half of them would be seen.
    assert mean.min() == pytest.approx(np.mean(kernels, axis=0).min(), rel=0.1)


def test_networks_of_the_ntk_parametrization_are_those_of_the_package():
    w = np.random.default_rng(0).standard_normal((8, 1))
    net = networks.network("ntk", 16, 2, 3)
    layers = [
        (weights.detach().numpy(), bias.detach().numpy())
        for weights, bias in zip(net.weights, net.biases, strict=False)
    ]
    same = FourierFeatureMLP(w, layers, net.weights[-1].detach().numpy()[0], "relu")
    found = networks.OnFeatures(net, w)(torch.as_tensor(X[:, None]).float()).detach().numpy()
    # Single precision.
    np.testing.assert_allclose(found[:, 0], same(X), atol=1e-5)
    h = networks.features(w, X)
    np.testing.assert_allclose(net(h).detach().numpy(), found, atol=1e-5)


def test_drawing_a_network_leaves_the_numbers_of_others_alone():
    torch.manual_seed(1)
    first = torch.randn(3)
    torch.manual_seed(1)
    networks.network("default", 8, 1, 5)
    assert torch.equal(torch.randn(3), first)


def test_tones_are_apart():
    x, y = tones.signal("1/k")
    found = tones.sizes(np.stack([y, np.cos(3 * np.pi * x)]))
    np.testing.assert_allclose(found[0] / found[0, 0], tones.SPECTRA["1/k"], rtol=1e-12)
    np.testing.assert_allclose(found[1], 0.5 * (np.arange(1, 9) == 3), atol=1e-12)


def test_wide_networks_in_the_ntk_parametrization_descend_as_the_limit_does():
    found = tones.descent("ntk", 512, 2, 0)
    # Half-times of one network scatter by a tenth at this width.
    assert np.median(found["trained"]) == pytest.approx(1.0, abs=0.15)
    np.testing.assert_allclose(found["linear"], found["trained"], rtol=0.1)


def test_a_wave_on_the_chessboard_is_in_its_band():
    x, _, inside = picture.chessboard(32)
    row, column = np.divmod(np.arange(32**2), 32)
    wave = np.cos(2 * np.pi * (4 * row + 3 * column) / 32)
    assert inside.sum() == 512
    found = picture.sizes(wave[None, inside], inside)[0]
    # Of 5 cycles: the fourth band, from 5 to 8.
    assert np.argmax(found) == 3
    assert np.delete(found, 3).max() < 1e-10 * found[3]
    assert x[inside][:2].tolist() == [[-1.0, -1.0], [-1.0, pytest.approx(-1 + 4 / 31)]]


def test_the_predicted_end_is_kernel_regression():
    method = picture.METHODS[1]
    found = picture.predicted("middle", 2, method, 64, 32)
    x, y, inside = picture.chessboard(32)
    layers = {"depth": 2, "activation": "relu", "train_frequencies": False}
    kernel = ntk_gram(picture.density("middle"), x, **layers)
    limit = ntk_regression(picture.density("middle"), x[inside], y[inside], x[~inside], **layers)
    assert found["last"] == pytest.approx(np.mean((limit - y[~inside]) ** 2), rel=1e-3)
    assert found["best"] <= found["last"]
    # An Euler step at a time, up to the half-time of the lowest band.
    rate = np.linalg.eigvalsh(kernel[np.ix_(inside, inside)] / 512)[-1]
    error, step, t = y[inside], 0.02 / rate, 0.0
    start = picture.sizes(error[None], inside)[0, 0]
    while picture.sizes(error[None], inside)[0, 0] > 0.5 * start:
        error = error - step * kernel[np.ix_(inside, inside)] @ error / 512
        t += step
    # Of first order in the step, and half a step late.
    assert found["half"][0] == pytest.approx(t, rel=0.05)


def test_predictions_for_a_draw_approach_those_of_the_density():
    many = picture.predicted_for_draw("narrow", 2, 0, 4096, 32)
    limit = picture.predicted("narrow", 2, picture.METHODS[2], 4096, 32)
    # 2048 frequencies: some per cent.
    np.testing.assert_allclose(many["half"][:3], limit["half"][:3], rtol=0.2)
    assert many["best"] == pytest.approx(limit["best"], rel=0.1)


def test_orders_and_ratios():
    measured = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]])
    predicted = np.array([1.0, 2.0, np.inf, np.inf])
    assert statistics.pairs_in_order(measured, predicted).tolist() == [1.0, 0.0]
    assert statistics.across_seeds([1.0, np.inf])[0] == np.inf
    assert statistics.decibels(np.array(0.01)) == 20.0
