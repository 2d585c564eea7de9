"""Kernels of deep networks on data: matrices, products, flow, eigenvalues, regression."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from ntkfreq import (
    Empirical,
    Laplace,
    Mixture,
    Normal,
    gram_flow,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    ntk_spectrum,
)
from ntkfreq.ntk import gram as gram_module
from ntkfreq.ntk.gram import limit_gram
from validation.reference.deep_kernel import Network, kernel
from validation.reference.kernels import KERNELS

ACTIVATIONS = ("relu", "tanh", "sine")
SCALES = {"sigma_w": 1.2, "sigma_b": 0.4, "sigma_a": 0.7}


def scattered(count, dim=1, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, dim))


def plain(density_kernel, x, x2, network):
    """Matrix by the layerwise quadrature."""
    k = density_kernel(x[:, None, :] - x2[None, :, :])
    return kernel(network, k.ravel(), (x @ x2.T).ravel()).reshape(k.shape)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_matrix_is_the_recursion_by_quadrature(activation, dim, trained):
    x, x2 = scattered(6, dim), scattered(4, dim, 1)
    x2[0] = x[3]
    network = Network(3, activation, 1.2, 0.4, 0.7, trained)
    expected = plain(lambda z: KERNELS["normal"](z, 3.0), x, x2, network)
    found = ntk_gram(
        Normal(scale=3.0, dim=dim), x, x2, depth=3, activation=activation,
        train_frequencies=trained, **SCALES,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("density", [Normal(loc=2.0, scale=3.0), Empirical([1.0, 4.0]), Laplace()])
def test_without_hidden_layers_no_digit_changes(density):
    x, x2 = scattered(30), scattered(20, seed=1)
    for sigma_a in (0.0, 0.7):
        expected = limit_gram(density, x, x2, sigma_a)
        found = ntk_gram(density, x, x2, sigma_a=sigma_a, depth=0, activation="tanh", sigma_w=3.0)
        np.testing.assert_array_equal(found, expected)
    frozen = ntk_gram(density, x, sigma_a=0.7, train_frequencies=False)
    np.testing.assert_array_equal(frozen, limit_gram(density, x, x, 0.0))
    v = np.sin(np.arange(30.0))
    operator = ntk_operator(density, x, sigma_a=0.7, train_frequencies=False)
    assert operator.layers is None
    np.testing.assert_allclose(operator @ v, frozen @ v, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_matrix_of_atoms_is_exact_at_equal_points(activation):
    """Sums over atoms leave 1 by rounding, of which the kink of the rectifier takes the root."""
    density = Empirical(10 * np.random.default_rng(1).standard_normal(40))
    found = ntk_gram(density, scattered(25), depth=2, activation=activation, sigma_a=0.0)
    values = np.diag(found)
    np.testing.assert_allclose(values, values[0], rtol=1e-15)


def test_blocks_do_not_show(monkeypatch):
    x = scattered(40, 2)
    whole = ntk_gram(Normal(scale=3.0, dim=2), x, depth=2)
    monkeypatch.setattr(gram_module, "_DEEP_CHUNK", 120)
    np.testing.assert_array_equal(ntk_gram(Normal(scale=3.0, dim=2), x, depth=2), whole)
    assert np.linalg.eigvalsh(whole)[0] > 0


LINE = np.random.default_rng(3).permutation(900)[:400, None] / 450.0
FAMILIES = {
    "normal": Normal(scale=10.0),
    "off centre": Normal(loc=20.0, scale=2.0),
    "laplace": Laplace(scale=10.0),
    "mixture": Mixture([Normal(scale=3.0), Normal(scale=12.0)]),
    "atoms": Empirical(10 * np.random.default_rng(1).standard_normal(60)),
}


def assert_products(operator, tolerance):
    """Each column, relative to the largest entries that the points may have."""
    expected = operator.to_dense()
    size = np.sqrt(operator.diagonal())
    error = np.abs(operator @ np.eye(len(operator.x)) - expected) / np.outer(size, size)
    assert error.max() < 2 * tolerance
    np.testing.assert_allclose(operator.diagonal(), np.diag(expected), rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_regular_points_are_exact_for_any_activation(activation, family):
    operator = ntk_operator(
        FAMILIES[family], LINE, depth=2, activation=activation, method="toeplitz", **SCALES
    )
    assert operator.method == "toeplitz"
    # Rounding of 1 - k near 1, of which the rectifier takes the root.
    assert_products(operator, 1e-8 if activation == "relu" else 1e-13)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-10])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("activation", ["tanh", "sine"])
def test_smooth_layers_on_scattered_points(activation, family, tolerance):
    x = scattered(300)
    operator = ntk_operator(
        FAMILIES[family], x, depth=2, activation=activation, method="nufft", tolerance=tolerance
    )
    assert operator.method == "nufft"
    assert operator.kernel_error <= tolerance
    assert_products(operator, tolerance)


def test_plane_and_frozen_frequencies():
    x = scattered(300, 2)
    operator = ntk_operator(
        Normal(scale=4.0, dim=2), x, depth=2, activation="sine", train_frequencies=False,
        method="nufft",
    )  # fmt: skip
    assert operator.method == "nufft"
    assert_products(operator, 1e-10)


def test_rectifier_on_scattered_points():
    """Three digits by waves, all by the matrix; too many points for it are refused."""
    rough = ntk_operator(Normal(scale=3.0), scattered(300), depth=1, tolerance=1e-3, method="nufft")
    assert rough.method == "nufft"
    assert_products(rough, 1e-3)
    for method in ("auto", "blocks"):
        exact = ntk_operator(Normal(scale=3.0), scattered(300), depth=1, method=method)
        assert exact.method == ("dense" if method == "auto" else "blocks")
        assert_products(exact, 1e-14)
    beyond = ntk_operator(Normal(scale=3.0), scattered(800), depth=1)
    assert beyond.method == "dense"
    with pytest.raises(ValueError, match=r"too many frequencies for the tail of NormalCompound\(.*"
                       "use a larger tolerance or a regular grid, up to 11500 points"):  # fmt: skip
        ntk_operator(Normal(scale=3.0), scattered(12_000), depth=1)
    with pytest.raises(ValueError, match="too many frequencies for the tail of CompoundDensity"):
        ntk_operator(Laplace(scale=3.0), scattered(300), depth=1, method="nufft")


def test_a_hundred_thousand_points():
    """Some entries of a product against the kernel at them."""
    x = scattered(100_000)
    operator = ntk_operator(Normal(scale=10.0), x, depth=3, activation="tanh")
    assert operator.method == "nufft"
    some = np.arange(0, 100_000, 997)
    v = np.random.default_rng(2).standard_normal(len(x))
    rows = ntk_gram(Normal(scale=10.0), x[some], x, depth=3, activation="tanh")
    error = np.abs((operator @ v)[some] - rows @ v)
    assert error.max() < 1e-10 * np.abs(rows).max() * np.linalg.norm(v) * 10


def test_layers_without_weights_leave_a_constant():
    options = {"depth": 2, "sigma_w": 0.0, "sigma_b": 0.8}
    x = scattered(900)
    operator = ntk_operator(Normal(), x, **options)
    assert operator.method == "constant"
    assert_products(operator, 1e-14)


def test_operator_says_its_layers():
    text = repr(ntk_operator(Normal(), [0.0, 1.0], depth=2, activation="tanh"))
    assert "layers=HiddenLayers(depth=2, activation='tanh'" in text
    assert "layers" not in repr(ntk_operator(Normal(), [0.0, 1.0]))


def test_flow_and_eigenvalues_of_a_deep_network():
    x = np.sort(scattered(60), axis=0)
    options = {"depth": 2, "activation": "tanh"}
    matrix = ntk_gram(Normal(scale=8.0), x, **options)
    operator = ntk_operator(Normal(scale=8.0), x, method="nufft", tolerance=1e-12, **options)
    start = np.cos(9 * x[:, 0])
    expected = [linalg.expm(-time * matrix / len(x)) @ start for time in (0.3, 3.0)]
    for method in ("auto", "lanczos"):
        found = gram_flow(operator, start, [0.3, 3.0], method=method)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    with pytest.raises(
        ValueError, match=r"method='waves' serves operators .* without hidden layer"
    ):
        gram_flow(operator, start, [0.3], method="waves")
    spectrum = ntk_spectrum(operator, x, count=5)
    np.testing.assert_allclose(
        spectrum.eigenvalues, np.linalg.eigvalsh(matrix)[:-6:-1] / len(x), rtol=1e-9
    )
    assert spectrum.predicted is None


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_regression_is_the_linear_system(activation, ridge):
    x, new = np.sort(scattered(20), axis=0), np.linspace(-1.1, 1.1, 9)[:, None]
    y = np.sin(4 * x[:, 0])
    network = Network(2, activation, 1.2, 0.4, 0.7)
    matrix, across = (
        plain(lambda z: KERNELS["normal"](z, 20.0), where, x, network) for where in (x, new)
    )
    expected = across @ np.linalg.solve(matrix + ridge * len(x) * np.eye(len(x)), y)
    found = ntk_regression(
        Normal(scale=20.0), x, y, new, ridge=ridge, depth=2, activation=activation, **SCALES
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_regression_by_products():
    x, new = scattered(600), np.linspace(-1, 1, 11)
    y = np.sin(4 * x[:, 0]) + 0.1 * np.random.default_rng(1).standard_normal(600)
    options = {"ridge": 1e-3, "depth": 2, "activation": "tanh", "rtol": 1e-9}
    dense, products = (
        ntk_regression(Normal(scale=8.0), x, y, new, method=method, **options)
        for method in ("dense", "cg")
    )
    np.testing.assert_allclose(products, dense, rtol=0, atol=1e-6)
    with pytest.raises(
        ValueError, match=r"method='waves' serves networks without hidden .*depth=2"
    ):
        ntk_regression(Normal(scale=8.0), x, y, new, method="waves", **options)


REFUSED = {
    "depth": (lambda: ntk_gram(Normal(), [1.0], depth=-1), "depth=-1 must be at least 0"),
    "activation": (
        lambda: ntk_operator(Normal(), [1.0], depth=1, activation="gelu"),
        "activation='gelu' must be one of 'relu', 'tanh', 'sine', or a function",
    ),
    "sigma_w": (
        lambda: ntk_regression(Normal(), [1.0], [1.0], depth=1, sigma_w=-1.0),
        "sigma_w=-1.0 must not be negative",
    ),
    "memory": (
        lambda: ntk_gram(Normal(), np.arange(1e5), depth=2),
        r"x and x2 have 100000 .*ntk_operator\(rho_w, x, sigma_a=1, depth=2\)",
    ),
    "dense": (
        lambda: ntk_operator(Normal(), np.arange(1e5), depth=2, method="dense"),
        "x has 100000 points and method is 'dense'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        action()
