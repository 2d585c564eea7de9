"""Drawn frequencies and positional encodings: the density of the atoms, with and without layers."""

from __future__ import annotations

import numpy as np
import pytest

import ntkfreq
from ntkfreq import (
    Empirical,
    FourierFeatureMLP,
    FourierFeatureNet,
    FrequencyEquation,
    Grid,
    Line,
    Normal,
    Points,
    compare,
    deep_density,
    empirical_ntk_gram,
    expected_losses,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    positional_encoding,
    solve_frequency_pde,
    train,
)
from ntkfreq.network.mlp_formula import ACTIVATIONS
from ntkfreq.pde.points.deep import deep_kernel
from ntkfreq.problem.layers import HiddenLayers
from validation.reference.deep_kernel import Network, kernel

X = np.linspace(-0.9, 0.9, 24)
Y = np.sin(np.pi * X) + 0.5 * np.cos(4 * np.pi * X)
SCALES = {"sigma_w": 1.2, "sigma_b": 0.4, "sigma_a": 0.7}


def drawn(width=40, dim=1):
    return FourierFeatureNet.sample(Normal(scale=8.0, dim=dim), width, rng=3)


# Drawn frequencies without hidden layers: nothing is approximated.


@pytest.mark.parametrize("dim", [1, 3])
def test_frozen_kernel_of_a_network_is_that_of_its_draw(dim):
    net = drawn(dim=dim)
    x, x2 = (np.random.default_rng(k).uniform(-1, 1, (9, dim)) for k in (0, 1))
    found = ntk_gram(Empirical(net.w), x, x2, sigma_a=0.0)
    own = empirical_ntk_gram(net, x, x2, freeze_frequencies=True)
    np.testing.assert_allclose(found, own, rtol=0, atol=1e-14)
    plain = np.cos((x[:, None] - x2) @ net.w.T).mean(axis=2)
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-14)


def test_a_network_of_frozen_frequencies_is_predicted_to_rounding():
    net = drawn(12)
    run = train(net, X, Y, step_size=0.3, steps=200, freeze_frequencies=True, record=[0, 5, 200])
    solution = solve_frequency_pde(
        Empirical(net.w), (X, Y), sigma_a=0.0, initial_output=net, step_size=0.3, steps=[0, 5, 200]
    )
    np.testing.assert_allclose(solution.train_loss, run.train_loss, rtol=1e-9)
    np.testing.assert_allclose(solution.output(X), run.train_output, atol=1e-10)


def test_trained_frequencies_are_right_in_the_mean():
    """Over output weights on the same draw; a single network is off by its width."""
    w, rng = drawn(12).w, np.random.default_rng(0)
    limit = ntk_gram(Empirical(w), X, sigma_a=0.7)
    found = []
    for _ in range(400):
        a, b = 0.7 * rng.standard_normal((2, 12))
        found.append(empirical_ntk_gram(FourierFeatureNet(w, a, b), X))
    error = np.std(found, axis=0, ddof=1) / 20
    # 300 numbers that hang together: at five standard errors none is off.
    assert np.all(np.abs(np.mean(found, axis=0) - limit) < 5 * error + 1e-12)


# Drawn frequencies behind hidden layers.


def frozen_kernel(net, x):
    """Tangent kernel of a deep network without the gradients in w, by backpropagation."""
    rule = ACTIVATIONS[net.activation]
    slope = {
        "relu": lambda z: (z > 0).astype(float),
        "tanh": lambda z: 1 - np.tanh(z) ** 2,
    }[net.activation]
    phases = x[:, None] * net.w[:, 0]
    h = [2**0.5 * np.concatenate([np.cos(phases), np.sin(phases)], axis=1)]
    z = []
    for weights, bias in net.layers:
        z.append(h[-1] @ weights.T / h[-1].shape[1] ** 0.5 + bias)
        h.append(rule.gain * rule.on_arrays(z[-1]))
    found = h[-1] @ h[-1].T / h[-1].shape[1]
    back = np.tile(net.readout / h[-1].shape[1] ** 0.5, (len(x), 1))
    for (weights, _), below, inputs in zip(net.layers[::-1], h[-2::-1], z[::-1], strict=True):
        back = back * rule.gain * slope(inputs)
        size = below.shape[1]
        found += (back @ back.T) * (below @ below.T / size + 1)
        back = back @ weights / size**0.5
    return found


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_deep_kernel_approaches_that_of_the_draw_as_layers_widen(activation):
    """Hidden width 64 to 1024 on 8 fixed frequencies: a quarter of the distance, by m^{-1/2}."""
    density = Empirical(drawn(8).w)
    layers = {"activation": activation, **SCALES}
    limit = ntk_gram(density, X, depth=2, train_frequencies=False, **layers)
    apart = {64: [], 1024: []}
    for hidden, found in apart.items():
        for seed in range(12):
            net = FourierFeatureMLP.sample(density, 8, depth=2, hidden=hidden, rng=seed, **layers)
            # The same atoms for all, where a draw would take some of them twice.
            net = FourierFeatureMLP(density.atoms, net.layers, net.readout, activation)
            found.append(np.linalg.norm(frozen_kernel(net, X) - limit) / np.linalg.norm(limit))
    near, far = np.mean(apart[1024]), np.mean(apart[64])
    assert near < 0.15
    assert near / far == pytest.approx(0.25, abs=0.08)
    # The density that they were drawn from is another kernel, however wide the layers are.
    other = ntk_gram(Normal(scale=8.0), X, depth=2, train_frequencies=False, **layers)
    assert np.linalg.norm(other - limit) / np.linalg.norm(limit) > 1.5 * near


