"""Box: Legendre-Bessel Galerkin against Gauss-Legendre Nystrom collocation in x."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import pytest

from ntkfreq import Box, Empirical, Laplace, Normal, StudentT, Uniform, solve_frequency_pde
from validation.reference.dense import box_flow, learning_rates
from validation.reference.kernels import KERNELS, normal

SIGMA_A, SCALE = 0.8, 20.0
T = np.array([0.0, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
XI = np.linspace(-60, 60, 161)
BOXES = [(-1.0, 1.0), (-0.3, 1.2)]
# Density, Nystrom nodes, tolerance relative to the initial error. The kernel of StudentT(3) has a
# kink on the diagonal, so its Nystrom reference converges like n^-3 only: 4e-7 at 600 nodes.
CASES = {
    "normal": (Normal(scale=SCALE), 300, 1e-8),
    "laplace": (Laplace(scale=SCALE), 300, 1e-8),
    "uniform": (Uniform(scale=SCALE), 300, 1e-8),
    "studentt3": (StudentT(3.0, scale=SCALE), 600, 1e-5),
}
each_case = pytest.mark.parametrize("name", CASES)
each_box = pytest.mark.parametrize("box", BOXES)


def y(x):
    return np.sin(5 * x) + 0.5 * np.cos(23 * x) + 0.3 * x


@lru_cache
def dense(name, box, nodes=None):
    return box_flow(
        partial(KERNELS[name], scale=SCALE), y, SIGMA_A, T,
        nodes=nodes or CASES[name][1], lower=box[0], upper=box[1],
    )  # fmt: skip


@lru_cache
def solved(name, box):
    return solve_frequency_pde(
        CASES[name][0], y, sigma_a=SIGMA_A, measure=Box(*box), t=T, frequencies=XI, rtol=1e-9
    )


@each_box
@each_case
def test_losses_are_those_of_the_dense_flow(name, box):
    solution, flow = solved(name, box), dense(name, box)
    assert solution.status.startswith("converged")
    assert np.abs(solution.train_loss - flow.loss).max() < CASES[name][2] * flow.loss[0]
    np.testing.assert_array_equal(solution.test_loss, solution.train_loss)


@each_box
@each_case
def test_errors_are_those_of_the_dense_flow(name, box):
    """Root mean square and largest, at the nodes, to t = 1e5."""
    flow = dense(name, box)
    difference = solved(name, box).error(flow.x) - flow.errors
    mean_square = np.sqrt(difference**2 @ flow.nodes.weights / flow.loss[0])
    assert mean_square.max() < CASES[name][2]
    assert np.abs(difference).max() < CASES[name][2] * np.abs(flow.initial).max()


@each_box
@each_case
def test_spectrum_is_the_transform_of_the_error(name, box):
    """By Gauss-Legendre quadrature of the dense flow's errors."""
    expected = dense(name, box).spectrum(XI)
    gap = np.abs(solved(name, box).spectrum - expected).max()
    assert gap < CASES[name][2] * np.abs(expected[0]).max()


@each_box
@each_case
def test_output_outside_the_box_is_the_kernel_formula(name, box):
    """Outside, the output is the kernel against the time integral of the error."""
    x = np.array([box[0] - 0.4, box[0] - 0.02, box[1] + 0.01, box[1] + 0.7])
    gap = solved(name, box).output(x) - dense(name, box).output_change(x)
    assert np.abs(gap).max() < CASES[name][2]


