"""Decay of the output weights alone, behind hidden layers: solver, trainer, and both together."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from ntkfreq import (
    FourierFeatureMLP,
    FourierFeatureNet,
    Normal,
    compare,
    solve_frequency_pde,
    train,
)
from validation.reference.deep_kernel import Network, kernel

RHO, GAMMA = Normal(scale=6.0), 0.08
X = np.linspace(-1, 1, 9)
Y = np.sin(3 * X) + np.sin(9 * X)
X_TEST = np.array([-0.9, -0.31, 0.07, 0.66])
T = np.array([0.0, 0.5, 3.0, 20.0, 60.0])


def start(x):
    return 0.3 * np.cos(4 * x[:, 0] if np.ndim(x) == 2 else 4 * x)


def gram(network, x, other):
    """By the independent recursion, pair by pair."""
    k = np.exp(-0.5 * (6.0 * (x[:, None] - other)) ** 2)
    return kernel(network, k.ravel(), np.outer(x, other).ravel()).reshape(k.shape)


def reference(activation, depth):
    """Outputs at data and test points by an integrator of the system with two memories.

    What goes through the output weights, at the rate of their kernel, and what goes through all
    below, whose gradients carry output weights that fade, and which is read out by them.
    """
    points = np.concatenate([X, X_TEST])
    whole = gram(Network(depth, activation), points, X) / len(X)
    readout = gram(Network(depth, activation, sigma_a=0.0), points, X) / len(X)
    below, n = whole - readout, len(points)
    first = start(points)

    def output(t, state):
        left = np.exp(-GAMMA * t)
        return left * first + state[:n] + left * state[n:]

    def slope(t, state):
        error = output(t, state)[: len(X)] - Y
        left = np.exp(-GAMMA * t)
        # d/dt of J_v (v - e^{-gamma t} v_0), and of J_h (h - h_0) at the first output weights.
        return np.concatenate([-GAMMA * state[:n] - readout @ error, -left * (below @ error)])

    found = solve_ivp(slope, (0, T[-1]), np.zeros(2 * n), "LSODA", T, rtol=1e-10, atol=1e-12)
    return np.array([output(t, state) for t, state in zip(T, found.y.T, strict=True)])


@pytest.mark.parametrize(("activation", "depth"), [("tanh", 1), ("relu", 2), ("sine", 3)])
def test_outputs_are_those_of_two_memories(activation, depth):
    solution = solve_frequency_pde(
        RHO, (X, Y), depth=depth, activation=activation, readout_decay=GAMMA,
        initial_output=start, t=T, rtol=1e-8,
    )  # fmt: skip
    found = solution.output(np.concatenate([X, X_TEST]))
    # The tolerance asked of the integration in time, twice.
    np.testing.assert_allclose(found, reference(activation, depth), atol=3e-7)
    np.testing.assert_allclose(
        solution.train_loss, ((found[:, : len(X)] - Y) ** 2).mean(axis=1), rtol=1e-6
    )
    assert solution.settings()["readout_decay"] == GAMMA


def test_a_rate_that_vanishes_changes_nothing():
    options = {"depth": 2, "activation": "tanh", "t": T[:4]}
    plain = solve_frequency_pde(RHO, (X, Y), **options)
    faint = solve_frequency_pde(RHO, (X, Y), readout_decay=1e-9, **options)
    np.testing.assert_allclose(faint.train_loss, plain.train_loss, rtol=1e-5, atol=1e-9)


def test_with_frozen_frequencies_they_still_end_at_ridge_regression():
    """Nothing but the output weights is left at the end: f = S (S + gamma N)^-1 y."""
    solution = solve_frequency_pde(
        RHO, (X, Y), depth=1, activation="tanh", readout_decay=GAMMA, t=[0.0, 1e3]
    )
    readout = gram(Network(1, "tanh", sigma_a=0.0), X, X)
    ridge = readout @ np.linalg.solve(readout + GAMMA * len(X) * np.eye(len(X)), Y)
    np.testing.assert_allclose(solution.output(X)[-1], ridge, atol=2e-6)


@pytest.mark.parametrize("parametrization", ["ntk", "standard"])
def test_the_trainer_lets_output_weights_alone_decay(parametrization):
    net = FourierFeatureMLP.sample(RHO, 8, depth=2, activation="tanh", rng=0)
    run = train(
        net, X, Y, step_size=0.01, steps=3, readout_decay=0.5, record=[0, 3], kernel_probe=0,
        parametrization=parametrization,
    )  # fmt: skip
    # The same steps by gradients of PyTorch, in the parameters over their scale.
    scale = torch.tensor(
        net.standard_scale() if parametrization == "standard" else np.ones(net.parameters)
    )
    theta = torch.tensor(net.packed()) / scale
    decays = torch.zeros(net.parameters)
    decays[-net.readout.size :] = 0.5
    for _ in range(3):
        leaf = theta.clone().requires_grad_()
        error = net.forward(leaf * scale, torch.tensor(X[:, None])) - torch.tensor(Y)
        (0.5 * (error**2).mean()).backward()
        theta = theta - 0.01 * (leaf.grad + decays * theta)
    np.testing.assert_allclose(run.net.packed(), (theta * scale).numpy(), rtol=1e-10, atol=1e-12)
    assert run.settings["readout_decay"] == 0.5


def test_trained_networks_approach_the_prediction():
    gaps = []
    for width in (64, 512):
        each = []
        for seed in range(3):
            net = FourierFeatureMLP.sample(RHO, width, depth=1, activation="tanh", rng=seed)
            run = train(
                net, X, Y, step_size=0.2, steps=150, readout_decay=GAMMA, record=20,
                kernel_probe=0,
            )  # fmt: skip
            solution = solve_frequency_pde(
                RHO, (X, Y), depth=1, activation="tanh", readout_decay=GAMMA,
                initial_output=net, t=run.t,
            )  # fmt: skip
            each.append(compare(solution, run).output_error.max())
        gaps.append(np.mean(each))
    # Eight times as wide: 0.35 of the distance, known from three networks to some half.
    assert gaps[1] < 0.6 * gaps[0]
    assert gaps[1] < 0.15


def deep(**options):
    return solve_frequency_pde(RHO, (X, Y), depth=1, activation="tanh", **options)


def test_other_decay_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"hidden weights.*alone decay by readout_decay"):
        deep(weight_decay=0.1)
    with pytest.raises(ValueError, match=r"readout_decay=0.1 is for hidden layers.*weight_decay="):
        solve_frequency_pde(RHO, (X, Y), readout_decay=0.1)
    with pytest.raises(ValueError, match="readout_decay=-1"):
        deep(readout_decay=-1)
    net = FourierFeatureNet.sample(RHO, 8, rng=0)
    with pytest.raises(ValueError, match=r"readout_decay=0.1 is for networks with hidden layers"):
        train(net, X, Y, step_size=0.1, steps=1, readout_decay=0.1)
    two = FourierFeatureMLP.sample(RHO, 8, depth=1, activation="tanh", rng=0)
    with pytest.raises(ValueError, match=r"readout_decay=0.1 beside weight_decay=0.2"):
        train(two, X, Y, step_size=0.1, steps=1, readout_decay=0.1, weight_decay=0.2)


def test_a_comparison_refuses_another_decay():
    net = FourierFeatureMLP.sample(RHO, 16, depth=1, activation="tanh", zero_output=True, rng=0)

    def run(**decay):
        return train(net, X, Y, step_size=0.1, steps=5, kernel_probe=0, **decay)

    with pytest.raises(ValueError, match=r"weight_decay=0.1, which acts on hidden weights too"):
        compare(deep(), run(weight_decay=0.1))
    with pytest.raises(ValueError, match=r"readout_decay=0.1, 0.1 on the clock"):
        compare(deep(), run(readout_decay=0.1))
    with pytest.raises(ValueError, match="the solution has no hidden layers"):
        compare(solve_frequency_pde(RHO, (X, Y)), run(readout_decay=0.1))
