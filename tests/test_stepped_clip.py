"""Clipped rules through the front door: against networks and exact dynamics; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    Box,
    Empirical,
    FourierFeatureNet,
    GradientDescent,
    Grid,
    HeavyBall,
    Line,
    Nesterov,
    Normal,
    SteppedSolution,
    compare,
    expected_losses,
    learning_steps,
    solve_frequency_pde,
    train,
)

X = np.linspace(-1, 1, 33)
Y = np.sin(np.pi * X) + 0.5 * np.cos(3 * np.pi * X) + 0.25 * np.sin(5 * np.pi * X)
RHO = Normal(scale=10.0)
AXIS = np.linspace(-1, 1, 7)
PLANE = np.stack(np.meshgrid(AXIS, AXIS), -1).reshape(-1, 2)
# The norm of the gradient starts at 0.3; steps in the width of the output.
RULES = {
    "gradient descent": (GradientDescent(clip=0.05), 2.0, 1.0),
    "heavy ball": (HeavyBall(0.9, clip=0.05), 0.3, 1.0),
    "Adam": (Adam(clip=0.05), 0.05, 0.5),
}


def error(solution, run):
    """Largest error of the output over records, as a share of the root mean square of y."""
    off = solution.at(steps=run.step).output(run.x) - run.train_output
    return float(np.sqrt(np.mean(off**2, axis=1) / np.mean(run.y**2)).max())


def pair(width, name, x, y, rho, *, seed=0, steps=100, sigma_a=1.0, **options):
    """A network and its prediction, which knows no more of it than the width."""
    optimizer, step, power = RULES[name]
    step = step * width ** (power - 1)
    net = FourierFeatureNet.sample(rho, width, zero_output=True, rng=seed)
    run = train(
        net, x, y, optimizer=optimizer, step_size=step, steps=steps, record=12, kernel_probe=0,
        threads=1, freeze_frequencies=sigma_a == 0, rng=3, **options,
    )  # fmt: skip
    solution = solve_frequency_pde(
        rho, (x, y), optimizer=optimizer, step_size=step, width=width, steps=run.step,
        sigma_a=sigma_a, seed=3, rtol=3e-3, **options,
    )  # fmt: skip
    return solution, run


@pytest.mark.slow
@pytest.mark.parametrize("sigma_a", [1.0, 0.0])
@pytest.mark.parametrize("name", RULES)
def test_the_error_falls_with_the_width(name, sigma_a):
    """Sixteen times the width: a fourth in the mean. Two networks each, whose errors scatter."""
    errors = {}
    for width in (4096, 65536):
        found = [pair(width, name, X, Y, RHO, seed=s, sigma_a=sigma_a) for s in (0, 1)]
        assert all(solution.stats["clipped_steps"] > 5 for solution, _ in found)
        errors[width] = np.sqrt(np.mean([error(*one) ** 2 for one in found]))
    assert errors[65536] < 0.015
    assert errors[65536] < 0.5 * errors[4096]


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_in_the_plane_and_in_batches(name):
    """2 % at width 65536; nodes leave up to 0.3 %."""
    y = np.sin(np.pi * PLANE[:, 0] + 0.3) + 0.4 * np.cos(4 * PLANE[:, 1] - 2 * PLANE[:, 0])
    rho = Normal(scale=4.0, dim=2)
    assert error(*pair(65536, name, PLANE, y, rho, steps=40, batch_size=16)) < 0.02


@pytest.mark.parametrize("optimizer", [GradientDescent(clip=1.0), Adam(clip=1.0)])
def test_in_the_standard_parametrization_a_frozen_network_is_its_own_prediction(optimizer):
    net = FourierFeatureNet.sample(RHO, 512, zero_output=True, rng=0)
    options = {
        "optimizer": optimizer, "parametrization": "standard", "steps": 150,
        "step_size": 2e-4 if optimizer.normalized else 5e-3,
    }  # fmt: skip
    run = train(net, X, Y, freeze_frequencies=True, **options)
    solution = solve_frequency_pde(RHO, (X, Y), sigma_a=0.0, initial=net, **options)
    both = compare(solution, run)
    np.testing.assert_allclose(both.predicted_loss, both.measured_loss, rtol=1e-8)
    gap = np.abs(solution.at(steps=run.step).output(X) - run.train_output).max()
    assert gap < 1e-10
    assert 0 < solution.stats["clipped_steps"] <= 150


def test_trained_frequencies_in_the_standard_parametrization():
    """Its norm is that of the module, nearly all of it in a and b."""
    net = FourierFeatureNet.sample(RHO, 4096, zero_output=True, rng=0)
    options = {"optimizer": GradientDescent(clip=2.0), "step_size": 5e-4, "steps": 100}
    run = train(net, X, Y, parametrization="standard", kernel_probe=0, **options)
    solution = solve_frequency_pde(RHO, (X, Y), initial=net, parametrization="standard", **options)
    assert 5 < solution.stats["clipped_steps"] < 100
    assert error(solution, run) < 0.01


@pytest.mark.parametrize("rule", [GradientDescent, HeavyBall, Nesterov])
def test_a_clip_that_is_never_reached_gives_the_exact_path(rule):
    rho_w, options = Empirical([1.0, 3.0, 4.5]), {"step_size": 0.1, "steps": [0, 8, 40]}
    exact = solve_frequency_pde(rho_w, (X, Y), optimizer=rule(), **options)
    followed = solve_frequency_pde(rho_w, (X, Y), optimizer=rule(clip=1e3), **options)
    assert isinstance(followed, SteppedSolution)
    assert not isinstance(exact, SteppedSolution)
    np.testing.assert_allclose(followed.train_loss, exact.train_loss, rtol=1e-10)
    np.testing.assert_array_equal(followed.t, exact.t)
    assert followed.stats["clipped_steps"] == 0
    held = solve_frequency_pde(rho_w, (X, Y), optimizer=rule(clip=0.02), **options)
    assert held.stats["clipped_steps"] == 40
    assert held.train_loss[1] > 1.05 * exact.train_loss[1]


def test_what_clipping_alone_holds_is_told():
    step = 1.5 * solve_frequency_pde(RHO, (X, Y), t=[0.0, 1.0]).max_step_size
    rule = GradientDescent(clip=0.02)
    solution = solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=step, steps=200)
    assert "clipping alone keeps steps from growing, and errors swing without end" in (
        solution.status
    )
    assert solution.stats["edge_step"] < 100
    calm = solve_frequency_pde(RHO, (X, Y), optimizer=rule, step_size=step / 3, steps=200)
    assert "clipping" not in calm.status
    again = solution.at(steps=[0, 7, 100])
    np.testing.assert_allclose(
        again.train_loss,
        solve_frequency_pde(
            RHO, (X, Y), optimizer=rule, step_size=step, steps=[0, 7, 100]
        ).train_loss,
        rtol=1e-9,
    )


def bump(x):
    return np.exp(-(x**2))


def test_refusals():
    rule = GradientDescent(clip=0.5)
    options = {"optimizer": rule, "step_size": 0.1, "steps": 5}
    for measure in (Line(), Box(-1, 1), Grid(0.1)):
        with pytest.raises(ValueError, match=r"rules that clip gradients \(clip=0\.5\) are follow"):
            solve_frequency_pde(RHO, bump, measure=measure, **options)
    high = np.random.default_rng(0).uniform(-1, 1, (9, 4))
    with pytest.raises(ValueError, match=r"dimension 4; rules that clip .* in up to three: train"):
        solve_frequency_pde(Normal(dim=4), (high, high[:, 0]), **options)
    with pytest.raises(ValueError, match=r"optimizer=GradientDescent needs step_size: it is foll"):
        solve_frequency_pde(RHO, (X, Y), optimizer=rule)
    with pytest.raises(ValueError, match=r"clips gradients at clip=0\.5, which no equation here"):
        expected_losses(RHO, (X, Y), optimizer=rule, step_size=0.1, t=[0.0, 0.1])
    with pytest.raises(ValueError, match=r"clips gradients at clip=0\.5, by their norm over all"):
        learning_steps(bump, RHO, optimizer=rule, step_size=0.1)


def test_other_trainings_are_refused():
    net = FourierFeatureNet.sample(RHO, 256, zero_output=True, rng=0)
    runs = {
        clip: train(net, X, Y, optimizer=GradientDescent(clip=clip), step_size=0.1, steps=5)
        for clip in (None, 0.5)
    }
    solution = solve_frequency_pde(
        RHO, (X, Y), optimizer=GradientDescent(clip=0.5), step_size=0.1, steps=5
    )
    assert compare(solution, runs[0.5]).clock.startswith("the same")
    with pytest.raises(ValueError, match=r"history was trained with optimizer=GradientDescent\("):
        compare(solution, runs[None])
    with pytest.raises(ValueError, match=r"without clip: solve with the optimizer, width and batc"):
        compare(solve_frequency_pde(RHO, (X, Y)), runs[0.5])
