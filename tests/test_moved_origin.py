"""With frozen frequencies the answer does not depend on where the target sits."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import Grid, Line, Normal, Target, solve_frequency_pde

RHO, T = Normal(scale=3.0), [0.0, 1.0, 10.0]


def pulse(center):
    return Target.from_function(
        lambda x: np.exp(-((x - center) ** 2)), support=(center - 7, center + 7)
    )


def losses():
    """The integral of the squared transform, each frequency decaying at its own rate."""
    xi = np.linspace(-40, 40, 200001)
    rates = 4 * np.pi * np.exp(-(xi**2) / 18) / np.sqrt(18 * np.pi)
    energy = np.pi * np.exp(-(xi**2) / 2)
    step = (xi[1] - xi[0]) / (2 * np.pi)
    return np.array([np.sum(energy * np.exp(-rates * t)) * step for t in T])


@pytest.mark.parametrize("center", [-40.0, 500.0, 5e3, 1e5, -1e6])
def test_a_pulse_anywhere_on_the_line(center):
    found = solve_frequency_pde(RHO, pulse(center), sigma_a=0, t=T, frequencies=[0.7, 3.0])
    assert found.status.startswith("converged")
    assert np.allclose(found.train_loss, losses(), rtol=0, atol=1e-6)
    assert found.stats["solved_about"] == [center]
    # The transform of the error is that about 0, turned by where the pulse is.
    near = solve_frequency_pde(RHO, pulse(0.0), sigma_a=0, t=T, frequencies=[0.7, 3.0])
    turn = np.exp(-1j * np.array([0.7, 3.0]) * center)
    assert np.allclose(found.spectrum, near.spectrum * turn, rtol=0, atol=1e-6)
    x = np.array([-0.4, 0.0, 1.1])
    assert np.allclose(found.output(center + x), near.output(x), rtol=0, atol=1e-6)


def test_an_initial_output_moves_along():
    start, other = pulse(1e4 + 1.5), pulse(1.5)
    far = solve_frequency_pde(RHO, pulse(1e4), initial_output=start, sigma_a=0, t=T)
    near = solve_frequency_pde(RHO, pulse(0.0), initial_output=other, sigma_a=0, t=T)
    assert np.allclose(far.train_loss, near.train_loss, rtol=0, atol=1e-6)
    assert np.allclose(far.output([1e4 + 0.3]), near.output([0.3]), rtol=0, atol=1e-6)


def test_on_a_lattice_by_whole_spacings():
    # 1003.1 is 5015 spacings from the lattice point 0.1.
    near, far = (
        solve_frequency_pde(RHO, pulse(c), sigma_a=0, t=T, measure=Grid(0.2, 0.1))
        for c in (0.1, 1003.1)
    )
    assert np.allclose(far.train_loss, near.train_loss, rtol=0, atol=1e-6)
    assert np.allclose(far.test_loss, near.test_loss, rtol=0, atol=1e-6)


@pytest.mark.parametrize("center", [20.0, 2000.0])
def test_in_the_plane(center):
    side = (center - 7, center + 7)
    target = Target.from_function(
        lambda x: np.exp(-np.sum((x - center) ** 2, axis=1)), support=(side, side)
    )
    plane = Normal(scale=3.0, dim=2)
    found = solve_frequency_pde(plane, target, sigma_a=0, t=T, measure=Line())
    # Radial: the integral over |xi| of the same, with the density of the plane.
    r = np.linspace(0, 40, 100001)
    rates = 2 * (2 * np.pi) ** 2 * np.exp(-(r**2) / 18) / (18 * np.pi)
    energy = np.pi**2 * np.exp(-(r**2) / 2) * r / (2 * np.pi)
    right = [np.sum(energy * np.exp(-rates * t)) * (r[1] - r[0]) for t in T]
    assert np.allclose(found.train_loss, right, rtol=0, atol=1e-5)


def test_trained_frequencies_stay_where_they_are():
    found = solve_frequency_pde(RHO, pulse(40.0), sigma_a=0.1, t=[0.0, 0.1])
    assert "solved_about" not in found.stats
