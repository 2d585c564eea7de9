"""Eigenvalues of the kernel: dense, from products, and against the density."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from ntkfreq import (
    Empirical,
    FourierFeatureNet,
    Laplace,
    Normal,
    Uniform,
    empirical_ntk_gram,
    ntk_gram,
    ntk_operator,
    ntk_spectrum,
)
from ntkfreq.ntk import eigen

RHO = Normal(scale=10.0)


@pytest.mark.parametrize("density", [RHO, Laplace(scale=10.0)])
def test_eigenvalues_follow_the_density(density):
    """lambda = 2 pi rho(xi) / L on an interval without diffusion, within 8 per cent."""
    found = ntk_spectrum(density, np.linspace(-1, 1, 1000), sigma_a=0.0, count=24)
    np.testing.assert_allclose(
        found.predicted,
        np.pi * 0.5 * (density.pdf(found.frequency) + density.pdf(-found.frequency)),
    )
    middle = slice(3, 20)
    np.testing.assert_allclose(found.eigenvalues[middle], found.predicted[middle], rtol=0.08)


def test_each_eigenvalue_is_an_average_of_the_density():
    """Rayleigh quotient in frequency: no code in common, and no approximation."""
    x = np.linspace(-1, 1, 300)
    found = ntk_spectrum(RHO, x, sigma_a=0.5, count=10)
    step = 0.25
    xi = step * np.arange(-320, 321)
    rho = np.exp(-((xi / 10) ** 2) / 2) / (np.sqrt(2 * np.pi) * 10)
    waves = np.exp(-1j * np.outer(xi, x))
    plain = np.abs(waves @ found.eigenvectors) ** 2
    moved = np.abs(waves @ (x[:, None] * found.eigenvectors)) ** 2
    np.testing.assert_allclose(
        step * rho @ (plain + 0.25 * moved) / 300, found.eigenvalues, rtol=1e-10
    )


def test_frequencies_of_waves():
    """Eigenvectors of a kernel of two atoms are waves of these frequencies."""
    x = np.linspace(-3, 3, 400)
    found = ntk_spectrum(Empirical([4.0, 11.0], [0.7, 0.3]), x, sigma_a=0.0, count=4)
    np.testing.assert_allclose(found.frequency, [4.0, 4.0, 11.0, 11.0], atol=0.1)
    assert found.predicted is None


def test_products_give_what_the_matrix_gives(monkeypatch):
    monkeypatch.setattr(eigen, "_FEW", 100)
    x = np.random.default_rng(0).uniform(-1, 1, 800)
    found = ntk_spectrum(RHO, x, count=12)
    values, vectors = np.linalg.eigh(ntk_gram(RHO, x) / 800)
    np.testing.assert_allclose(found.eigenvalues, values[::-1][:12], rtol=1e-9)
    overlap = np.abs(np.sum(found.eigenvectors * vectors[:, ::-1][:, :12], axis=0))
    np.testing.assert_allclose(overlap, 1.0, atol=1e-9)


def test_matrices_and_operators_are_taken_as_they_are():
    x = np.random.default_rng(0).uniform(-1, 1, 150)
    expected = ntk_spectrum(RHO, x, sigma_a=0.6, count=8)
    matrix = ntk_gram(RHO, x, sigma_a=0.6)
    for kernel in (matrix, matrix.tolist(), ntk_operator(RHO, x, sigma_a=0.6)):
        found = ntk_spectrum(kernel, x, count=8)
        np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-10)
        np.testing.assert_allclose(found.frequency, expected.frequency, atol=1.0)
    assert ntk_spectrum(matrix, x).predicted is None
    np.testing.assert_allclose(
        ntk_spectrum(ntk_operator(RHO, x, sigma_a=0.6), x, count=8).predicted, expected.predicted
    )


def test_finite_network_has_the_spectrum_of_its_limit():
    x = np.linspace(-1, 1, 100)
    net = FourierFeatureNet.sample(RHO, 20_000, rng=0)
    found = ntk_spectrum(empirical_ntk_gram(net, x), x, count=6)
    limit = ntk_spectrum(RHO, x, count=6)
    np.testing.assert_allclose(found.eigenvalues, limit.eigenvalues, rtol=0.1)


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_frequency_rises_as_the_eigenvalue_falls(dim):
    x = np.random.default_rng(0).uniform(-1, 1, (300, dim))
    found = ntk_spectrum(Normal(scale=2.0, dim=dim), x, sigma_a=0.0, count=20)
    assert found.frequency[:3].mean() < found.frequency[-3:].mean()
    assert found.predicted is not None
    assert ntk_spectrum(Uniform(scale=2.0, dim=dim), x, count=3).predicted is None
    assert ntk_spectrum(Normal(loc=1.0, dim=dim), x, count=3).predicted is None


def test_learning_times_are_those_of_the_modes():
    found = ntk_spectrum(RHO, np.linspace(-1, 1, 50), count=4)
    np.testing.assert_allclose(found.learning_time(0.1) * found.eigenvalues, np.log(10))
    still = ntk_spectrum(np.diag([2.0, 0.0]), [0.0, 1.0])
    np.testing.assert_array_equal(still.learning_time(), [np.log(2), np.inf])


@pytest.mark.parametrize("dim", [1, 2])
def test_figure_says_what_its_axes_are(dim):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    x = np.random.default_rng(0).uniform(-1, 1, (60, dim))
    figure = ntk_spectrum(Normal(scale=4.0, dim=dim), x, count=9).plot()
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in figure.axes)
    assert len(figure.axes[0].lines) == 2
    ntk_spectrum(np.eye(3), [0.0, 1.0, 2.0], count=1).plot()
    plt.close("all")


REFUSED = {
    "count": (lambda: ntk_spectrum(RHO, [0.0, 1.0], count=3), ValueError, "count=3 exceeds the 2"),
    "no count": (lambda: ntk_spectrum(RHO, [0.0, 1.0], count=0), ValueError, "count=0 must be at"),
    "size": (
        lambda: ntk_spectrum(np.eye(3), [0.0, 1.0]), ValueError, r"kernel has shape \(3, 3\) for 2",
    ),
    "symmetry": (
        lambda: ntk_spectrum([[1.0, 0.5], [0.0, 1.0]], [0.0, 1.0]), ValueError,
        "kernel differs from its transpose by 0.5",
    ),
    "density": (lambda: ntk_spectrum("normal", [0.0]), TypeError, "rho_w='normal' is no density"),
    "dim": (lambda: ntk_spectrum(RHO, np.ones((2, 2))), ValueError, "x holds points of dim"),
    "fraction": (
        lambda: ntk_spectrum(RHO, [0.0, 1.0]).learning_time(1.0), ValueError,
        "fraction=1 must be below 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()
