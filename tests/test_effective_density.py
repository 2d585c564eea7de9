"""The effective density of a kernel: known densities, leak of the window, total, refusals."""

import numpy as np
import pytest

from ntkfreq import Laplace, Mixture, Normal, effective_density, ntk_gram

X = -1 + (2 * np.arange(160) + 1) / 160
XI = np.pi * np.arange(2, 14)
DENSITIES = [
    Normal(scale=20.0),
    Laplace(scale=15.0),
    Mixture([Normal(scale=12.0), Normal(scale=40.0)]),
]


def plain(gram, x, frequencies, window):
    """The docstring's quotient, wave by wave."""
    rates = []
    for xi in frequencies:
        wave = window * np.exp(1j * xi * x)
        rates.append((wave.conj() @ gram @ wave).real / (wave.conj() @ wave).real / x.size)
    return np.array(rates) * 2.0 / (2 * np.pi)


@pytest.mark.parametrize("density", DENSITIES, ids=repr)
def test_stationary_kernel_gives_its_density(density):
    """Smooth over the resolution of the window, 3 pi, hence the percents."""
    found = effective_density(ntk_gram(density, X, sigma_a=0.0), X, XI)
    np.testing.assert_allclose(found, density.even_pdf(XI), rtol=0.06)


def test_it_is_the_quotient_of_windowed_waves():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(160, 30))
    gram = root @ root.T
    expected = plain(gram, X, XI, np.cos(np.pi * X / 2) ** 4)
    np.testing.assert_allclose(effective_density(gram, X, XI), expected, rtol=1e-12)
    shifted = effective_density(gram, X + 5.0, XI)
    np.testing.assert_allclose(shifted, expected, rtol=1e-10)


def test_trained_frequencies_add_diffusion():
    """The NTK is (1 + sigma_a^2 x x') k: the window's mean of x^2 times the density on top."""
    density, sigma_a = Normal(scale=40.0), 1.5
    weights = np.cos(np.pi * X / 2) ** 8
    spread = 1 + sigma_a**2 * np.average(X**2, weights=weights)
    found = effective_density(ntk_gram(density, X, sigma_a=sigma_a), X, XI)
    np.testing.assert_allclose(found, density.even_pdf(XI) * spread, rtol=0.03)


def test_leak_of_the_window_falls_like_the_tenth_power():
    line = 1 + np.outer(X, X)
    low, high = effective_density(line, X, np.pi * np.array([8.0, 16.0]))
    assert np.log2(low / high) == pytest.approx(10, abs=0.7)
    assert low < 1e-8 * effective_density(line, X, [0.0])[0]


def test_a_kink_in_the_kernel_falls_like_the_square():
    """k(z) = exp(-|z|) has density 1/(pi (1 + xi^2))."""
    gram = np.exp(-np.abs(X[:, None] - X))
    xi = np.pi * np.arange(4, 20)
    found = effective_density(gram, X, xi)
    assert np.polyfit(np.log(xi), np.log(found), 1)[0] == pytest.approx(-2, abs=0.1)
    np.testing.assert_allclose(found, 1 / (np.pi * (1 + xi**2)), rtol=0.15)


def test_integral_is_the_mean_of_the_diagonal():
    gram = ntk_gram(Normal(scale=20.0), X, sigma_a=1.0)
    xi = np.linspace(-80 * np.pi, 80 * np.pi, 1601)[:-1]
    total = effective_density(gram, X, xi).sum() * (xi[1] - xi[0])
    weights = np.cos(np.pi * X / 2) ** 8
    assert total == pytest.approx(np.average(np.diag(gram), weights=weights), rel=1e-10)


@pytest.mark.parametrize(
    ("gram", "x", "frequencies", "error", "message"),
    [
        (np.eye(2), [0.0, 1.0, 2.0], [1.0], ValueError, r"gram has shape \(2, 2\) for 3 points"),
        ([[1.0, 2.0], [0.0, 1.0]], [0.0, 1.0], [1.0], ValueError, "gram differs from its transp"),
        (np.ones((2, 3)), [0.0, 1.0], [1.0], ValueError, "gram has shape .*must be square"),
        (np.eye(2), np.eye(2), [1.0], ValueError, "x holds points of dimension 2"),
        (np.eye(2), [1.0, 1.0], [1.0], ValueError, "x holds one place only"),
        (np.eye(3), [0.0, 0.1, 1.0], [1.0], ValueError, "x has gaps from 0.1 to 0.9; give points"),
        (np.eye(3), [0.0, 1.0, 2.0], [1.0, -3.5], ValueError, "reach 3.5, above 3.142 where waves"),
        (np.eye(2), [0.0, 1.0], [np.nan], ValueError, "frequencies holds 1 NaN"),
        (np.eye(2), ["a", "b"], [1.0], TypeError, "x=.* must be an array of real numbers"),
    ],
)
def test_bad_input_is_refused(gram, x, frequencies, error, message):
    with pytest.raises(error, match=message):
        effective_density(gram, x, frequencies)


def test_a_gram_matrix_whose_products_overflow_is_refused():
    x = np.linspace(-1, 1, 12)
    with pytest.raises(ValueError, match=r"gram reaches 1e\+308; .* choose other units"):
        effective_density(np.full((12, 12), -1e308), x, [1.0, 5.0])
