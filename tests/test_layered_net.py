"""The kernel of a deep network by its layers, against gradients by PyTorch."""

import numpy as np
import pytest

from ntkfreq import FourierFeatureMLP, FourierFeatureNet, Normal, empirical_ntk_gram, train
from ntkfreq.ntk.empirical import _layered

SCALES = {"sigma_a": 0.7, "sigma_w": 1.2, "sigma_b": 0.5}


def network(dim, activation, depth, zero_output=False):
    density = Normal(scale=3.0, dim=dim)
    return FourierFeatureMLP.sample(
        density, 16, depth=depth, hidden=20 if depth else None, activation=activation,
        zero_output=zero_output, rng=1, **SCALES,
    )  # fmt: skip


@pytest.mark.parametrize("zero_output", [False, True])
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
@pytest.mark.parametrize("dim", [1, 2])
def test_gram_is_that_of_the_module(dim, activation, depth, zero_output):
    net, rng = network(dim, activation, depth, zero_output), np.random.default_rng(0)
    x, x2 = rng.uniform(-1, 1, (7, dim)), rng.uniform(-1, 1, (5, dim))
    module = net.to_module()
    # Some hundred terms of order one each: 1e-13 of rounding.
    np.testing.assert_allclose(
        empirical_ntk_gram(net, x), empirical_ntk_gram(module, x), atol=1e-12
    )
    np.testing.assert_allclose(
        empirical_ntk_gram(net, x, x2), empirical_ntk_gram(module, x, x2), atol=1e-12
    )
    module.w.requires_grad_(False)
    np.testing.assert_allclose(
        empirical_ntk_gram(net, x, freeze_frequencies=True),
        empirical_ntk_gram(module, x),
        atol=1e-12,
    )


def test_units_give_the_output_of_the_network():
    net, x = network(2, "tanh", 2), np.random.default_rng(0).uniform(-1, 1, (7, 2))
    np.testing.assert_allclose(_layered(net).output(x), net(x), atol=1e-14)


def test_points_of_another_dimension_are_refused():
    net = network(2, "relu", 2)
    with pytest.raises(ValueError, match="dimension 1, but net takes dimension 2"):
        empirical_ntk_gram(net, [0.0, 1.0])


def test_far_too_many_points_are_refused():
    net = network(1, "relu", 2)
    with pytest.raises(ValueError, match="give fewer points"):
        empirical_ntk_gram(net, np.linspace(0, 1, 10**8), [0.0])


def test_a_run_without_hidden_layers_reads_its_bands_as_that_of_two_layers_does():
    x = np.linspace(-1, 1, 64, endpoint=False)
    y = np.sin(np.pi * np.outer(x, np.arange(1, 9))).sum(axis=1)
    bands = [(np.pi * (k - 0.5), np.pi * (k + 0.5)) for k in (2, 6, 8)]
    times = []
    for kind, options in ((FourierFeatureNet, {}), (FourierFeatureMLP, {"depth": 0})):
        net = kind.sample(Normal(scale=10.0), 256, rng=0, zero_output=True, **options)
        run = train(net, x, y, step_size=0.1, steps=2000, record=100, kernel_probe=0)
        times.append([run.learning_time(band) for band in bands])
    # The same function and the same steps; rounding of two backends.
    np.testing.assert_allclose(times[0], times[1], rtol=1e-6)
