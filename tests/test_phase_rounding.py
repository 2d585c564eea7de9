"""Densities far from 0: kernels with exact phases, and statuses that tell what no one knows."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import stats

from ntkfreq import (
    Box,
    Empirical,
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
    ntk_gram,
    ntk_operator,
    ntk_regression,
    solve_frequency_pde,
)
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.lattice.system import LatticeSystem
from ntkfreq.problem.density.base import carrier_rounding
from ntkfreq.problem.equation import FrequencyEquation

FAR = 1e8
X = 1e4 * (1 + np.sort(np.random.default_rng(0).uniform(-1, 1, 12)))
ATOMS = FAR + np.random.default_rng(1).standard_normal(7)


CENTRED = {
    "normal": (
        Normal(loc=FAR, scale=1e-4),
        lambda z: mpmath.exp(-((mpmath.mpf(1e-4) * z) ** 2) / 2),
    ),
    "laplace": (Laplace(loc=FAR, scale=1e-4), lambda z: 1 / (1 + (mpmath.mpf(1e-4) * z) ** 2)),
    "uniform": (Uniform(loc=FAR, scale=1e-4), lambda z: mpmath.sinc(mpmath.mpf(1e-4) * z)),
    "student": (
        StudentT(1.0, loc=FAR, scale=1e-4),
        lambda z: mpmath.exp(-mpmath.mpf(1e-4) * abs(z)),
    ),
}


def exact(center, centred, x):
    with mpmath.workdps(50):
        places = [mpmath.mpf(place) for place in x.tolist()]
        return np.array(
            [[float(mpmath.cos(center * (a - b)) * centred(a - b)) for b in places] for a in places]
        )


@pytest.mark.parametrize("name", CENTRED)
def test_kernels_of_densities_far_from_zero_have_all_their_digits(name):
    """Phases of 1e12, whose rounding alone is 1e-4."""
    rho, centred = CENTRED[name]
    truth = exact(FAR, centred, X)
    np.testing.assert_allclose(ntk_gram(rho, X, sigma_a=0.0), truth, rtol=0, atol=2e-15)
    operator = ntk_operator(rho, X, sigma_a=0.0)
    np.testing.assert_allclose(operator @ np.eye(len(X)), truth, rtol=0, atol=1e-14)
    mixed = Mixture([rho, rho])
    np.testing.assert_allclose(ntk_gram(mixed, X, sigma_a=0.0), truth, rtol=0, atol=2e-15)
    y = np.sin(np.arange(len(X)))
    fitted = ntk_regression(rho, X, y, sigma_a=0.0, ridge=0.1)
    solved = truth @ np.linalg.solve(truth + 0.1 * len(X) * np.eye(len(X)), y)
    np.testing.assert_allclose(fitted, solved, atol=1e-12)


def test_kernel_at_given_differences_far_from_zero():
    z = np.array([0.1, 3.0, 1e4])
    with mpmath.workdps(50):
        truth = [
            float(mpmath.cos(FAR * mpmath.mpf(one)) / (1 + (mpmath.mpf(1e-4) * one) ** 2))
            for one in z.tolist()
        ]
    np.testing.assert_allclose(Laplace(loc=FAR, scale=1e-4).kernel(z), truth, rtol=0, atol=1e-15)


def test_atoms_far_from_zero():
    with mpmath.workdps(50):
        places, waves = [[mpmath.mpf(v) for v in part.tolist()] for part in (X, ATOMS)]
        truth = np.array(
            [
                [float(mpmath.fsum(mpmath.cos(w * (a - b)) for w in waves) / 7) for b in places]
                for a in places
            ]
        )
    rho = Empirical(ATOMS)
    np.testing.assert_allclose(ntk_gram(rho, X, sigma_a=0.0), truth, rtol=0, atol=1e-14)
    np.testing.assert_allclose(rho.kernel_between(X[:, None], X[:, None]), truth, atol=1e-14)
    features = ntk_operator(rho, X, sigma_a=0.0, method="features")
    np.testing.assert_allclose(features @ np.eye(12), truth, rtol=0, atol=1e-12)


def test_formulas_of_scipy_far_from_zero():
    rho = as_density(stats.expon(loc=1e6, scale=1e-2))
    x = np.array([0.0, 333.3, 5e3 + 1e-3])
    with mpmath.workdps(50):
        places = [mpmath.mpf(v) for v in x.tolist()]
        loc, scale = mpmath.mpf(rho.formula.loc), mpmath.mpf(1e-2)
        truth = [
            [
                float(mpmath.re(mpmath.expj(loc * (a - b)) / (1 - 1j * scale * (a - b))))
                for b in places
            ]
            for a in places
        ]
    np.testing.assert_allclose(ntk_gram(rho, x, sigma_a=0.0), truth, rtol=0, atol=1e-10)


@pytest.mark.parametrize("origin", [0.0, 1.6e9])
@pytest.mark.parametrize("count", [40, 3000])
def test_regular_times_far_from_zero(origin, count):
    """Rounding puts times of a tenth of a second 1e-7 beside their places: they are no lattice."""
    x = origin + 0.1 * np.arange(count)
    operator = ntk_operator(Normal(scale=2.0), x, sigma_a=0.0)
    assert (operator.method == "toeplitz") == (origin == 0 and count > 768)
    column = operator @ np.eye(count)[:, count // 2]
    truth = np.exp(-2 * (x - x[count // 2]) ** 2)
    np.testing.assert_allclose(column, truth, rtol=0, atol=1e-10)


def test_a_grid_that_is_only_nearly_regular_is_refused_by_name():
    x = 1.6e9 + 0.1 * np.arange(900)
    with pytest.raises(ValueError, match=r"tolerance=1e-10 is not met by method='toeplitz': x is"):
        ntk_operator(Normal(scale=2.0), x, method="toeplitz")
    assert (
        ntk_operator(Normal(scale=2.0), x, method="toeplitz", tolerance=1e-5).method == "toeplitz"
    )


def test_a_flow_far_from_zero_is_right_and_says_what_it_hangs_on():
    rho, centred = CENTRED["normal"]
    y = np.sin(np.arange(12.0))
    t = [0.0, 1.0, 10.0]
    found = solve_frequency_pde(rho, (X, y), sigma_a=0.0, t=t)
    rates, modes = np.linalg.eigh(exact(FAR, centred, X) / 12)
    share = modes.T @ y
    loss = [np.sum((share * np.exp(-rates * one)) ** 2) / 12 for one in t]
    np.testing.assert_allclose(found.train_loss, loss, rtol=1e-12)
    assert found.status.startswith("limited by rounding: rho_w lies so far from 0")
    near = solve_frequency_pde(rho, (X - 1e4, y), sigma_a=0.0, t=t, rtol=1e-3)
    assert near.status.startswith("converged")


GAUSSIAN = Target.from_function(lambda x: np.exp(-(x**2)), support=(-8, 8))


@pytest.mark.parametrize(
    ("measure", "target", "extent"),
    [
        (Box(0.0, 1.5), GAUSSIAN, 1.5),
        (Line(), GAUSSIAN, 16.0),
        (Grid(0.5), GAUSSIAN, 16.0),
        (Points([0.0, 1.0, 3.0]), GAUSSIAN, 3.0),
    ],
)
def test_every_measure_tells(monkeypatch, measure, target, extent):
    asked = []

    def much(self, given):
        asked.append(given)
        return 2e-6

    monkeypatch.setattr(Normal, "phase_rounding", much)
    for rtol, word in ((1e-6, "limited by rounding"), (1e-5, "converged")):
        found = solve_frequency_pde(
            Normal(), target, measure=measure, sigma_a=0.0, t=[0, 1], rtol=rtol
        )
        assert found.status.startswith(word)
    assert asked == [extent, extent]


def test_rounding_grows_with_location_and_extent_and_ends_at_one():
    assert Normal(scale=1e9).phase_rounding(1e9) == 0.0
    assert StudentT(2.0, loc=1e6).phase_rounding(0.0) == 0.0
    small = Uniform(loc=1e6, scale=1e-9).phase_rounding(10.0)
    assert small == pytest.approx(2.2e-16 * 1e7, rel=0.01)
    assert Uniform(loc=1e7, scale=1e-9).phase_rounding(10.0) == pytest.approx(10 * small)
    assert Uniform(loc=1e20, scale=1e-9).phase_rounding(10.0) == 1.0
    both = Mixture([Normal(), Uniform(loc=1e6, scale=1e-9)], [0.25, 0.75])
    assert both.phase_rounding(10.0) == pytest.approx(0.75 * small)
    assert Empirical([0.0, 1e6]).phase_rounding(10.0) == pytest.approx(small / 2, rel=1e-3)
    assert as_density(stats.expon(loc=1e6, scale=1e-2)).phase_rounding(10.0) == pytest.approx(
        small, rel=1e-2
    )
    tent = as_density(lambda w: 1 - np.abs(w - 1e6), support=(1e6 - 1, 1e6 + 1), kinks=(1e6,))
    assert tent.phase_rounding(10.0) == pytest.approx(small, rel=1e-3)
    assert carrier_rounding(0.0, 1.0, np.ones_like) == 0.0


def test_kernel_change_bounds_the_change():
    shifts = np.geomspace(1e-12, 10.0, 14)
    for rho in (
        Normal(scale=3.0),
        Laplace(loc=1.0, scale=2.0),
        Uniform(scale=4.0),
        StudentT(1.0, scale=0.5),
    ):
        z = np.linspace(0, 3, 400)
        for shift in shifts.tolist():
            moved = np.abs(rho.kernel(z + shift) - rho.kernel(z)).max()
            assert moved <= rho.kernel_change(shift) + 2e-15
        assert rho.kernel_change(1e-9) < 1e-6
    assert Normal().kernel_change(0.0) == 0.0


@pytest.mark.parametrize("origin", [0.0, 0.3, 0.05, -0.05, 1.6e9, 1.6e9 + 0.3, -1.6e9])
def test_a_lattice_with_an_origin_far_from_zero_keeps_its_digits(origin):
    """Reduced to the sample next to 0 in exact arithmetic."""
    spacing = 0.1
    exact = Fraction(origin) % Fraction(spacing)
    exact -= Fraction(spacing) if exact > Fraction(spacing) / 2 else 0
    equation = FrequencyEquation.create(Normal(), GAUSSIAN, measure=Grid(spacing, origin))
    mesh = FrequencyMesh((np.linspace(0, np.pi / spacing, 5),))
    system = LatticeSystem(equation, mesh, 4, equation.measure)
    assert system.origin == float(exact)
    found = solve_frequency_pde(Normal(), GAUSSIAN, measure=Grid(spacing, origin), t=[0.0])
    x = float(exact) + spacing * np.arange(-80, 81)
    assert found.train_loss[0] == pytest.approx(spacing * np.sum(np.exp(-2 * x**2)), rel=1e-12)


def test_spectra_on_a_box_far_from_zero():
    """Nothing is learned at t = 0, and at late times the spectrum is that of the output."""
    box = Box(1.6e9, 1.6e9 + 2)
    grid = np.array([1e3, 1e3 + 0.7])
    found = solve_frequency_pde(
        Normal(scale=3.0), lambda x: np.sin(x - 1.6e9), measure=box, sigma_a=0.0,
        t=[0.0, 5.0], frequencies=grid,
    )  # fmt: skip
    near = solve_frequency_pde(
        Normal(scale=3.0), np.sin, measure=Box(0.0, 2.0), sigma_a=0.0, t=[0.0, 5.0],
        frequencies=grid,
    )  # fmt: skip
    with mpmath.workdps(40):
        turn = [complex(mpmath.expj(-mpmath.mpf(xi) * mpmath.mpf(1.6e9))) for xi in grid.tolist()]
    # Points of the box are multiples of 2e-7 there.
    np.testing.assert_allclose(found.data_spectrum, near.data_spectrum * turn, rtol=0, atol=1e-6)
