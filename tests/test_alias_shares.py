"""Shares of aliases: against plain sums, and the end of a solution without diffusion."""

from __future__ import annotations

import time

import mpmath
import numpy as np
import pytest

from ntkfreq import (
    AliasShares,
    Grid,
    Laplace,
    Mixture,
    Normal,
    StudentT,
    Target,
    Uniform,
    alias_shares,
    solve_frequency_pde,
)

PERIOD = 2 * np.pi / 0.6


def test_the_tone_of_the_theory():
    found = alias_shares(Normal(scale=3.0), 8.0, Grid(0.6))
    assert isinstance(found, AliasShares)
    assert found.own == pytest.approx(0.03856, abs=1e-5)
    assert found.frequencies[0] == pytest.approx(8.0 - PERIOD)
    assert found.shares[0] == pytest.approx(0.96132, abs=1e-5)
    assert found.test_energy == pytest.approx((1 - 0.03856) ** 2 + 0.96132**2, abs=1e-4)


@pytest.mark.parametrize(
    "density",
    [
        Normal(loc=1.0, scale=3.0),
        Laplace(loc=-2.0, scale=3.0),
        StudentT(3.0, loc=0.5, scale=3.0),
        Uniform(loc=2.0, scale=14.0),
        Mixture([Normal(scale=0.5), StudentT(2.0, scale=6.0)], [0.3, 0.7]),
    ],
    ids=["normal", "laplace", "student", "uniform", "mixture"],
)
def test_shares_are_those_of_a_plain_sum(density):
    aliases = 8.0 + PERIOD * np.arange(-40_000, 40_001)
    values = 0.5 * (density.pdf(aliases) + density.pdf(-aliases))
    found = alias_shares(density, 8.0, Grid(0.6), least=1e-4)
    plain = values / values.sum()
    listed = np.sort(plain[plain >= 1e-4])[::-1]
    # The tails that 80 001 aliases leave out hold up to 1e-9 of the sum (df = 2: 2e-9).
    np.testing.assert_allclose(found.shares, listed, rtol=1e-8)
    assert found.remainder == pytest.approx(1 - listed.sum(), abs=1e-8)
    assert found.own == pytest.approx(plain[40_000], rel=1e-8)


def test_two_dimensions_are_products_where_the_density_is():
    both = alias_shares(Normal(scale=3.0, dim=2), [8.0, 1.0], Grid(0.6))
    first, second = (alias_shares(Normal(scale=3.0), tone, Grid(0.6)) for tone in (8.0, 1.0))
    assert both.own == pytest.approx(first.own * second.own, rel=1e-12)
    assert both.shares[0] == pytest.approx(first.shares[0] * second.shares[0], rel=1e-12)
    np.testing.assert_allclose(both.frequencies[0], [8.0 - PERIOD, 1.0])


def test_heavy_tail_in_two_dimensions():
    density = StudentT(3.0, scale=2.0, dim=2)
    steps = PERIOD * np.arange(-300, 301)
    plane = np.stack(np.meshgrid(8.0 + steps, 1.0 + steps, indexing="ij"), axis=-1).reshape(-1, 2)
    values = density.pdf(plane)
    found = alias_shares(density, [8.0, 1.0], Grid(0.6))
    # 601^2 aliases leave out a tail that falls with the cube of the radius: 1e-7 of the sum.
    assert found.shares[0] == pytest.approx(values.max() / values.sum(), rel=1e-6)


@pytest.mark.parametrize("origin", [0.0, 0.17])
def test_a_solution_without_diffusion_ends_with_these_shares(origin):
    """A tone under a wide window, long after: the output's spectrum over the target's."""

    def tone(x):
        return np.cos(8 * x) * np.exp(-(x**2) / 200)

    target = Target.from_function(tone, support=(-90.0, 90.0))
    grid, density = Grid(0.6, origin), Laplace(scale=3.0)
    found = alias_shares(density, 8.0, grid, least=1e-3)
    solution = solve_frequency_pde(
        density, target, sigma_a=0.0, measure=grid, t=[0.0, 1e4], frequencies=found.frequencies
    )
    learned = solution.spectrum[1] - solution.spectrum[0]
    size = np.abs(target.transform([8.0])[0])
    np.testing.assert_allclose(np.abs(learned) / size, found.shares, rtol=1e-5)
    # The loss holds the tone with its window, a band of width 0.1 over which the shares vary.
    assert solution.test_loss[1] / solution.test_loss[0] == pytest.approx(
        found.test_energy, rel=1e-3
    )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((Normal(), 1.0, 0.5), TypeError, r"grid=0\.5 must be a Grid.*Grid\(spacing\)"),
        ((Normal(dim=3), [1.0, 1, 1], Grid(0.5)), ValueError, "dimension 3; shares are computed"),
        ((Normal(dim=2), 1.0, Grid(0.5)), ValueError, r"frequency=1\.0 has 1 coord.*give one"),
        ((Normal(), [1.0, 2.0], Grid(0.5)), ValueError, "has 2 coordinates for rho_w of dimension"),
        ((Uniform(scale=1.0), 5.0, Grid(0.5)), ValueError, "rho_w is zero.*take a wider density"),
    ],
)
def test_refusals(arguments, error, match):
    with pytest.raises(error, match=match):
        alias_shares(*arguments)


def test_least_must_be_positive():
    with pytest.raises(ValueError, match="least=0"):
        alias_shares(Normal(), 1.0, Grid(0.5), least=0)


