"""Expected losses of deep networks: by a dense formula, and over outputs of drawn networks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh

from ntkfreq import Box, FourierFeatureMLP, Normal, expected_losses, ntk_gram
from ntkfreq.problem.layers import HiddenLayers
from validation.reference.deep_kernel import Network, kernel
from validation.reference.kernels import KERNELS

X, TEST = np.linspace(-1, 1, 7), np.array([-0.85, -0.2, 0.35, 0.9])
T = np.array([0.0, 0.4, 3.0, 30.0])
SCALES = {"sigma_a": 0.7, "sigma_w": 1.2, "sigma_b": 0.4}


def y(x):
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


def losses(depth=2, activation="tanh", **options):
    settings = {"t": T, "test": (TEST, y(TEST)), "rtol": 1e-8} | options
    return expected_losses(
        Normal(scale=6.0), (X, y(X)), depth=depth, activation=activation, **settings
    )


def propagators(gram, known):
    """exp(-K t / n) (T, n, n) on the samples, and what they add elsewhere (T, m, n)."""
    rates, modes = eigh(gram / len(gram))
    on, off = [], []
    for time in T:
        on.append((modes * np.exp(-rates * time)) @ modes.T)
        learned = (modes * (-np.expm1(-rates * time) / rates)) @ modes.T
        off.append(-known @ learned / len(gram))
    return np.array(on), np.array(off)


def moments(maps, covariance, offset):
    """Mean and standard deviation of the mean square of maps @ f_0 + offset."""
    mean, std = [], []
    for matrix, shift in zip(maps, offset, strict=True):
        cover = matrix @ covariance @ matrix.T
        n = len(shift)
        mean.append((shift @ shift + np.trace(cover)) / n)
        std.append(np.sqrt(2 * np.sum(cover**2) + 4 * shift @ cover @ shift) / n)
    return np.array(mean), np.array(std)


def plain(network):
    """The tangent kernel on all points by the layerwise quadrature."""
    every = np.concatenate([X, TEST])
    k = KERNELS["normal"]((every[:, None] - every)[..., None], 6.0)
    values, place = np.unique(np.stack([k.ravel(), np.outer(every, every).ravel()]), axis=1,
                              return_inverse=True)  # fmt: skip
    return kernel(network, *values)[place.ravel()].reshape(k.shape)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
def test_formula_by_an_independent_recursion(activation, trained):
    """E L = |mean|^2 + tr of the covariance, with both kernels by plain quadrature."""
    found = losses(activation=activation, train_frequencies=trained, **SCALES)
    scales = 1.2, 0.4
    tangent = plain(Network(2, activation, *scales, 0.7, trained))
    # Without trained output weights' size what is left of it is the last layer's covariance.
    covariance = 0.7**2 * plain(Network(2, activation, *scales, 0.0, trained))
    n = len(X)
    on, off = propagators(tangent[:n, :n], tangent[n:, :n])
    both = np.concatenate([off, np.tile(np.eye(len(TEST)), (len(T), 1, 1))], axis=2)
    train = moments(on, covariance[:n, :n], -on @ y(X))
    test = moments(both, covariance, -off @ y(X) - y(TEST))
    pairs = (found.train_mean, found.train_std), (found.test_mean, found.test_std)
    for one, other in zip(pairs, (train, test), strict=True):
        for column, reference in zip(one, other, strict=True):
            np.testing.assert_allclose(column, reference, atol=1e-9 * reference[0], rtol=1e-7)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_mean_over_outputs_of_drawn_networks(activation):
    """Initial outputs of 400 networks, pushed through the flow of the limiting kernel."""
    found = losses(activation=activation, **SCALES)
    options = {"depth": 2, "activation": activation, **SCALES}
    gram = ntk_gram(Normal(scale=6.0), X, **options)
    on, off = propagators(gram, ntk_gram(Normal(scale=6.0), TEST, X, **options))
    drawn = []
    for seed in range(400):
        net = FourierFeatureMLP.sample(Normal(scale=6.0), 128, rng=seed, **options)
        start, elsewhere = net(X), net(TEST)
        train = on @ (start - y(X))
        test = elsewhere + off @ (start - y(X)) - y(TEST)
        drawn.append([np.mean(train**2, axis=1), np.mean(test**2, axis=1)])
    drawn = np.array(drawn)
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    expected = np.array([found.train_mean, found.test_mean])
    # Eight numbers: at four standard errors one in 2000 seeds fails, and the seeds are fixed.
    assert np.all(np.abs(drawn.mean(axis=0) - expected) < 4 * error)
    # Heavier tails than those of a Gaussian process: at width 128 the spread is larger.
    spread = drawn.std(axis=0, ddof=1) / np.array([found.train_std, found.test_std])
    assert np.all((spread > 0.8) & (spread < 1.6))


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
def test_covariance_of_the_last_layer(activation, depth):
    k = np.array([-1.0, -0.3, 0.0, 0.5, 0.999, 1.0])
    layers = HiddenLayers(depth, activation, 1.2, 0.4, sigma_a=2.0)
    reference = kernel(Network(depth, activation, 1.2, 0.4, 0.0), k, np.zeros(6))
    np.testing.assert_allclose(layers.readout_values(k), reference, rtol=0, atol=1e-12)
    shaped = layers.readout_values(k.reshape(2, 3))
    np.testing.assert_array_equal(shaped.ravel(), layers.readout_values(k))


def test_it_is_what_the_output_weights_learn():
    """F at sigma_a = 0, for a function of one's own as well."""

    def own(z):
        return np.maximum(z, 0.1 * z)

    for activation in ("relu", own):
        layers = HiddenLayers(2, activation, sigma_a=0.0)
        k = np.linspace(-1, 1, 9)
        np.testing.assert_allclose(layers.readout_values(k), layers.kernel_values(k)[0], atol=1e-13)


