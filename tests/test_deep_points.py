"""Hidden layers through the front door: against a dense flow, trained networks, and refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.linalg import eigh

from ntkfreq import (
    Adam,
    FourierFeatureMLP,
    Grid,
    HeavyBall,
    Line,
    Normal,
    compare,
    solve_frequency_pde,
    train,
)
from ntkfreq.problem.layers.hidden import HiddenLayers

RHO, X = Normal(scale=8.0), np.linspace(-1, 1, 24)
Y = np.sin(np.pi * X) + 0.5 * np.cos(3 * np.pi * X)


def solved(**options):
    return solve_frequency_pde(RHO, (X, Y), **({"depth": 2, "activation": "tanh"} | options))


def drawn(width, hidden, seed):
    return FourierFeatureMLP.sample(
        RHO, width, depth=1, hidden=hidden, activation="relu", zero_output=True, rng=seed
    )


@pytest.mark.parametrize("train_frequencies", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
def test_against_a_dense_flow(activation, train_frequencies):
    """Modes of a matrix that is written down here, on the samples and between them."""
    scales = {"sigma_a": 0.7, "sigma_w": 1.2, "sigma_b": 0.4}
    t, other = np.array([0.0, 0.3, 2.0, 20.0]), np.array([-0.33, 0.71])
    solution = solved(activation=activation, train_frequencies=train_frequencies, t=t, **scales)
    layers = HiddenLayers(
        2, activation, sigma_w=1.2, sigma_b=0.4, sigma_a=0.7, train_frequencies=train_frequencies
    )

    def kernel(x, z):
        inner, outer = layers.kernel_values(np.exp(-((8 * (x[:, None] - z)) ** 2) / 2))
        return inner + np.outer(x, z) * outer

    rates, modes = eigh(kernel(X, X) / len(X))
    left = np.exp(-np.outer(t, rates)) * (modes.T @ -Y)
    assert solution.output(X) == pytest.approx(Y + left @ modes.T, abs=1e-10)
    moved = (1 - np.exp(-np.outer(t, rates))) / rates * (modes.T @ -Y)
    expected = -moved @ modes.T @ kernel(X, other) / len(X)
    assert solution.output(other) == pytest.approx(expected, abs=1e-8)
    assert solution.max_step_size == pytest.approx(2 / rates[-1], rel=1e-3)


def test_trained_networks_agree():
    """Mean of four networks of 512 features and 256 hidden units: within 15 %."""
    net = [drawn(512, 256, seed) for seed in range(4)]
    solution = solved(depth=1, activation="relu")
    step = 0.2 * solution.max_step_size
    ratios = []
    for one in net:
        both = compare(solution, train(one, X, Y, step_size=step, steps=120, kernel_probe=0))
        ratios.append([row.ratio for row in both.learning_times([(2, 4.5), (8, 11)])])
    assert np.mean(ratios, axis=0) == pytest.approx(1.0, abs=0.15)


def test_steps_and_momentum():
    step = 0.5 * solved().max_step_size
    plain = solved(step_size=step, steps=np.arange(11))
    heavy = solved(optimizer=HeavyBall(0.5), step_size=step, steps=np.arange(11))
    assert heavy.train_loss[-1] < plain.train_loss[-1] < plain.train_loss[0]
    gram = _operator()
    error = -Y.copy()
    for _ in range(10):
        error -= step * gram @ error
    assert plain.train_loss[-1] == pytest.approx(np.mean(error**2), rel=1e-9)


def _operator():
    inner, outer = HiddenLayers(2, "tanh").kernel_values(np.exp(-((8 * (X[:, None] - X)) ** 2) / 2))
    return (inner + np.outer(X, X) * outer) / len(X)


def test_without_layers_nothing_changes():
    assert np.array_equal(
        solve_frequency_pde(RHO, (X, Y), depth=0).train_loss,
        solve_frequency_pde(RHO, (X, Y)).train_loss,
    )


def test_it_pickles_and_shows_its_depth():
    solution = solved()
    again = pickle.loads(pickle.dumps(solution))
    assert again.train_loss == pytest.approx(solution.train_loss)
    assert "depth=2" in repr(solution)
    assert "tanh" in solution.settings()["layers"]
    assert solution.at(t=[0.0, 1.0]).output(X).shape == (2, 24)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"depth": -1}, "depth"),
        ({"activation": "gelu"}, "must be one of"),
        ({"weight_decay": 0.1}, "not linear in the hidden weights"),
        ({"method": "frequency"}, "leave method out"),
        ({"optimizer": Adam(), "step_size": 1e-3, "width": 64}, "no recursion of such rules"),
        ({"depth": 0}, "without hidden layers"),
    ],
)
def test_refusals(options, match):
    with pytest.raises(ValueError, match=match):
        solved(**options)


@pytest.mark.parametrize("measure", [Line(), Grid(0.1)])
def test_the_atom_has_no_place_elsewhere(measure):
    with pytest.raises(ValueError, match="an atom of the density at 0"):
        solve_frequency_pde(RHO, lambda x: np.exp(-(x**2)), measure=measure, depth=1)


def test_other_layers_are_not_compared():
    run = train(drawn(64, 32, 0), X, Y, step_size=0.1, steps=3, kernel_probe=0)
    for options, name in (
        ({"depth": 2, "activation": "relu"}, "depth=1"),
        ({"depth": 1, "activation": "tanh"}, "activation='relu'"),
        ({"depth": 1, "activation": "relu", "sigma_b": 0.5}, "sigma_b=0"),
    ):
        with pytest.raises(ValueError, match=name):
            compare(solved(**options), run)
