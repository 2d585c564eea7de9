"""Line in two dimensions against dense gradient flows, closed forms and plain matrices.

The dense references are trapezoid sums on a grid of spacing h cut at |x_k| <= D; what they leave
is measured here by changing both.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import pytest

from ntkfreq import (
    Box,
    Laplace,
    Line,
    Mixture,
    Normal,
    StudentT,
    Target,
    Uniform,
    solve_frequency_pde,
)
from ntkfreq.pde.time.propagators import EigenPropagator
from validation.reference.dense import dense_flow, uniform_line_spectrum
from validation.reference.kernels import KERNELS, normal
from validation.reference.kinks import extrapolated, kink_correction
from validation.reference.nodes import lattice_nodes

SIGMA_A, SCALE = 0.7, 1.5
T = np.array([0.1, 1.0, 10.0])
XI = np.random.default_rng(0).uniform(-5, 5, (60, 2))
X = np.random.default_rng(1).uniform(-3, 3, (40, 2))


def y(x):
    """Parts of all four parities."""
    window = np.exp(-np.sum(x**2, axis=1) / 3)
    return window * (np.cos(x @ [1.2, 1.6]) + 0.7 * np.sin(x @ [3.2, -2.4] + 0.3) + 0.2 * x[:, 0])


def transform_of_y(xi):
    """By hand: tones shift the transform 3 pi exp(-3 |xi|^2 / 4) of the window."""

    def window(shift):
        return 3 * np.pi * np.exp(-0.75 * np.sum((xi - shift) ** 2, axis=1))

    tone, wave = np.array([1.2, 1.6]), np.array([3.2, -2.4])
    sine = (np.exp(0.3j) * window(wave) - np.exp(-0.3j) * window(-wave)) / 2j
    slope = -1j * 1.5 * xi[:, 0] * window(np.zeros(2))
    return (window(tone) + window(-tone)) / 2 + 0.7 * sine + 0.2 * slope


TOP = float(np.abs(transform_of_y(XI)).max())


@lru_cache
def dense(name="normal", half_width=12.0, spacing=1 / 3, steps=None):
    kernel = partial(KERNELS[name], scale=SCALE)
    diagonal = 0.0
    if name == "studentt3":
        # By the density at 0: the integral of k is (2 pi)^2 rho(0) = 2 pi / scale^2.
        diagonal = kink_correction(kernel, spacing, 2 * np.pi / SCALE**2, dim=2, half_width=16.0)
    nodes = lattice_nodes(spacing, half_width, dim=2)
    return dense_flow(kernel, nodes, y, SIGMA_A, T, parity=True, diagonal=diagonal, step_size=steps)


@lru_cache
def solved(name="normal", rtol=1e-7):
    density = {"normal": Normal, "studentt3": partial(StudentT, 3.0)}[name](scale=SCALE, dim=2)
    return solve_frequency_pde(density, y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=rtol)


def test_target_transform_by_hand():
    target = Target.from_function(y, support=((-10, 10), (-10, 10)))
    assert np.abs(target.transform(XI) - transform_of_y(XI)).max() < 1e-12 * TOP
    gap = solved()._discretized.system.free_spectrum(T, XI) + transform_of_y(XI)
    assert np.abs(gap).max() < 1e-11 * TOP


def test_normal_against_the_dense_flow():
    """At t = 10 the spectrum of the reference is off by what lies beyond D, 7e-6 at 12."""
    assert solved().status.startswith("converged")
    initial = float(y(dense().nodes.x) ** 2 @ dense().nodes.weights)
    assert np.abs(solved().train_loss - dense().loss).max() < 1e-10 * initial
    np.testing.assert_array_equal(solved().test_loss, solved().train_loss)
    assert np.abs(solved().output(X) - dense().output(X)).max() < 1e-8
    gap = np.abs(solved().spectrum - dense().spectrum(XI)).max(axis=1) / TOP
    assert np.all(gap < [1e-8, 1e-6, 2e-5])
    closer = np.abs(dense(half_width=9.0).spectrum(XI) - dense().spectrum(XI)).max(axis=1) / TOP
    assert np.all(gap < 0.2 * closer)


def test_heavy_tails_against_the_dense_flow():
    """StudentT: the kink of its kernel costs h^7 once k(0) is corrected, the next term h^9."""
    solution = solved("studentt3")
    assert solution.status.startswith("converged")
    coarse, fine = dense("studentt3", 8.0, 0.25), dense("studentt3", 8.0, 0.2)
    initial = float(y(fine.nodes.x) ** 2 @ fine.nodes.weights)
    for quantity, truth, scale in (
        (lambda flow: flow.loss, solution.train_loss, initial),
        (lambda flow: flow.spectrum(XI), solution.spectrum, TOP),
    ):
        rough, close = (np.abs(quantity(flow) - truth).max() / scale for flow in (coarse, fine))
        assert close == pytest.approx(rough / 1.25**7, rel=0.1)
        limit = extrapolated(quantity(coarse), quantity(fine), 1.25, 7)
        assert np.abs(limit - truth).max() < 2e-6 * scale


def test_descent_against_dense_steps():
    step = 0.004
    flow = dense(half_width=9.0, steps=step)
    found = solved().at(t=T, step_size=step)
    initial = float(y(flow.nodes.x) ** 2 @ flow.nodes.weights)
    assert np.abs(found.train_loss - flow.loss).max() < 1e-7 * initial
    assert np.abs(found.output(X) - flow.output(X)).max() < 1e-6


def test_density_away_from_both_axes_against_the_dense_flow():
    """No parity: real and imaginary part on the whole plane."""
    center = np.array([1.0, 0.6])

    def kernel(z):
        return np.cos(z @ center) * normal(z, SCALE)

    flow = dense_flow(kernel, lattice_nodes(0.34, 7.5, dim=2), y, SIGMA_A, T)
    solution = solve_frequency_pde(
        Normal(loc=center, scale=SCALE, dim=2), y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=1e-6
    )
    assert solution.status.startswith("converged")
    system = solution._discretized.system
    assert system.names == ("real", "imag")
    assert system.blocks[0].space is system.blocks[1].space
    initial = float(y(flow.nodes.x) ** 2 @ flow.nodes.weights)
    assert np.abs(solution.train_loss - flow.loss).max() < 1e-7 * initial
    gap = np.abs(solution.output(X) - flow.output(X)).max(axis=1)
    assert np.all(gap < [1e-7, 1e-6, 1e-5])


FROZEN = {
    "normal": Normal(scale=2.0, dim=2),
    "off one axis": Normal(loc=[2.0, 0.0], scale=1.0, dim=2),
    "off both": Normal(loc=[2.0, -1.0], scale=1.5, dim=2),
    "laplace": Laplace(scale=2.0, dim=2),
    "student": StudentT(3.0, scale=2.0, dim=2),
    "uniform": Uniform(scale=3.0, dim=2),
    "uniform away": Uniform(loc=[4.0, 0.0], scale=1.5, dim=2),
    "mixture": Mixture([Normal(scale=1.0, dim=2), StudentT(3.0, scale=3.0, dim=2)]),
}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_frequencies_decay_one_by_one(name):
    density, t = FROZEN[name], np.array([0.0, 0.1, 1.0, 10.0])
    solution = solve_frequency_pde(density, y, sigma_a=0.0, t=t, frequencies=XI, rtol=1e-6)
    assert solution.status.startswith("converged")
    rate = (2 * np.pi) ** 2 * density.even_pdf(XI)
    exact = -transform_of_y(XI) * np.exp(-np.multiply.outer(t, rate))
    # The tolerance is about the norm over the plane, of order 1 here.
    assert np.abs(solution.spectrum - exact).max() < 1e-5 * TOP


def test_uniform_density_against_a_product_of_series():
    """Constant on a square: heat flows along each axis, damping is common."""
    half = 3.0
    t = np.array([0.2, 1.0])

    def first(x):
        return np.exp(-(x**2)) * (1 + x)

    def second(x):
        return np.exp(-(x**2) / 2) * np.cos(2 * x + 0.4)

    def first_hat(xi):
        return np.sqrt(np.pi) * np.exp(-(xi**2) / 4) * (1 - 0.5j * xi)

    def second_hat(xi):
        up, down = (np.sqrt(2 * np.pi) * np.exp(-((xi - s) ** 2) / 2) for s in (2, -2))
        return (np.exp(0.4j) * up + np.exp(-0.4j) * down) / 2

    xi = np.random.default_rng(2).uniform(-2.9, 2.9, (50, 2))
    common = (np.pi / half) ** 2
    factors = [
        uniform_line_spectrum(hat, SIGMA_A, half, np.pi / half * t, xi[:, k])
        for k, hat in enumerate((first_hat, second_hat))
    ]
    exact = -factors[0] * factors[1] * np.exp(common * t)[:, None]
    solution = solve_frequency_pde(
        Uniform(scale=half, dim=2),
        lambda x: first(x[:, 0]) * second(x[:, 1]),
        sigma_a=SIGMA_A,
        t=t,
        frequencies=xi,
        rtol=1e-7,
    )
    assert solution.status.startswith("converged")
    assert np.abs(solution.spectrum - exact).max() < 1e-6 * np.abs(exact).max()


@pytest.mark.parametrize(
    "density",
    [Laplace(scale=1.5, dim=2), Laplace(loc=[1.0, 0.0], scale=1.0, dim=2), FROZEN["mixture"]],
)
def test_tolerances_agree(density):
    """Kinks along the axes: a tight and a loose solution differ by the loose tolerance."""
    rough, tight = (
        solve_frequency_pde(density, y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=rtol)
        for rtol in (1e-4, 1e-7)
    )
    assert rough.status.startswith("converged")
    assert tight.status.startswith("converged")
    norm = np.sqrt(tight._discretized.system.moments[2])
    assert np.sqrt(np.abs(rough.train_loss - tight.train_loss)).max() < 1e-3 * norm
    assert np.abs(rough.spectrum - tight.spectrum).max() < 3e-3 * TOP
    assert np.abs(rough.output(X) - tight.output(X)).max() < 1e-4 * norm


def test_initial_output_moves_the_target():
    def first(x):
        return 0.4 * np.exp(-np.sum((x - [0.5, 0.0]) ** 2, axis=1))

    settings = {"sigma_a": SIGMA_A, "t": T, "frequencies": XI, "rtol": 1e-6}
    with_start = solve_frequency_pde(
        Normal(scale=SCALE, dim=2), y, initial_output=first, **settings
    )
    moved = solve_frequency_pde(Normal(scale=SCALE, dim=2), lambda x: y(x) - first(x), **settings)
    assert np.abs(with_start.spectrum - moved.spectrum).max() < 1e-6 * TOP
    np.testing.assert_allclose(with_start.train_loss, moved.train_loss, rtol=1e-6)
    np.testing.assert_allclose(with_start.output(X), moved.output(X) + first(X), atol=1e-6)


def test_parities_without_load_are_dropped():
    def even(x):
        return np.exp(-np.sum(x**2, axis=1)) * np.cos(x[:, 0])

    system = solve_frequency_pde(Normal(dim=2), even, t=[0.0, 1.0])._discretized.system
    assert system.names == ("ee",)
    wave = solve_frequency_pde(Normal(dim=2), lambda x: x[:, 1] * even(x), t=[0.0, 1.0])
    assert wave._discretized.system.names == ("eo",)
    zero = solve_frequency_pde(Normal(dim=2), lambda x: 0.0, t=[0.0, 1.0])
    assert zero._discretized.system.names == ("ee",)
    assert not zero.train_loss.any()
    assert not zero.output(X).any()


def test_users_interface():
    solution = solved()
    assert solution.spectrum.shape == (3, 60)
    low, high = (
        solution.at(t=np.append(0, np.geomspace(1e-3, 10, 40))).learning_time(band)
        for band in [(0, 2.5), (3, 5)]
    )
    assert 0 < low < high
    np.testing.assert_allclose(solution.error(X), solution.output(X) - y(X))
    tested = solve_frequency_pde(
        Normal(scale=SCALE, dim=2), y, t=T, test=Box([-1, -1], [1, 1]), rtol=1e-4
    )
    assert tested.test_loss.shape == (3,)
    default = solve_frequency_pde(Normal(scale=SCALE, dim=2), y, rtol=1e-4)
    assert default.t[0] == 0
    assert len(default.t) == 65
    assert default.frequencies.shape[1] == 2
    assert default.train_loss[-1] < 0.05 * default.train_loss[0]


def test_output_is_the_inverse_transform_of_the_spectrum():
    """By the trapezoid rule over a grid of frequencies, which is all that is known there."""
    solution = solved(rtol=1e-6)
    system = solution._discretized.system
    evolution = solution._discretized.evolve(solution._dynamics, T)
    points = X[:5]
    end = 9.5
    axis = np.linspace(-end, end, 161)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    values = system.spectrum_change(evolution, grid)
    step = (axis[1] - axis[0]) ** 2 / (2 * np.pi) ** 2
    plain = (values @ np.exp(1j * grid @ points.T) * step).real
    assert np.abs(plain - system.output_change(evolution, points)).max() < 1e-4


def test_eigendecomposition_of_a_small_plane_agrees():
    """The exact propagator of the same matrices: what the Krylov space leaves is in time only."""
    solution = solve_frequency_pde(
        Normal(dim=2), lambda x: np.exp(-2 * np.sum(x**2, axis=1)), t=T, rtol=1e-3
    )
    for block, part in zip(
        solution._discretized.system.blocks, solution._discretized.propagators, strict=True
    ):
        exact = EigenPropagator(block).evolve(solution._dynamics, T)
        found = part.evolve(solution._dynamics, T)
        np.testing.assert_allclose(found.energy, exact.energy, atol=1e-4 * exact.energy[0])


def test_rough_targets_are_not_called_converged():
    """A disc has a jump no tensor grid of panels resolves."""
    solution = solve_frequency_pde(
        Normal(dim=2),
        Target.from_function(
            lambda x: (np.sum(x**2, axis=1) < 1).astype(float), support=((-2, 2), (-2, 2))
        ),
        t=[0.0, 1.0],
        rtol=1e-4,
    )
    assert solution.status.startswith("tolerance not met")


REFUSED = {
    "sine": (
        lambda: solve_frequency_pde(Normal(dim=2), lambda x: np.sin(x[:, 0])),
        r"target does not decay within \|x\| < 1024.*Target.from_function\(f, support=\(\(a1",
    ),
    "three dimensions": (
        lambda: solve_frequency_pde(Normal(dim=3), lambda x: np.exp(-np.sum(x**2, axis=1))),
        r"measure=Line\(\) with dim=3 is solved where it reduces.*from_radial.*Points\(x\)",
    ),
    "cut support": (
        lambda: Target.from_function(
            lambda x: np.exp(-np.sum(x**2, axis=1)), support=((-1, 1), (-9, 9))
        ),
        "ends where the target is 0.368",
    ),
    "reversed support": (
        lambda: Target.from_function(y, support=((1, -1), (0, 1))),
        r"support\[0\]=\(1, -1\) must have low < high",
    ),
    "three sides": (
        lambda: Target.from_function(y, support=((0, 1), (0, 1), (0, 1))),
        r"must be \(low, high\) or a pair of these",
    ),
    "kinks on a rectangle": (
        lambda: Target.from_function(y, support=((-9, 9), (-9, 9)), kinks=[0.0]),
        "kinks=.* are places on a line; a target on a rectangle has none",
    ),
    "samples": (
        lambda: solve_frequency_pde(Normal(dim=2), (X, np.ones(len(X))), measure=Line()),
        "target is known at samples, between which it is unknown",
    ),
    "initial output": (
        lambda: solve_frequency_pde(Normal(dim=2), y, initial_output=lambda x: np.cos(x[:, 0])),
        "initial_output does not decay",
    ),
    "decay": (
        lambda: solve_frequency_pde(Normal(dim=2), y, weight_decay=0.1),
        r"weight_decay=0.1.* with dim=2: decay is solved there for dim=1; use measure=Points",
    ),
    "support of another dimension": (
        lambda: solve_frequency_pde(
            Normal(dim=3), Target.from_function(y, support=((-12, 12), (-12, 12)))
        ),
        "target has a support of dimension 2 and rho_w dimension 3",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    action, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        action()