def test_at_the_start_losses_are_of_the_last_layers_variance():
    layers = HiddenLayers(2, "relu", **SCALES)
    mean = 0.7**2 * layers.readout_values(1.0) + np.mean(y(X) ** 2)
    assert losses(activation="relu", **SCALES).train_mean[0] == pytest.approx(mean, rel=1e-9)


def test_steps_of_gradient_descent():
    gram = ntk_gram(Normal(scale=6.0), X, depth=2, activation="tanh") / len(X)
    step = 1 / np.linalg.eigvalsh(gram)[-1]
    found = losses(t=None, steps=[0, 5], step_size=step)
    matrix = np.linalg.matrix_power(np.eye(len(X)) - step * gram, 5)
    k = KERNELS["normal"]((X[:, None] - X)[..., None], 6.0)
    covariance = HiddenLayers(2, "tanh").readout_values(k)
    mean, std = moments([matrix], covariance, [-matrix @ y(X)])
    assert found.train_mean[1] == pytest.approx(mean[0], rel=1e-8)
    assert found.train_std[1] == pytest.approx(std[0], rel=1e-8)


def test_two_dimensions_and_depth_zero():
    x = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    found = expected_losses(
        Normal(scale=4.0, dim=2), (x, x[:, 0]), t=[0.0, 1e3], depth=1, activation="relu"
    )
    assert found.train_mean[0] == pytest.approx(1 + np.mean(x[:, 0] ** 2), rel=1e-9)
    assert found.train_mean[1] < 1e-3
    np.testing.assert_array_equal(
        losses(depth=0, activation="relu").test_mean,
        expected_losses(
            Normal(scale=6.0), (X, y(X)), t=T, test=(TEST, y(TEST)), rtol=1e-8
        ).test_mean,
    )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"depth": -1}, "depth"),
        ({"activation": "gelu"}, "must be one of"),
        ({"depth": 0}, "without hidden layers"),
        ({"sigma_w": -1.0}, "sigma_w"),
        ({"weight_decay": 0.1}, "not linear in the hidden weights"),
        ({"batch_size": 2, "step_size": 0.1}, r"batch_size or order with depth=2: the mean over"),
        ({"method": "frequency"}, "leave method out"),
        ({"measure": Box(-1, 1)}, "initial output behind hidden layers is known on samples"),
    ],
)
def test_refusals(options, match):
    settings = {"t": [0.0, 1.0], "test": None} | options
    if "measure" in options:
        with pytest.raises(ValueError, match=match):
            expected_losses(Normal(), y, depth=2, activation="tanh", **options)
    else:
        with pytest.raises(ValueError, match=match):
            losses(**settings)
