"""One scale an axis and products of densities, solved: against dense flows.

Kernels are those of `axis_scales`, written out. Flows are by eigenvectors of the whole matrix on
the samples, on Gauss-Legendre nodes of a box, or on a lattice (`validation.reference`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from axis_scales import CASES, matern, normal

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Grid,
    Laplace,
    Normal,
    Product,
    StudentT,
    alias_shares,
    compare,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    solve_frequency_pde,
    train,
)
from ntkfreq.problem.density.folded_plane import PlaneFold
from ntkfreq.recursion.nodes import density_nodes
from validation.reference.dense import dense_flow
from validation.reference.nodes import lattice_nodes, tensor_nodes

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (300, 2))
Y = np.sin(8 * X[:, 0]) * np.cos(X[:, 1]) + 0.1 * RNG.standard_normal(300)
T = np.array([0.0, 1.0, 10.0, 100.0])
SIGMAS = [0.0, 1.3]


def gram(kernel, sigma_a, x=X, x2=None):
    x2 = x if x2 is None else x2
    return (1 + sigma_a**2 * x @ x2.T) * kernel(x[:, None] - x2)


def losses(matrix, weights, y, t):
    """Loss of the flow e' = -K W e from -y, by the modes of the symmetric matrix."""
    root = np.sqrt(weights)
    rates, modes = np.linalg.eigh(root[:, None] * matrix * root)
    start = modes.T @ (root * y)
    return np.array([np.sum((np.exp(-np.maximum(rates, 0) * one) * start) ** 2) for one in t])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sigma_a", SIGMAS)
