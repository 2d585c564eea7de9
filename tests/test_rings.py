"""In the plane, figures tell of rings of frequencies, the same as learning times do."""

from __future__ import annotations

from functools import cache

import matplotlib as mpl
import numpy as np
import pytest

from ntkfreq import Box, FourierFeatureNet, Grid, Normal, Points, solve_frequency_pde, train
from ntkfreq.plotting import drawable_bands

mpl.use("Agg")

SIDE = np.linspace(-1, 1, 10)
PIXELS = np.stack(np.meshgrid(SIDE, SIDE, indexing="ij"), axis=-1).reshape(-1, 2)
BETWEEN = np.random.default_rng(0).uniform(-1, 1, (400, 2))
T = np.append(0.0, np.geomspace(0.1, 1000.0, 30))


def tones(x):
    """One that the pixels resolve, oblique, and one far above their Nyquist frequency of 14."""
    return np.sin(7 * x[:, 0] + 5 * x[:, 1]) + np.cos(30 * x[:, 0] - 3 * x[:, 1])


def packet(x):
    return np.exp(-np.sum(x**2, axis=1) / 2) * np.cos(6 * x[:, 0] + 3 * x[:, 1])


RHO = Normal(scale=15.0, dim=2)
NARROW = Normal(scale=3.0, dim=2)
SHORT = np.append(0.0, np.geomspace(0.01, 30.0, 20))
SOLVED = {
    "pixels": lambda: solve_frequency_pde(RHO, (PIXELS, tones(PIXELS)), t=T),
    "pixels and between": lambda: solve_frequency_pde(
        RHO, tones, measure=Points(PIXELS), t=T, test=(BETWEEN, tones(BETWEEN))
    ),
    "pixels, decay": lambda: solve_frequency_pde(
        RHO, (PIXELS, tones(PIXELS)), t=T, weight_decay=1e-3
    ),
    "box": lambda: solve_frequency_pde(
        Normal(scale=5.0, dim=2), packet, measure=Box((-1, -1), (1, 1)), t=T
    ),
    "line": lambda: solve_frequency_pde(NARROW, packet, t=SHORT, rtol=1e-4),
    "lattice": lambda: solve_frequency_pde(NARROW, packet, measure=Grid(0.4), t=SHORT, rtol=1e-4),
}
# Where diffusion brings nothing from other rings: a part is followed by itself.
PARTS = ("pixels", "pixels and between", "pixels, decay", "box")


@cache
def solved(name):
    return SOLVED[name]()


@pytest.mark.parametrize("name", PARTS)
def test_no_share_of_a_ring_exceeds_one(name):
    solution = solved(name)
    share = solution.band_shares(drawable_bands(solution.frequencies, 8))
    start = share[0][np.isfinite(share[0])]
    assert len(start) >= 2
    np.testing.assert_array_equal(start, 1.0)
    assert np.nanmax(share) <= 1.01
    mesh = solution.plot(bands=8).axes[0].collections[0]
    drawn = np.ma.filled(mesh.get_array(), np.nan)
    np.testing.assert_array_equal(drawn, np.minimum(share[1:], 1.0))


@pytest.mark.parametrize("name", SOLVED)
def test_learning_times_are_those_of_the_solution(name):
    """Along two rays alone the tones are not there, and what leaks would tell the times."""
    solution = solved(name)
    bands = drawable_bands(solution.frequencies, 8)
    (line,) = solution.plot(bands=8).axes[1].lines
    drawn = dict(zip(bands, line.get_ydata(), strict=True))
    learned = {band for band, time in drawn.items() if np.isfinite(time)}
    assert len(learned) >= 2 or name == "pixels and between"
    for band in learned:
        assert drawn[band] == pytest.approx(solution.learning_time(band), rel=1e-9)


@pytest.mark.parametrize("name", PARTS)
def test_bands_left_out_are_those_with_nothing_to_learn(name):
    solution = solved(name)
    bands = drawable_bands(solution.frequencies, 8)
    for band, start in zip(bands, solution.band_shares(bands)[0], strict=True):
        if np.isnan(start):
            with pytest.raises(ValueError, match=r"nothing to learn|highest frequency that these"):
                solution.learning_time(band)
        else:
            assert solution.learning_time(band) > 0


def test_what_diffuses_into_a_ring_is_seen_as_growth():
    shares = solved("line").band_shares(drawable_bands(solved("line").frequencies, 8))
    assert shares[:, 2].max() > 3  # beside the packet, toward lower frequencies
    frozen = solve_frequency_pde(NARROW, packet, t=SHORT, rtol=1e-4, sigma_a=0.0)
    assert np.nanmax(frozen.band_shares([(3.0, 5.0), (5.0, 7.0)])) <= 1.0


def test_axes_say_that_bands_are_rings():
    for ax in solved("pixels").plot(bands=4).axes[:2]:
        assert ax.get_xlabel() == r"frequency $|\xi|$ of a ring (rad per unit of x)"


def test_runs_are_read_over_rings_too():
    net = FourierFeatureNet.sample(RHO, 512, zero_output=True, rng=0)
    run = train(net, PIXELS, tones(PIXELS), step_size=0.5, steps=200)
    (line,) = run.plot(bands=8).axes[1].lines
    for band, drawn in zip(drawable_bands(run.frequencies, 8), line.get_ydata(), strict=True):
        if np.isfinite(drawn):
            assert drawn == pytest.approx(run.learning_time(band))
    assert np.isfinite(line.get_ydata()).any()


def test_frequencies_of_a_users_own_are_taken_as_they_are():
    angle = np.linspace(0, np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    grid = np.concatenate([radius * circle for radius in (5.0, 6.0, 7.0)])
    solution = solve_frequency_pde(NARROW, packet, frequencies=grid, t=SHORT, rtol=1e-4)
    shares = solution.band_shares([(4.5, 5.5), (6.5, 7.5)])
    rms = np.sqrt(np.mean(np.abs(solution.data_spectrum.reshape(-1, 3, 40)) ** 2, axis=2))
    np.testing.assert_allclose(shares, (rms / rms[0])[:, [0, 2]], rtol=1e-12)


def test_bands_that_take_a_solve_each_are_fewer():
    assert not solved("pixels, decay").bands_quick
    quick, slow = solved("pixels"), solved("pixels, decay")
    assert quick.bands_quick
    assert len(quick.plot().axes[1].lines[0].get_xdata()) > 12
    assert len(slow.plot().axes[1].lines[0].get_xdata()) <= 12
