"""Periodic features of any shape: the waves, their kernel, the density of their harmonics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ntkfreq import Normal, Uniform, empirical_ntk_gram, ntk_gram
from ntkfreq.experiments import harmonic_density, periodic_features
from ntkfreq.experiments.periodic import WAVES, _shape

X = np.linspace(-1.0, 1.0, 17)
RHO = Normal(scale=12.0)
OFF_CENTRE = Normal(loc=20.0, scale=6.0)
# Midpoints, so that no point meets a jump; the mean of a wave over them is that over a period.
PERIOD = (np.arange(20_000) + 0.5) * 2 * np.pi / 20_000


def wave(name, z):
    return _shape(name)(torch.tensor(z)).numpy()


@pytest.mark.parametrize("name", WAVES)
def test_waves_are_even_periodic_and_of_mean_square_one_half(name):
    values = wave(name, PERIOD)
    # The midpoint rule is exact for the square, and to 1/n^2 for the triangle.
    assert np.mean(values**2) == pytest.approx(0.5, rel=1e-7)
    assert np.mean(values) == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(wave(name, -PERIOD), values, atol=1e-12)
    np.testing.assert_allclose(wave(name, PERIOD + 2 * np.pi), values, atol=1e-12)
    # The other of a pair, a quarter of a period later, is orthogonal to it.
    assert np.mean(values * wave(name, PERIOD - np.pi / 2)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("name", "power"), [("triangle", 2), ("square", 1)])
def test_harmonics_fall_as_their_density_says(name, power):
    odd = np.arange(1, 12, 2)
    c = [2 * np.mean(wave(name, PERIOD) * np.cos(n * PERIOD)) for n in odd]
    np.testing.assert_allclose(np.abs(c) / abs(c[0]), odd ** -float(power), rtol=1e-4)
    density = harmonic_density(RHO, name, harmonics=11)
    expected = np.square(c) / np.sum(np.square(c))
    np.testing.assert_allclose(density.weights, expected, rtol=2e-4)
    assert [part.scale for part in density.components] == [12.0 * n for n in odd]


def features_gram(net):
    """Kernel of the output weights: mean over units of the products of their features."""
    shifted = [net.w.detach().numpy() * x + net.theta.numpy() for x in X]
    parts = [wave(net.shape_name, np.array(shifted) - turn) for turn in (0.0, np.pi / 2)]
    return sum(part @ part.T for part in parts) / net.w.numel()


def sampled(density, width, name, seed):
    net = periodic_features(density, width, wave=name, rng=seed)
    net.shape_name = name
    return net


@pytest.mark.parametrize("density", [RHO, OFF_CENTRE], ids=["centred", "off centre"])
@pytest.mark.parametrize("name", WAVES)
def test_output_weights_see_the_density_of_the_harmonics(name, density):
    """The kernel is a mean over m/2 draws of numbers between -1 and 1: its error is O(m^-1/2).

    An entry of one network has a variance of (E v^2 - K^2) / (m/2), at most 2/m. Over 16 networks
    the root mean square of all entries is thus below (2/m)^1/2. Entries of one network depend on
    each other, which is why it is looked at over so many; the mean over the networks is four times
    closer, unless the density were the wrong one.
    """
    limit = ntk_gram(harmonic_density(density, name), X, sigma_a=0.0)
    for width in (128, 2048):
        noise = np.sqrt(2 / width)
        grams = np.array([features_gram(sampled(density, width, name, s)) for s in range(16)])
        error = np.sqrt(np.mean((grams - limit) ** 2))
        assert 0.3 * noise < error < noise
        # Harmonics beyond the 199th, left out, hold 0.2 % of the square wave.
        mean = np.sqrt(np.mean((grams.mean(axis=0) - limit) ** 2))
        assert mean < 1.5 * error / 4


def test_a_square_wave_has_no_slope():
    net = sampled(RHO, 64, "square", 0)
    whole = empirical_ntk_gram(net, X)
    np.testing.assert_allclose(whole, features_gram(net), atol=1e-12)


def test_frequencies_of_a_triangle_add_the_kernel_of_its_slope():
    """The slope is a square wave of mean square 12/pi^2 times one half."""
    added = np.mean(
        [
            empirical_ntk_gram(net, X) - features_gram(net)
            for net in (sampled(RHO, 512, "triangle", seed) for seed in range(16))
        ],
        axis=0,
    )
    square = ntk_gram(harmonic_density(RHO, "square"), X, sigma_a=0.0)
    expected = 12 / np.pi**2 * np.outer(X, X) * square
    # Each entry is a mean over 16 x 256 draws of a^2 and b^2 times values up to 2.4.
    assert np.sqrt(np.mean((added - expected) ** 2)) < 3 * (16 * 256) ** -0.5


def test_the_cosine_is_the_network_of_the_theory():
    grams = [empirical_ntk_gram(sampled(RHO, 2048, "cosine", seed), X) for seed in range(16)]
    off = np.mean(grams, axis=0) - ntk_gram(RHO, X, sigma_a=1.0)
    assert np.sqrt(np.mean(off**2)) < 3 * (16 * 256) ** -0.5
    assert harmonic_density(RHO, "cosine") is RHO


@pytest.mark.parametrize("name", WAVES)
def test_output_is_zero_and_a_seed_repeats(name):
    net = periodic_features(RHO, 32, wave=name, sigma_a=2.0, rng=3)
    x = torch.tensor(X)[:, None]
    assert float(net(x).detach().abs().max()) < 1e-14
    again = periodic_features(RHO, 32, wave=name, sigma_a=2.0, rng=np.random.default_rng(3))
    for one, other in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(net(x), net(x[:, 0]))
    assert set(dict(net.named_parameters())) == {"w", "a", "b"}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"width": 7}, "width=7 must be even, for pairs of opposite output weights"),
        ({"width": 0}, "width=0 must be at least 2"),
        ({"wave": "saw"}, "wave='saw' must be one of"),
        ({"sigma_a": np.nan}, "sigma_a=nan"),
        ({"density": Normal(scale=1.0, dim=2)}, "density has dim=2; features of one variable"),
    ],
)
def test_bad_features_are_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        periodic_features(**({"density": Uniform(scale=3.0), "width": 8} | changes))


def test_what_has_no_harmonics():
    with pytest.raises(ValueError, match="wave='saw' must be one of"):
        harmonic_density(RHO, "saw")
    with pytest.raises(ValueError, match="harmonics=0 must be at least 1"):
        harmonic_density(RHO, "square", harmonics=0)
    for density in (Normal(scale=1.0, dim=2), Uniform(scale=3.0)):
        with pytest.raises(TypeError, match="must be a one-dimensional Normal"):
            harmonic_density(density, "square")
