"""Densities that are no part of the package: three methods, and every measure takes them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Grid,
    Line,
    Mixture,
    Normal,
    StudentT,
    Target,
    as_density,
    ntk_gram,
    ntk_operator,
    ntk_spectrum,
    solve_frequency_pde,
)
from ntkfreq.problem.density import Density
from validation.reference.dense import box_flow, line_flow, points_flow


class HeavyTail(Density):
    """The Student t density of five degrees of freedom, written by a user."""

    def __init__(self, dim=1, scale=2.0):
        self.dim, self.scale = dim, scale

    def pdf(self, w):
        d = self.dim
        squared = (np.asarray(w).reshape(-1, d) ** 2).sum(axis=1) / self.scale**2
        norm = special.gamma((5 + d) / 2) / special.gamma(2.5) / (5 * np.pi) ** (d / 2)
        return norm / self.scale**d * (1 + squared / 5) ** (-(5 + d) / 2)

    def kernel(self, z):
        u = np.sqrt(5) * self.scale * np.linalg.norm(np.asarray(z).reshape(-1, self.dim), axis=1)
        return (1 + u + u**2 / 3) * np.exp(-u)

    def sample(self, size, rng):
        normal = rng.standard_normal((size, self.dim))
        return self.scale * normal / np.sqrt(rng.chisquare(5, (size, 1)) / 5)


class Parabola(Density):
    """The Epanechnikov density on (-3, 3): compact, with a corner of the slope at its ends."""

    end = 3.0

    def pdf(self, w):
        return np.where(np.abs(w) < self.end, 0.75 * (1 - (w / self.end) ** 2) / self.end, 0.0)

    def k(self, z):
        u = np.where(np.abs(z) < 1e-3, 1.0, self.end * z)
        value = 3 * (np.sin(u) - u * np.cos(u)) / u**3
        return np.where(np.abs(z) < 1e-3, 1 - (self.end * z) ** 2 / 10, value)

    def sample(self, size, rng):
        return self.end * (2 * rng.beta(2, 2, size) - 1)


T = [0.0, 0.1, 1.0, 10.0]


def pulse(x):
    return np.exp(-(x**2) / 2) * np.cos(2 * x)


PULSE = Target.from_function(pulse, support=(-9, 9))
OWN = {"heavy tail": HeavyTail(), "compact": Parabola()}


def along(density):
    """The kernel of a density of one variable, at displacements (..., 1)."""
    return lambda z: density.kernel(z.reshape(-1)).reshape(z.shape[:-1])


@pytest.mark.parametrize("sigma_a", [0.0, 1.0])
def test_line_and_grid_under_a_heavy_tail_are_those_of_dense_flows(sigma_a):
    density = HeavyTail()
    for measure, spacing in ((Line(), 0.03), (Grid(1.25), 1.25)):
        flow = line_flow(along(density), pulse, sigma_a, T, half_width=15, spacing=spacing)
        solution = solve_frequency_pde(density, PULSE, measure=measure, sigma_a=sigma_a, t=T)
        assert solution.status.startswith("converged")
        np.testing.assert_allclose(solution.train_loss, flow.loss, atol=1e-6 * flow.loss[0])


def legendre_loss(density, sigma_a, t, degree=60):
    """Line under a parabola: ((1 - u^2) P_n')' = -n (n + 1) P_n diagonalizes the diffusion."""
    c = density.end
    unit, weight = np.polynomial.legendre.leggauss(2 * degree)
    series = np.polynomial.legendre.legvander(unit, degree) * np.sqrt(np.arange(degree + 1) + 0.5)
    order = np.arange(degree + 1)
    rate = 2 * np.pi * 0.75 / c
    damping = series.T @ ((weight * (1 - unit**2))[:, None] * series)
    operator = rate * (damping + sigma_a**2 / c**2 * np.diag(order * (order + 1)))
    values, modes = np.linalg.eigh(operator)

    def transform(xi):
        return np.sqrt(np.pi / 2) * (np.exp(-((xi - 2) ** 2) / 2) + np.exp(-((xi + 2) ** 2) / 2))

    start = modes.T @ (series.T @ (weight * transform(c * unit)))
    outside = integrate.quad(lambda xi: transform(xi) ** 2, c, 14, epsabs=1e-12)[0]
    inside = np.sum((np.exp(-np.outer(t, values)) * start) ** 2, axis=1) * c
    return (inside + 2 * outside) / (2 * np.pi)


@pytest.mark.parametrize("sigma_a", [0.0, 1.0])
def test_line_under_a_compact_density_is_that_of_a_legendre_series(sigma_a):
    expected = legendre_loss(Parabola(), sigma_a, T)
    solution = solve_frequency_pde(Parabola(), PULSE, sigma_a=sigma_a, t=T)
    assert solution.status.startswith("converged")
    np.testing.assert_allclose(solution.train_loss, expected, atol=1e-7 * expected[0])


def test_grid_under_a_compact_density_is_that_of_a_dense_flow():
    """Frozen frequencies: moving ones reach further along the lattice than a matrix holds."""
    flow = line_flow(along(Parabola()), pulse, 0.0, T, half_width=800, spacing=1.25)
    solution = solve_frequency_pde(Parabola(), PULSE, measure=Grid(1.25), sigma_a=0.0, t=T)
    np.testing.assert_allclose(solution.train_loss, flow.loss, atol=1e-6 * flow.loss[0])


@pytest.mark.parametrize("name", OWN)
def test_box_and_points_are_those_of_dense_flows(name):
    density = OWN[name]
    flow = box_flow(along(density), pulse, 0.7, T, nodes=80, lower=-2.0, upper=2.0)
    solution = solve_frequency_pde(density, pulse, measure=Box(-2, 2), sigma_a=0.7, t=T)
    np.testing.assert_allclose(solution.train_loss, flow.loss, rtol=1e-6)
    x = np.linspace(-1, 2, 9)[:, None]
    errors, _ = points_flow(along(density), x, -pulse(x[:, 0]), 0.7, T)
    solution = solve_frequency_pde(density, (x, pulse(x[:, 0])), sigma_a=0.7, t=T)
    np.testing.assert_allclose(solution.train_loss, np.mean(errors**2, axis=1), rtol=1e-9)


PLANE = Target.from_function(
    lambda x: np.exp(-np.sum(x**2, axis=1) / 2) * np.cos(2 * x[:, 0]), support=((-7, 7), (-7, 7))
)


@pytest.mark.parametrize(
    ("target", "measure", "tolerance"),
    [
        (PLANE, Line(), 1e-6),
        (PLANE, Grid(1.2), 1e-6),
        (PLANE, Box((-1, -1), (1, 1)), 1e-12),
        (Target.from_radial(lambda r: np.exp(-(r**2) / 2)), Line(), 1e-7),
    ],
    ids=["line", "grid", "box", "radial"],
)
def test_two_dimensions_are_those_of_the_formula(target, measure, tolerance):
    """The package's own Student t knows gradient, profile and tails by formula, this one none."""
    own, named = HeavyTail(dim=2), StudentT(5.0, scale=2.0, dim=2)
    found = solve_frequency_pde(own, target, measure=measure, t=T[:3], rtol=1e-5)
    known = solve_frequency_pde(
        named, target, measure=measure, t=T[:3], rtol=1e-5, frequencies=found.frequencies
    )
    assert found.stats["method"] == known.stats["method"]
    np.testing.assert_allclose(found.train_loss, known.train_loss, rtol=tolerance)


def test_radial_in_five_dimensions():
    target = Target.from_radial(lambda r: np.exp(-(r**2) / 2))
    found, known = (
        solve_frequency_pde(density, target, t=T)
        for density in (HeavyTail(dim=5), StudentT(5.0, scale=2.0, dim=5))
    )
    np.testing.assert_allclose(found.train_loss, known.train_loss, rtol=1e-6)


def test_what_is_found_is_what_the_formula_says():
    own, named = HeavyTail(dim=2), StudentT(5.0, scale=2.0, dim=2)
    assert own.isotropic
    assert own.even
    assert own.factors is None
    for tail in (0.5, 0.1, 1e-3, 1e-8, 1e-14):
        assert own.radius(tail) == pytest.approx(named.radius(tail), rel=1e-6)
    w = named.sample(40, rng=3)
    np.testing.assert_allclose(own.value_and_gradient(w), named.value_and_gradient(w), rtol=1e-9)
    r = np.array([0.0, 1.0, 50.0])
    np.testing.assert_allclose(own.log_profile(r), named.log_profile(r), rtol=1e-12)
    line = np.linspace(-6, 6, 13)
    np.testing.assert_allclose(own.along(1).pdf(line), named.along(1).pdf(line), atol=1e-10)


def test_compact_support_is_found_to_rounding():
    found = Parabola()
    assert found.landmarks().support == ((0.0, pytest.approx(3.0, abs=1e-12)),)
    # Beyond r lies 1 - (3 u - u^3) / 2 with u = r / 3.
    assert 1 - (3 * (r := found.radius(0.2) / 3) - r**3) / 2 == pytest.approx(0.2, rel=1e-8)


class Square(Density):
    """Uniform on a square that is turned: isotropic it is not, nor a product."""

    dim = 2
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)

    def pdf(self, w):
        return np.where(np.abs(w @ self.turn).max(axis=1) <= 2, 1 / 16, 0.0)

    def kernel(self, z):
        return np.prod(np.sinc(2 * (z @ self.turn) / np.pi), axis=1)

    def sample(self, size, rng):
        return rng.uniform(-2, 2, (size, 2)) @ self.turn.T


