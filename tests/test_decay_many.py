"""Decay on many points, decay that is next to nothing, and steps that would not end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ntkfreq import Normal, expected_losses, solve_frequency_pde
from ntkfreq.pde.time.fading import stepping


def dense_decay(x, y, density, sigma_a, rate, t):
    """Two fields under decay of the output weights, by SciPy's integrator; errors (T, N)."""
    gram = density.kernel(np.subtract.outer(x, x).ravel()).reshape(len(x), -1) / len(x)
    moving = sigma_a**2 * gram * np.outer(x, x)

    def slope(now, state):
        error = state[: len(x)] + state[len(x) :] - y
        first = -gram @ error - rate * state[: len(x)]
        second = -np.exp(-2 * rate * now) * (moving @ error) - rate * state[len(x) :]
        return np.concatenate([first, second])

    path = solve_ivp(slope, (0.0, t[-1]), np.zeros(2 * len(x)), "LSODA", t, rtol=1e-10, atol=1e-13)
    return (path.y[: len(x)] + path.y[len(x) :] - y[:, None]).T


def test_many_points_under_decay_follow_the_dense_equation():
    """Steps advance the range of the kernel; what lies outside of it fades by a formula."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(-1, 1, 150))
    # Noise lies outside the range, and counts off the points through its memories.
    y = np.sin(4 * x) + rng.standard_normal(150)
    t = np.array([0.0, 3.0, 50.0])
    solution = solve_frequency_pde(
        Normal(scale=6.0), (x, y), sigma_a=0.8, weight_decay=0.02, t=t, rtol=1e-8
    )
    assert solution._discretized.propagators[0]._span.basis.shape[1] < 60
    expected = dense_decay(x, y, Normal(scale=6.0), 0.8, 0.02, t)
    assert np.abs(solution.error(x) - expected).max() < 3e-8
    np.testing.assert_allclose(solution.train_loss, np.mean(expected**2, axis=1), rtol=1e-7)


def test_memories_outside_the_range_count_off_the_points():
    rng = np.random.default_rng(4)
    x, t, rate = rng.uniform(-1, 1, 90), np.array([0.0, 2.0, 60.0]), 0.05
    y, off = rng.standard_normal(90), np.array([-0.7, 0.123, 1.2])
    solution = solve_frequency_pde(
        Normal(scale=4.0), (x, y), sigma_a=0.0, weight_decay=rate, t=t, rtol=1e-9,
        initial_output=np.cos,
    )  # fmt: skip
    assert solution._discretized.propagators[0]._span is not None
    density = Normal(scale=4.0)
    values, modes = np.linalg.eigh(density.kernel(np.subtract.outer(x, x).ravel()).reshape(90, 90))
    rates, first, goal = np.maximum(values, 0) / 90, modes.T @ np.cos(x), modes.T @ y
    # e' = -(rate + lambda) e - rate y: the memory q = -(e - g)/lambda, or its limit at lambda = 0.
    held = []
    for now in t:
        faded = np.exp(-rate * now)
        shares = rates[:, None] + np.array([0.0, rate])
        integrals = [-np.expm1(-share * now) / np.where(share > 0, share, 1) for share in shares.T]
        integrals = [np.where(s > 0, i, now) for s, i in zip(shares.T, integrals, strict=True)]
        held.append(modes @ (first * faded * integrals[0] - goal * integrals[1]))
    kernel = density.kernel(np.subtract.outer(off, x).ravel()).reshape(3, 90) / 90
    expected = np.exp(-rate * t)[:, None] * np.cos(off) - np.array(held) @ kernel.T
    np.testing.assert_allclose(solution.output(off), expected, atol=1e-8)


@pytest.mark.parametrize("name", ["weight_decay", "frequency_decay"])
def test_decay_below_rounding_is_the_problem_without_it(name):
    x = np.linspace(-1, 1, 12)
    plain = solve_frequency_pde(Normal(scale=5.0), (x, np.sin(3 * x)), t=[0.0, 1.0, 100.0])
    tiny = solve_frequency_pde(
        Normal(scale=5.0), (x, np.sin(3 * x)), t=[0.0, 1.0, 100.0], **{name: 1e-30}
    )
    np.testing.assert_array_equal(tiny.train_loss, plain.train_loss)
    assert tiny.stats["decay"] == "below rounding until t=100, and left out"
    assert tiny.settings()[name] == 1e-30
    with pytest.raises(ValueError, match="beyond 100, to which the solution was fitted"):
        tiny.at(t=[0.0, 1e30])


def test_expected_losses_where_rounding_ends_are_told():
    x = np.linspace(-1, 1, 12)
    late = expected_losses(Normal(scale=5.0), (x, np.sin(3 * x)), frequency_decay=1e-13)
    assert late.t[-1] > 1e13
    assert late.status.startswith("tolerance not met")
    wide = expected_losses(
        Normal(scale=5.0), (x, np.sin(3 * x)), sigma_a=1e6, frequency_decay=300.0
    )
    assert wide.train_mean[0] == pytest.approx(1e12, rel=1e-6)
    assert np.all(np.isfinite(wide.train_mean))


def test_steps_that_do_not_get_through_are_refused(monkeypatch):
    monkeypatch.setattr(stepping, "_MOST_STEPS", 2)
    x = np.linspace(-1, 1, 12)
    with pytest.raises(ValueError, match=r"t ends at 100, to which .* max_steps=2 .*Shorten t"):
        solve_frequency_pde(Normal(), (x, x), weight_decay=0.1, t=[0.0, 100.0])


def test_steps_that_would_take_hours_are_refused():
    message = r"20000 unknowns that its operators do not reduce: .* days.*at most 2320"
    with pytest.raises(ValueError, match=message):
        stepping.refuse_steps(20_000, 1e-4)
