"""Schedules of gradient descent and momentum: exact products, on every measure."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ntkfreq import (
    Box,
    Cosine,
    Empirical,
    Exponential,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    Warmup,
    compare,
    solve_frequency_pde,
    train,
)
from ntkfreq.pde.time.scheduled import ScheduledDynamics

X = np.linspace(-1, 1, 40)
Y = np.sin(4 * X) + 0.5 * np.cos(9 * X)
RHO = Normal(scale=8.0)
SCHEDULE = Warmup(20, Cosine(200, final=0.1))
RULES = {
    "gd": (GradientDescent, 0.0, False),
    "ball": (lambda **more: HeavyBall(0.8, **more), 0.8, False),
    "nesterov": (lambda **more: Nesterov(0.7, **more), 0.7, True),
}
STEPS = np.array([0, 1, 5, 20, 100, 150])


@pytest.mark.parametrize("name", RULES)
def test_steps_are_those_of_a_plain_loop(name):
    make, beta, nesterov = RULES[name]
    found = solve_frequency_pde(
        RHO, (X, Y), optimizer=make(schedule=SCHEDULE), step_size=0.3, steps=STEPS
    )
    z = X[:, None] - X
    matrix = np.exp(-(8.0**2) * z**2 / 2) * (1 + np.outer(X, X)) / len(X)
    error, velocity, losses = -Y, np.zeros_like(Y), []
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            losses.append(np.mean(error**2))
        slope = error.copy()
        velocity = beta * velocity + slope
        move = slope + beta * velocity if nesterov else velocity
        error = error - 0.3 * SCHEDULE.factor(step) * (matrix @ move)
    np.testing.assert_allclose(found.train_loss, losses, rtol=1e-11)
    factors = [SCHEDULE.factor(step) for step in range(STEPS[-1])]
    np.testing.assert_allclose(found.t, 0.3 * np.append(0, np.cumsum(factors))[STEPS])


def test_a_frozen_network_is_followed_exactly():
    net = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)
    rule = HeavyBall(0.5, schedule=Exponential(0.5, steps=40))
    run = train(net, X, Y, optimizer=rule, step_size=0.2, steps=120, freeze_frequencies=True)
    solution = solve_frequency_pde(
        Empirical(net.w), (X, Y), sigma_a=0.0, optimizer=rule, step_size=0.2, steps=120
    )
    both = compare(solution, run)
    assert both.output_error[1:].max() < 1e-10
    np.testing.assert_allclose(both.predicted_loss, both.measured_loss, rtol=1e-10)


def test_trained_networks_follow_within_their_width():
    rule = GradientDescent(schedule=Warmup(50, Cosine(400)))
    net = FourierFeatureNet.sample(RHO, 8192, zero_output=True, rng=0)
    run = train(net, X, Y, optimizer=rule, step_size=0.3, steps=400)
    solution = solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=0.3, steps=400)
    both = compare(solution, run)
    # Beyond, what is left is of the size of what the width adds.
    seen = both.predicted_loss > 1e-3 * both.predicted_loss[0]
    assert seen.sum() > 40
    np.testing.assert_allclose(both.predicted_loss[seen], both.measured_loss[seen], rtol=0.06)


@pytest.mark.parametrize("measure", [None, Box([-8.0], [8.0])])
def test_small_steps_are_the_flow_at_their_sum(measure):
    def y(x):
        return np.exp(-(x**2) / 2) * np.cos(3 * x)

    rule = GradientDescent(schedule=Warmup(100))
    found = solve_frequency_pde(
        Normal(scale=3.0), y, measure=measure, optimizer=rule, step_size=2e-3, steps=2000
    )
    flow = solve_frequency_pde(Normal(scale=3.0), y, measure=measure, t=found.t)
    np.testing.assert_allclose(found.train_loss, flow.train_loss, rtol=5e-3)
    assert "schedule" in found.settings()


def test_other_times_default_steps_and_what_does_not_move():
    rule = GradientDescent(schedule=Warmup(10))
    found = solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=0.3)
    assert found.t[0] == 0
    assert len(found.t) > 40
    again = found.at(t=found.t[[0, 3, 9]])
    np.testing.assert_allclose(again.train_loss, found.train_loss[[0, 3, 9]], rtol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=0.3, steps=50)
    short = GradientDescent(schedule=Cosine(100))
    with pytest.warns(UserWarning, match=r"schedule=Cosine.* is 0 from step 100 on, and the run"):
        solve_frequency_pde(RHO, (X, Y), optimizer=short, step_size=0.3, steps=300)
    slow = ScheduledDynamics(0.1, 0.5, False, Warmup(3))
    rates, t = np.array([0.0, 1e-9, 1.0]), slow.times(np.array([0, 4]))
    np.testing.assert_allclose(slow.deficit(rates, t), rates * slow.integral(rates, t), rtol=1e-14)
    assert slow.max_step_size(0.0) == np.inf


def test_refusals():
    rule = GradientDescent(schedule=Warmup(10))
    with pytest.raises(ValueError, match=r"has a schedule of steps and needs step_size"):
        solve_frequency_pde(RHO, (X, Y), optimizer=rule)
    with pytest.raises(ValueError, match=r"t=0\.31 is no sum of steps of schedule=Warmup"):
        solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=0.3, t=[0.0, 0.31])
    with pytest.raises(ValueError, match=r"step_size=30 with schedule=Warmup.*max_step_size="):
        solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=30.0, steps=5)
    with pytest.raises(ValueError, match=r"schedule=Warmup.*with weight_decay=0\.1.*as gradient"):
        solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=0.3, steps=5, weight_decay=0.1)
    with pytest.raises(ValueError, match=r"steps ends at 2000000, above 1000000"):
        solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=0.3, steps=2_000_000)
    with pytest.raises(ValueError, match=r"t and steps say the same thing twice"):
        solve_frequency_pde(RHO, (X, Y), step_size=0.3, steps=5, t=[0.0])
    with pytest.raises(ValueError, match=r"steps=5 needs step_size, the length of a step"):
        solve_frequency_pde(RHO, (X, Y), steps=5)
    with pytest.raises(ValueError, match=r"steps=.* must be increasing whole numbers"):
        solve_frequency_pde(RHO, (X, Y), step_size=0.3, steps=[0, 1.5])
    with pytest.raises(ValueError, match=r"parametrization='standard' is for rules that are foll"):
        solve_frequency_pde(RHO, (X, Y), parametrization="standard")