def test_a_density_that_is_neither_isotropic_nor_a_product():
    square = Square()
    assert not square.isotropic
    x = np.random.default_rng(0).uniform(-1, 1, (8, 2))
    errors, _ = points_flow(
        lambda z: square.kernel(z.reshape(-1, 2)).reshape(z.shape[:-1]), x, -x[:, 0], 0.5, T
    )
    solution = solve_frequency_pde(square, (x, x[:, 0]), sigma_a=0.5, t=T)
    np.testing.assert_allclose(solution.train_loss, np.mean(errors**2, axis=1), rtol=1e-9)
    box = solve_frequency_pde(square, lambda x: x[:, 0], measure=Box((-1, -1), (1, 1)), t=T)
    assert box.status.startswith("converged")


def test_own_densities_are_mixed_drawn_from_and_looked_at():
    mixed = Mixture([HeavyTail(), Normal(scale=1.0)], [0.25, 0.75])
    x = np.linspace(-1, 1, 7)
    expected = 0.25 * ntk_gram(HeavyTail(), x) + 0.75 * ntk_gram(Normal(scale=1.0), x)
    np.testing.assert_allclose(ntk_gram(mixed, x), expected, rtol=1e-13)
    net = FourierFeatureNet.sample(HeavyTail(), 64, rng=0)
    assert net.w.shape == (64, 1)
    many = np.linspace(-1, 1, 1500)
    v = np.sin(many)
    dense = ntk_gram(Parabola(), many, sigma_a=0.0) @ v
    np.testing.assert_allclose(ntk_operator(Parabola(), many, sigma_a=0.0) @ v, dense, rtol=1e-7)