def test_backpropagation_of_the_test_is_right():
    torch = pytest.importorskip("torch")
    net = FourierFeatureMLP.sample(Normal(scale=8.0), 6, depth=2, hidden=10, rng=0)
    module = net.to_module()
    module.w.requires_grad_(False)
    assert torch.is_tensor(module.w)
    np.testing.assert_allclose(
        frozen_kernel(net, X[:5]), empirical_ntk_gram(module, X[:5]), atol=1e-12
    )


def test_equal_points_keep_all_digits():
    """Sums of waves are 1 to rounding, which the rectifier's kink would take the root of."""
    code = positional_encoding(6)
    options = {"depth": 3, "activation": "relu", "train_frequencies": False}
    layers = HiddenLayers(**options)
    equation = FrequencyEquation.create(code, (X, Y), layers=layers)
    found = deep_kernel(equation, X[:, None], X[:, None])
    np.testing.assert_allclose(np.diag(found), layers.masses[0], rtol=1e-14)
    np.testing.assert_array_equal(found, ntk_gram(code, X, **options))


def test_a_trained_network_on_an_encoding_is_predicted():
    """Frozen encoding, one hidden layer of 512 rectifiers, four seeds: within 15 %."""
    code = positional_encoding(4)
    options = {"depth": 1, "activation": "relu"}
    solution = solve_frequency_pde(code, (X, Y), train_frequencies=False, **options)
    step = 0.2 * solution.max_step_size
    ratios = []
    for seed in range(4):
        net = FourierFeatureMLP.sample(
            code, 8, hidden=512, sigma_w=1.0, zero_output=True, rng=seed, **options
        )
        w = np.tile(code.atoms, (2, 1))
        net = FourierFeatureMLP(
            w, net.layers, net.readout, "relu", 2, sigma_a=1.0, sigma_w=1.0, sigma_b=0.0,
            density=code,
        )  # fmt: skip
        run = train(net, X, Y, step_size=step, steps=150, freeze_frequencies=True, kernel_probe=0)
        both = compare(solution, run)
        ratios.append([row.ratio for row in both.learning_times([(2, 4.5), (11, 14)])])
    assert np.mean(ratios, axis=0) == pytest.approx(1.0, abs=0.15)


# Positional encodings.


@pytest.mark.parametrize("dim", [1, 3])
def test_kernel_is_the_product_of_encodings(dim):
    """gamma(p) = (sin 2^0 pi p, cos 2^0 pi p, ..., cos 2^{L-1} pi p) for each coordinate."""
    x = np.random.default_rng(0).uniform(-1, 1, (7, dim))
    phases = np.pi * 2.0 ** np.arange(5) * x[:, :, None]
    code = np.concatenate([np.sin(phases), np.cos(phases)], axis=2).reshape(7, -1)
    density = positional_encoding(5, dim)
    assert isinstance(density, Empirical)
    assert density.atoms.shape == (5 * dim, dim)
    np.testing.assert_allclose(
        ntk_gram(density, x, sigma_a=0.0), code @ code.T / (5 * dim), atol=1e-13
    )


