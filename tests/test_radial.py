"""Radial problems of any dimension against flows on shells, collocation, and the plane."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, special

from ntkfreq import Laplace, Line, Mixture, Normal, StudentT, Target, solve_frequency_pde
from ntkfreq.numerics.hankel import log_sphere, mean_wave, radial_transform
from ntkfreq.numerics.quadrature import resolve
from ntkfreq.pde.radial.system import log_rate

SIGMA_A, SCALE = 0.5, 1.5


def g(r):
    return np.exp(-(r**2) / 2) * np.cos(1.5 * r)


def clock(dim):
    """Times of order one for the rate at frequency 0."""
    return np.array([0.1, 1.0, 10.0, 100.0]) * SCALE**dim / (2 * np.pi) ** (dim / 2)


def along_first(r, dim):
    points = np.zeros((len(r), dim))
    points[:, 0] = r
    return points


def shells(dim, t, *, half_width=16.0, count=600, step_size=None):
    """Gradient flow of radial errors for the normal density, by Gauss-Legendre in the radius.

    Over directions exp(s^2 x.x') averages to Gamma(d/2) (2/z)^nu I_nu(z), z = s^2 r r',
    nu = d/2 - 1, and cos(angle) times it to the same with I_{nu+1}. Returns radii, weights |S|
    r^{d-1} dr and errors (T, n).
    """
    unit, weight = np.polynomial.legendre.leggauss(count)
    r, weight = half_width * (unit + 1) / 2, half_width * weight / 2
    nu = dim / 2 - 1
    log_area = np.log(2) + dim / 2 * np.log(np.pi) - special.gammaln(dim / 2)
    log_weight = np.log(weight) + log_area + (dim - 1) * np.log(r)
    z = SCALE**2 * np.outer(r, r)
    log = special.gammaln(dim / 2) + nu * np.log(2 / z) - (SCALE * (r[:, None] - r)) ** 2 / 2
    log += (log_weight[:, None] + log_weight) / 2
    with np.errstate(divide="ignore"):
        stationary = np.exp(log + np.log(special.ive(nu, z)))
        moving = np.exp(log + np.log(special.ive(nu + 1, z)))
    rates, modes = linalg.eigh(stationary + SIGMA_A**2 * np.outer(r, r) * moving)
    rates, root = np.maximum(rates, 0.0), np.exp(log_weight / 2)
    amplitude = modes.T @ (-root * g(r))
    t = np.asarray(t)[:, None]
    factor = np.exp(-t * rates)
    if step_size is not None:
        factor = (1 - step_size * rates) ** np.rint(t / step_size)
    return r, root**2, (factor * amplitude) @ modes.T / root


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 10, 20, 50, 64])
def test_loss_and_error_against_a_flow_on_shells(dim):
    """Loss to 1e-7 of its start; the error at t = 100 is cut by the reference beyond 16."""
    t = clock(dim)
    r, weights, errors = shells(dim, t)
    solution = solve_frequency_pde(
        Normal(scale=SCALE, dim=dim),
        Target.from_radial(g),
        sigma_a=SIGMA_A,
        t=t,
        frequencies=along_first(np.linspace(0, 6, 5), dim),
        rtol=1e-7,
    )
    assert solution.status.startswith("converged")
    initial = g(r) ** 2 @ weights
    assert np.abs(solution.train_loss - errors**2 @ weights).max() < 1e-7 * initial
    np.testing.assert_array_equal(solution.test_loss, solution.train_loss)
    found = solution.error(along_first(r, dim))
    gap = np.sqrt((found - errors) ** 2 @ weights / initial)
    assert np.all(gap < [1e-7, 1e-7, 1e-6, 2e-5])
    wider = np.sqrt((found - errors) ** 2 @ (weights * (r < 10)) / initial)
    assert np.all(wider < 1e-6)


def chebyshev(count):
    k = np.arange(count + 1)
    x = np.cos(np.pi * k / count)
    c = np.where((k == 0) | (k == count), 2.0, 1.0) * (-1.0) ** k
    matrix = np.outer(c, 1 / c) / (x[:, None] - x + np.eye(count + 1))
    return x, matrix - np.diag(matrix.sum(axis=1))


def collocated(dim, t, *, end=11.0, count=241):
    """The equation point by point, by Chebyshev collocation of even functions on [-end, end].

    With the damping c(r) = (2 pi)^d rho: e_t = c [sigma^2 (e'' + ((d-1)/r - r/s^2) e') - e], and
    nothing moving at the end. Returns r and e / (2 pi)^{d/2}.
    """
    x, slope = chebyshev(count)
    half = (count + 1) // 2
    slope, r = slope / end, end * x[:half]

    def even(matrix):
        return matrix[:half, :half] + matrix[:half, ::-1][:, :half]

    damping = (np.sqrt(2 * np.pi) / SCALE) ** dim * np.exp(-((r / SCALE) ** 2) / 2)
    drift = ((dim - 1) / r - r / SCALE**2)[:, None]
    generator = SIGMA_A**2 * (even(slope @ slope) + drift * even(slope)) - np.eye(half)
    generator *= damping[:, None]
    generator[0] = 0.0
    start = -radial_transform(resolve(g, [0.0, 14.0]), dim, r, dim / 2 * np.log(2 * np.pi))
    return r, np.array([linalg.expm(time * generator) @ start for time in t])


@pytest.mark.parametrize("dim", [2, 3, 4, 6, 20, 50, 64])
def test_spectrum_point_by_point_against_collocation(dim):
    """Also near 0, where the loss of high dimensions sees nothing; 3e-8 in 64."""
    t = clock(dim)
    r, wanted = collocated(dim, t)
    solution = solve_frequency_pde(
        Normal(scale=SCALE, dim=dim),
        Target.from_radial(g),
        sigma_a=SIGMA_A,
        t=t,
        frequencies=along_first(np.append(r, 0.0), dim),
        rtol=1e-7,
    )
    found = solution.spectrum / (2 * np.pi) ** (dim / 2)
    top = np.abs(wanted).max()
    assert not found.imag.any()
    assert np.abs(found.real[:, :-1] - wanted).max() < 1e-6 * top
    # At 0 by the even parabola through the two innermost nodes.
    slope = (wanted[:, -2] - wanted[:, -1]) / (r[-2] ** 2 - r[-1] ** 2)
    assert np.abs(found.real[:, -1] - wanted[:, -1] + slope * r[-1] ** 2).max() < 2e-4 * top


@pytest.mark.parametrize(
    "density",
    [
        StudentT(3.0, scale=SCALE, dim=2),
        Mixture([Normal(scale=1.0, dim=2), StudentT(2.0, scale=3.0, dim=2)]),
    ],
)
def test_two_dimensions_against_the_plane(density):
    settings = {"sigma_a": SIGMA_A, "t": [0.0, 0.1, 1.0, 10.0], "rtol": 1e-7}
    xi = np.random.default_rng(0).uniform(-5, 5, (40, 2))
    x = np.random.default_rng(1).uniform(-3, 3, (20, 2))
    plane = solve_frequency_pde(
        density, lambda x: g(np.linalg.norm(x, axis=1) ** 2), frequencies=xi, **settings
    )
    radial = solve_frequency_pde(
        density, Target.from_radial(lambda r: g(r**2)), frequencies=xi, **settings
    )
    assert "tensor grid" in plane.stats["method"]
    assert "distance from 0" in radial.stats["method"]
    initial = plane.train_loss[0]
    assert np.abs(plane.train_loss - radial.train_loss).max() < 1e-7 * initial
    assert np.abs(plane.spectrum - radial.spectrum).max() < 1e-6 * np.abs(plane.spectrum).max()
    assert np.abs(plane.output(x) - radial.output(x)).max() < 1e-7


def test_three_dimensions_against_frozen_frequencies():
    """sigma_a = 0: each shell decays by itself, in closed form for g = exp(-r^2 / 2)."""
    density, t = StudentT(3.0, scale=2.0, dim=3), np.array([0.0, 0.01, 0.1, 1.0])
    xi = np.random.default_rng(0).uniform(-4, 4, (30, 3))
    solution = solve_frequency_pde(
        density, Target.from_radial(lambda r: np.exp(-(r**2) / 2)), sigma_a=0.0, t=t,
        frequencies=xi, rtol=1e-8,
    )  # fmt: skip
    size = np.sum(xi**2, axis=1)
    start = -((2 * np.pi) ** 1.5) * np.exp(-size / 2)
    exact = start * np.exp(-np.multiply.outer(t, (2 * np.pi) ** 3 * density.pdf(xi)))
    assert np.abs(solution.spectrum - exact).max() < 1e-6 * np.abs(exact).max()


def test_one_dimension_is_line():
    settings = {"sigma_a": SIGMA_A, "t": [0.0, 1.0, 10.0], "rtol": 1e-8}
    line = solve_frequency_pde(Normal(scale=3.0), g, frequencies=[0.0, 1.0, 4.0], **settings)
    radial = solve_frequency_pde(
        Normal(scale=3.0), Target.from_radial(g), frequencies=[0.0, 1.0, 4.0], **settings
    )
    np.testing.assert_allclose(radial.spectrum, line.spectrum, atol=1e-7)
    np.testing.assert_allclose(radial.train_loss, line.train_loss, atol=1e-9)


@pytest.mark.parametrize("dim", [3, 20])
def test_steps_of_descent_against_dense_steps(dim):
    t = 100 * clock(dim)[:1] * np.array([0.1, 1.0])
    step = t[0] / 100
    r, weights, errors = shells(dim, t, half_width=9.0, count=300, step_size=step)
    solution = solve_frequency_pde(
        Normal(scale=SCALE, dim=dim), Target.from_radial(g), sigma_a=SIGMA_A, t=t, step_size=step,
        frequencies=along_first(np.linspace(0, 4, 5), dim), rtol=1e-6,
    )  # fmt: skip
    gap = np.abs(solution.train_loss - errors**2 @ weights)
    assert gap.max() < 1e-6 * (g(r) ** 2 @ weights)


def test_initial_output():
    def first(r):
        return 0.3 * np.exp(-2 * r**2)

    settings = {"sigma_a": SIGMA_A, "t": clock(3), "rtol": 1e-7}
    x = np.random.default_rng(0).uniform(-2, 2, (10, 3))
    with_start = solve_frequency_pde(
        Normal(scale=SCALE, dim=3),
        Target.from_radial(g),
        initial_output=Target.from_radial(first),
        **settings,
    )
    moved = solve_frequency_pde(
        Normal(scale=SCALE, dim=3), Target.from_radial(lambda r: g(r) - first(r)), **settings
    )
    np.testing.assert_allclose(with_start.train_loss, moved.train_loss, rtol=1e-6)
    learned = moved.output(x) + first(np.linalg.norm(x, axis=1))
    np.testing.assert_allclose(with_start.output(x), learned, atol=1e-7)


def test_estimated_error_bounds_the_true_one():
    t = clock(5)
    r, weights, errors = shells(5, t)
    inner = weights * (r < 10)
    for rtol in (1e-3, 1e-5):
        solution = solve_frequency_pde(
            Normal(scale=SCALE, dim=5), Target.from_radial(g), sigma_a=SIGMA_A, t=t, rtol=rtol
        )
        found = solution.error(along_first(r, 5))
        gap = np.sqrt((found - errors) ** 2 @ inner / (g(r) ** 2 @ weights))
        assert gap.max() < rtol


def test_transforms_by_hand():
    """Of a Gaussian in any dimension, and of the ball of radius one in three."""
    gauss = Target.from_radial(lambda r: np.exp(-(r**2) / 2))
    for dim in (1, 2, 3, 7, 30):
        xi = np.random.default_rng(0).uniform(-1, 1, (20, dim))
        exact = (2 * np.pi) ** (dim / 2) * np.exp(-np.sum(xi**2, axis=1) / 2)
        np.testing.assert_allclose(gauss.transform(xi), exact, rtol=1e-12)
    ball = Target.from_radial(lambda r: (r <= 1).astype(float), radius=1.0, kinks=[1.0])
    k = np.array([0.5, 2.0, 9.0])
    exact = 4 * np.pi * (np.sin(k) - k * np.cos(k)) / k**3
    np.testing.assert_allclose(ball.transform(along_first(k, 3)).real, exact, rtol=1e-11)
    assert ball([[0.6, 0.6, 0.5], [0.6, 0.6, 0.6]]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("dim", [2, 3, 4, 9])
def test_mean_wave_is_an_average_over_directions(dim):
    """Over cos(angle), whose density is (1 - c^2)^((d-3)/2): Gauss-Gegenbauer."""
    z = np.linspace(0, 25, 11)
    nodes, weights = special.roots_gegenbauer(60, dim / 2 - 1) if dim > 2 else (
        np.cos(np.pi * (np.arange(60) + 0.5) / 60), np.ones(60),
    )  # fmt: skip
    average = np.cos(np.outer(z, nodes)) @ weights / weights.sum()
    np.testing.assert_allclose(mean_wave(dim, z), average, atol=1e-13)
    area = {2: 2 * np.pi, 3: 4 * np.pi, 4: 2 * np.pi**2}
    if dim in area:
        assert np.exp(log_sphere(dim)) == pytest.approx(area[dim])


@pytest.mark.parametrize(
    "density",
    [
        Normal(scale=0.7, dim=4),
        StudentT(2.0, scale=3.0, dim=3),
        Mixture([Normal(scale=1.0, dim=5), StudentT(4.0, scale=2.0, dim=5)], [0.3, 0.7]),
    ],
)
def test_logarithm_of_the_rate(density):
    r = np.array([0.0, 0.5, 3.0, 9.0])
    plain = (2 * np.pi) ** density.dim * density.pdf(along_first(r, density.dim))
    np.testing.assert_allclose(np.exp(log_rate(density, r)), plain, rtol=1e-12)


def test_defaults():
    solution = solve_frequency_pde(Normal(dim=3), Target.from_radial(g), rtol=1e-4)
    assert len(solution.t) == 65
    assert solution.frequencies.shape[1] == 3
    assert not solution.frequencies[:, 1:].any()
    assert 0 < solution.learning_time((0, 2)) < np.inf
    assert repr(solution.equation.target).startswith("Target(profile=g, radius=")


REFUSED = {
    "dimension": (
        lambda: solve_frequency_pde(Normal(dim=65), Target.from_radial(g)),
        "rho_w has dim=65: a radial problem on Line is solved up to dim=64.*use measure=Points",
    ),
    "density of no isotropy": (
        lambda: solve_frequency_pde(Laplace(dim=3), Target.from_radial(g)),
        r"measure=Line\(\) with dim=3 is solved where .*isotropic density about 0 \(Normal",
    ),
    "density off 0": (
        lambda: solve_frequency_pde(Normal(loc=1.0, dim=3), Target.from_radial(g)),
        "isotropic density about 0",
    ),
    "function of the radius": (
        lambda: solve_frequency_pde(Normal(dim=3), lambda x: g(np.linalg.norm(x, axis=1))),
        r"Line\(\) with Target.from_radial\(g\)",
    ),
    "profile that stays": (lambda: Target.from_radial(np.cos), "profile does not decay within r"),
    "profile that is cut": (
        lambda: Target.from_radial(g, radius=1.0), "radius=1 ends where the target is 0.0429",
    ),
    "radius": (lambda: Target.from_radial(g, radius=-1.0), "radius=-1.0 must be greater than 0"),
    "initial output": (
        lambda: solve_frequency_pde(
            Normal(dim=3), Target.from_radial(g), initial_output=lambda x: np.exp(-x[:, 0] ** 2)
        ),
        r"initial_output must be radial beside a radial target.*Target.from_radial\(g\)",
    ),
    "decay": (
        lambda: solve_frequency_pde(
            Normal(dim=3), Target.from_radial(g), measure=Line(), weight_decay=0.1
        ),
        "with dim=3: decay is solved there for dim=1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    action, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        action()


def test_profile_must_be_a_function():
    with pytest.raises(TypeError, match="profile=3 must be a function of the radius"):
        Target.from_radial(3)
