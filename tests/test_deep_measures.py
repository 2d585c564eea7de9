"""Hidden layers on Box, Line and Grid: against dense flows whose kernel is computed apart."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.linalg import eigh

from ntkfreq import (
    Box,
    Empirical,
    Grid,
    HeavyBall,
    Laplace,
    Line,
    Mixture,
    Normal,
    Points,
    StudentT,
    Uniform,
    deep_density,
    solve_frequency_pde,
)
from ntkfreq._support.sizes import SizeError
from ntkfreq.numerics.quadrature import gauss_legendre, panel_rule
from ntkfreq.pde.box.displaced import displaced_gram
from ntkfreq.pde.elements import forms
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.pair import TwoDensities
from validation.reference.deep_kernel import Network, kernel

SCALES = {"sigma_a": 0.8, "sigma_w": 1.2, "sigma_b": 0.4}


def relu_recursion(network: Network, k: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The closed formulas of Cho and Saul, layer by layer."""
    q, p, S, C = 1.0, 0.0, k, (u * k if network.trained else 0 * k)
    for _ in range(network.depth):
        p = network.sigma_w**2 * q + network.sigma_b**2
        r = np.clip((network.sigma_w**2 * S + network.sigma_b**2) / p, -1, 1)
        angle = np.arccos(r)
        C = (np.pi - angle) / np.pi * (S + 1 + network.sigma_w**2 * C)
        S = p / np.pi * (np.sqrt(1 - r * r) + (np.pi - angle) * r)
        q = p
    return S + network.sigma_a**2 * C


def reference(scale, activation, depth, trained, x, z, constant=True):
    """Kernel between points (n,) and (m,), by default with what it adds to a constant."""
    network = Network(depth, activation, trained=trained, **SCALES)
    formula = relu_recursion if activation == "relu" else kernel
    features = np.exp(-((scale * np.round(np.abs(x[:, None] - z), 12)) ** 2) / 2)
    k, where = np.unique(np.where(features > 1e-17, features, 0.0), return_inverse=True)
    inner = formula(network, k, np.zeros_like(k))
    outer = formula(network, k, np.ones_like(k)) - inner
    if not constant:
        inner = inner - formula(network, np.zeros(1), np.zeros(1))[0]
    shape = (len(x), len(z))
    return inner[where].reshape(shape) + np.outer(x, z) * outer[where].reshape(shape)


def flow(gram, weights, error, t):
    """Errors (T, n) and memories (T, n) of the flow on points with weights."""
    root = np.sqrt(weights)
    rates, modes = eigh(gram * root[:, None] * root)
    rates = np.maximum(rates, 1e-300)
    start = modes.T @ (root * error)
    left = np.exp(-np.outer(t, rates))
    held = -np.expm1(-np.outer(t, rates)) / rates
    return (left * start) @ modes.T / root, (held * start) @ modes.T / root, rates[-1]


def target(x):
    return np.sin(3 * x) + 0.5 * np.cos(9 * x)


def bump(x):
    return np.exp(-(x**2) / 2) * (np.cos(2 * x) + np.sin(4 * x))


def on_box(activation, trained, count, t, scale=3.0):
    """Nodes, weights and the flow of the target on [-1, 1.5] by a rule of Gauss and Legendre."""
    unit, weight = gauss_legendre(count)
    x = 0.25 + 1.25 * unit
    gram = reference(scale, activation, 2, trained, x, x)
    return x, weight / 2, flow(gram, weight / 2, -target(x), t)


T = np.array([0.0, 0.3, 2.0, 20.0, 200.0])


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "sine"])
def test_box_of_smooth_layers(activation, trained):
    """A rule of 64 nodes is exact for a kernel as wide as a third."""
    solution = solve_frequency_pde(
        Normal(scale=3.0), target, measure=Box(-1, 1.5), depth=2, activation=activation,
        train_frequencies=trained, t=T, frequencies=[0.0, 3.0, 9.0], rtol=1e-9, **SCALES,
    )  # fmt: skip
    x, weights, (errors, held, rate) = on_box(activation, trained, 64, T)
    assert solution.status.startswith("converged")
    assert solution.output(x) == pytest.approx(errors + target(x), abs=1e-8)
    assert solution.train_loss == pytest.approx(errors**2 @ weights, abs=1e-8)
    spectrum = (errors * weights) @ np.exp(-1j * np.outer(x, [0.0, 3.0, 9.0]))
    assert solution.data_spectrum == pytest.approx(spectrum, abs=1e-8)
    assert solution.max_step_size == pytest.approx(2 / rate, rel=1e-8)
    outside = np.array([-1.7, 2.4])
    between = reference(3.0, activation, 2, trained, x, outside)
    expected = -(held * weights) @ between
    assert solution.output(outside) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("trained", [True, False])