def test_other_bases_and_first_frequencies():
    np.testing.assert_allclose(
        positional_encoding(3, base=10.0, first=0.5).atoms[:, 0], [0.5, 5.0, 50.0]
    )
    assert positional_encoding(1, dim=2).atoms.tolist() == [[np.pi, 0.0], [0.0, np.pi]]
    halves = positional_encoding(4, base=0.5, first=8 * np.pi).atoms
    np.testing.assert_allclose(np.sort(halves[:, 0]), positional_encoding(4).atoms[:, 0])


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
def test_deep_kernel_by_an_independent_recursion(activation, trained):
    x = np.array([-0.8, -0.1, 0.3, 0.75])
    code = positional_encoding(4)
    k = np.cos(np.pi * 2.0 ** np.arange(4) * (x[:, None] - x)[..., None]).mean(axis=2)
    network = Network(2, activation, 1.2, 0.4, 0.7, trained)
    expected = kernel(network, k.ravel(), np.outer(x, x).ravel()).reshape(k.shape)
    options = {
        "depth": 2, "activation": activation, "train_frequencies": trained, **SCALES
    }  # fmt: skip
    np.testing.assert_allclose(ntk_gram(code, x, **options), expected, atol=1e-12)
    damping, diffusivity = deep_density(code, **options)
    assert damping.mass + 0.8**2 * diffusivity.mass == pytest.approx(expected[0, 0], rel=1e-12)
    found = damping.kernel([0.0, 0.4]) + [0.0, -0.03] * diffusivity.kernel([0.0, 0.4])
    assert found[1] == pytest.approx(expected[1, 2], rel=1e-11)
    assert damping.atom < damping.mass
    assert "atoms" in repr(damping)


def test_the_other_functions_take_it():
    code = positional_encoding(5)
    options = {"depth": 2, "activation": "tanh", "train_frequencies": False}
    gram = ntk_gram(code, X, **options)
    start = expected_losses(code, (X, Y), t=[0.0, 1e4], **options)
    assert start.train_mean[0] == pytest.approx(1 + np.mean(Y**2), rel=1e-9)
    assert start.train_mean[1] < 1e-2
    operator = ntk_operator(code, X, **options)
    np.testing.assert_allclose(operator @ Y, gram @ Y, atol=1e-9)
    fit = ntk_regression(code, X, Y, X, ridge=1e-3, **options)
    ridge = 1e-3 * len(X)
    plain = gram @ np.linalg.solve(gram + ridge * np.eye(len(X)), Y)
    assert np.abs(fit - plain).max() < 1e-6
    with pytest.raises(ValueError, match="sums of draws without a formula"):
        deep_density(code, 2).damping.pdf([1.0])


def test_samples_are_atoms():
    code = positional_encoding(3, 2)
    found = code.sample(200, rng=0)
    assert {tuple(row) for row in found} == {tuple(row) for row in code.atoms}


@pytest.mark.parametrize("measure", [Line(), Grid(0.5)])
def test_line_and_grid_refuse_atoms(measure):
    with pytest.raises(ValueError, match=r"is a set of atoms, which \w+ does not admit.*Points"):
        solve_frequency_pde(
            positional_encoding(3), lambda x: np.exp(-(x**2)), measure=measure, sigma_a=0.0
        )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"levels": 0}, ValueError, "levels"),
        ({"levels": 2.5}, (TypeError, ValueError), "levels"),
        ({"levels": 2, "dim": 0}, ValueError, "dim"),
        ({"levels": 2, "base": 0.0}, ValueError, "base"),
        ({"levels": 2, "base": np.inf}, ValueError, "base"),
        ({"levels": 2, "first": -1.0}, ValueError, "first"),
        ({"levels": 400}, ValueError, r"make frequencies from 1e0 to 1e121.*fewer levels"),
        ({"levels": 400, "base": 0.5}, ValueError, r"1e-120 to 1e0.*nearer to 1"),
        ({"levels": 1000, "dim": 4096, "base": 1.0}, ValueError, "levels=1000 along each of dim"),
    ],
)
def test_refusals(arguments, error, match):
    with pytest.raises(error, match=match):
        positional_encoding(**arguments)


def test_points_take_it_trained_without_layers():
    code = positional_encoding(3)
    found = solve_frequency_pde(code, (X, Y), measure=Points(X), t=[0.0, 2.0])
    gram = ntk_gram(code, X) / len(X)
    rates, modes = np.linalg.eigh(gram)
    left = modes @ (np.exp(-2 * rates) * (modes.T @ -Y))
    assert found.train_loss[1] == pytest.approx(np.mean(left**2), rel=1e-9)
    assert "positional_encoding" in ntkfreq.__all__
