"""Grid in two dimensions against dense gradient flows on the samples.

The dense flow is exact but for the samples beyond its half-width, which is chosen so that they
matter less than the tolerances here.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import pytest

from ntkfreq import (
    Grid,
    Laplace,
    Line,
    Mixture,
    Normal,
    StudentT,
    Target,
    Uniform,
    solve_frequency_pde,
)
from ntkfreq.problem.density.folded_plane import PlaneFold
from ntkfreq.problem.rectangle import tensor_points
from validation.reference.dense import dense_flow, uniform_line_spectrum
from validation.reference.kernels import KERNELS, normal
from validation.reference.nodes import cell_nodes, lattice_nodes

SIGMA_A, SCALE, SPACING = 0.7, 1.5, 0.7
T = np.array([0.1, 1.0, 10.0])
XI = np.random.default_rng(0).uniform(-8, 8, (50, 2))
X = np.random.default_rng(1).uniform(-3, 3, (30, 2))
CENTER = np.array([1.0, 0.6])


def y(x):
    """Tones at 2 and at 5, above the Nyquist frequency 4.49 of the lattice along no axis."""
    window = np.exp(-np.sum(x**2, axis=1) / 3)
    return window * (np.cos(x @ [1.2, 1.6]) + 0.7 * np.sin(x @ [4.0, -3.0] + 0.3) + 0.2 * x[:, 0])


def off_axes(z):
    return np.cos(z @ CENTER) * normal(z, SCALE)


# Density, its kernel, origin of the lattice, half-width of the dense flow.
CASES = {
    "normal": (Normal(scale=SCALE, dim=2), partial(normal, scale=SCALE), 0.0, 14.0),
    "halfway": (Normal(scale=SCALE, dim=2), partial(normal, scale=SCALE), SPACING / 2, 14.0),
    "student": (
        StudentT(3.0, scale=SCALE, dim=2), partial(KERNELS["studentt3"], scale=SCALE), 0.0, 14.0,
    ),
    "off both axes": (Normal(loc=CENTER, scale=SCALE, dim=2), off_axes, 0.0, 10.5),
}  # fmt: skip


@lru_cache
def dense(name):
    _, kernel, origin, half_width = CASES[name]
    nodes = lattice_nodes(SPACING, half_width, origin=origin, dim=2)
    return dense_flow(kernel, nodes, y, SIGMA_A, T, parity=name != "off both axes")


@lru_cache
def solved(name, rtol=1e-6):
    density, _, origin, _ = CASES[name]
    return solve_frequency_pde(
        density,
        y,
        measure=Grid(SPACING, origin),
        sigma_a=SIGMA_A,
        t=T,
        frequencies=XI,
        rtol=rtol,
    )


@pytest.mark.parametrize("name", CASES)
def test_samples_against_the_dense_flow(name):
    assert solved(name).status.startswith("converged")
    initial = float(y(dense(name).nodes.x) ** 2 @ dense(name).nodes.weights)
    assert np.abs(solved(name).train_loss - dense(name).loss).max() < 1e-9 * initial
    wanted = dense(name).spectrum(XI)
    top = np.abs(wanted).max()
    assert np.abs(solved(name).data_spectrum - wanted).max() < 1e-5 * top


@pytest.mark.parametrize("name", CASES)
def test_output_against_the_dense_flow(name):
    wanted = dense(name).output(X)
    assert np.abs(solved(name).output(X) - wanted).max() < 1e-7


@pytest.mark.parametrize("name", ["normal", "student", "halfway"])
def test_error_between_the_samples_against_the_dense_flow(name):
    """A Gauss rule of 7 nodes in each direction of each cell; what lies beyond 9.8 is 2e-6."""
    cells = cell_nodes(SPACING, 9.8, origin=CASES[name][2], dim=2, order=7)
    flow = dense(name).on(cells)
    initial = float(y(cells.x) ** 2 @ cells.weights)
    assert np.abs(solved(name).test_loss - flow.loss).max() < 5e-6 * initial
    wanted = flow.spectrum(XI)
    gap = np.abs(solved(name).spectrum - wanted).max(axis=1) / np.abs(wanted).max()
    # A spectrum sees the cut with its square root.
    assert np.all(gap < [1e-5, 1e-4, 2e-3])


def test_test_loss_is_the_integral_of_the_test_spectrum():
    """Parseval over a plain grid of frequencies: the error is small beyond |x| = 20."""
    solution = solved("student")
    axis = np.arange(-14.0, 14.01, 0.14)
    grid = tensor_points(axis, axis)
    fine = solution.at(frequencies=grid)
    plain = np.sum(np.abs(fine.spectrum) ** 2, axis=1) * (0.14 / (2 * np.pi)) ** 2
    np.testing.assert_allclose(plain, solution.test_loss, rtol=2e-4)
    zone = np.arange(-1, 1, 1 / 40) * np.pi / SPACING
    seen = solution.at(frequencies=tensor_points(zone, zone)).data_spectrum
    cell = (np.pi / SPACING / 40 / (2 * np.pi)) ** 2
    np.testing.assert_allclose(
        np.sum(np.abs(seen) ** 2, axis=1) * cell, solution.train_loss, rtol=1e-9
    )


def test_train_falls_while_test_stays():
    """What the network writes at the aliases of the tone at (4, -3) is permanent."""
    solution = solved("student")
    assert np.all(np.diff(solution.train_loss) < 0)
    assert solution.test_loss[-1] > 20 * solution.train_loss[-1]


def test_fine_lattice_is_line():
    settings = {"sigma_a": SIGMA_A, "t": T, "frequencies": XI, "rtol": 1e-6}
    line = solve_frequency_pde(Normal(scale=SCALE, dim=2), y, **settings)
    grid = solve_frequency_pde(Normal(scale=SCALE, dim=2), y, measure=Grid(0.2), **settings)
    top = np.abs(line.spectrum).max()
    assert np.abs(grid.spectrum - line.spectrum).max() < 1e-5 * top
    assert np.abs(grid.data_spectrum - line.spectrum).max() < 1e-5 * top
    np.testing.assert_allclose(grid.test_loss, line.train_loss, rtol=1e-5)
    assert np.abs(grid.output(X) - line.output(X)).max() < 1e-6


def test_uniform_density_within_the_zone_against_a_product_of_series():
    """Heat in a square with no flux, started from the folded spectrum."""
    half, spacing = 3.0, 0.9
    t = np.array([0.2, 1.0])
    nyquist = np.pi / spacing

    def first(x):
        return np.exp(-2 * x**2) * (1 + x)

    def second(x):
        return np.exp(-2 * x**2) * np.cos(2 * x + 0.4)

    def sampled(function):
        x = spacing * np.arange(-12, 13)
        return lambda xi: spacing * np.exp(-1j * np.multiply.outer(xi, x)) @ function(x)

    xi = np.random.default_rng(2).uniform(-half + 0.1, half - 0.1, (40, 2))
    assert half < nyquist
    factors = [
        uniform_line_spectrum(sampled(function), SIGMA_A, half, np.pi / half * t, xi[:, k])
        for k, function in enumerate((first, second))
    ]
    exact = -factors[0] * factors[1] * np.exp((np.pi / half) ** 2 * t)[:, None]
    solution = solve_frequency_pde(
        Uniform(scale=half, dim=2),
        lambda x: first(x[:, 0]) * second(x[:, 1]),
        measure=Grid(spacing),
        sigma_a=SIGMA_A,
        t=t,
        frequencies=xi,
        rtol=1e-7,
    )
    assert solution.status.startswith("converged")
    assert np.abs(solution.data_spectrum - exact).max() < 1e-6 * np.abs(exact).max()


FROZEN = {
    "normal": Normal(scale=2.0, dim=2),
    "laplace": Laplace(scale=2.0, dim=2),
    "student": StudentT(3.0, loc=[1.0, 0.5], scale=2.0, dim=2),
    "uniform": Uniform(loc=[2.0, 0.0], scale=6.0, dim=2),
    "mixture": Mixture([Normal(scale=1.0, dim=2), Laplace(loc=[2.0, 0.0], scale=3.0, dim=2)]),
}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_frequencies_share_among_aliases(name):
    """Each frequency decays at its folded rate and hands its part to its aliases."""
    density, t = FROZEN[name], np.array([0.0, 0.3, 3.0])
    solution = solve_frequency_pde(
        density, y, measure=Grid(SPACING), sigma_a=0.0, t=t, frequencies=XI, rtol=1e-6
    )
    assert solution.status.startswith("converged")
    period = 2 * np.pi / SPACING
    aliases = period * np.arange(-120, 121)
    folded = np.array([density.even_pdf(xi + tensor_points(aliases, aliases)).sum() for xi in XI])
    samples = SPACING * tensor_points(np.arange(-20, 21), np.arange(-20, 21))
    seen = -(SPACING**2 * y(samples)) @ np.exp(-1j * samples @ XI.T)
    factor = np.exp(-np.multiply.outer(t, (2 * np.pi) ** 2 * folded))
    top = np.abs(seen).max()
    assert np.abs(solution.data_spectrum - seen * factor).max() < 1e-5 * top
    target = Target.from_function(y, support=((-11, 11), (-11, 11))).transform(XI)
    learned = -density.even_pdf(XI) / folded * seen * (1 - factor)
    assert np.abs(solution.spectrum - (learned - target)).max() < 1e-5 * top


@pytest.mark.parametrize("name", FROZEN)
def test_folded_density_against_plain_sums(name):
    fold = PlaneFold(FROZEN[name], SPACING)
    points = np.random.default_rng(3).uniform(-fold.nyquist, fold.nyquist, (4, 2))
    aliases = fold.period * np.arange(-120, 121)
    terms = np.stack(
        [fold.density.even_value_and_gradient(p + tensor_points(aliases, aliases)) for p in points],
        1,
    )
    wanted = terms.sum(axis=2)
    # The plain sum of a heavy tail ends early: 2e-7 of the density is beyond.
    assert np.abs(fold.at(points) - wanted).max() < 1e-6 * wanted[0].max()
    np.testing.assert_allclose(
        fold.on(points[:, 0], points[:, 1])[:, range(4), range(4)], fold.at(points), atol=1e-15
    )
    for k, p in enumerate(points):
        products = fold.products(p[:1], p[1:])[:, 0, 0]
        pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
        plain = np.array([terms[a, k] @ terms[b, k] for a, b in pairs])
        assert np.abs(products - plain).max() < 1e-9 * plain[0]


def test_products_of_a_density_wider_than_hundreds_of_periods():
    """In closed form: no alias is left out, however many there are."""
    fold, scale = PlaneFold(Normal(scale=1000.0, dim=2), SPACING), 1000.0
    found = fold.products(np.array([0.3]), np.array([1.0]))[:, 0, 0]
    # Sums over so many aliases are integrals, to all digits.
    whole = (1 / (4 * np.pi * scale**2)) / fold.period**2
    assert found[0] == pytest.approx(whole, rel=1e-12)
    assert found[3] == pytest.approx(whole / (2 * scale**2), rel=1e-12)
    assert np.abs(found[[1, 2, 4]]).max() < 1e-15 * whole


def test_gradients_against_differences():
    points = np.random.default_rng(4).uniform(-4, 4, (20, 2))
    for density in FROZEN.values():
        found = density.even_value_and_gradient(points)
        np.testing.assert_allclose(found[0], density.even_pdf(points), rtol=1e-13)
        for k, step in enumerate(1e-6 * np.eye(2)):
            slope = (density.even_pdf(points + step) - density.even_pdf(points - step)) / 2e-6
            assert np.abs(found[1 + k] - slope).max() < 1e-8


def test_initial_output_between_the_samples():
    """The error moves as that of the difference, on the samples and off them."""

    def first(x):
        return 0.4 * np.exp(-np.sum((x - [0.5, 0.0]) ** 2, axis=1))

    settings = {
        "measure": Grid(SPACING), "sigma_a": SIGMA_A, "t": T, "frequencies": XI, "rtol": 1e-6,
    }  # fmt: skip
    density = Normal(scale=SCALE, dim=2)
    with_start = solve_frequency_pde(density, y, initial_output=first, **settings)
    moved = solve_frequency_pde(density, lambda x: y(x) - first(x), **settings)
    np.testing.assert_allclose(with_start.train_loss, moved.train_loss, rtol=1e-6)
    np.testing.assert_allclose(with_start.test_loss, moved.test_loss, rtol=1e-6)
    assert np.abs(with_start.spectrum - moved.spectrum).max() < 1e-5
    assert np.abs(with_start.output(X) - first(X) - moved.output(X)).max() < 1e-6


def test_defaults_and_descent():
    solution = solve_frequency_pde(
        Normal(scale=SCALE, dim=2), y, measure=Grid(SPACING), sigma_a=SIGMA_A, rtol=1e-4
    )
    assert len(solution.t) == 65
    assert solution.frequencies.shape[1] == 2
    step = 0.01
    steps = solution.at(t=T, step_size=step)
    nodes = lattice_nodes(SPACING, 9.0, dim=2)
    flow = dense_flow(CASES["normal"][1], nodes, y, SIGMA_A, T, parity=True, step_size=step)
    initial = float(y(nodes.x) ** 2 @ nodes.weights)
    assert np.abs(steps.train_loss - flow.loss).max() < 1e-5 * initial


REFUSED = {
    "origin": (
        {"measure": Grid(0.7, 0.1)}, "origin without symmetry: with dim=2 .*shift x",
    ),
    "halfway without parity": (
        {"measure": Grid(0.7, 0.35), "rho_w": Normal(loc=[1.0, 0.5], dim=2)},
        "not even in each frequency needs a lattice point at 0",
    ),
    "jump": (
        {"rho_w": Uniform(scale=6.0, dim=2)},
        "rho_w jumps at .*the test loss on the whole line is infinite; pass test=Box",
    ),
    "decay": ({"weight_decay": 0.1}, "with dim=2: decay is solved there for dim=1"),
    "three dimensions": (
        {"rho_w": Normal(dim=3), "target": lambda x: np.exp(-np.sum(x**2, axis=1))},
        r"measure=Grid\(\) with dim=3 is solved where it reduces to one variable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    options, message = REFUSED[case]
    settings = {"rho_w": Normal(dim=2), "target": y, "measure": Grid(0.7), "sigma_a": 1.0}
    with pytest.raises(ValueError, match=message):
        solve_frequency_pde(**(settings | options))


def test_line_is_the_default_test_measure():
    settings = {"measure": Grid(SPACING), "t": [0.0, 1.0], "frequencies": XI, "rtol": 1e-4}
    density = Normal(scale=SCALE, dim=2)
    plain = solve_frequency_pde(density, y, **settings)
    named = solve_frequency_pde(density, y, test=Line(), **settings)
    np.testing.assert_array_equal(plain.test_loss, named.test_loss)