def test_a_mixture_in_the_plane_has_its_predicted_eigenvalues():
    sides = np.linspace(-1, 1, 20)
    x = np.stack(np.meshgrid(sides, sides), axis=-1).reshape(-1, 2)
    inner = Mixture([Normal(scale=4.0, dim=2), HeavyTail(dim=2)])
    found = ntk_spectrum(Mixture([inner, Normal(scale=2.0, dim=2)]), x, sigma_a=0.0, count=8)
    along = np.stack([found.frequency, np.zeros(8)], axis=1)
    shares = ((0.25, 4.0), (0.5, 2.0))
    rho = sum(p * Normal(scale=s, dim=2).pdf(along) for p, s in shares)
    rho += 0.25 * StudentT(5.0, scale=2.0, dim=2).pdf(along)
    np.testing.assert_allclose(found.predicted, (2 * np.pi) ** 2 * rho / 4, rtol=1e-9)


def test_without_a_pdf_it_serves_on_points():
    class Ring(Density):
        """All frequencies of the same size: no pdf."""

        dim = 2

        def kernel(self, z):
            return special.j0(3 * np.linalg.norm(z, axis=1))

        def sample(self, size, rng):
            angle = rng.uniform(0, 2 * np.pi, size)
            return 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    x = np.random.default_rng(0).uniform(-1, 1, (6, 2))
    errors, _ = points_flow(lambda z: special.j0(3 * np.linalg.norm(z, axis=-1)), x, -x[:, 1], 1, T)
    solution = solve_frequency_pde(Ring(), (x, x[:, 1]), t=T)
    np.testing.assert_allclose(solution.train_loss, np.mean(errors**2, axis=1), rtol=1e-9)
    with pytest.raises(TypeError, match=r"Ring has no pdf: measure must be Box or Points, or give"):
        Ring().pdf([[0.0, 1.0]])
    with pytest.raises(ValueError, match=r"rho_w=Ring is a set of atoms"):
        solve_frequency_pde(Ring(), PLANE, t=T)