@each_case
def test_reference_has_converged(name):
    """Two thirds of the nodes change the losses by less than the tolerance."""
    coarse = dense(name, BOXES[0], 2 * CASES[name][1] // 3)
    fine = dense(name, BOXES[0])
    assert np.abs(coarse.loss - fine.loss).max() < CASES[name][2] * fine.loss[0]


def test_theory_section_4():
    """Loss inside [-1, 1] for mu = dx: 1.1e-5 at t = 1e3 and 1.0e-7 at t = 1e5.

    The probability measure of the interface doubles the times and halves the losses.
    """
    solution = solve_frequency_pde(
        Normal(scale=SCALE), y, sigma_a=SIGMA_A, measure=Box(-1, 1), t=[2e3, 2e5]
    )
    flow = box_flow(
        partial(KERNELS["normal"], scale=SCALE), y, SIGMA_A, [2e3, 2e5],
        nodes=300, lower=-1.0, upper=1.0,
    )  # fmt: skip
    for loss in (solution.train_loss, flow.loss):
        np.testing.assert_allclose(2 * loss, [1.109e-5, 1.014e-7], rtol=1e-3)


def test_output_joins_at_the_edge():
    """The polynomials inside and the kernel outside are one function."""
    edge = np.array([1.0 - 1e-9, 1.0 + 1e-9])
    inside, outside = solved("normal", BOXES[0]).output(edge).T
    np.testing.assert_allclose(inside, outside, atol=1e-6)


@each_box
def test_initial_output(box):
    def first(x):
        return 0.5 * np.cos(9 * x + 1)

    solution = solve_frequency_pde(
        Normal(scale=SCALE), y, sigma_a=SIGMA_A, measure=Box(*box), t=T, frequencies=XI, rtol=1e-9,
        initial_output=first,
    )  # fmt: skip
    flow = box_flow(
        partial(KERNELS["normal"], scale=SCALE), y, SIGMA_A, T,
        nodes=300, lower=box[0], upper=box[1], f0=first,
    )  # fmt: skip
    assert np.abs(solution.train_loss - flow.loss).max() < 1e-8 * flow.loss[0]
    assert np.abs(solution.error(flow.x) - flow.errors).max() < 1e-8
    x = np.array([box[0] - 0.3, box[1] + 0.2])
    np.testing.assert_allclose(solution.output(x), first(x) + flow.output_change(x), atol=1e-8)
    np.testing.assert_allclose(solution.output([0.3])[0], first(np.array([0.3])), atol=1e-12)


@each_box
def test_gradient_descent_is_the_power_of_the_step(box):
    eta = 0.9 * solved("normal", box).max_step_size
    times = eta * np.array([0, 1, 2, 30, 1000, 100_000])
    flow = box_flow(
        partial(KERNELS["normal"], scale=SCALE), y, SIGMA_A, times,
        nodes=300, lower=box[0], upper=box[1], step_size=eta,
    )  # fmt: skip
    rates = learning_rates(partial(KERNELS["normal"], scale=SCALE), flow.nodes, SIGMA_A)
    assert eta == pytest.approx(0.9 * 2 / rates[-1], rel=1e-10)
    solution = solve_frequency_pde(
        Normal(scale=SCALE), y, sigma_a=SIGMA_A, measure=Box(*box), t=times, step_size=eta,
        frequencies=XI, rtol=1e-9,
    )  # fmt: skip
    assert np.abs(solution.train_loss - flow.loss).max() < 1e-8 * flow.loss[0]
    assert np.abs(solution.error(flow.x) - flow.errors).max() < 1e-8 * np.abs(flow.initial).max()


def test_atoms():
    """Three atoms: a kernel of rank six in k, known as a sum of cosines."""
    atoms, shares = np.array([2.0, 5.0, 11.0]), np.array([0.5, 0.3, 0.2])
    solution = solve_frequency_pde(
        Empirical(atoms, shares), y, sigma_a=SIGMA_A, measure=Box(-1, 1), t=T, rtol=1e-9
    )
    flow = box_flow(
        lambda z: np.cos(z * atoms) @ shares, y, SIGMA_A, T, nodes=200, lower=-1.0, upper=1.0
    )
    assert np.abs(solution.train_loss - flow.loss).max() < 1e-8 * flow.loss[0]


def test_shifted_density():
    solution = solve_frequency_pde(
        Normal(loc=15.0, scale=6.0), y, sigma_a=SIGMA_A, measure=Box(-0.3, 1.2), t=T, rtol=1e-9
    )

    def kernel(z):
        return np.cos(15 * z[..., 0]) * normal(z, 6.0)

    flow = box_flow(kernel, y, SIGMA_A, T, nodes=200, lower=-0.3, upper=1.2)
    assert np.abs(solution.train_loss - flow.loss).max() < 1e-8 * flow.loss[0]


def test_samples_are_read_as_their_spline():
    """200 samples of a smooth target: the cubic spline is 1e-5 from it, and so is the loss."""
    x = np.linspace(-1, 1, 200)
    solution = solve_frequency_pde(
        Normal(scale=SCALE), (x, y(x)), sigma_a=SIGMA_A, measure=Box(-1, 1), t=T
    )
    assert np.abs(solution.train_loss - dense("normal", BOXES[0]).loss).max() < 1e-5


def test_three_dimensional_box_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"measure=Box.*two dimensions.*use measure=Points"):
        solve_frequency_pde(Normal(dim=3), lambda x: x.sum(axis=1), measure=Box([0] * 3, [1] * 3))
