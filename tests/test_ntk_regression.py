"""Where training ends: against the flow, the solver with decay, and plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from ntkfreq import (
    Normal,
    StudentT,
    gram_flow,
    ntk_gram,
    ntk_regression,
    solve_frequency_pde,
)
from ntkfreq.ntk import regression
from validation.reference.kernels import KERNELS, gram

X = np.sort(np.random.default_rng(0).uniform(-1, 1, 24))
Y = np.sin(3 * X) + 0.5 * np.cos(7 * X)
NEW = np.linspace(-1.1, 1.1, 13)


def plain(scale, sigma_a, ridge):
    """Normal kernel by its formula; a pseudo-inverse for no ridge."""

    def kernel(z):
        return KERNELS["normal"](z, scale)

    matrix = gram(kernel, X[:, None], X[:, None], sigma_a) + ridge * len(X) * np.eye(len(X))
    across = gram(kernel, NEW[:, None], X[:, None], sigma_a)
    return across @ np.linalg.solve(matrix, Y)


@pytest.mark.parametrize("ridge", [1e-8, 1e-3, 1.0])
@pytest.mark.parametrize("sigma_a", [0.0, 0.8])
def test_ridge_is_the_linear_system(ridge, sigma_a):
    found = ntk_regression(Normal(scale=12.0), X, Y, NEW, sigma_a=sigma_a, ridge=ridge)
    np.testing.assert_allclose(found, plain(12.0, sigma_a, ridge), rtol=0, atol=1e-7)


def test_ridge_below_rounding_goes_by_eigenvectors():
    found = ntk_regression(StudentT(1.0, scale=12.0), X, Y, NEW, ridge=1e-16)
    expected = ntk_regression(StudentT(1.0, scale=12.0), X, Y, NEW)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_vanishing_ridge_is_the_ridgeless_limit():
    density = StudentT(1.0, scale=20.0)
    limit = ntk_regression(density, X, Y, NEW)
    errors = [
        np.abs(ntk_regression(density, X, Y, NEW, ridge=ridge) - limit).max()
        for ridge in (1e-4, 1e-5, 1e-6)
    ]
    # The difference is linear in the ridge once it is below the smallest eigenvalue that matters.
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    np.testing.assert_allclose(ntk_regression(density, X, Y), Y, rtol=0, atol=1e-7)


def test_endless_training_ends_there():
    """f(t) off the data is the kernel against the integral of the error, t to infinity."""
    density = StudentT(3.0, scale=20.0)
    matrix = ntk_gram(density, X)
    np.testing.assert_allclose(
        Y + gram_flow(matrix, -Y, [1e9])[0], ntk_regression(density, X, Y), rtol=0, atol=1e-10
    )
    rates, modes = linalg.eigh(matrix / len(X))
    integral = modes @ (-np.expm1(-1e9 * rates) / rates * (modes.T @ Y))
    expected = ntk_gram(density, NEW, X) @ integral / len(X)
    np.testing.assert_allclose(ntk_regression(density, X, Y, NEW), expected, rtol=0, atol=1e-8)


def test_training_under_decay_ends_at_the_ridge_of_the_plain_kernel():
    decay = 0.05
    solution = solve_frequency_pde(
        Normal(scale=12.0), (X, Y), sigma_a=0.7, weight_decay=decay, t=[0.0, 800.0], rtol=1e-8
    )
    found = ntk_regression(Normal(scale=12.0), X, Y, NEW, sigma_a=0.0, ridge=decay)
    np.testing.assert_allclose(solution.output(NEW)[-1], found, rtol=0, atol=1e-6)
    with_diffusion = ntk_regression(Normal(scale=12.0), X, Y, NEW, sigma_a=0.7, ridge=decay)
    assert np.abs(solution.output(NEW)[-1] - with_diffusion).max() > 0.01


@pytest.mark.parametrize(("ridge", "atol"), [(1e-2, 1e-6), (1e-4, 1e-5)])
def test_conjugate_gradients_agree_with_cholesky(ridge, atol):
    rng = np.random.default_rng(1)
    x, new = rng.uniform(-1, 1, (600, 2)), rng.uniform(-1, 1, (40, 2))
    y = np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
    density = Normal(scale=4.0, dim=2)
    both = [
        ntk_regression(density, x, y, where, ridge=ridge, method=method, rtol=1e-9)
        for where in (new, None)
        for method in ("dense", "cg")
    ]
    np.testing.assert_allclose(both[1], both[0], rtol=0, atol=atol)
    np.testing.assert_allclose(both[3], both[2], rtol=0, atol=atol)


def test_many_samples():
    """Noise averaged out: 50 000 samples, the ridge small, the truth smooth."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 50_000)
    y = np.sin(5 * x) + 0.3 * rng.standard_normal(x.size)
    found = ntk_regression(Normal(scale=10.0), x, y, [-0.5, 0.1, 0.6], ridge=1e-4)
    np.testing.assert_allclose(found, np.sin(5 * np.array([-0.5, 0.1, 0.6])), atol=0.03)
    np.testing.assert_allclose(  # without a ridge as far as the tolerance asks
        ntk_regression(Normal(scale=10.0), x, np.sin(5 * x), rtol=1e-4),
        np.sin(5 * x),
        atol=0.01,
    )


REFUSED = {
    "ridge": (lambda: ntk_regression(Normal(), X, Y, ridge=-1.0), "ridge=-1.0 must not"),
    "sigma_a": (lambda: ntk_regression(Normal(), X, Y, sigma_a=-1.0), "sigma_a=-1.0 must not"),
    "method": (lambda: ntk_regression(Normal(), X, Y, method="svd"), "method='svd' must be one"),
    "rtol": (lambda: ntk_regression(Normal(), X, Y, rtol=0.0), "rtol=0.0 must be"),
    "y": (lambda: ntk_regression(Normal(), X, Y[1:]), r"y holds 23 value\(s\) for 24"),
    "x": (lambda: ntk_regression(Normal(dim=2), X, Y), "x holds points of dimension 1"),
    "x_test": (lambda: ntk_regression(Normal(), X, Y, np.ones((2, 2))), "x_test holds points of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        action()


def test_unsolvable_systems_are_refused(monkeypatch):
    monkeypatch.setattr(regression, "_MOST_PRODUCTS", 3)
    with pytest.raises(ValueError, match=r"ridge=0 leaves a system .* after 3 products .* of y is"):
        ntk_regression(Normal(scale=12.0), X, Y, method="cg")
