"""Points: the Gram flow against matrix exponentials, and gradient descent by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from ntkfreq import Box, Laplace, Normal, Points, StudentT, Uniform, solve_frequency_pde
from validation.reference.dense import points_flow
from validation.reference.kernels import KERNELS, gram

T = np.array([0.0, 0.3, 2.0, 25.0])
RHO = {
    "normal": Normal,
    "laplace": Laplace,
    "uniform": Uniform,
    "studentt3": partial(StudentT, 3.0),
}


def scattered(dim, count=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (count, dim)), rng


def wave(x):
    """A target for (n,) or (n, d) points."""
    flat = x if x.ndim == 1 else x @ np.arange(1, x.shape[1] + 1)
    return np.sin(3 * flat) + 0.2 * flat


@pytest.mark.parametrize("name", RHO)
@pytest.mark.parametrize("dim", [1, 2, 3, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_and_losses_are_those_of_the_dense_flow(name, dim, weighted):
    x, rng = scattered(dim)
    y = rng.standard_normal(len(x))
    weights = rng.uniform(0.2, 3.0, len(x)) if weighted else None
    kernel = partial(KERNELS[name], scale=4.0)
    errors, _ = points_flow(kernel, x, -y, 0.6, T, weights=weights)
    solution = solve_frequency_pde(
        RHO[name](scale=4.0, dim=dim), (x, y), sigma_a=0.6, measure=Points(x, weights), t=T
    )
    shares = np.full(len(x), 1 / len(x)) if weights is None else weights / weights.sum()
    scale = np.abs(y).max()
    np.testing.assert_allclose(solution.error(x), errors, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(solution.train_loss, errors**2 @ shares, rtol=1e-12, atol=1e-13)
    assert solution.spectrum is None
    assert solution.test_loss is None


@pytest.mark.parametrize("dim", [1, 2, 3, 20])
def test_output_elsewhere_is_the_kernel_formula(dim):
    x, rng = scattered(dim)
    y = rng.standard_normal(len(x))
    new = rng.uniform(-2, 2, (17, dim))
    kernel = partial(KERNELS["normal"], scale=2.0)
    _, change = points_flow(kernel, x, -y, 0.6, T, x_new=new)
    solution = solve_frequency_pde(Normal(scale=2.0, dim=dim), (x, y), sigma_a=0.6, t=T)
    np.testing.assert_allclose(solution.output(new), change, rtol=0, atol=1e-11)


@pytest.mark.parametrize("dim", [1, 2])
def test_initial_output_is_where_it_starts(dim):
    x, rng = scattered(dim)
    y = rng.standard_normal(len(x))
    new = rng.uniform(-2, 2, (17, dim))

    def first(u):
        return 1.5 * np.cos(2 * u if u.ndim == 1 else u @ np.full(dim, 2.0))

    start = first(x[:, 0] if dim == 1 else x)
    kernel = partial(KERNELS["normal"], scale=2.0)
    errors, change = points_flow(kernel, x, start - y, 0.6, T, x_new=new)
    solution = solve_frequency_pde(
        Normal(scale=2.0, dim=dim), (x, y), sigma_a=0.6, t=T, initial_output=first
    )
    np.testing.assert_allclose(solution.error(x), errors, rtol=0, atol=1e-12)
    begin = first(new[:, 0] if dim == 1 else new)
    np.testing.assert_allclose(solution.output(new), begin + change, rtol=0, atol=1e-11)


def test_data_spectrum_is_the_plain_sum():
    x, rng = scattered(2)
    y = rng.standard_normal(len(x))
    xi = rng.uniform(-9, 9, (11, 2))
    solution = solve_frequency_pde(Normal(scale=4.0, dim=2), (x, y), t=T, frequencies=xi)
    errors, _ = points_flow(partial(KERNELS["normal"], scale=4.0), x, -y, 1.0, T)
    plain = errors @ np.exp(-1j * x @ xi.T) / len(x)
    np.testing.assert_allclose(solution.data_spectrum, plain, rtol=0, atol=1e-12)


def test_test_pair_is_judged_with_equal_weights():
    x, rng = scattered(2)
    y, new = rng.standard_normal(len(x)), rng.uniform(-2, 2, (17, 2))
    truth = rng.standard_normal(17)
    xi = rng.uniform(-9, 9, (11, 2))
    solution = solve_frequency_pde(
        Normal(scale=4.0, dim=2), (x, y), t=T, frequencies=xi, test=(new, truth)
    )
    _, change = points_flow(partial(KERNELS["normal"], scale=4.0), x, -y, 1.0, T, x_new=new)
    error = change - truth
    np.testing.assert_allclose(solution.test_loss, np.mean(error**2, axis=1), rtol=1e-11)
    plain = error @ np.exp(-1j * new @ xi.T) / 17
    np.testing.assert_allclose(solution.spectrum, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_hull_is_the_test_measure_of_a_function(dim):
    """Against the dense predictor and a midpoint rule on the bounding box, Richardson-refined.

    Midpoint sums of a smooth function err like h^2: (4 fine - coarse) / 3 leaves h^4.
    """
    x, _ = scattered(dim, 12)
    low, high = x.min(axis=0), x.max(axis=0)
    y = wave(x[:, 0] if dim == 1 else x)
    kernel = partial(KERNELS["normal"], scale=2.0)

    def judged(count):
        axes = [
            a + (b - a) * (np.arange(count) + 0.5) / count for a, b in zip(low, high, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
        _, change = points_flow(kernel, x, -y, 0.6, T, x_new=grid)
        error = change - wave(grid[:, 0] if dim == 1 else grid)
        return np.mean(error**2, axis=1), np.mean(error * np.exp(-1j * grid[:, 0]), axis=1)

    counts = {1: (1000, 2000), 2: (80, 160), 3: (20, 40)}[dim]
    (loss_1, spectrum_1), (loss_2, spectrum_2) = map(judged, counts)
    tolerance = {1: 1e-9, 2: 1e-5, 3: 2e-3}[dim]
    xi = np.zeros((1, dim))
    xi[0, 0] = 1.0
    solution = solve_frequency_pde(
        Normal(scale=2.0, dim=dim), wave, sigma_a=0.6, measure=Points(x), t=T, frequencies=xi
    )
    np.testing.assert_allclose(solution.test_loss, (4 * loss_2 - loss_1) / 3, rtol=tolerance)
    refined = (4 * spectrum_2 - spectrum_1) / 3
    np.testing.assert_allclose(solution.spectrum[:, 0], refined, atol=tolerance)


def test_box_as_test_measure():
    """The test measure may be another box than the hull: means over it by a fine midpoint rule."""
    x, _ = scattered(1, 12)
    grid = (np.arange(20_000) + 0.5) / 10_000 - 0.5
    _, change = points_flow(
        partial(KERNELS["normal"], scale=2.0), x, -wave(x[:, 0]), 0.6, T, x_new=grid[:, None]
    )
    solution = solve_frequency_pde(
        Normal(scale=2.0), wave, sigma_a=0.6, measure=Points(x), t=T, test=Box(-0.5, 1.5)
    )
    loss = np.mean((change - wave(grid)) ** 2, axis=1)
    np.testing.assert_allclose(solution.test_loss, loss, rtol=1e-6)


def test_points_as_test_measure_keep_their_weights():
    x, rng = scattered(1, 12)
    new, weights = rng.uniform(-1, 1, 9), rng.uniform(1, 4, 9)
    solution = solve_frequency_pde(
        Normal(scale=2.0), wave, measure=Points(x), t=T, test=Points(new, weights)
    )
    error = solution.output(new) - wave(new)
    np.testing.assert_allclose(solution.test_loss, error**2 @ weights / weights.sum(), rtol=1e-13)


def test_degenerate_hull_and_high_dimension_have_no_test_measure():
    flat = np.stack([np.linspace(0, 1, 5), np.zeros(5)], axis=1)
    for x in (flat, scattered(4)[0]):
        solution = solve_frequency_pde(Normal(dim=x.shape[1]), wave, measure=Points(x), t=T)
        assert solution.spectrum is None
        assert solution.test_loss is None


def test_at_equals_solving_again():
    x, rng = scattered(1)
    y = rng.standard_normal(len(x))
    first = solve_frequency_pde(Normal(scale=4.0), (x, y), t=T)
    later = first.at(t=[0.7, 1e3], frequencies=[1.0, 2.5])
    again = solve_frequency_pde(Normal(scale=4.0), (x, y), t=[0.7, 1e3], frequencies=[1.0, 2.5])
    np.testing.assert_array_equal(later.data_spectrum, again.data_spectrum)
    np.testing.assert_array_equal(later.train_loss, again.train_loss)


def test_step_size_is_gradient_descent_done_by_hand():
    x, rng = scattered(1)
    y = rng.standard_normal(len(x))
    kernel = gram(partial(KERNELS["normal"], scale=4.0), x, x, 0.6) / len(x)
    eta = 0.5
    steps = np.array([0, 1, 2, 10, 300])
    error, kept = -y, []
    for step in range(steps[-1] + 1):
        if step in steps:
            kept.append(error)
        error = error - eta * kernel @ error
    solution = solve_frequency_pde(
        Normal(scale=4.0), (x, y), sigma_a=0.6, t=eta * steps, step_size=eta
    )
    np.testing.assert_allclose(solution.error(x), kept, rtol=0, atol=1e-12)
    np.testing.assert_allclose(solution.train_loss, np.mean(np.square(kept), axis=1), rtol=1e-12)
    assert solution.step_size == eta


def test_largest_step_is_two_over_the_largest_rate():
    x, rng = scattered(1)
    y = rng.standard_normal(len(x))
    kernel = gram(partial(KERNELS["normal"], scale=4.0), x, x, 0.6) / len(x)
    limit = 2 / np.linalg.eigvalsh(kernel)[-1]
    solution = solve_frequency_pde(Normal(scale=4.0), (x, y), sigma_a=0.6, t=T)
    assert solution.max_step_size == pytest.approx(limit, rel=1e-12)

    def losses(eta):
        error, values = -y, []
        for _ in range(2000):
            values.append(np.mean(error**2))
            error = error - eta * kernel @ error
        return np.array(values)

    assert np.all(np.diff(losses(0.99 * limit)) <= 0)
    assert losses(1.01 * limit)[-1] > 1e6
    solution.at(t=[0, 99 * limit], step_size=0.99 * limit)
    for refused in (
        lambda: solution.at(t=[0.0, 101 * limit], step_size=1.01 * limit),
        lambda: solve_frequency_pde(
            Normal(scale=4.0), (x, y), sigma_a=0.6, t=[0.0, 101 * limit], step_size=1.01 * limit
        ),
    ):
        with pytest.raises(ValueError, match=r"step_size=.* exceeds"):
            refused()


def test_time_is_that_of_the_mean_square():
    """One point at x = 0: the rate is k(0) = 1 whatever the density, so the error is exp(-t)."""
    solution = solve_frequency_pde(Laplace(scale=7.0), ([0.0], [2.0]), t=[0.0, 1.0, 3.0])
    np.testing.assert_allclose(solution.train_loss, 4 * np.exp(-2 * solution.t), rtol=1e-14)
