"""Problems that once came out wrong, or crashed, while the status said "converged"."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from ntkfreq import (
    Box,
    Empirical,
    FourierFeatureNet,
    Grid,
    Laplace,
    Line,
    Mixture,
    Normal,
    Points,
    StudentT,
    Target,
    Uniform,
    as_density,
    compare,
    ntk_gram,
    solve_frequency_pde,
    train,
)
from ntkfreq.files.results import json_ready
from ntkfreq.pde.discretize import discretize
from ntkfreq.pde.methods import method_for
from ntkfreq.pde.solution.outcome import refuse_overflow
from ntkfreq.pde.time.dynamics import GradientFlow


def two_modes(w):
    return (0.9 * np.exp(-(w**2) / 2) + 0.1 * np.exp(-((w - 60) ** 2) / 2)) / np.sqrt(2 * np.pi)


def tone_60(x):
    return np.exp(-(x**2) / 2) * np.cos(60 * x)


def test_far_mode_of_a_plain_pdf_is_not_dropped():
    t = [0.0, 1.0, 10.0, 100.0]
    plain = solve_frequency_pde(as_density(two_modes, support=(-10, 80)), tone_60, t=t)
    named = solve_frequency_pde(
        Mixture([Normal(), Normal(loc=60.0, scale=1.0)], [0.9, 0.1]), tone_60, t=t
    )
    np.testing.assert_allclose(plain.train_loss, named.train_loss, atol=1e-6 * named.train_loss[0])
    assert named.train_loss[-1] < 0.01 * named.train_loss[0]
    with pytest.raises(ValueError, match=r"integrates to 0\.9, not 1; .*support="):
        as_density(two_modes)


def test_box_with_heavy_tails_and_large_sigma_a_meets_its_tolerance():
    """Reference: Gauss-Legendre Nystrom flow, kernel (1 + u) exp(-u) of Student t with df = 3."""
    scale, sigma_a, low, high, t, rtol = 0.006, 30.0, -1.2, 1.8, np.array([0.0, 2.5e4]), 3e-4
    unit, weight = np.polynomial.legendre.leggauss(500)
    x, root = (low + high) / 2 + (high - low) / 2 * unit, np.sqrt(weight / 2)
    u = np.sqrt(3) * scale * np.abs(x[:, None] - x)
    kernel = (1 + u) * np.exp(-u) * (1 + sigma_a**2 * np.outer(x, x))
    rates, modes = np.linalg.eigh(kernel * np.outer(root, root))
    start = modes.T @ (-np.sin(20 * x) * root)
    exact = modes @ (np.exp(-rates * t[1]) * start) / root
    solution = solve_frequency_pde(
        StudentT(3.0, scale=scale),
        lambda s: np.sin(20 * s),
        measure=Box(low, high),
        sigma_a=sigma_a,
        t=t,
        rtol=rtol,
    )
    gap = np.sqrt((solution.error(x)[1] - exact) ** 2 @ root**2 / solution.train_loss[0])
    assert solution.status.startswith("converged")
    assert gap < rtol


def test_box_loss_is_that_of_its_own_error_with_hundreds_of_modes():
    t = [0.0, 1e3, 1e5]
    target = Target.from_function(np.abs, kinks=(0.0,))
    solution = solve_frequency_pde(Laplace(scale=40.0), target, measure=Box(-1, 1), t=t, rtol=1e-6)
    unit, weight = np.polynomial.legendre.leggauss(800)
    x = np.concatenate([(unit - 1) / 2, (unit + 1) / 2])
    own = solution.error(x) ** 2 @ np.tile(weight / 4, 2)
    assert solution.stats["modes"] > 400
    np.testing.assert_allclose(solution.train_loss, own, atol=1e-9)
    np.testing.assert_allclose(solution.train_loss[0], 1 / 3, rtol=1e-9)


def test_density_that_never_meets_the_target_leaves_it_alone():
    solution = solve_frequency_pde(
        Normal(loc=50.0, scale=0.5), lambda x: np.exp(-(x**2) / 2) * np.cos(3 * x)
    )
    np.testing.assert_allclose(solution.train_loss, solution.train_loss[0])
    assert solution.max_step_size > 0


def test_default_test_set_resolves_the_target_not_just_the_density():
    x = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    x = np.concatenate([x, [[-1.0, -1.0], [1.0, 1.0]]])
    flat = solve_frequency_pde(
        Normal(dim=2), lambda s: np.sin(60 * s[:, 0]), measure=Points(x), t=[0.0, 1.0]
    )
    assert flat.test_loss[0] == pytest.approx(0.5 - np.sin(120) / 240, rel=1e-5)
    line = solve_frequency_pde(
        Normal(scale=2.0),
        lambda s: np.sin(100 * s),
        measure=Points(np.linspace(-1, 1, 9)),
        frequencies=[0.0, 500.0],
        t=[0.0, 1.0],
    )
    assert line.test_loss[0] == pytest.approx(0.5 - np.sin(200) / 400, rel=1e-9)
    exact = (np.sin(600) / 600 - np.sin(400) / 400) / 2
    assert line.spectrum[0, 1].imag == pytest.approx(-exact, abs=1e-9)


def test_unresolved_test_set_is_told():
    x = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    rough = solve_frequency_pde(
        Normal(dim=3), lambda s: np.sin(300 * s[:, 0]), measure=Points(x), t=[0.0, 1.0]
    )
    assert "test points do not resolve the target" in rough.status


def test_error_between_samples_is_refused_not_invented():
    x = np.linspace(-1, 1, 20)
    points = solve_frequency_pde(Normal(scale=5.0), (x, np.sin(3 * x)), t=[0.0, 1.0])
    np.testing.assert_allclose(points.error(x)[0], -np.sin(3 * x))
    with pytest.raises(ValueError, match="known at its samples only"):
        points.error([0.012])
    box = solve_frequency_pde(
        Normal(scale=5.0), (x, np.sin(3 * x)), measure=Box(-1, 1), t=[0.0, 1.0]
    )
    with pytest.raises(ValueError, match=r"known on \[-1, 1\], the range of its samples"):
        box.error([4.0])


@pytest.mark.parametrize(
    "build", [lambda: stats.logistic(scale=3.0), lambda: Empirical(np.linspace(0.5, 9, 40))]
)
def test_compare_takes_the_same_density_built_twice(build):
    x = np.linspace(-1, 1, 12)
    net = FourierFeatureNet.sample(build(), 256, zero_output=True, rng=0)
    run = train(net, x, np.sin(3 * x), step_size=0.1, steps=10)
    assert compare(solve_frequency_pde(build(), (x, np.sin(3 * x))), run).output_error.size
    assert compare(solve_frequency_pde(Empirical(net.w), (x, np.sin(3 * x))), run)


@pytest.mark.parametrize("loc", [5e-324, 1e-200, 1e-12, 1e-6])
def test_frozen_line_with_a_corner_next_to_zero(loc):
    """The corner of the density may be so near to zero that no element fits between."""
    t, xi = [0.0, 1.0, 10.0], np.linspace(0, 6, 13)

    def solve(place):
        density = Laplace(loc=place, scale=3.0)
        return solve_frequency_pde(
            density, lambda x: np.exp(-(x**2)), sigma_a=0.0, t=t, frequencies=xi
        ).spectrum

    np.testing.assert_allclose(solve(loc), solve(0.0), rtol=0, atol=1e-5)


def test_frozen_line_with_a_jump_in_the_density_is_exact():
    rho = Mixture([Normal(scale=40.0), Uniform(loc=0.12, scale=0.12)])
    xi = np.linspace(0, 3, 61)
    solution = solve_frequency_pde(
        rho,
        lambda x: np.exp(-(x**2)),
        sigma_a=0.0,
        t=[0.0, 1.0, 10.0],
        frequencies=xi,
        rtol=1e-7,
    )
    inside = ~np.isclose(xi, 0.24) & (xi > 0)  # at the jumps the value is a convention
    start = -np.sqrt(np.pi) * np.exp(-(xi**2) / 4)
    exact = start * np.exp(-2 * np.pi * np.outer(solution.t, rho.even_pdf(xi)))
    assert solution.status.startswith("converged")
    np.testing.assert_allclose(solution.spectrum.real[:, inside], exact[:, inside], atol=2e-7)


def test_gradient_flow_can_be_had_back_from_a_discrete_solution():
    x = np.linspace(-1, 1, 12)
    data = (x, np.sin(3 * x))
    discrete = solve_frequency_pde(Normal(scale=4.0), data, step_size=0.5, t=[0.0, 1.0, 5.0])
    flow = solve_frequency_pde(Normal(scale=4.0), data, t=[0.0, 1.0, 5.0])
    np.testing.assert_allclose(discrete.at(step_size=None).train_loss, flow.train_loss)
    assert np.abs(discrete.train_loss - flow.train_loss).max() > 1e-3
    run = train(
        FourierFeatureNet.sample(Normal(scale=4.0), 512, zero_output=True, rng=0),
        *data,
        step_size=0.5,
        steps=10,
    )
    assert compare(discrete, run, discrete=False).solution.step_size is None


def test_overflow_is_refused_instead_of_nan():
    x = np.linspace(-1, 1, 8)
    with pytest.raises(ValueError, match=r"y has a largest magnitude of 1e.200; it must be 0 or"):
        solve_frequency_pde(Normal(), (x, 1e200 * x), t=[0.0, 1.0])
    for measure in (Points(x), Box(-1, 1)):
        with pytest.raises(ValueError, match=r"target reaches .*e.200; values must be of magn"):
            solve_frequency_pde(Normal(), lambda x: 1e200 * x, measure=measure, t=[0.0, 1.0])
    for measure in (Points(x), Box(-1, 1), Line(), Grid(0.3)):
        with pytest.raises(ValueError, match=r"target reaches .*e-1\d\d only; its largest value"):
            solve_frequency_pde(
                Normal(), lambda x: 1e-160 * np.exp(-(x**2)), measure=measure, t=[0.0, 1.0]
            )
    with pytest.raises(ValueError, match="results overflow; give y / c"):
        refuse_overflow(np.array([np.inf]))


def test_complex_target_is_refused():
    with pytest.raises(ValueError, match=r"target failed .* it is complex: take its .real"):
        solve_frequency_pde(Normal(), lambda x: np.exp(-(x**2) + 1j * x))


def test_line_comparison_refuses_aliased_samples_and_unstable_steps():
    def y(s):
        return np.exp(-(s**2) / 2) * np.cos(9 * s)

    rho = Normal(scale=6.0)
    net = FourierFeatureNet.sample(rho, 256, zero_output=True, rng=0)
    solution = solve_frequency_pde(rho, y, measure=Line(), t=[0.0, 5.0])
    coarse, wide = np.linspace(-8, 8, 30), np.linspace(-30, 30, 600)
    with pytest.raises(ValueError, match="they alias; train on denser samples"):
        compare(solution, train(net, coarse, y(coarse), step_size=0.01, steps=10))
    # Far samples have fast rates that the data, near 0, do not excite: the line cannot know.
    step_size = 3 * len(wide) / np.linalg.eigvalsh(ntk_gram(rho, wide))[-1]
    run = train(net, wide, y(wide), step_size=step_size, steps=10)
    with pytest.raises(ValueError, match="gradient descent on its samples is stable; train"):
        compare(solution, run)


def test_infinities_stay_out_of_json():
    points = solve_frequency_pde(Normal(), ([0.0, 1.0], [1.0, 2.0]), t=[0.0, 1.0])
    assert points.stats["fitted_until"] == np.inf
    assert json.loads(points.to_xarray().attrs["stats"])["fitted_until"] is None
    assert json_ready({"a": np.array([1.0, np.nan])}) == {"a": [1.0, None]}


def test_noisy_line_target_keeps_a_usable_step_size():
    """Noise below the accuracy of the mesh must not pass for fast modes of the problem."""
    x = np.linspace(-1, 1, 400)
    noise = np.random.default_rng(3).standard_normal(400) * (1 - x**2) ** 2
    noise[[0, -1]] = 0.0
    target = Target.from_samples(x, noise)
    for end in (16.0, 100.0):
        solution = solve_frequency_pde(Normal(scale=20.0), target, t=[0.0, end], rtol=1e-5)
        bound = 2 / (2 * np.pi * solution.equation.density.pdf([0.0])[0] * (1 + 1.4**2))
        assert solution.max_step_size > bound
    method = method_for(solution.equation)
    assert discretize(method, solution.t, 1e-5, GradientFlow()).fastest_rate > 0