def test_gram_operator_and_regression(name, sigma_a):
    density, kernel = CASES[name]
    matrix = gram(kernel, sigma_a)
    np.testing.assert_allclose(ntk_gram(density, X, sigma_a=sigma_a), matrix, atol=1e-13)
    v = np.random.default_rng(4).standard_normal(len(X))
    np.testing.assert_allclose(ntk_operator(density, X, sigma_a=sigma_a) @ v, matrix @ v, atol=1e-9)
    ridge = 1e-2
    weights = np.linalg.solve(matrix + ridge * len(X) * np.eye(len(X)), Y)
    found = ntk_regression(density, X, Y, X[:20] / 2, sigma_a=sigma_a, ridge=ridge)
    np.testing.assert_allclose(found, gram(kernel, sigma_a, X[:20] / 2, X) @ weights, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sigma_a", SIGMAS)
def test_flow_on_samples(name, sigma_a):
    density, kernel = CASES[name]
    want = losses(gram(kernel, sigma_a), np.full(len(X), 1 / len(X)), Y, T)
    light = name.startswith(("normal", "uniform", "mixture"))
    # Other tails take many waves, and minutes.
    for method in ("gram", "lanczos", "frequency") if light else ("gram", "lanczos"):
        found = solve_frequency_pde(density, (X, Y), sigma_a=sigma_a, t=T, method=method, rtol=1e-5)
        np.testing.assert_allclose(found.train_loss, want, rtol=1e-4, err_msg=method)


def product_kernel(z):
    return np.exp(-8 * z[..., 0] ** 2) * matern(np.abs(z[..., 1]))


@pytest.mark.parametrize(
    ("density", "kernel"),
    [
        (Normal(scale=(200.0, 2.0)), lambda z: normal(z, np.array([200.0, 2.0]))),
        (Product([Normal(scale=4.0), StudentT(3.0)]), product_kernel),
    ],
)
def test_many_samples_by_waves_and_on_lattices(density, kernel):
    """A lattice along each axis: 200 to 2 takes no more waves than its axes need."""
    rng = np.random.default_rng(5)
    line, other = np.linspace(-1, 1, 60), np.linspace(-1, 1, 50)
    lattice = np.stack(np.meshgrid(line, other, indexing="ij"), axis=-1).reshape(-1, 2)
    for x in (lattice, rng.uniform(-1, 1, (20_000, 2))):
        v = rng.standard_normal(len(x))
        rows = gram(kernel, 1.3, x[:20], x) @ v
        found = (ntk_operator(density, x, sigma_a=1.3) @ v)[:20]
        np.testing.assert_allclose(found, rows, atol=1e-8 * np.abs(rows).max())


BOX = ((-0.8, -0.5), (1.2, 0.9))


def on_box(x):
    return np.sin(5 * x[:, 0]) + 0.5 * np.cos(3 * x[:, 0] + 4 * x[:, 1]) + 0.3 * x[:, 1]


# The kernels of these have a corner, which costs the Gauss rule of the reference its digits.
CORNERS = {"laplace": 1e-4, "student": 1e-3, "product": 1e-5}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sigma_a", SIGMAS)
def test_box_against_gauss_legendre_nodes(name, sigma_a):
    density, kernel = CASES[name]
    rules = [np.polynomial.legendre.leggauss(count) for count in (34, 30)]
    lines = [
        (low + high + (high - low) * unit) / 2
        for low, high, (unit, _) in zip(*BOX, rules, strict=True)
    ]
    x = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.outer(rules[0][1], rules[1][1]).ravel() / 4
    t = T[:3]
    want = losses(gram(kernel, sigma_a, x), weights, on_box(x), t)
    found = solve_frequency_pde(density, on_box, measure=Box(*BOX), sigma_a=sigma_a, t=t, rtol=1e-7)
    assert found.status.startswith("converged")
    np.testing.assert_allclose(found.train_loss, want, rtol=CORNERS.get(name, 1e-7))


SPACING, WIDE = 0.7, np.array([2.0, 0.6])


def windowed(x):
    wave = np.cos(x @ [1.2, 0.8]) + 0.7 * np.sin(x @ [3.2, -1.2] + 0.3) + 0.2 * x[:, 0]
    return np.exp(-np.sum(x**2, axis=1) / 3) * wave


def of_both(z):
    return np.exp(-0.5 * (2.0 * z[..., 0]) ** 2) * matern(0.6 * np.abs(z[..., 1]))


# Density and kernel; on lattices and on the plane.
PLANE = {
    "normal": (Normal(scale=WIDE), lambda z: normal(z, WIDE)),
    "student": (StudentT(3.0, scale=WIDE), lambda z: matern(np.linalg.norm(z * WIDE, axis=-1))),
    "product": (Product([Normal(scale=2.0), StudentT(3.0, scale=0.6)]), of_both),
}


@lru_cache
def dense(name, sigma_a, spacing):
    """What lies beyond the lattice, and slowly decays along the second axis, is 1e-6."""
    lines = [lattice_nodes(spacing, width).x[:, 0] for width in (9.1, 21.0)]
    nodes = tensor_nodes(lines, [np.full(len(line), spacing) for line in lines])
    return dense_flow(PLANE[name][1], nodes, windowed, sigma_a, T[1:3], parity=True)


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("sigma_a", [0.0, 0.7])
def test_grid_against_the_dense_flow(name, sigma_a):
    found = solve_frequency_pde(
        PLANE[name][0], windowed, measure=Grid(SPACING), sigma_a=sigma_a, t=T[1:3], rtol=1e-5
    )
    assert found.status.startswith("converged")
    np.testing.assert_allclose(found.train_loss, dense(name, sigma_a, SPACING).loss, rtol=2e-6)


@pytest.mark.parametrize("name", ["normal", "product"])
def test_line_against_the_dense_flow(name):
    """Trapezoid sums are exact for the smooth kernel; the corner of the other costs 1e-3."""
    found = solve_frequency_pde(PLANE[name][0], windowed, sigma_a=0.7, t=T[1:3], rtol=1e-5)
    assert found.status.startswith("converged")
    want = dense(name, 0.7, 0.42 if name == "normal" else 0.34).loss
    np.testing.assert_allclose(found.train_loss, want, rtol=1e-5 if name == "normal" else 2e-3)


@pytest.mark.parametrize(
    "density",
    [
        Normal(loc=(1.0, 0.4), scale=WIDE),
        Laplace(scale=WIDE),
        Product([Normal(loc=1.0, scale=2.0), Laplace(loc=-0.5, scale=0.6)]),
    ],
)
def test_line_without_diffusion_is_a_formula(density):
    xi = np.random.default_rng(6).uniform(-4, 4, (30, 2))
    t = T[1:3]
    found = solve_frequency_pde(density, windowed, sigma_a=0.0, t=t, frequencies=xi, rtol=1e-6)
    even = (density.pdf(xi) + density.pdf(-xi)) / 2
    start = np.abs(found.at(t=[0.0]).spectrum[0])
    want = start * np.exp(-((2 * np.pi) ** 2) * np.multiply.outer(t, even))
    np.testing.assert_allclose(np.abs(found.spectrum), want, atol=1e-5 * start.max())


@pytest.mark.parametrize("name", ["product", "mixture", "normal off 0"])
def test_folds_add_every_alias(name):
    density, _ = CASES[name]
    fold = PlaneFold(density, SPACING)
    turns = 2 * np.pi / SPACING * np.arange(-400, 401)
    xi = np.array([0.3, -1.0])
    points = np.stack(np.meshgrid(*(xi[:, None] + turns), indexing="ij"), axis=-1).reshape(-1, 2)
    terms = density.even_value_and_gradient(points)
    # What lies beyond 400 periods of a power 4 is 1e-8 of the sum.
    np.testing.assert_allclose(fold.at(xi[None])[:, 0], terms.sum(axis=1), rtol=1e-6, atol=1e-12)
    squares = fold.products(xi[:1], xi[1:])[:, 0, 0]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    want = [terms[a] @ terms[b] for a, b in pairs]
    np.testing.assert_allclose(squares, want, rtol=1e-8, atol=1e-12 * max(want))


def test_shares_of_aliases():
    density = Normal(scale=(4.0, 1.0))
    shares = alias_shares(density, [3.0, 1.0], Grid(0.5))
    turns = 4 * np.pi * np.arange(-20, 21)
    points = np.stack(np.meshgrid(3 + turns, 1 + turns, indexing="ij"), axis=-1).reshape(-1, 2)
    want = density.pdf([[3.0, 1.0]])[0] / density.pdf(points).sum()
    assert shares.shares[0] == pytest.approx(want, rel=1e-9)


def test_a_prediction_is_of_one_density_only():
    """Turned by the diagonal the two scales have the same kernel along it, and are not the same."""
    x, y = X[:30], Y[:30]
    density = Normal(scale=(4.0, 1.0))
    net = FourierFeatureNet.sample(density, 20_000, zero_output=True, rng=0)
    run = train(net, x, y, step_size=0.2, steps=40)
    options = {"step_size": 0.2, "t": 0.2 * np.arange(41)}
    right = solve_frequency_pde(Product([Normal(scale=4.0), Normal()]), (x, y), **options)
    # Twenty thousand units are off the limit by a percent.
    np.testing.assert_allclose(run.train_loss[-1], right.train_loss[-1], rtol=0.05)
    assert compare(right, run) is not None
    for other in (Normal(scale=(1.0, 4.0)), Normal(scale=(4.0, 1.01)), Normal(scale=4.0, dim=2)):
        with pytest.raises(ValueError, match="history drew its frequencies from"):
            compare(solve_frequency_pde(other, (x, y), **options), run)


def test_remedy_of_other_units_is_wrong_when_frequencies_are_trained():
    """Rescaled inputs are the same without trained frequencies, and with them another problem."""
    density, scales = Normal(scale=(6.0, 1.5)), np.array([6.0, 1.5])
    for sigma_a, same in ((0.0, True), (1.0, False)):
        own = solve_frequency_pde(density, (X, Y), sigma_a=sigma_a, t=T).train_loss
        moved = solve_frequency_pde(Normal(dim=2), (X * scales, Y), sigma_a=sigma_a, t=T).train_loss
        assert np.allclose(own, moved, rtol=1e-4) == same


@pytest.mark.parametrize("scales", [(4.0, 1.0), (10.0, 1.0), (20.0, 0.5)])
def test_nodes_of_stepwise_training(scales):
    """As many as for one scale, a few times more for one to forty; their kernel within 1e-2."""
    nodes = density_nodes(Normal(scale=scales), X[:40], 1e-2)
    z = X[:40, None] - X[:40]
    found = np.cos(z @ nodes.frequencies.T) @ nodes.weights
    assert np.abs(found - normal(z, np.array(scales))).max() < 1e-2
    assert nodes.count < 4000


def test_steps_of_adam():
    x, y = X[:30], Y[:30]
    density = Normal(scale=(4.0, 1.0))
    options = {"optimizer": "adam", "step_size": 1e-3}
    found = solve_frequency_pde(density, (x, y), width=512, steps=40, **options)
    runs = [
        train(
            FourierFeatureNet.sample(density, 512, zero_output=True, rng=seed), x, y, steps=40,
            **options,
        ).train_loss[-1]
        for seed in range(8)
    ]  # fmt: skip
    # Eight networks: four standard errors of their mean, and 3 % of the width.
    error = 4 * np.std(runs, ddof=1) / np.sqrt(8) + 0.03 * np.mean(runs)
    assert abs(found.train_loss[-1] - np.mean(runs)) < error
