"""Intervals for single networks under gradient descent, from kernels of drawn ones."""

import pickle

import numpy as np
import pytest

from ntkfreq import (
    Box,
    FourierFeatureMLP,
    FourierFeatureNet,
    Normal,
    Points,
    compare,
    empirical_ntk_gram,
    solve_frequency_pde,
    train,
)
from ntkfreq.ntk.drawn_units import drawn_units
from ntkfreq.ntk.layered_net import units_gram
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.units import unit_of

RHO, X = Normal(scale=8.0), np.linspace(-1, 1, 20)
Y = np.sin(3 * X) + np.sin(9 * X)
BANDS = [(2.0, 4.0), (8.0, 10.0)]


def deep(**options):
    return solve_frequency_pde(RHO, (X, Y), depth=2, activation="tanh", **options)


def test_drawn_units_have_the_kernel_of_a_network_of_the_same_parameters():
    layers = HiddenLayers(2, "tanh", 1.2, 0.5, 0.7)
    units = drawn_units(RHO, layers, 0.7, (12, 10), np.random.default_rng(0))
    net = FourierFeatureMLP(units.w, units.layers, units.readout, "tanh")
    np.testing.assert_allclose(
        units_gram(units, X[:, None], None, frozen=False), empirical_ntk_gram(net, X), rtol=1e-12
    )
    assert units.unit is unit_of("tanh")


@pytest.mark.parametrize("sigma", ["sigma_w", "sigma_b", "sigma_a"])
def test_scales_are_those_of_the_layers(sigma):
    scales = {"sigma_w": 1.3, "sigma_b": 0.4, "sigma_a": 0.6}
    layers = HiddenLayers(1, "relu", **scales)
    units = drawn_units(RHO, layers, layers.sigma_a, (300, 300), np.random.default_rng(0))
    ((weights, biases),) = units.layers
    found = {"sigma_w": weights, "sigma_b": biases, "sigma_a": units.readout}[sigma]
    # 300 numbers know their spread to 4 %.
    assert found.std() == pytest.approx(scales[sigma], rel=0.15)


def test_an_interval_narrows_with_the_width_and_keeps_the_limit():
    solution = deep()
    reach = []
    for width in (128, 2048):
        low, predicted, high = solution.finite_width(width, zero_output=False).learning_time(
            BANDS[1]
        )
        assert predicted == solution.learning_time(BANDS[1])
        assert low < predicted < high
        reach.append(np.log(high / low))
    # Sixteen times as wide: a quarter, from twenty draws each, which know it to some 15 %.
    assert reach[0] / reach[1] == pytest.approx(4.0, rel=0.5)


def test_nine_in_ten_trained_networks_are_inside():
    solution, inside = deep(), []
    networks = solution.finite_width(256, zero_output=False)
    ends = [networks.learning_time(band) for band in BANDS]
    for seed in range(12):
        net = FourierFeatureMLP.sample(RHO, 256, activation="tanh", depth=2, rng=100 + seed)
        run = train(net, X, net(X) + Y, step_size=0.1, steps=250, kernel_probe=0)
        inside += [
            low <= run.learning_time(band) <= high
            for band, (low, _, high) in zip(BANDS, ends, strict=True)
        ]
    # 24 of them at 90 %: fewer than 17 in one of a thousand cases.
    assert sum(inside) >= 17


@pytest.mark.parametrize("depth", [0, 2])
def test_a_comparison_has_them_beside_its_times(depth):
    if depth:
        net = FourierFeatureMLP.sample(
            RHO, 512, activation="tanh", depth=2, zero_output=True, rng=3
        )
        options = {"depth": 2, "activation": "tanh"}
    else:
        net, options = FourierFeatureNet.sample(RHO, 512, zero_output=True, rng=3), {}
    run = train(net, X, Y, step_size=0.1, steps=600, kernel_probe=0)
    both = compare(solve_frequency_pde(RHO, (X, Y), **options), run)
    for row in both.learning_times(BANDS, level=0.99):
        assert row.interval[0] < row.predicted < row.interval[1]
        assert row.interval[0] < row.measured < row.interval[1]


