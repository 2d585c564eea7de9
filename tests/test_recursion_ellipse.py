"""Means over phase and radius: elliptic integrals, and their epsilon."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from ntkfreq.recursion.damped import damped_means, radial_mean
from ntkfreq.recursion.ellipse import elliptic_means
from validation.reference.recursion import graded, unit_means

RATIOS = np.array([0.97, 0.9, 0.5, 0.1, 1e-2, 1e-4, 1e-8, 1e-12])


@pytest.mark.parametrize("scale", [1e-30, 3.7, 1e20])
def test_means_are_elliptic_integrals(scale):
    v1, v2 = np.full(RATIOS.size, scale), scale * RATIOS**2
    k2 = 1 - RATIOS**2
    e, k = special.ellipe(k2), special.ellipkm1(RATIOS**2)
    share = 2 / (np.pi * k2 * np.sqrt(v1))
    j1, j2 = elliptic_means(v1, v2)
    # The difference in J_1 loses a digit where K is large, that of SciPy two near a circle.
    assert j1 == pytest.approx(share * (e - RATIOS**2 * k), rel=1e-13)
    assert j2 == pytest.approx(share * (k - e), rel=1e-13)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 1e-3, 1e-8])
def test_means_are_integrals_over_the_circle(ratio):
    psi, weight = graded(1e-3 * ratio, np.pi / 2)
    q = np.hypot(np.sin(psi), ratio * np.cos(psi))
    found = [float(j) for j in elliptic_means(1.0, ratio**2)]
    sides = np.sin(psi) ** 2, np.cos(psi) ** 2
    assert found == pytest.approx([2 / np.pi * np.sum(weight * s / q) for s in sides], rel=1e-12)


def test_means_at_the_ends():
    j1, j2 = elliptic_means([4.0, 1.0, 0.0], [4.0, 0.0, 0.0])
    assert j1.tolist() == pytest.approx([0.25, 2 / np.pi, np.inf], rel=1e-15)
    assert j2.tolist() == pytest.approx([0.25, np.inf, np.inf], rel=1e-15)
    assert elliptic_means(np.ones((2, 3)), np.ones((2, 3)))[0].shape == (2, 3)


def test_near_a_circle_nothing_cancels():
    """First order: J = (I/2 - D/8)/a for V = a^2 (I + D), D traceless."""
    small = 1e-7
    j1, j2 = elliptic_means(4 * (1 + small), 4 * (1 - small))
    assert (float(j2) - float(j1)) / small == pytest.approx(0.125, rel=1e-7)


def test_mean_over_the_radius():
    t, weight = graded(1e-9, 9.5)
    law = weight * t**3 * np.exp(-(t**2) / 2)
    for delta in (1e-9, 2e-5, 1e-3, 0.07, 1.0, 33.0, 1020.0, 1030.0, 1e9):
        assert radial_mean(delta) == pytest.approx(np.sum(law / (t + delta)), rel=3e-13)


@pytest.mark.parametrize(
    "epsilon", [0.0, 1e-10, 1e-6, 3.5e-5, 1e-4, 3.5e-4, 3e-3, 0.1, 4.0, 1e4, 1e13]
)
@pytest.mark.parametrize("ratio", [1.0, 0.7, 0.1, 1e-3, 1e-6, 1e-10])
def test_means_under_an_epsilon(epsilon, ratio):
    """Against panels over phase and radius; turned where V holds the narrow axis to all digits."""
    sigma, turn = 1.3, 0.7 if ratio >= 1e-3 else 0.0
    r = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    v = r @ np.diag([0.04, 0.04 * ratio**2]) @ r.T
    (cc, cs, ss) = damped_means(np.array([[v[0, 0], v[0, 1], v[1, 1]]]), epsilon, sigma)[0]
    for vector in r.T:
        expected = unit_means(v, vector, sigma, epsilon)
        found = np.array([[cc, cs], [cs, ss]]) @ vector
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-10 * np.linalg.norm(expected))


def test_no_root_at_all():
    assert damped_means(np.zeros((1, 3)), 2.0, 3.0)[0].tolist() == [4.5, 0.0, 4.5]
