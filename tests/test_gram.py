"""The limiting kernel's Gram matrix: closed form, quadrature, Monte Carlo; and its flow."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import integrate, linalg

from ntkfreq import (
    Empirical,
    Laplace,
    Mixture,
    Normal,
    StudentT,
    Uniform,
    as_density,
    gram_flow,
    ntk_gram,
)
from ntkfreq.ntk import gram as gram_module
from validation.reference.kernels import KERNELS, gram

RHO = {
    "normal": Normal,
    "laplace": Laplace,
    "uniform": Uniform,
    "studentt3": partial(StudentT, 3.0),
}


def points(dim, count=25, seed=0):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, (count, dim))


@pytest.mark.parametrize("name", RHO)
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_named_families_are_their_formula(name, dim):
    x, x2 = points(dim), points(dim, 7, 1)
    rho = RHO[name](scale=3.0, dim=dim)
    expected = gram(partial(KERNELS[name], scale=3.0), x, x2, 0.6)
    np.testing.assert_allclose(ntk_gram(rho, x, x2, sigma_a=0.6), expected, rtol=0, atol=1e-14)
    square = ntk_gram(rho, x, sigma_a=0.6)
    np.testing.assert_allclose(square, square.T, rtol=0, atol=1e-15)
    assert np.linalg.eigvalsh(square)[0] > -1e-13 * np.linalg.eigvalsh(square)[-1]


@pytest.mark.parametrize("name", ["normal", "laplace", "uniform"])
def test_quadrature_of_the_pdf_is_the_closed_form(name):
    """The same density given as a plain pdf; 1e-10 is the resolution of its numerical inverse."""
    named = RHO[name](scale=3.0)
    ends = {"normal": None, "laplace": None, "uniform": (-3.0, 3.0)}[name]
    plain = as_density(
        lambda w: named.pdf(np.atleast_1d(w)),
        support=ends,
        kinks=(0.0,) if name == "laplace" else (),
    )
    assert not plain.closed_form_kernel
    x, x2 = points(1), points(1, 7, 1)
    np.testing.assert_allclose(
        ntk_gram(plain, x, x2, sigma_a=0.6), ntk_gram(named, x, x2, sigma_a=0.6), atol=5e-10
    )


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("name", RHO)
def test_monte_carlo_over_features_agrees(name, dim):
    """400 000 draws of w; five standard errors, entry by entry."""
    rho = RHO[name](scale=3.0, dim=dim)
    x, x2 = points(dim, 4), points(dim, 3, 1)
    w = rho.sample(400_000, rng=1)
    expected = ntk_gram(rho, x, x2, sigma_a=0.6)
    for i, left in enumerate(x):
        for j, right in enumerate(x2):
            draws = (1 + 0.36 * left @ right) * np.cos(w @ (left - right))
            error = draws.std() / np.sqrt(len(draws))
            assert abs(draws.mean() - expected[i, j]) < 5 * error


def test_empirical_is_the_sum_over_its_atoms():
    rng = np.random.default_rng(0)
    atoms, shares = rng.normal(0, 3, (40, 2)), rng.uniform(0.5, 1, 40)
    x, x2 = points(2), points(2, 7, 1)
    phase = (x[:, None, :] - x2) @ atoms.T
    expected = (1 + x @ x2.T) * (np.cos(phase) @ (shares / shares.sum()))
    got = ntk_gram(Empirical(atoms, shares), x, x2)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


def test_mixture_of_closed_forms_and_quadratures():
    tent = as_density(lambda w: 1 - np.abs(w), support=(-1, 1), kinks=(0,))
    rho = Mixture([Normal(scale=2.0), tent], [0.4, 0.6])
    x = points(1)
    z = x - x.T
    k = 0.4 * np.exp(-2 * z**2) + 0.6 * np.sinc(z / (2 * np.pi)) ** 2
    np.testing.assert_allclose(ntk_gram(rho, x), (1 + x @ x.T) * k, atol=1e-10)


def test_frozen_frequencies_leave_the_stationary_kernel():
    x = points(1)
    expected = np.exp(-4.5 * (x - x.T) ** 2)
    np.testing.assert_allclose(ntk_gram(Normal(scale=3.0), x, sigma_a=0.0), expected, atol=1e-15)


def test_blocks_do_not_show(monkeypatch):
    x = points(2)
    for rho in (Normal(scale=3.0, dim=2), Empirical(points(2, 50, 3))):
        whole = ntk_gram(rho, x)
        with monkeypatch.context() as patch:
            patch.setattr(gram_module, "_CHUNK", 120)
            np.testing.assert_allclose(ntk_gram(rho, x), whole, rtol=0, atol=1e-14)


def test_flow_is_the_matrix_exponential():
    x = points(1)
    matrix = ntk_gram(Normal(scale=3.0), x)
    start = np.sin(4 * x[:, 0])
    t = [0.0, 0.5, 3.0, 40.0]
    expected = [linalg.expm(-time * matrix / len(x)) @ start for time in t]
    np.testing.assert_allclose(gram_flow(matrix, start, t), expected, rtol=0, atol=1e-13)


def test_flow_solves_its_differential_equation():
    x = points(1, 10)
    matrix = ntk_gram(Laplace(scale=3.0), x)
    start = np.cos(4 * x[:, 0])
    t = np.array([0.5, 3.0, 20.0])
    solution = integrate.solve_ivp(
        lambda _, e: -matrix @ e / 10, (0, 20), start, t_eval=t, rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(gram_flow(matrix, start, t), solution.y.T, rtol=0, atol=1e-10)


X3 = np.eye(3)
REFUSED = {
    "dim": (
        lambda: ntk_gram(Normal(), np.ones((2, 2))), ValueError, "x holds points of dimension 2",
    ),
    "x2 dim": (
        lambda: ntk_gram(Normal(), [1.0], np.ones((2, 2))), ValueError, "x2 holds points of dim",
    ),
    "sigma_a": (lambda: ntk_gram(Normal(), [1.0], sigma_a=-1.0), ValueError, "sigma_a=-1.0 must"),
    "x nan": (lambda: ntk_gram(Normal(), [np.nan]), ValueError, "x holds 1 NaN"),
    "rho": (lambda: ntk_gram("normal", [1.0]), TypeError, "rho_w='normal' is no density"),
    "not square": (
        lambda: gram_flow(X3[:2], [1.0, 1.0], [1.0]), ValueError, r"gram has shape \(2, 3\).*squ",
    ),
    "one axis": (lambda: gram_flow([1.0], [1.0], [1.0]), ValueError, "gram has shape.*must have 2"),
    "not symmetric": (
        lambda: gram_flow([[1.0, 0.5], [0.0, 1.0]], [1.0, 1.0], [1.0]), ValueError,
        "gram differs from its transpose by 0.5",
    ),
    "negative": (
        lambda: gram_flow([[1.0, 0.0], [0.0, -1.0]], [1.0, 1.0], [1.0]), ValueError,
        "gram has a negative eigenvalue -1",
    ),
    "error0": (lambda: gram_flow(X3, [1.0], [1.0]), ValueError, r"error0 holds 1 value\(s\) for 3"),
    "times": (
        lambda: gram_flow(X3, [1.0] * 3, [1.0, 0.0]), ValueError, "t=.*strictly increasing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()
