"""The tolerance is honoured: quick size of the validation, and its references among each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from validation.claims.tolerance import claim as tolerance
from validation.claims.tolerance.problem import MEASURES, draw
from validation.reference.decay import fourier_flow
from validation.reference.flow_in_frequency import frequency_errors
from validation.reference.flow_in_x import box_errors, in_x, volterra
from validation.reference.formulas import Component, Problem, Wave, density, kernel, spectrum, total
from validation.reference.zone import Zone

TONES = (Wave("gauss", 1.0, 0.3, 0.8, 3.0, 0.4), Wave("gauss", 0.7, -0.2, 1.0, 6.0, 1.0))
NORMAL = (Component(1.0, "normal", 0.5, 2.0),)


def test_problems_are_those_of_their_seeds_and_hard_enough():
    seeds = tolerance.SIZES["full"]["problems"]
    problems = [draw(seed) for seed in seeds]
    assert len(problems) >= 200
    assert problems[17] == draw(17)
    tags = Counter(tag for problem in problems for tag in problem.tags)
    for tag in tolerance.TAGS:
        assert tags[tag] >= 0.2 * len(seeds), tag
    assert Counter(problem.measure for problem in problems) == dict.fromkeys(
        MEASURES, len(seeds) // 4
    )
    decaying = {(p.measure, p.contracts) for p in problems if p.decays}
    assert decaying == {(m, c) for m in MEASURES for c in (False, True)} - {("Grid", True)}
    assert all(p.gamma_w == 0 for p in problems if p.measure == "Grid")


def test_status_and_errors_are_counted_apart():
    def row(seed, status, error, **more):
        run = {"rtol": 1e-4, "status": status, "error": error, "seconds": 1.0} | more
        return {"seed": seed, "measure": "Grid", "tags": [], "runs": [run]}

    rows = [
        row(0, "converged: ...", 5e-5),
        row(1, "converged: ...", 5e-5, test_error=3e-4),
        row(2, "tolerance not met: ...", 1e-3),
    ]
    table = tolerance.summary(rows, 1e-4)
    assert table["converged"] == 2
    assert table["share_below"] == 0.5
    assert table["max_ratio"] == pytest.approx(3.0)
    assert [entry["seed"] for entry in table["above"]] == [1]
    assert [entry["seed"] for entry in table["not_converged"]] == [2]


@pytest.mark.parametrize(
    "part",
    [
        Component(0.7, "normal", 1.0, 2.0),
        Component(0.7, "student", 0.5, 2.0, 1.7),
        Component(0.7, "laplace", 1.0, 2.0),
        Component(0.7, "uniform", 1.0, 2.0),
    ],
    ids=lambda part: part.family,
)
def test_density_kernel_and_fold_belong_together(part):
    z = np.array([0.3, 1.1])
    xi = np.linspace(0.0, 400.0, 1_000_001)
    waves = 2 * np.trapezoid(part.even(xi)[0] * np.cos(np.multiply.outer(z, xi)), xi)
    # The cut tail of the Student t and the jumps of the uniform density leave that much.
    np.testing.assert_allclose(part.kernel(z), waves, atol=1e-4)
    at, shift = np.array([0.4, 1.3]), 1e-5
    copies = 2 * np.pi / 0.9 * np.arange(-20_000, 20_001)
    summed = part.even(at[:, None] + copies)[0].sum(axis=1)
    np.testing.assert_allclose(part.folded(at, 0.9)[0], summed, rtol=1e-5)
    up, down = part.folded(at + shift, 0.9)[0], part.folded(at - shift, 0.9)[0]
    np.testing.assert_allclose(part.folded(at, 0.9)[1], (up - down) / (2 * shift), atol=1e-8)


@pytest.mark.parametrize("kind", ["gauss", "corner", "hat"])
def test_transforms_of_waves(kind):
    wave = Wave(kind, 0.8, 0.3, 0.7, 0.0 if kind == "hat" else 3.0, 0.4)
    xi = np.array([-2.0, 0.0, 3.5])
    edges = np.union1d(np.linspace(-25, 25, 301), wave.kinks)
    unit, weight = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    x, share = (edges[:-1, None] + half + half * unit).ravel(), (half * weight).ravel()
    integral = np.exp(-1j * np.multiply.outer(xi, x)) @ (share * wave(x))
    np.testing.assert_allclose(spectrum((wave,), xi), integral, atol=1e-12)


def line_problem(**changes):
    base = Problem(0, "Line", (), NORMAL, TONES, (), 0.8, t=tuple(np.geomspace(1e-2, 10, 5)))
    return replace(base, **changes)


@pytest.mark.parametrize("gamma", [(0.0, 0.0), (0.2, 0.0), (0.1, 0.2)])
def test_elements_on_line_against_x_space(gamma):
    problem = line_problem(gamma_a=gamma[0], gamma_w=gamma[1], towards="start", start=TONES[:1])
    seen, zone = frequency_errors(problem, 1), Zone(problem)
    x = 0.15 * np.arange(-200, 201)
    weights = np.full(x.size, 0.15)
    gram = kernel(NORMAL, x[:, None] - x) * weights
    errors = in_x(problem, x, weights, gram, 1)
    spectra = (errors * weights) @ np.exp(-1j * np.multiply.outer(x, seen.zeta))
    spectra[:, seen.zeta > 19] = seen.errors[:, seen.zeta > 19]
    assert seen.norm(spectra - seen.errors).max() < 1e-11 * zone.norm


def test_elements_on_line_under_contraction_against_x_space():
    problem = line_problem(
        density=(Component(1.0, "normal", 0.0, 2.0),), target=TONES[:1],
        gamma_a=0.05, gamma_w=0.02, t=(0.5, 10.0),
    )  # fmt: skip
    seen, zone = frequency_errors(problem, 1), Zone(problem)
    flow = fourier_flow(
        lambda z: kernel(problem.density, z[..., 0]), lambda x: total(problem.target, x), 0.8,
        np.array(problem.t), half_width=20, spacing=0.16, gamma_a=0.05, gamma_w=0.02,
    )  # fmt: skip
    for k, t in enumerate(problem.t):
        grow = np.exp(0.02 * t)
        inside = seen.zeta < 19
        found = flow.spectrum(seen.zeta[inside] / grow)[k] / grow
        error = np.zeros_like(seen.errors)
        error[k, inside] = found - seen.errors[k, inside]
        assert seen.norm(error).max() < 1e-7 * zone.norm


@pytest.mark.parametrize("origin", [0.0, 0.13])
@pytest.mark.parametrize("gamma_a", [0.0, 0.2])
def test_elements_on_grid_against_the_lattice(origin, gamma_a):
    student = (Component(1.0, "student", 0.0, 3.0, 2.5),)
    problem = line_problem(
        measure="Grid", place=(0.6, origin), density=student, gamma_a=gamma_a, start=TONES[1:]
    )
    seen, zone = frequency_errors(problem, 1), Zone(problem)
    x = origin + 0.6 * np.arange(-40, 41)
    weights = np.full(x.size, 0.6)
    errors = in_x(problem, x, weights, kernel(student, x[:, None] - x) * weights, 1)
    spectra = (errors * weights) @ np.exp(-1j * np.multiply.outer(x, seen.zeta))
    assert seen.norm(spectra - seen.errors).max() < 1e-11 * zone.norm


def test_loss_on_the_whole_line_against_quadrature_in_x():
    problem = line_problem(measure="Grid", place=(0.6, 0.1))
    found = frequency_errors(problem, 1).test_loss
    x = 0.1 + 0.6 * np.arange(-40, 41)
    matrix = kernel(NORMAL, x[:, None] - x) * (1 + 0.64 * np.outer(x, x))
    rates, modes = np.linalg.eigh(0.6 * matrix)
    start = modes.T @ problem.first_error(x)
    t = np.array(problem.t)[:, None]
    memory = (-np.expm1(-t * rates) / rates * start) @ modes.T
    fine = 0.05 * np.arange(-500, 501)
    columns = kernel(NORMAL, x[:, None] - fine) * (1 + 0.64 * np.outer(x, fine))
    errors = problem.first_error(fine) - 0.6 * memory @ columns
    np.testing.assert_allclose(found, 0.05 * np.sum(errors**2, axis=1), rtol=1e-10)


def test_galerkin_on_a_box_against_nystrom():
    """A kernel that is nearly kinked is still analytic: plenty of Gauss nodes integrate it too."""
    problem = line_problem(
        measure="Box", place=(-0.7, 1.1), density=(Component(1.0, "laplace", 0.0, 2.0),),
        t=(1.0, 100.0),
    )  # fmt: skip
    x, weights, errors = box_errors(problem, 1)
    unit, share = np.polynomial.legendre.leggauss(160)
    nodes, share = 0.2 + 0.9 * unit, share / 2
    gram = kernel(problem.density, nodes[:, None] - nodes) * share
    dense = in_x(problem, nodes, share, gram, 1)
    both = [
        (part * w) @ np.cos(np.multiply.outer(y, [0.0, 2.0, 9.0]))
        for part, w, y in ((errors, weights, x), (dense, share, nodes))
    ]
    np.testing.assert_allclose(*both, atol=1e-12)


def test_volterra_without_contraction_is_the_flow_with_fading_memories():
    problem = line_problem(measure="Points", place=tuple(np.linspace(-1, 1, 9)), gamma_a=0.3)
    x, weights = np.array(problem.place), np.full(9, 1 / 9)
    gram = kernel(NORMAL, x[:, None] - x) * weights
    flow = in_x(problem, x, weights, gram, 1)
    moving = volterra(problem, x, weights, 10, 1.5, 0.02)
    np.testing.assert_allclose(moving, flow, atol=1e-12)


def test_density_is_even_and_whole():
    xi = np.linspace(-60, 60, 120_001)
    assert np.trapezoid(density(NORMAL, xi), xi) == pytest.approx(1.0, abs=1e-10)