def test_losses_and_outputs_have_intervals_too():
    x_test = np.linspace(-1, 1, 7)
    solution = deep(test=(x_test, np.sin(3 * x_test) + np.sin(9 * x_test)))
    networks = solution.finite_width(512, hidden=256, draws=8)
    for ends in (networks.train_loss(), networks.test_loss()):
        assert ends.low.shape == solution.t.shape
        assert np.all(ends.low[1:] < ends.high[1:])
    low, predicted, high = networks.outputs(x_test)
    np.testing.assert_array_equal(predicted, solution.output(x_test))
    assert np.all(low[1:] < high[1:])
    assert (networks.drawn_width, networks.drawn_hidden, networks.draws) == (256, 128, 8)
    with pytest.raises(ValueError, match="there is no test loss"):
        deep().finite_width(64, draws=2).test_loss()


def test_they_are_drawn_once_pickle_and_say_what_they_are():
    solution = deep()
    networks = solution.finite_width(64, draws=3, progress=False)
    assert solution.finite_width(64, draws=3) is networks
    again = pickle.loads(pickle.dumps(networks))
    np.testing.assert_array_equal(again.train_loss().high, networks.train_loss().high)
    assert "width=64" in repr(networks)


def test_a_width_beyond_what_is_drawn_scales_the_spread():
    networks = deep().finite_width(2**16, draws=2, zero_output=False)
    assert (networks.drawn_width, networks.shrinks) == (2048, 2048**0.5 / 2**8)


def test_frozen_frequencies_stay_frozen():
    solution = deep(train_frequencies=False)
    (one, _) = solution.finite_width(64, draws=2, zero_output=False, seed=4).networks
    layers = HiddenLayers(2, "tanh", train_frequencies=False)
    units = drawn_units(RHO, layers, 1.0, (64, 64), np.random.default_rng([4, 0]))
    gram = units_gram(units, X[:, None], None, frozen=True)
    rates, modes = np.linalg.eigh(gram / len(X))
    left = np.exp(-rates * one.t[:, None]) * (modes.T @ -Y)
    np.testing.assert_allclose(one.train_loss, (left**2).mean(axis=1), rtol=1e-9, atol=1e-14)


def test_what_has_no_drawn_kernel_is_refused():
    def y(x):
        return np.sin(3 * x)

    with pytest.raises(ValueError, match=r"measure=Box\(.*networks are drawn for samples"):
        solve_frequency_pde(RHO, y, measure=Box(-1, 1)).finite_width(64)
    with pytest.raises(ValueError, match=r"weight_decay=0.1.* a drawn kernel is that of the start"):
        solve_frequency_pde(RHO, (X, Y), weight_decay=0.1).finite_width(64)
    many = np.linspace(-1, 1, 2001)
    with pytest.raises(ValueError, match=r"x has 2001 points.*at most 2000"):
        solve_frequency_pde(RHO, y, measure=Points(many)).finite_width(64)
    own = solve_frequency_pde(RHO, (X, Y), depth=1, activation=np.arctan)
    with pytest.raises(ValueError, match="no derivative is known"):
        own.finite_width(64)
    with pytest.raises(ValueError, match="width=0 must be"):
        deep().finite_width(0)


def test_layers_of_different_sizes_are_refused_by_a_comparison():
    net = FourierFeatureMLP.sample(RHO, 64, activation="tanh", depth=2, hidden=32, rng=0)
    (first, bias), _ = net.layers
    uneven = FourierFeatureMLP(
        net.w, [(first, bias), (np.ones((16, 32)), np.zeros(16))], np.ones(16), "tanh"
    )
    run = train(uneven, X, uneven(X) + Y, step_size=0.1, steps=3, kernel_probe=0)
    target = (X, uneven(X) + Y)
    solution = solve_frequency_pde(RHO, target, depth=2, activation="tanh", initial_output=uneven)
    both = compare(solution, run)
    with pytest.raises(ValueError, match=r"hidden layers of \[16, 32\] units"):
        both.learning_times(BANDS, level=0.9)


def test_the_width_is_asked_for():
    with pytest.raises(TypeError, match="width is missing"):
        deep().finite_width()


def test_the_figure_has_an_interval_a_band():
    networks = deep().finite_width(256, draws=4)
    axes = networks.plot(BANDS)
    (bars,) = axes.containers
    assert len(bars[0].get_xdata()) == 2
    assert axes.get_ylabel() == "time until 0.5 is left"
    early = deep(t=[0.0, 1e-3]).finite_width(256, draws=2)
    with pytest.raises(ValueError, match="no band is learned"):
        early.plot(BANDS)
