"""Functions are looked at by probing: what no probe sees is refused, and nothing is overlooked."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import Box, Grid, Line, Normal, Points, Target, expected_losses, solve_frequency_pde
from ntkfreq.numerics.quadrature import resolve

RHO = Normal(scale=3.0)
PLANE = Normal(scale=3.0, dim=2)
SHORT = [0.0, 1.0]


def pulse(center, width=1.0):
    return lambda x: np.exp(-(((x - center) / width) ** 2))


def round_pulse(center):
    return lambda x: np.exp(-np.sum((x - center) ** 2, axis=-1))


def test_a_pulse_far_away_costs_what_it_costs_near():
    # Inner weights frozen: the loss is an integral of the transform, wherever the pulse is.
    xi = np.linspace(-40, 40, 20001)
    rho, energy = np.exp(-(xi**2) / 18) / np.sqrt(18 * np.pi), np.pi * np.exp(-(xi**2) / 2)
    right = [np.sum(energy * np.exp(-4 * np.pi * rho * t)) * 0.004 / 2 / np.pi for t in SHORT]
    with pytest.raises(ValueError, match=r"target is 0 at all of .* probes within \|x\| < 16384"):
        solve_frequency_pde(RHO, pulse(1.7e4), sigma_a=0, t=SHORT)
    # The remedy of the message.
    named = Target.from_function(pulse(300.0), support=(291, 309))
    found = solve_frequency_pde(RHO, named, sigma_a=0, t=SHORT)
    assert np.allclose(found.train_loss, right, rtol=1e-5, atol=0)
    assert found.stats["support"] == (291.0, 309.0)


UNSEEN = {
    "Line": (lambda: solve_frequency_pde(RHO, pulse(1e5)), r"support=\(a, b\)"),
    "Grid": (lambda: solve_frequency_pde(RHO, pulse(1e5), measure=Grid(0.1)), "number 0.0"),
    "plane": (
        lambda: solve_frequency_pde(PLANE, round_pulse(2000.0)),
        r"\(\(a1, b1\), \(a2, b2\)\)",
    ),
    "lattice in the plane": (
        lambda: solve_frequency_pde(PLANE, round_pulse(2000.0), measure=Grid(0.3)),
        "257 x 257 probes",
    ),
    "support that is too wide": (
        lambda: Target.from_function(pulse(137.3, 0.01), support=(-2000, 2000)),
        r"f is 0 at all of 4001 probes of its support \(-2000, 2000\)",
    ),
    "rectangle that is too wide": (
        lambda: Target.from_function(round_pulse(39.1), support=((-1e4, 1e4), (-1e4, 1e4))),
        "f is 0 at all of 257 x 257 probes of its support",
    ),
    "Box": (
        lambda: solve_frequency_pde(RHO, pulse(0.3337, 1e-6), measure=Box(-1, 1)),
        "target is 0 at all of 4001 probes of Box",
    ),
    "Box in the plane": (
        lambda: solve_frequency_pde(
            PLANE, round_pulse(39.1), measure=Box([-1e4, -1e4], [1e4, 1e4])
        ),
        "target is 0 at all of 66049 probes of Box",
    ),
    "losses of all networks": (
        lambda: expected_losses(RHO, pulse(0.3337, 1e-6), measure=Box(-1, 1)),
        "narrow the box",
    ),
    "initial output": (
        lambda: solve_frequency_pde(RHO, pulse(0.0), initial_output=pulse(3e4)),
        "initial_output is 0 at all of",
    ),
    "radius looked for": (lambda: Target.from_radial(pulse(2e4)), "profile is 0 at all of"),
    "radius given": (
        lambda: Target.from_radial(pulse(2e4, 0.01), radius=3.9e4),
        "profile is 0 at all of 4001 probes within r < 39000.*give the radius where it ends",
    ),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_a_function_of_which_probes_see_nothing_is_refused(case):
    action, message = UNSEEN[case]
    with pytest.raises(ValueError, match=message):
        action()


def test_zero_is_told_by_returning_the_number():
    measures = (Line(), Grid(0.6), Box(-1, 1), Points([0.0, 1.0]))
    for measure in measures:
        solution = solve_frequency_pde(RHO, lambda x: 0.0, measure=measure, t=SHORT)
        assert np.array_equal(solution.train_loss, [0.0, 0.0])
    start = solve_frequency_pde(RHO, lambda x: 0.0, initial_output=pulse(0.0), t=SHORT)
    assert start.train_loss[0] == pytest.approx(np.sqrt(np.pi / 2), rel=1e-9)


def test_a_number_of_numpys_own_is_a_sum_over_points_by_mistake():
    with pytest.raises(ValueError, match=r"returned shape \(\) for .* a plain Python number where"):
        solve_frequency_pde(RHO, lambda x: np.exp(-np.sum(x**2)), measure=Box(-1, 1))


def test_an_initial_output_far_from_the_target_counts():
    far = Target.from_function(pulse(3e4), support=(3e4 - 9, 3e4 + 9))
    near, away = (
        solve_frequency_pde(RHO, pulse(0.0), initial_output=start, sigma_a=0, t=[0.0], rtol=1e-3)
        for start in (pulse(40.0), far)
    )
    assert near.train_loss[0] == pytest.approx(2 * np.sqrt(np.pi / 2), rel=1e-6)
    assert away.train_loss[0] == pytest.approx(2 * np.sqrt(np.pi / 2), rel=1e-6)


def test_a_narrow_pulse_on_a_background_is_not_overlooked():
    # Mean over [-1, 1] of (cos x + 100 pulse)^2; the pulse fits between the nodes of even panels.
    width, center = 1e-4, 0.3337
    narrow = width * np.sqrt(np.pi)
    right = (
        0.5 * (1 + np.sin(2) / 2)
        + 100 * np.cos(center) * narrow * np.exp(-(width**2) / 4)
        + 0.5e4 * narrow / np.sqrt(2)
    )
    found = solve_frequency_pde(
        RHO, lambda x: np.cos(x) + 100 * pulse(center, width)(x), measure=Box(-1, 1), t=[0.0]
    )
    assert found.train_loss[0] == pytest.approx(right, rel=1e-9)
    resolved = resolve(pulse(7.123, 0.01), [-50.0, 50.0])
    _, weights, values = resolved.rule()
    assert weights @ values == pytest.approx(0.01 * np.sqrt(np.pi), rel=1e-12)
