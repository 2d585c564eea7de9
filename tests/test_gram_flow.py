"""Flow from products alone against the eigenvectors, and against a method that shares nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator

from ntkfreq import Normal, StudentT, gram_flow, ntk_gram, ntk_operator
from ntkfreq.ntk import krylov_flow

RNG = np.random.default_rng(0)
RHO = Normal(scale=20.0)
TIMES = np.geomspace(0.1, 1e4, 16)


def start_at(x):
    return np.sin(5 * x) + np.cos(23 * x) + 0.1 * np.random.default_rng(1).standard_normal(len(x))


def worst(errors, expected, start):
    return np.linalg.norm(errors - expected, axis=1).max() / np.linalg.norm(start)


def feature_flow(x, start, t, scale, sigma_a, count=161, spacing=1.0):
    """Low-rank flow: trapezoid rule in w, features cos wx, sin wx, x cos wx, x sin wx, their QR.

    K = F F^T to rounding for a normal density of standard deviation `scale`, so that K/n acts in
    the span of F alone, through the singular values of its small factor.
    """
    w = spacing * np.arange(count)
    weight = spacing * np.exp(-0.5 * (w / scale) ** 2) / (np.sqrt(2 * np.pi) * scale)
    weight[1:] *= 2
    waves = np.concatenate([np.cos(np.outer(x, w)), np.sin(np.outer(x, w[1:]))], axis=1)
    waves *= np.sqrt(np.concatenate([weight, weight[1:]]))
    features = np.concatenate([waves, sigma_a * x[:, None] * waves], axis=1)
    small = features.T @ features / len(x)
    rates, columns = linalg.eigh(small)
    keep = rates > 1e-13 * rates[-1]
    rates = rates[keep]
    modes = features @ (columns[:, keep] / np.sqrt(rates * len(x)))
    amplitudes = modes.T @ start
    return start + (np.expm1(-np.outer(t, rates)) * amplitudes) @ modes.T


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("density", [RHO, StudentT(3.0, scale=20.0)])
def test_lanczos_meets_its_tolerance(density, rtol):
    x = np.random.default_rng(0).uniform(-1, 1, 900)
    start = start_at(x)
    expected = gram_flow(ntk_gram(density, x), start, TIMES[:12])
    operator = ntk_operator(density, x, tolerance=1e-13, method="nufft")
    for kernel in (operator, ntk_gram(density, x)):
        errors = gram_flow(kernel, start, TIMES[:12], method="lanczos", rtol=rtol)
        assert 0 < worst(errors, expected, start) < rtol


@pytest.mark.parametrize("vectors", [20, 35])
def test_restarts_meet_the_tolerance_within_memory(monkeypatch, vectors):
    x = np.random.default_rng(0).uniform(-1, 1, 900)
    start = start_at(x)
    operator = ntk_operator(RHO, x, tolerance=1e-13, method="nufft")
    expected = gram_flow(ntk_gram(RHO, x), start, TIMES)
    spaces = []

    def counted(*arguments):
        spaces.append(plain(*arguments))
        return spaces[-1]

    plain = krylov_flow.lanczos
    monkeypatch.setattr(krylov_flow, "lanczos", counted)
    monkeypatch.setattr(krylov_flow, "_MOST_NUMBERS", vectors * 900)
    errors = gram_flow(operator, start, TIMES, method="lanczos")
    assert worst(errors, expected, start) < 1e-6
    assert len(spaces) > 1
    assert max(len(space.basis) for space in spaces) <= vectors


def test_hundred_thousand_points_against_their_features():
    """The claim: 1e5 points, 16 times, within 1e-5 of the initial error; no code in common."""
    x = np.random.default_rng(0).uniform(-1, 1, 100_000)
    start = start_at(x)
    operator = ntk_operator(RHO, x, sigma_a=0.7)
    errors = gram_flow(operator, start, TIMES)
    expected = feature_flow(x, start, TIMES, 20.0, 0.7)
    assert worst(errors, expected, start) < 1e-5


def test_features_are_a_fair_judge():
    x = np.random.default_rng(0).uniform(-1, 1, 800)
    start = start_at(x)
    expected = gram_flow(ntk_gram(RHO, x, sigma_a=0.7), start, TIMES)
    assert worst(feature_flow(x, start, TIMES, 20.0, 0.7), expected, start) < 1e-7


def test_small_operators_get_their_eigenvectors():
    x = np.random.default_rng(0).uniform(-1, 1, 300)
    start, matrix = start_at(x), ntk_gram(RHO, x)
    expected = gram_flow(matrix, start, TIMES)
    wrapped = LinearOperator(matrix.shape, matvec=lambda v: matrix @ v, dtype=float)
    for kernel in (ntk_operator(RHO, x), wrapped, sparse.csr_array(matrix)):
        np.testing.assert_allclose(gram_flow(kernel, start, TIMES), expected, atol=1e-8)


def test_any_linear_operator_will_do():
    diagonal = 3000 * 0.9 ** np.arange(3000.0)
    operator = LinearOperator((3000, 3000), matvec=lambda v: diagonal * v.ravel(), dtype=float)
    errors = gram_flow(operator, np.ones(3000), [0.0, 1.0, 50.0], rtol=1e-8)
    expected = np.exp(-np.outer([0.0, 1.0, 50.0], diagonal / 3000))
    assert worst(errors, expected, np.ones(3000)) < 1e-8


def test_zero_error_stays_zero():
    x = np.linspace(-1, 1, 2500)
    assert not gram_flow(ntk_operator(RHO, x), np.zeros(2500), [1.0, 2.0]).any()


def operator_of(matrix):
    return LinearOperator(matrix.shape, matvec=lambda v: matrix @ v, dtype=float)


ONES = np.ones(3)
BIG = ntk_operator(RHO, np.random.default_rng(0).uniform(-1, 1, 3000))
REFUSED = {
    "method": (lambda: gram_flow(np.eye(3), ONES, [1.0], method="fast"), "method='fast' must be"),
    "rtol": (lambda: gram_flow(np.eye(3), ONES, [1.0], rtol=0.0), "rtol=0.0 must"),
    "shape": (
        lambda: gram_flow(operator_of(np.ones((3, 2))), ONES, [1.0]), r"gram has shape \(3, 2\)",
    ),
    "not symmetric": (
        lambda: gram_flow(operator_of(np.triu(np.ones((3, 3)))), ONES, [1.0]),
        "gram is not symmetric: two products",
    ),
    "not finite": (
        lambda: gram_flow(operator_of(np.diag([1.0, np.nan, 1.0])), ONES, [1.0]),
        "gram times a real vector is complex, NaN",
    ),
    "negative": (
        lambda: gram_flow(operator_of(np.diag([1.0, -1.0, 2.0])), ONES, [1.0], method="lanczos"),
        "gram has a negative eigenvalue near -1",
    ),
    "negative, small": (
        lambda: gram_flow(operator_of(np.diag([1.0, -1.0, 2.0])), ONES, [1.0]),
        "gram has a negative eigenvalue -1",
    ),
    "errors": (lambda: gram_flow(BIG, ONES, [1.0]), r"error0 holds 3 value\(s\) for 3000"),
    "times": (lambda: gram_flow(BIG, np.ones(3000), [2.0, 1.0]), "t=.*strictly increasing"),
    "rough kernel": (
        lambda: gram_flow(BIG, np.ones(3000), [1e7], method="lanczos"),
        "gram has an error of .* which after t=1e[+]07 may reach .* above rtol=1e-06",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        action()


def test_endless_restarts_are_refused(monkeypatch):
    monkeypatch.setattr(krylov_flow, "_MOST_TURNS", 1)
    monkeypatch.setattr(krylov_flow, "_MOST_NUMBERS", 1)
    with pytest.raises(
        ValueError, match=r"t=1000 is too long: 1 spaces of 20 vectors have reached"
    ):
        gram_flow(BIG, start_at(BIG.x[:, 0]), [1.0, 1000.0], method="lanczos")


@pytest.mark.parametrize("size", [1, 5])
def test_lanczos_refuses_a_negative_matrix(size):
    with pytest.raises(ValueError, match="negative eigenvalue"):
        gram_flow(-np.eye(size), np.ones(size), [1.0, 2.0], method="lanczos")