def test_box_of_rectifiers(trained):
    """The kink on the diagonal costs a rule of n nodes 1/n^2, which two of them give away."""
    solution = solve_frequency_pde(
        Normal(scale=3.0), target, measure=Box(-1, 1.5), depth=2, train_frequencies=trained, t=T,
        rtol=1e-8, **SCALES,
    )  # fmt: skip
    few, many = (
        errors**2 @ weights
        for _, weights, (errors, _, _) in (on_box("relu", trained, n, T) for n in (150, 300))
    )
    assert solution.train_loss == pytest.approx(many, abs=3e-5)
    assert solution.train_loss == pytest.approx(many + (many - few) / 3, abs=2e-7)


def lattice_flow(activation, trained, spacing, t, *, scale, reach, origin=0.0):
    """Points and the flow on a window of a lattice, without the constant."""
    x = origin + spacing * np.arange(-reach, reach + 1)
    gram = reference(scale, activation, 1, trained, x, x, constant=False)
    return x, flow(gram, np.full(len(x), spacing), -bump(x), t)


EARLY = np.array([0.0, 0.1, 0.5, 2.0, 10.0])
XI = np.array([0.0, 2.0, 4.0, 7.0])


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
def test_grid(activation, trained):
    """On the samples and between them, where a rule has panels from kink to kink.

    The window ends at 24, where nothing is left; rtol is 1e-8.
    """
    solution = solve_frequency_pde(
        Normal(scale=2.5), bump, measure=Grid(0.4, 0.1), depth=1, activation=activation,
        train_frequencies=trained, drop_constant=True, t=EARLY, frequencies=XI, rtol=1e-8, **SCALES,
    )  # fmt: skip
    x, (errors, held, rate) = lattice_flow(
        activation, trained, 0.4, EARLY, scale=2.5, reach=60, origin=0.1
    )
    assert solution.status.startswith("converged")
    assert solution.train_loss == pytest.approx(0.4 * np.sum(errors**2, axis=1), abs=1e-9)
    spectrum = 0.4 * errors @ np.exp(-1j * np.outer(x, XI))
    assert solution.data_spectrum == pytest.approx(spectrum, abs=1e-8)
    fine, weights = panel_rule(x)
    learned = -0.4 * held @ reference(2.5, activation, 1, trained, x, fine, constant=False)
    assert solution.output(fine) == pytest.approx(learned, abs=2e-8)
    error = learned - bump(fine)
    assert solution.test_loss == pytest.approx(error**2 @ weights, abs=1e-8)
    spectrum = (error * weights) @ np.exp(-1j * np.outer(fine, XI))
    assert solution.spectrum == pytest.approx(spectrum, abs=1e-7)
    if not trained:  # of trained ones the rates of a window grow with its square
        assert solution.max_step_size == pytest.approx(2 / rate, rel=1e-3)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "sine"])
def test_line(activation, trained):
    """A sum over points a tenth apart is an integral for spectra that end before 31."""
    solution = solve_frequency_pde(
        Normal(scale=1.5), bump, measure=Line(), depth=1, activation=activation,
        train_frequencies=trained, drop_constant=True, t=EARLY, frequencies=XI, rtol=1e-8, **SCALES,
    )  # fmt: skip
    x, (errors, _, _) = lattice_flow(activation, trained, 0.1, EARLY, scale=1.5, reach=250)
    assert solution.status.startswith("converged")
    assert solution.train_loss == pytest.approx(0.1 * np.sum(errors**2, axis=1), abs=1e-9)
    spectrum = 0.1 * errors @ np.exp(-1j * np.outer(x, XI))
    assert solution.spectrum == pytest.approx(spectrum, abs=1e-8)
    assert solution.output(x) == pytest.approx(errors + bump(x), abs=1e-8)


def test_line_of_rectifiers_is_the_limit_of_lattices():
    """The test loss of a fine lattice without aliases of the data, to the square of its spacing."""
    solutions = [
        solve_frequency_pde(
            Normal(scale=2.0), bump, measure=measure, depth=2, drop_constant=True, t=EARLY,
        )
        for measure in (Line(), Grid(0.1), Grid(0.05))
    ]  # fmt: skip
    line, coarse, fine = (solution.train_loss for solution in solutions)
    assert np.abs(coarse - line).max() < 4e-3
    assert fine + (fine - coarse) / 3 == pytest.approx(line, abs=2e-5)


