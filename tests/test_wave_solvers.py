"""Kernel regression and gradient flow in the span of waves, against the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Empirical,
    Laplace,
    Normal,
    StudentT,
    Uniform,
    gram_flow,
    ntk_gram,
    ntk_operator,
    ntk_regression,
)


def samples(count, dim, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (count, dim))
    return x, np.sin(6 * x[:, 0]) + 0.1 * rng.standard_normal(count)


@pytest.mark.parametrize(
    ("rho_w", "ridge", "within"),
    [
        (Normal(scale=20.0), 1e-4, 1e-8),
        (Normal(scale=20.0), 1e-8, 1e-4),
        (Laplace(scale=10.0), 1e-4, 1e-8),
        (Uniform(scale=20.0), 1e-6, 1e-6),
        (StudentT(df=3, scale=2.0), 1e-3, 1e-6),
        (Normal(scale=10.0, dim=2), 1e-3, 1e-6),
        (Normal(scale=1.5, dim=3), 1e-3, 1e-6),
    ],
    ids=str,
)
@pytest.mark.parametrize("sigma_a", [0.0, 0.8])
def test_regression_is_that_of_the_matrix(rho_w, ridge, within, sigma_a):
    """Inside the points and a little beyond them."""
    x, y = samples(900, rho_w.dim)
    new = 1.05 * samples(60, rho_w.dim, 1)[0]
    options = {"sigma_a": sigma_a, "ridge": ridge}
    gram = ntk_gram(rho_w, x, sigma_a=sigma_a) / len(x)
    shares = np.linalg.solve(gram + ridge * np.eye(len(x)), y / len(x))
    expected = ntk_gram(rho_w, new, x, sigma_a=sigma_a) @ shares
    found = ntk_regression(rho_w, x, y, new, method="waves", **options)
    assert np.abs(found - expected).max() < within * np.abs(expected).max()


def test_regression_without_a_ridge_meets_what_waves_can_meet():
    """Smooth values are met; noise that no wave of the density has is left, as by the matrix."""
    x, _ = samples(900, 1)
    y = np.sin(6 * x[:, 0])
    found = ntk_regression(Normal(scale=20.0), x, y, method="waves")
    # Modes at the level of rounding are left out, and with them some of the last digits.
    np.testing.assert_allclose(found, y, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2])
def test_many_points_by_conjugate_gradients_in_both_spaces(dim):
    x, y = samples(6000, dim)
    rho_w = Normal(scale=15.0 if dim == 1 else 25.0, dim=dim)
    waves, points = (
        ntk_regression(rho_w, x, y, x[:50], ridge=1e-3, method=method) for method in ("auto", "cg")
    )
    np.testing.assert_allclose(waves, points, atol=1e-7)


@pytest.mark.parametrize(
    "rho_w", [Normal(scale=15.0), Uniform(scale=12.0), Normal(scale=12.0, dim=2)]
)
def test_flow_is_that_of_the_matrix(rho_w):
    x, y = samples(1500, rho_w.dim)
    t = [0.0, 1.0, 30.0, 1000.0]
    operator = ntk_operator(rho_w, x, sigma_a=0.7)
    dense = gram_flow(ntk_gram(rho_w, x, sigma_a=0.7), -y, t)
    waves = gram_flow(operator, -y, t, method="waves")
    assert np.abs(waves - dense).max() < 1e-6 * np.linalg.norm(y)
    assert np.linalg.norm(waves - dense, axis=1).max() < 1e-6 * np.linalg.norm(y)


def test_what_has_no_waves():
    x, y = samples(200, 1)
    operator = ntk_operator(Empirical([3.0, 5.0]), x, sigma_a=0.0)
    with pytest.raises(ValueError, match=r"method='waves' serves operators of ntk_operator.*'lan"):
        gram_flow(operator, y, [1.0], method="waves")
    with pytest.raises(ValueError, match=r"method='waves' with Empirical.*use method='cg'"):
        ntk_regression(Empirical([3.0, 5.0]), x, y, ridge=0.1, method="waves")
    with pytest.raises(ValueError, match=r"method='waves' with Student.*use method='cg'"):
        ntk_regression(StudentT(df=3, scale=5e6), x, y, ridge=1e-8, method="waves")