def test_short_repr_names_the_condition():
    text = repr(alias_shares(StudentT(1.5, scale=3.0), 8.0, Grid(0.6)))
    assert text.endswith("exact=without diffusion)")
    assert " in all, test_energy=" in text


@pytest.mark.parametrize("tone", [1e8, 1e15, 1e20, -1e40])
def test_tones_of_any_size_have_shares_that_sum_to_one(tone):
    """The alias in the zone from sixty digits; the tone itself is far in the tail."""
    density = StudentT(1.0)
    with mpmath.workdps(80):
        period = 2 * mpmath.pi / mpmath.mpf(0.6)
        zone = mpmath.mpf(tone) - period * mpmath.nint(mpmath.mpf(tone) / period)
        # The sum over aliases of a Cauchy density in closed form.
        total = mpmath.sinh(2 * mpmath.pi / period) / (
            mpmath.cosh(2 * mpmath.pi / period) - mpmath.cos(2 * mpmath.pi * zone / period)
        )
        first = float(1 / (mpmath.pi * (1 + zone**2)) / (total / period))
        own = float(1 / (mpmath.pi * mpmath.mpf(tone) ** 2) / (total / period))
    found = alias_shares(density, tone, Grid(0.6))
    assert found.frequencies[0] == pytest.approx(float(zone), rel=1e-12)
    assert found.shares[0] == pytest.approx(first, rel=1e-9)
    assert found.own == pytest.approx(own, rel=1e-9)
    assert 0.999 < found.shares.sum() <= 1
    assert found.remainder == pytest.approx(1 - found.shares.sum())


@pytest.mark.parametrize(
    ("density", "tone", "first"),
    [
        (Laplace(loc=1e6), 1e6 + 0.1, 1e6 + 0.1),
        (Uniform(loc=1e6, scale=0.01), 1e6, 1e6),
        (Uniform(loc=3e5, scale=1e-12), 3e5, 3e5),
        (Laplace(scale=1e-12), 0.0, 0.0),
        (Uniform(scale=1e-50), 0.0, 0.0),
        (Normal(scale=1e6), 0.0, 0.0),
        (StudentT(0.1, scale=1e-3), 0.3, 0.3),
    ],
)
def test_densities_far_from_zero_and_very_narrow_or_wide_ones(density, tone, first):
    begin = time.perf_counter()
    found = alias_shares(density, tone, Grid(0.6))
    assert time.perf_counter() - begin < 10
    assert found.frequencies[0] == pytest.approx(first)
    assert 0 < found.shares.sum() <= 1 + 1e-12
    near = first + PERIOD * np.arange(-3, 4)
    even = 0.5 * (density.pdf(near) + density.pdf(-near))
    listed = dict(zip(found.frequencies.round(3).tolist(), found.shares.tolist(), strict=True))
    for place, value in zip(near.round(3).tolist(), even, strict=True):
        if value > 1e-5 * even[3]:
            assert listed[place] == pytest.approx(found.shares[0] * value / even[3], rel=1e-6)


@pytest.mark.parametrize(
    "density",
    [
        Laplace(loc=1e9),
        Uniform(loc=1e20),
        Normal(scale=1e8),
        StudentT(1.0, scale=1e9),
        Uniform(scale=1e50),
        Normal(loc=1e5, dim=2),
        Laplace(scale=1e20, dim=2),
    ],
)
def test_densities_that_span_too_many_periods_are_refused_at_once(density):
    begin = time.perf_counter()
    with pytest.raises(
        ValueError, match=r"spans .* periods 2 pi / spacing = 10\.5 .*its pdf at the"
    ):
        alias_shares(density, np.zeros(density.dim), Grid(0.6))
    assert time.perf_counter() - begin < 2


def test_the_pdf_times_the_period_is_what_a_wide_density_shares():
    """The remedy of the refusal, where it can still be compared."""
    density = Normal(scale=1e5)
    found = alias_shares(density, 2.0, Grid(0.6), least=1e-7)
    np.testing.assert_allclose(found.shares[:9], PERIOD * density.pdf(found.frequencies[:9]))


@pytest.mark.parametrize("density", [Normal(loc=1e8), Laplace(loc=1e7), Uniform(loc=1e9)])
def test_a_lattice_refuses_densities_that_span_too_many_periods(density):
    begin = time.perf_counter()
    target = Target.from_function(lambda x: np.exp(-(x**2)), support=(-6.0, 6.0))
    with pytest.raises(ValueError, match=r"rho_w=.* spans .* periods.*measure=Points\(x\)"):
        solve_frequency_pde(density, target, measure=Grid(0.5), t=[0.0, 1.0])
    assert time.perf_counter() - begin < 5


def test_energy_does_not_hang_on_what_is_listed():
    every = alias_shares(Normal(scale=3.0), 8.0, Grid(0.6))
    others = np.sum(every.shares**2) - every.own**2
    assert every.test_energy == pytest.approx((1 - every.own) ** 2 + others, rel=1e-12)
    # The tone itself is not among shares of a tenth and more, and none is above one.
    few = alias_shares(Normal(scale=3.0), 8.0, Grid(0.6), least=0.1)
    assert few.test_energy == pytest.approx((1 - few.own) ** 2 + few.shares[0] ** 2, rel=1e-12)
    none = alias_shares(Normal(scale=3.0), 8.0, Grid(0.6), least=400.0)
    assert none.test_energy == pytest.approx((1 - none.own) ** 2, rel=1e-12)