@pytest.mark.parametrize(("trained", "drop"), [(True, False), (False, True)])
def test_lines_are_limits_of_wide_boxes(trained, drop):
    """With frozen frequencies without the constant, with trained ones with it: 1 / W apart."""

    def solved(measure, t, **options):
        return solve_frequency_pde(
            Normal(scale=1.5), lambda x: bump(x) + np.exp(-(x**2)), measure=measure, depth=1,
            activation="tanh", train_frequencies=trained, t=t, frequencies=[0.0], **options,
        )  # fmt: skip

    x, t = np.linspace(-4, 4, 41), EARLY[:4]
    line = solved(Line(), t, drop_constant=drop)
    gaps = []
    for width in (30, 60):
        box = solved(Box(-width / 2, width / 2), width * t)
        gaps.append(np.abs(box.output(x) - line.output(x)).max())
    assert gaps[1] < 0.03
    assert gaps[0] / gaps[1] == pytest.approx(2, abs=0.2)
    if trained:
        assert line.spectrum[:, 0] == pytest.approx(60 * box.data_spectrum[:, 0], abs=0.02)


def test_what_is_dropped_matters_with_trained_frequencies():
    kept, dropped = (
        solve_frequency_pde(
            Normal(scale=1.5), bump, measure=Line(), depth=1, t=EARLY, frequencies=[0.0],
            drop_constant=drop,
        )
        for drop in (False, True)
    )  # fmt: skip
    assert abs(kept.spectrum[2, 0]) < 0.6 * abs(dropped.spectrum[2, 0])
    assert "dropped" not in kept.stats
    assert "strength 0.8" in dropped.stats["dropped"]
    assert "dropped=constant" in repr(dropped)
    assert "dropped" not in repr(kept)
    assert dropped.settings()["drop_constant"] is True
    assert kept.settings()["drop_constant"] is False
    odd = [
        solve_frequency_pde(
            Normal(scale=1.5), lambda x: x * np.exp(-(x**2)), measure=Line(), depth=1, t=EARLY,
            drop_constant=drop,
        ).train_loss
        for drop in (False, True)
    ]  # fmt: skip
    assert odd[0] == pytest.approx(odd[1], abs=1e-9)


@pytest.mark.parametrize(
    "density",
    [
        Laplace(scale=3.0),
        Uniform(scale=5.0),
        Mixture([Normal(scale=2.0), Normal(scale=6.0)], [0.5, 0.5]),
        Empirical([2.0, 5.0, 9.0]),
    ],
)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_box_needs_the_kernel_alone(activation, density):
    """Kinks of the rectifier cost points 1 / n^2, those of Laplace its square root more."""
    solution = solve_frequency_pde(
        density, target, measure=Box(-1, 1.5), depth=1, activation=activation, t=T, rtol=1e-5
    )
    unit, weight = gauss_legendre(300)
    points = solve_frequency_pde(
        density, target, measure=Points(0.25 + 1.25 * unit, weight / 2), depth=1,
        activation=activation, t=T,
    )  # fmt: skip
    assert solution.status.startswith("converged")
    assert solution.train_loss == pytest.approx(points.train_loss, abs=3e-4)
    assert solution.max_step_size == pytest.approx(points.max_step_size, rel=3e-3)


@pytest.mark.parametrize("measure", [Line(), Grid(0.3), Box(-2, 2)])
def test_solutions_do_all_that_others_do(measure):
    drop = {} if isinstance(measure, Box) else {"drop_constant": True}
    solution = solve_frequency_pde(Normal(scale=3.0), bump, measure=measure, depth=1, **drop)
    again = pickle.loads(pickle.dumps(solution))
    assert again.train_loss == pytest.approx(solution.train_loss)
    assert solution.learning_time((1, 3)) < solution.learning_time((6, 9))
    assert solution.at(t=[0.0, 1.0]).output([0.0, 5.0]).shape == (2, 2)
    assert solution.test_loss[-1] < solution.test_loss[0]
    step = 0.5 * solution.max_step_size
    steps = solve_frequency_pde(
        Normal(scale=3.0), bump, measure=measure, depth=1, step_size=step,
        optimizer=HeavyBall(0.5), steps=50, **drop,
    )  # fmt: skip
    assert steps.train_loss[-1] < steps.train_loss[0]


def test_far_targets_of_frozen_layers_are_solved_about_zero():
    options = {"depth": 1, "activation": "tanh", "train_frequencies": False, "t": EARLY}
    near, far = (
        solve_frequency_pde(
            Normal(scale=2.0), lambda x, c=c: bump(x - c), measure=Line(), drop_constant=True,
            **options,
        )
        for c in (0.0, 300.0)
    )  # fmt: skip
    assert far.stats["solved_about"] == pytest.approx([300.0], abs=1.0)
    assert far.train_loss == pytest.approx(near.train_loss, abs=1e-6)


