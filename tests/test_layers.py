"""Kernels of hidden layers: against quadrature layer by layer, and as power series."""

from __future__ import annotations

import pickle

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from ntkfreq import FourierFeatureMLP, Normal, empirical_ntk_gram
from ntkfreq.network.mlp_formula import ACTIVATIONS
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.dual import ReluDual
from ntkfreq.problem.layers.hermite import TanhDual
from ntkfreq.problem.layers.own import FunctionDual
from ntkfreq.problem.layers.polynomial import PositivePolynomial
from validation.reference.deep_kernel import (
    Network,
    hermite_means,
    kernel,
    tanh_slope,
)

# Equal points, points next to each other, far ones, opposite signs.
K = np.array([1.0, 1 - 1e-9, 0.9999, 0.97, 0.6, 0.2, 0.0, -0.3, -0.9, -1.0])
U = np.linspace(-1.0, 2.0, len(K))
SIGMAS = {"plain": (1.0, 0.0, 1.0), "biased": (1.3, 0.5, 0.7), "weak": (0.6, 1.2, 2.0)}


def gap_to_reference(layers, means=None):
    """Largest difference from the layerwise kernel, relative to the largest value."""
    network = Network(
        layers.depth, layers.activation, layers.sigma_w, layers.sigma_b, layers.sigma_a,
        layers.train_frequencies,
    )  # fmt: skip
    expected = kernel(network, K, U, means)
    F, G = layers.kernel_values(K)
    return np.abs(F + U * G - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("depth", range(6))
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_kernel_is_the_recursion_by_quadrature(activation, depth, sigmas, trained):
    """Both are good to rounding, which five layers amplify."""
    layers = HiddenLayers(depth, activation, *SIGMAS[sigmas], train_frequencies=trained)
    assert gap_to_reference(layers) < 1e-12


def test_kernel_of_steep_layers():
    """Standard deviations of the inputs up to 3.6, where tanh takes 1500 Hermite coefficients."""
    assert gap_to_reference(HiddenLayers(3, "tanh", 2.2, 0.4)) < 1e-11


def test_kernel_of_weights_that_are_zero():
    for activation in ACTIVATIONS:
        assert gap_to_reference(HiddenLayers(2, activation, 0.0, 1.1)) < 1e-12


DRAWN = {
    "relu": HiddenLayers(2, "relu", *SIGMAS["biased"]),
    "tanh": HiddenLayers(1, "tanh", train_frequencies=False),
    "sine": HiddenLayers(3, "sine"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_networks_approach_the_kernel(name):
    """Distance from the kernels of networks: the root of the width says a quarter."""
    pytest.importorskip("torch")
    layers, rho, x = DRAWN[name], Normal(scale=6.0), np.linspace(-1, 1.2, 12)
    F, G = layers.kernel_values(rho.kernel_values(x[:, None, None] - x[:, None]))
    limit = F + np.outer(x, x) * G

    def distance(width, seed):
        scales = {key: getattr(layers, key) for key in ("sigma_a", "sigma_w", "sigma_b")}
        net = FourierFeatureMLP.sample(
            rho, width, depth=layers.depth, activation=name, rng=seed, **scales
        ).to_module()
        net.w.requires_grad_(layers.train_frequencies)
        return np.linalg.norm(empirical_ntk_gram(net, x) - limit) / np.linalg.norm(limit)

    narrow, wide = (np.mean([distance(width, seed) for seed in range(4)]) for width in (32, 512))
    # A single distance scatters by a third.
    assert 0.1 * narrow < wide < 0.45 * narrow
    assert wide < 0.15


@pytest.mark.parametrize("order", [200, 240])
def test_tanh_against_gauss_hermite_rules(order):
    """At unit variance the rules have converged."""
    means = hermite_means(np.tanh, tanh_slope, order)
    assert gap_to_reference(HiddenLayers(5, "tanh"), means) < 1e-13


def test_gains_are_those_of_the_network():
    z = np.linspace(-30, 30, 4001)
    for name, rule in ACTIVATIONS.items():
        own = FunctionDual(rule.on_arrays)
        assert own.gain_square**0.5 == pytest.approx(rule.gain, rel=1e-13)
        assert HiddenLayers(1, name).dual.mean_square(1.0) == pytest.approx(1.0, abs=1e-14)
        np.testing.assert_array_equal(rule.on_arrays(z), own.values(z))


@pytest.mark.parametrize("p", [1.0, 0.3, 7.0])
def test_rectifier_keeps_its_digits_where_points_are_nearly_equal(p):
    """Of p - S and of the derivative, against 40 digits."""
    gap = p * np.array([1e-18, 1e-12, 1e-6, 1e-3, 0.3, 1.0, 1.9])
    below, slope = ReluDual().layer(gap, p)
    with mp.workdps(40):
        for g, b, s in zip(gap, below, slope, strict=True):
            r = 1 - mp.mpf(float(g)) / mp.mpf(p)
            angle = mp.acos(r)
            value = mp.mpf(p) * (mp.sqrt(1 - r * r) + (mp.pi - angle) * r) / mp.pi
            assert float(b) == pytest.approx(float(p - value), rel=1e-13)
            assert float(s) == pytest.approx(float((mp.pi - angle) / mp.pi), rel=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_is_that_of_the_covariance(activation):
    dual, p = HiddenLayers(1, activation).dual, 1.7
    P, h = np.linspace(-1.4, 1.4, 15), 1e-5
    difference = (dual.covariance(P + h, p) - dual.covariance(P - h, p)) / (2 * h)
    np.testing.assert_allclose(dual.derivative(P, p), difference, rtol=0, atol=1e-9)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_power_series_has_no_negative_coefficient_and_sums_up_to_the_kernel(
    activation, depth, sigmas, trained
):
    layers = HiddenLayers(depth, activation, *SIGMAS[sigmas], train_frequencies=trained)
    found = layers.coefficients(301)
    k = np.array([-0.8, -0.4, 0.0, 0.2, 0.6, 0.85])
    powers = k[:, None] ** np.arange(301)
    for series, values, mass in zip(found, layers.kernel_values(k), layers.masses, strict=True):
        assert series.min() >= 0
        assert series.sum() <= mass * (1 + 1e-13)
        # 0.85^301 is 1e-21.
        np.testing.assert_allclose(powers @ series, values, rtol=0, atol=1e-13 * max(mass, 1.0))
    assert layers.atom == pytest.approx(found[0][0], rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("sigma_w", "sigma_b"), [(1e-7, 0.0), (1e-6, 300.0), (0.02, 2.0)])
def test_power_series_of_extreme_scales(activation, sigma_w, sigma_b):
    """Variances far from 1, and covariances that differ from them in the last digits or not."""
    layers = HiddenLayers(
        6, activation, sigma_w, min(sigma_b, 5.0 if activation == "tanh" else 1e9)
    )
    for series, mass in zip(layers.coefficients(30), layers.masses, strict=True):
        assert series.min() >= 0
        # Thirty terms of the rectifier leave a twentieth.
        assert series.sum() == pytest.approx(mass, rel=0.1)
        assert series.sum() <= mass * (1 + 1e-12)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_masses_of_the_rectifier(depth):
    assert HiddenLayers(depth, sigma_a=0.7).masses == pytest.approx((1 + 0.98 * depth, 0.49))


def test_without_hidden_layers_nothing_is_added():
    F, G = HiddenLayers(0, sigma_a=0.5).kernel_values(K)
    np.testing.assert_array_equal(F, 1 - (1 - K))
    np.testing.assert_allclose(G, 0.25 * K)
    np.testing.assert_array_equal(HiddenLayers(0).coefficients(4), [[0, 1, 0, 0]] * 2)


SMOOTH = {"tanh": np.tanh, "sine": np.sin}


@pytest.mark.parametrize("name", SMOOTH)
def test_function_of_a_user_is_integrated(name):
    known, own = HiddenLayers(3, name, 1.3, 0.5), HiddenLayers(3, SMOOTH[name], 1.3, 0.5)
    for one, other in zip(own.kernel_values(K), known.kernel_values(K), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    assert known.error == 0
    assert 0 < own.error < 1e-13
    assert own.smooth
    assert known.smooth


def test_corners_have_an_error_that_is_estimated():
    known, own = HiddenLayers(2), HiddenLayers(2, lambda z: np.maximum(z, 0))
    k = np.append(1 - np.geomspace(1e-10, 1, 400), -K)
    pairs = zip(own.kernel_values(k), known.kernel_values(k), known.masses, strict=True)
    found = max(np.abs(one - other).max() / mass for one, other, mass in pairs)
    # What 4096 coefficients leave out is known where it is most, and put there.
    assert 0.2 * own.error < found < own.error < 0.02
    np.testing.assert_allclose(own.masses, known.masses, rtol=1e-6)
    assert not own.smooth
    assert not known.smooth
    away = np.abs(k) < 0.98
    for one, other in zip(own.kernel_values(k), known.kernel_values(k), strict=True):
        np.testing.assert_allclose(one[away], other[away], rtol=0, atol=1e-5)


def test_common_activations_are_resolved():
    def gelu(z):
        return z * special.ndtr(z)

    z, weights = np.polynomial.hermite_e.hermegauss(300)
    weights /= weights.sum()
    layers = HiddenLayers(1, gelu)
    square = weights @ gelu(z) ** 2
    zero = (weights @ gelu(z)) ** 2 / square
    slope = (weights @ (special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))) ** 2
    assert layers.error < 1e-13
    assert layers.atom == pytest.approx(zero + slope / square, abs=1e-12)


def test_long_polynomials_are_interpolated():
    """At 8000 coefficients, against their sum one by one."""
    series = TanhDual()._at(50.0).squares
    gap = np.concatenate([[0.0, 2.0], np.geomspace(1e-15, 2.0, 60), 2 - np.geomspace(1e-9, 1, 9)])
    value, slope = PositivePolynomial(series)(gap)
    n = np.arange(len(series))
    powers = (1 - gap)[:, None] ** n
    assert len(series) > 8000
    np.testing.assert_allclose(value, powers @ series, rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        slope, powers[:, :-1] @ (n * series)[1:], rtol=0, atol=1e-12 * slope.max()
    )


def test_layers_are_pickled_compared_and_shown():
    layers = HiddenLayers(2, "tanh")
    _ = layers.masses
    copied = pickle.loads(pickle.dumps(layers))
    assert copied == layers
    assert copied.masses == layers.masses
    assert repr(layers).startswith("HiddenLayers(depth=2, activation='tanh', sigma_w=1.0")


def failing(z):
    raise KeyError("inside")


REFUSED = {
    "depth": (lambda: HiddenLayers(-1), ValueError, "depth=-1 must be at least 0"),
    "half": (lambda: HiddenLayers(1.5), TypeError, "depth=1.5 must be an integer"),
    "layers": (lambda: HiddenLayers(1001), ValueError, "depth=1001 must be at most 1000"),
    "activation": (
        lambda: HiddenLayers(1, "gelu"), ValueError,
        "activation='gelu' must be one of 'relu', 'tanh', 'sine', or a function",
    ),
    "class": (lambda: HiddenLayers(1, float), ValueError, "activation=.*must be one of"),
    "sigma_w": (lambda: HiddenLayers(1, sigma_w=-1), ValueError, "sigma_w=-1.0 must not be neg"),
    "sigma_b": (lambda: HiddenLayers(1, sigma_b=-1), ValueError, "sigma_b=-1.0 must not be neg"),
    "sigma_a": (lambda: HiddenLayers(1, sigma_a=-1), ValueError, "sigma_a=-1.0 must not be neg"),
    "trained": (
        lambda: HiddenLayers(1, train_frequencies=1), TypeError, "train_frequencies=1 must be True",
    ),
    "no input": (
        lambda: HiddenLayers(1, sigma_w=0), ValueError, "sigma_w=0 and sigma_b=0 leave the hidden",
    ),
    "variance": (
        lambda: HiddenLayers(3, sigma_w=1e20), ValueError,
        "sigma_w=1e.20, .* and depth=3 give the inputs of layer 3 a variance of 1e.120",
    ),
    "mass": (
        lambda: HiddenLayers(1, sigma_a=1e50), ValueError,
        "sigma_a=1e.50 and depth=1 make a kernel of up to 2e.100; it must be at most 1e.100",
    ),
    "steep": (
        lambda: HiddenLayers(2, "tanh", 20.0), ValueError,
        "sigma_w=20, .* layer 1 a standard deviation of 20, where tanh is nearly a sign",
    ),
    "terms": (lambda: HiddenLayers(1).coefficients(0), ValueError, "terms=0 must be at least 1"),
    "zero": (
        lambda: HiddenLayers(1, np.zeros_like), ValueError, "activation=zeros_like is 0 for all",
    ),
    "fails": (
        lambda: HiddenLayers(1, failing), ValueError, "activation=failing failed: .*inside.*; give",
    ),
    "shape": (
        lambda: HiddenLayers(1, lambda z: z[:2]), ValueError,
        r"activation=<lambda> returned shape \(2,\) for .* numbers; return one value for each",
    ),
    "nan": (
        lambda: HiddenLayers(1, lambda z: np.where(z > 3, np.nan, z)), ValueError,
        "activation=<lambda> is not finite at some numbers up to 12.5",
    ),
    "growth": (
        lambda: HiddenLayers(1, lambda z: np.exp(z**2)), ValueError,
        "activation=<lambda> grows too fast for inputs of variance 1",
    ),
    "jump": (
        lambda: HiddenLayers(1, lambda z: (z > 0.3) * 1.0), ValueError,
        "activation=<lambda> jumps at 0.3, where it has no derivative",
    ),
    "sign": (lambda: HiddenLayers(1, np.sign), ValueError, "activation=sign jumps at 0, where"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_an_array_of_no_dimension_is_refused_by_name():
    with pytest.raises(TypeError, match="sigma_b"):
        HiddenLayers(2, sigma_b=np.array(0.5))
