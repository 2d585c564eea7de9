"""The kernel of a deep network by its layers, against gradients by PyTorch."""

import numpy as np
import pytest

from ntkfreq import FourierFeatureMLP, Normal, empirical_ntk_gram
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