def changed(**methods):
    return type("Mine", (Parabola,), methods)()


REFUSED = {
    "kernel not one at 0": (
        changed(kernel=lambda self, z: 2 * np.exp(-(z**2))),
        r"rho_w=Mine: kernel at 0 is 2; it must be 1",
    ),
    "kernel of another": (
        changed(kernel=lambda self, z: np.exp(-(z**2))),
        r"rho_w=Mine: kernel at z=.* over its samples .* radians per unit of x",
    ),
    "kernel not finite": (
        changed(kernel=lambda self, z: np.where(z == 0, np.nan, 1.0)),
        r"kernel is not finite at some displacements; write its limit",
    ),
    "kernel of another shape": (
        changed(kernel=lambda self, z: 1.0),
        r"kernel returned shape \(\) for \d+ displacements; return one value for each",
    ),
    "pdf not normalized": (
        changed(pdf=lambda self, w: 2 * Parabola().pdf(w)),
        r"rho_w=Mine: pdf integrates to 2, not 1; divide it by its integral",
    ),
    "pdf of another": (
        changed(pdf=lambda self, w: np.where(np.abs(w) < 1, 0.5, 0.0)),
        r"half of its samples lie within .* and 1 of its pdf; they must be of one density",
    ),
    "negative pdf": (
        changed(pdf=lambda self, w: Parabola().pdf(w) - 0.1),
        r"pdf is negative or not finite at some frequencies; return a density",
    ),
    "pdf of another shape": (
        changed(pdf=lambda self, w: 1.0),
        r"pdf returned shape \(\) for \d+ frequencies; return one value for each",
    ),
    "samples all 0": (
        changed(sample=lambda self, size, rng: np.zeros(size)),
        r"more than half of its samples are 0; draw frequencies",
    ),
    "samples not finite": (
        changed(sample=lambda self, size, rng: np.full(size, np.nan)),
        r"sample drew frequencies that are not finite; draw numbers",
    ),
    "samples of another shape": (
        changed(sample=lambda self, size, rng: np.zeros((2, size))),
        r"sample returned shape \(2, 20000\) for size=20000 and dim=1; return \(20000, 1\)",
    ),
    "sample that fails": (
        changed(sample=lambda self, size, rng: rng.nothing(size)),
        r"sample failed: .*nothing.*; see ntkfreq.Density for its form",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_contradictions_are_refused(name):
    density, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        as_density(density)


def test_formulas_that_are_given_are_used():
    class Product(Density):
        """Two Parabolas side by side, which says that it is a product."""

        dim = 2

        @property
        def factors(self):
            return (Parabola(), Parabola())

        def pdf(self, w):
            return Parabola().pdf(w[:, 0]) * Parabola().pdf(w[:, 1])

        def kernel(self, z):
            return Parabola().kernel(z[:, 0]) * Parabola().kernel(z[:, 1])

        def sample(self, size, rng):
            return np.concatenate([Parabola().sample(size, rng) for _ in range(2)], axis=1)

    product = Product()
    assert product.along(0).landmarks().support[0][1] == pytest.approx(3.0)
    mass, _ = integrate.quad(lambda w: product.along(0).pdf([w])[0], -3, 3)
    assert mass == pytest.approx(1.0)
    solution = solve_frequency_pde(product, PLANE, measure=Grid(1.2), t=T[:3], rtol=1e-4)
    assert solution.train_loss[-1] < 0.1 * solution.train_loss[0]


def test_samples_in_three_dimensions_are_refused_on_the_line():
    x = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    with pytest.raises(ValueError, match=r"measure=Line\(\) with dim=3 is solved where it reduces"):
        solve_frequency_pde(Normal(dim=3), (x, x[:, 0]), measure=Line())


def test_a_pdf_in_five_dimensions_that_is_not_normalized_is_refused():
    class Doubled(HeavyTail):
        def pdf(self, w):
            return 2 * HeavyTail(dim=5).pdf(w)

    with pytest.raises(ValueError, match=r"rho_w=Doubled: pdf integrates to 2, not 1"):
        solve_frequency_pde(Doubled(dim=5), Target.from_radial(lambda r: np.exp(-(r**2) / 2)))
