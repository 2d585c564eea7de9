"""The solver takes the trainer's update rules, and refuses those that no equation predicts."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    Box,
    Cosine,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    Warmup,
    compare,
    expected_losses,
    solve_frequency_pde,
    train,
)

RHO = Normal(scale=4.0)
X = np.linspace(-1, 1, 12)
Y = np.sin(3 * X)
T = 0.2 * np.arange(0, 40, 4)
# Rules of the trainer, and the same by numbers.
RULES = {
    "gd": ("gd", {}),
    "descent": (GradientDescent(), {}),
    "heavy ball": (HeavyBall(0.8), {"momentum": 0.8}),
    "heavy ball's name": ("heavy_ball", {"momentum": 0.9}),
    "nesterov": (Nesterov(0.8), {"momentum": 0.8, "nesterov": True}),
    "nesterov's name": ("nesterov", {"momentum": 0.9, "nesterov": True}),
}
each_rule = pytest.mark.parametrize(("rule", "numbers"), RULES.values(), ids=list(RULES))


def y(x):
    return np.sin(3 * x)


def solved(**settings):
    return solve_frequency_pde(RHO, (X, Y), **({"t": T, "step_size": 0.2} | settings))


@each_rule
def test_rules_and_numbers_give_the_same_bits(rule, numbers):
    one, other = solved(optimizer=rule), solved(**numbers)
    np.testing.assert_array_equal(one.data_spectrum, other.data_spectrum)
    assert one.settings() == other.settings()
    assert one.max_step_size == other.max_step_size
    # Told twice, it is the same all the same.
    np.testing.assert_array_equal(solved(optimizer=rule, **numbers).train_loss, other.train_loss)
    again = solved().at(optimizer=rule)
    np.testing.assert_array_equal(again.train_loss, other.train_loss)
    assert again.step_size == 0.2


@each_rule
def test_expected_losses_take_rules(rule, numbers):
    settings = {"t": T, "step_size": 0.2}
    one = expected_losses(RHO, (X, Y), optimizer=rule, **settings)
    other = expected_losses(RHO, (X, Y), **numbers, **settings)
    np.testing.assert_array_equal(one.train_mean, other.train_mean)


@pytest.mark.parametrize("rule", [GradientDescent(), HeavyBall(0.8), Nesterov(0.8)])
def test_one_object_serves_trainer_and_solver(rule):
    settings = {"optimizer": rule, "step_size": 0.2}
    net = FourierFeatureNet.sample(RHO, 4000, rng=0)
    run = train(net, X, Y, steps=36, record=np.rint(T / 0.2), **settings)
    solution = solve_frequency_pde(RHO, (X, Y), initial_output=net, t=run.t, **settings)
    assert compare(solution, run).output_error.max() < 0.1
    np.testing.assert_allclose(solution.train_loss, run.train_loss, rtol=0.2, atol=2e-3)


def test_gradient_descent_without_a_step_is_gradient_flow():
    flow = solve_frequency_pde(RHO, (X, Y), t=T)
    named = solve_frequency_pde(RHO, (X, Y), t=T, optimizer=GradientDescent())
    np.testing.assert_array_equal(flow.train_loss, named.train_loss)


REFUSED = {
    "schedule": (
        {"optimizer": GradientDescent(schedule=Warmup(3, Cosine(9))), "momentum": 0.5}, ValueError,
        r"has schedule=Warmup\(steps=3, then=Cosine.*take HeavyBall\(momentum, schedule",
    ),
    "two momenta": (
        {"optimizer": HeavyBall(0.9), "momentum": 0.8}, ValueError,
        r"optimizer=HeavyBall\(.*and momentum=0.8 are two rules; leave momentum and nesterov out",
    ),
    "two kinds": (
        {"optimizer": HeavyBall(0.9), "momentum": 0.9, "nesterov": True}, ValueError,
        "nesterov=True are two rules",
    ),
    "no step": (
        {"optimizer": HeavyBall(0.9), "step_size": None}, ValueError, "momentum=0.9 needs a step",
    ),
    "unknown": ({"optimizer": "lion"}, ValueError, "optimizer='lion' must be an Optimizer"),
    "class": ({"optimizer": HeavyBall}, ValueError, "must be an Optimizer such as"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "kind", "message"), REFUSED.values(), ids=list(REFUSED))
def test_refusals(settings, kind, message):
    with pytest.raises(kind, match=message):
        solved(**settings)
    with pytest.raises(kind, match=message):
        expected_losses(RHO, (X, Y), **({"t": T, "step_size": 0.2} | settings))
    with pytest.raises(kind, match=message):
        solve_frequency_pde(RHO, (X, Y), t=T).at(**({"step_size": 0.2} | settings))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Adam(), r"optimizer=Adam.*not linear in the gradients"),
        ("adamw", r"optimizer=AdamW.*not linear in the gradients"),
        (HeavyBall(0.9, clip=1.0), r"optimizer=HeavyBall.*clips gradients at clip=1, "),
    ],
)
def test_rules_that_are_followed_step_by_step_alone(rule, why):
    message = why + r".*step by step: solve_frequency_pde\("
    with pytest.raises(ValueError, match=message):
        expected_losses(RHO, (X, Y), t=T, step_size=0.2, optimizer=rule)
    with pytest.raises(ValueError, match=message):
        solve_frequency_pde(RHO, (X, Y), t=T).at(step_size=0.2, optimizer=rule)


def test_the_remedy_of_a_schedule_is_right():
    """Small steps under a schedule follow gradient flow at the sum of the steps."""
    net = FourierFeatureNet.sample(RHO, 6000, rng=1)
    rule = GradientDescent(schedule=Warmup(200))
    run = train(net, X, Y, step_size=0.02, steps=800, optimizer=rule, record=8)
    flow = solve_frequency_pde(RHO, (X, Y), initial_output=net, t=run.t)
    np.testing.assert_allclose(flow.train_loss, run.train_loss, rtol=0.1)


def test_what_was_fitted_without_momentum_is_not_asked_with_it():
    solution = solve_frequency_pde(RHO, y, measure=Box(-1, 1), t=T, step_size=0.2)
    with pytest.raises(ValueError, match=r"solve again with step_size= and optimizer= as wanted"):
        solution.at(optimizer=HeavyBall(0.9))
