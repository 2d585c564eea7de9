"""Expected losses against Gaussian-process draws pushed through the flow, and against networks."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import pytest

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Grid,
    Laplace,
    Line,
    Normal,
    Points,
    StudentT,
    expected_losses,
    solve_frequency_pde,
    train,
)
from validation.reference.kernels import KERNELS
from validation.reference.nodes import box_nodes, points_nodes
from validation.reference.random_start import exact_losses, monte_carlo_losses

X = np.linspace(-1, 1, 16)
TEST = np.linspace(-1, 1, 41)
T = np.array([0.0, 1.0, 13.3, 72.9, 400.0])
KERNEL = partial(KERNELS["normal"], scale=12.0)


def y(x):
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


@lru_cache
def on_points(weight=0.0, frequency=0.0, towards="zero"):
    return expected_losses(
        Normal(scale=12.0), y, measure=Points(X), sigma_a=3.0, weight_decay=weight,
        frequency_decay=frequency, decay_towards=towards, t=T, test=(TEST, y(TEST)), rtol=1e-8,
    )  # fmt: skip


@pytest.mark.parametrize("weight", [0.0, 0.01])
def test_within_monte_carlo_error_of_1e5_draws(weight):
    losses = on_points(weight)
    drawn = monte_carlo_losses(
        KERNEL, points_nodes(X), y, 3.0, T, points_nodes(TEST), gamma_a=weight, draws=100_000
    )
    pairs = (losses.train_mean, losses.train_std), (losses.test_mean, losses.test_std)
    for (mean, std), found in zip(pairs, drawn, strict=True):
        # Ten numbers a curve: four standard errors leave a chance of 1e-3 to fail at random; the
        # seed is fixed.
        # The last losses hardly scatter: there the tolerance of the solver counts.
        floor = 1e-9 * found.mean[0]
        assert np.all(np.abs(mean - found.mean) < 4 * found.mean_error + floor)
        assert np.all(np.abs(std - found.std) < 4 * found.std_error + floor)


@pytest.mark.parametrize(("weight", "frequency"), [(0.0, 0.0), (0.01, 0.0), (0.01, 0.005)])
def test_formula_against_dense_propagators(weight, frequency):
    losses = on_points(weight, frequency, "start")
    found = exact_losses(
        KERNEL, points_nodes(X), y, 3.0, T, points_nodes(TEST), gamma_a=weight, gamma_w=frequency
    )
    pairs = (losses.train_mean, losses.train_std), (losses.test_mean, losses.test_std)
    for (mean, std), reference in zip(pairs, found, strict=True):
        assert np.abs(mean - reference.mean).max() < 1e-7 * reference.mean[0]
        assert np.abs(std - reference.std).max() < 1e-7 * reference.std[0]


@pytest.mark.parametrize("weight", [0.0, 0.01])
def test_box(weight):
    nodes = box_nodes(60, -1, 1)
    losses = expected_losses(
        Normal(scale=12.0), y, measure=Box(-1, 1), weight_decay=weight, t=T, rtol=1e-8
    )
    reference, _ = exact_losses(KERNEL, nodes, y, 1.0, T, nodes, gamma_a=weight)
    assert np.abs(losses.train_mean - reference.mean).max() < 1e-7 * reference.mean[0]
    assert np.abs(losses.train_std - reference.std).max() < 1e-7 * reference.std[0]
    np.testing.assert_array_equal(losses.test_mean, losses.train_mean)


@pytest.mark.parametrize(
    ("density", "family", "scale", "count"),
    [(Normal(scale=60.0), "normal", 60.0, 400), (Laplace(scale=5.0), "laplace", 5.0, 500)],
)
def test_draws_on_a_box_finer_than_the_target(density, family, scale, count):
    """Polynomials must resolve the random initial output, however smooth the target is."""
    t = np.array([0.0, 10.0, 1000.0])
    losses = expected_losses(density, lambda x: 0.3 * x, measure=Box(-1, 1), sigma_a=0.7, t=t)
    nodes = box_nodes(count, -1, 1)
    x, root = nodes.x, np.sqrt(nodes.weights)
    gram = root[:, None] * KERNELS[family](x[:, None] - x, scale) * root
    rates, modes = np.linalg.eigh(gram * (1 + 0.49 * x @ x.T))
    left = np.exp(-np.outer(t, np.maximum(rates, 0.0)))
    cover, goal = modes.T @ (0.49 * gram) @ modes, 0.3 * modes.T @ (root * x[:, 0])
    mean = left**2 @ (np.diag(cover) + goal**2)
    # The rule of that many nodes integrates kernels to 1e-10 of k(0).
    np.testing.assert_allclose(losses.train_mean, mean, rtol=1e-6, atol=1e-9)


def test_rough_draws_on_a_box_start_at_their_full_variance():
    """What no polynomial represents is counted too: E f_0^2 is sigma_a^2 at every point."""
    losses = expected_losses(
        StudentT(2.0, scale=5.0), lambda x: 0.0, measure=Box(-1, 1), sigma_a=2.0, t=[0.0, 1.0]
    )
    assert losses.train_mean[0] == pytest.approx(4.0, rel=1e-9)


@pytest.mark.parametrize(("measure", "draws"), [(Points(X), 24), (Box(-1, 1), 5)])
def test_advection_agrees_with_the_mean_over_drawn_outputs(measure, draws):
    """With frequencies that decay towards zero: solutions from drawn networks of great width."""
    options = {
        "measure": measure, "sigma_a": 1.0, "weight_decay": 0.01, "frequency_decay": 0.01,
        "t": np.array([0.0, 13.3, 170.8]),
    }  # fmt: skip
    losses = expected_losses(Normal(scale=8.0), y, **options)
    drawn = np.array(
        [
            solve_frequency_pde(
                Normal(scale=8.0), y, rtol=1e-4, **options,
                initial_output=FourierFeatureNet.sample(Normal(scale=8.0), 2000, rng=seed),
            ).test_loss
            for seed in range(draws)
        ]
    )  # fmt: skip
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - losses.test_mean) < 4 * error)


@pytest.mark.slow
def test_within_the_scatter_of_100_trained_networks():
    steps, step_size, width = 800, 0.05, 4096
    losses = expected_losses(
        Normal(scale=12.0), y, measure=Points(X), sigma_a=1.0,
        t=step_size * np.array([0, 100, 800]), test=(TEST, y(TEST)), step_size=step_size,
    )  # fmt: skip
    found = []
    for seed in range(100):
        net = FourierFeatureNet.sample(Normal(scale=12.0), width, sigma_a=1.0, rng=seed)
        history = train(
            net, X, y(X), step_size=step_size, steps=steps, test=(TEST, y(TEST)),
            record=np.array([0, 100, 800]), backend="direct",
        )  # fmt: skip
        found.append([history.train_loss, history.test_loss])
    trained = np.array(found)
    mean, error = trained.mean(axis=0), trained.std(axis=0, ddof=1) / np.sqrt(len(trained))
    expected = np.stack([losses.train_mean, losses.test_mean])
    # The kernel of a network fluctuates by m^{-1/2} = 1.6 %, its mean effect on a loss is of the
    # square of that; small losses late in training feel it most.
    assert np.all(np.abs(mean - expected) < 3 * error + 0.01 * expected)


def test_infinite_energy_is_refused():
    def bump(x):
        return np.exp(-(x**2))

    for measure in (Line(), Grid(0.5)):
        with pytest.raises(ValueError, match=r"need Points or a Box.*infinite energy there"):
            expected_losses(Normal(), bump, measure=measure)


def test_test_points_off_the_box_are_refused():
    with pytest.raises(ValueError, match=r"test has points on \[0, 2\], outside the box"):
        expected_losses(
            Normal(), y, measure=Box(-1, 1), t=[0.0, 1.0], test=([0.0, 2.0], [0.0, 1.0])
        )


def test_labelled_dataset_and_short_repr():
    losses = on_points()
    data = losses.to_xarray()
    assert set(data) == {"train_mean", "train_std", "test_mean", "test_std"}
    np.testing.assert_array_equal(data.t, T)
    assert repr(losses).startswith("ExpectedLosses(t=5 from 0 to 400, train_mean=")
    assert repr(losses).endswith("status=converged)")


@pytest.mark.parametrize("rtol", [0.0, -1.0, 1e-15, 2.0])
def test_tolerance_out_of_range_is_refused(rtol):
    with pytest.raises(ValueError, match=r"rtol="):
        expected_losses(Normal(), (X, y(X)), rtol=rtol)


@pytest.mark.slow
def test_more_rough_points_than_four_thousand_start_with_the_whole_variance():
    """In 30 dimensions no two of these points are correlated: as many features as points."""
    x = np.random.default_rng(0).normal(size=(4100, 30))
    found = expected_losses(Normal(scale=1.0, dim=30), (x, np.zeros(len(x))), t=[0.0, 1.0])
    assert found.train_mean[0] == pytest.approx(1.0, rel=1e-9)