def test_without_layers_the_matrices_are_the_same_to_the_last_bit():
    density = StudentT(3.0, scale=2.0)
    equation = FrequencyEquation.create(density, bump, measure=Line(), sigma_a=0.7)
    assert equation.densities.alike
    assert equation.densities.strength(3.0) == 1 + (0.7 * 3.0) ** 2
    mesh = FrequencyMesh((np.linspace(0.0, 8.0, 9),))
    system = LineSystem(equation, mesh, 8)
    axis = system.axis
    rho = density.even_values(axis.rule[0].ravel()).reshape(axis.rule[0].shape)
    pattern = forms.Pattern.of(axis.unknowns, axis.size)
    even = system.blocks[0]
    expected = pattern.matrix(forms.integrals(forms.damping, axis, rho) / np.pi)
    assert np.array_equal(even.stationary.toarray(), expected.toarray())
    expected = pattern.matrix(forms.integrals(forms.diffusion, axis, rho) * (0.7**2 / np.pi))
    assert np.array_equal(even.moving.toarray(), expected.toarray())
    xi = np.linspace(0, 5, 11)
    assert np.array_equal(equation.densities.profile(xi, 3.0), density.even_values(xi))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_pair_has_the_masses_and_shapes_of_the_two_densities(activation):
    damping, diffusivity = deep_density(Normal(scale=3.0), 2, activation, sigma_a=0.8)
    pair = TwoDensities.of(Normal(scale=3.0), HiddenLayers(2, activation, sigma_a=0.8), 0.8)
    xi = np.linspace(0.0, 30.0, 301)
    still, moving = damping.pdf(xi), diffusivity.pdf(xi)
    assert pair.mass * pair.damping.even_values(xi) == pytest.approx(still, rel=1e-11)
    assert pair.spread**2 * pair.diffusion.even_values(xi) == pytest.approx(moving, rel=1e-11)
    assert pair.strength(2.0) * pair.profile(xi, 2.0) == pytest.approx(
        still + 4 * moving, rel=1e-11
    )
    assert pair.layer >= np.sqrt((moving / still).max()) * (1 - 1e-3)


def test_kernels_between_polynomials():
    """A wave is a product of its transforms; a narrow kernel is not resolved by panels."""
    order = np.arange(120)
    unit, weight = gauss_legendre(160)
    series = np.polynomial.legendre.legvander(unit, 119) * np.sqrt(2 * order + 1) * weight[:, None]
    waves = series.T @ np.exp(-7j * unit) / 2
    gram = displaced_gram(lambda z: np.cos(3.5 * z), 2.0, 120, 1e-15, "it")
    assert gram == pytest.approx(np.outer(waves, waves.conj()).real, abs=5e-14)
    with pytest.raises(SizeError, match="panels do not resolve"):
        displaced_gram(lambda z: np.cos(1e6 * z), 2.0, 8, 1e-12, "it")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"measure": Line()}, "keep it by drop_constant=False"),
        ({"measure": Line(), "train_frequencies": False}, "has no place on an infinite line"),
        (
            {"measure": Line(), "train_frequencies": False, "drop_constant": False},
            "has no place on an infinite line",
        ),
        ({"measure": Grid(0.3)}, "lattice never decays"),
        ({"measure": Grid(0.3), "drop_constant": False}, "lattice never decays"),
        ({"measure": Box(-1, 1), "drop_constant": True}, "nothing to drop"),
        ({"measure": Points([0.0, 1.0]), "drop_constant": True}, "nothing to drop"),
        ({"measure": Line(), "depth": 0, "drop_constant": True}, "without hidden layers"),
        ({"measure": Box(-1, 1), "readout_decay": 0.1}, "is solved on samples"),
        ({"measure": Line(), "weight_decay": 0.1, "drop_constant": True}, "not linear"),
        (
            {"measure": Line(), "rho_w": Laplace(scale=2.0), "drop_constant": True},
            "known for a Normal about 0",
        ),
        (
            {
                "measure": Line(),
                "sigma_w": 0.0,
                "sigma_b": 1.0,
                "sigma_a": 0.0,
                "drop_constant": True,
            },
            "no mass but its atom",
        ),
        ({"measure": Line(), "rho_w": Normal(dim=2), "drop_constant": True}, "in one dimension"),
        ({"measure": Grid(0.3), "rho_w": Normal(dim=2), "drop_constant": True}, "in one dim"),
        (
            {"measure": Box([-1, -1], [1, 1]), "rho_w": Normal(dim=2)},
            "on a box in one dimension",
        ),
    ],
)
def test_refusals(options, match):
    given = {"rho_w": Normal(scale=3.0), "depth": 1} | options
    goal = bump if given["rho_w"].dim == 1 else lambda x: np.exp(-np.sum(x**2, axis=1))
    with pytest.raises(ValueError, match=match):
        solve_frequency_pde(target=goal, **given)


def test_what_is_dropped_is_yes_or_no():
    with pytest.raises(TypeError, match="drop_constant"):
        solve_frequency_pde(Normal(), bump, measure=Line(), depth=1, drop_constant="yes")
