"""What refusals advise, followed to the letter: the answer is then the right one.

Each case is a call that is refused, the words that name the remedy, and the call that follows them,
judged against a dense flow in NumPy or an identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from ntkfreq import (
    Box,
    Empirical,
    FourierFeatureNet,
    Grid,
    Line,
    Normal,
    Points,
    StudentT,
    Target,
    alias_shares,
    as_density,
    compare,
    expected_losses,
    expected_losses_many,
    grokking_onset,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    phase_map,
    solve_frequency_pde,
    train,
)
from ntkfreq.problem.optimizers import Adam, HeavyBall

T = np.array([0.0, 1.0, 5.0, 20.0])
X = np.sort(np.random.default_rng(0).uniform(-1, 1, 12))
PLANE = np.random.default_rng(1).uniform(-1, 1, (30, 2))
RHO = Normal(scale=6.0)


def y(x: Any) -> np.ndarray:
    """A target on the line, or of the first coordinate of points in more dimensions."""
    x = np.asarray(x)
    return np.sin(4 * (x if x.ndim == 1 else x[:, 0]))


def losses(kernel: np.ndarray, error: np.ndarray, t: np.ndarray = T) -> np.ndarray:
    """Dense gradient flow of N samples."""
    rates, modes = np.linalg.eigh(kernel / len(error))
    share = modes.T @ error
    return np.array([np.mean((share * np.exp(-np.maximum(rates, 0) * one)) ** 2) for one in t])


def gaussian(x: np.ndarray, scales: Any, sigma_a: float = 1.0) -> np.ndarray:
    """Kernel of normal frequencies of one scale an axis."""
    x = x.reshape(len(x), -1)
    z = (x[:, None] - x) * np.broadcast_to(scales, x.shape[1])
    return (1 + sigma_a**2 * x @ x.T) * np.exp(-0.5 * np.sum(z**2, axis=-1))


def solved(*args: Any, **options: Any) -> np.ndarray:
    options.setdefault("t", T)
    return solve_frequency_pde(*args, **options).train_loss


LINE = losses(gaussian(X, 6.0), y(X))
FLAT = losses(gaussian(PLANE, 6.0), y(PLANE))


class Remedy(NamedTuple):
    """`advice` is what the message of `refused` says; `followed` does it and must give `right`."""

    refused: Callable[[], Any]
    advice: str
    followed: Callable[[], Any]
    right: Any
    rtol: float = 1e-6


COV = np.array([[36.0, 3.0], [3.0, 1.0]])
ROOT, (VARIANCES, AXES) = np.linalg.cholesky(COV), np.linalg.eigh(COV)
TILTED = losses((1 + PLANE @ PLANE.T) * gaussian(PLANE @ ROOT, 1.0, 0.0), y(PLANE))


DENSITIES = {
    "a covariance": Remedy(
        lambda: solved(stats.multivariate_normal([0, 0], COV), (PLANE, y(PLANE))),
        r"turn x, variances, axes = numpy.linalg.eigh\(covariance\), and pass x @ axes with "
        r"Normal\(loc=mean @ axes, scale=numpy.sqrt\(variances\)\)",
        lambda: solved(Normal(scale=np.sqrt(VARIANCES)), (PLANE @ AXES, y(PLANE))),
        TILTED,
    ),
    "more degrees of freedom": Remedy(
        lambda: StudentT(300.0, scale=6.0),
        "above 200; use Normal",
        lambda: solved(RHO, (X, y(X))),
        LINE,
    ),
    "weights that do not sum to one": Remedy(
        lambda: as_density(lambda w: 2 * np.exp(-(w**2) / 72) / np.sqrt(72 * np.pi)),
        "divide the pdf by its integral",
        lambda: solved(lambda w: np.exp(-(w**2) / 72) / np.sqrt(72 * np.pi), (X, y(X))),
        LINE,
    ),
}

MEASURES = {
    "dimension of the density": Remedy(
        lambda: solved(RHO, (PLANE, y(PLANE))),
        "give the density dim=2",
        lambda: solved(Normal(scale=6.0, dim=2), (PLANE, y(PLANE))),
        FLAT,
    ),
    "dimension of the measure": Remedy(
        lambda: solved(RHO, y, measure=Points(PLANE)),
        "give the density dim=2",
        lambda: solved(Normal(scale=6.0, dim=2), y, measure=Points(PLANE)),
        FLAT,
    ),
    "points beside the samples": Remedy(
        lambda: solved(RHO, (X, y(X)), measure=Points(X[:-1])),
        "leave measure out, or give the target as a function",
        lambda: solved(RHO, (X, y(X))),
        LINE,
    ),
    "points beside the samples, a function": Remedy(
        lambda: solved(RHO, (X, y(X)), measure=Points(X[:-1])),
        "or give the target as a function",
        lambda: solved(RHO, y, measure=Points(X[:-1])),
        losses(gaussian(X[:-1], 6.0), y(X[:-1])),
    ),
    "samples on a box in the plane": Remedy(
        lambda: solved(Normal(scale=6.0, dim=2), (PLANE, y(PLANE)), measure=Box([-1, -1], [1, 1])),
        "or leave measure out",
        lambda: solved(Normal(scale=6.0, dim=2), (PLANE, y(PLANE))),
        FLAT,
    ),
    "few samples on a box": Remedy(
        lambda: solved(RHO, (X[:3], y(X[:3])), measure=Box(X[0], X[2])),
        "leave measure out, or give the target as a function",
        lambda: solved(RHO, (X[:3], y(X[:3]))),
        losses(gaussian(X[:3], 6.0), y(X[:3])),
    ),
    "a box beyond the samples": Remedy(
        lambda: solved(RHO, (X, y(X)), measure=Box(-2, 2)),
        "shrink the box or give the target as a function",
        lambda: solved(RHO, y, measure=Box(-2, 2)),
        losses(gaussian(np.linspace(-2, 2, 801), 6.0), y(np.linspace(-2, 2, 801))),
        1e-2,
    ),
    "atoms on a line": Remedy(
        lambda: solved(Empirical([1.0, 3.0]), lambda x: np.exp(-(x**2))),
        r"use measure=Box\(lower, upper\) or measure=Points\(x\)",
        lambda: solved(Empirical([1.0, 3.0]), y, measure=Points(X)),
        losses(
            (1 + np.outer(X, X))
            * 0.5
            * (np.cos(np.subtract.outer(X, X)) + np.cos(3 * np.subtract.outer(X, X))),
            y(X),
        ),
    ),
    "a target that does not decay": Remedy(
        lambda: solved(RHO, y),
        r"use measure=Box\(lower, upper\) or measure=Points\(x\)",
        lambda: solved(RHO, y, measure=Points(X)),
        LINE,
    ),
    "three dimensions on a line": Remedy(
        lambda: solved(Normal(dim=3), lambda x: np.exp(-np.sum(x**2, axis=1)), measure=Line()),
        r"else use measure=Points\(x\)",
        lambda: solved(
            Normal(dim=3), y, measure=Points(np.column_stack([PLANE, PLANE[:, 0]])), sigma_a=0.0
        ),
        losses(gaussian(np.column_stack([PLANE, PLANE[:, 0]]), 1.0, 0.0), y(PLANE)),
    ),
    "three dimensions in a box": Remedy(
        lambda: solved(Normal(dim=3), y, measure=Box([0] * 3, [1] * 3)),
        r"use measure=Points\(x\)",
        lambda: solved(Normal(dim=3), y, measure=Points(np.column_stack([PLANE, PLANE[:, 0]]))),
        losses(gaussian(np.column_stack([PLANE, PLANE[:, 0]]), 1.0), y(PLANE)),
    ),
    "a support that cuts": Remedy(
        lambda: Target.from_function(lambda x: np.exp(-(x**2)), support=(-1.0, 1.0)),
        r"Widen the support, .*name the end in kinks= if the jump is meant",
        lambda: solved(
            Normal(), Target.from_function(lambda x: np.exp(-(x**2)), support=(-8.0, 8.0)), t=[0.0]
        ),
        [np.sqrt(np.pi / 2)],
    ),
    "a support that cuts on purpose": Remedy(
        lambda: Target.from_function(lambda x: np.exp(-(x**2)), support=(-1.0, 1.0)),
        r"name the end in kinks= if the jump is meant",
        lambda: solved(
            Normal(),
            Target.from_function(lambda x: np.exp(-(x**2)), support=(-1.0, 1.0), kinks=(-1.0, 1.0)),
            t=[0.0],
        ),
        [np.sqrt(np.pi / 2) * (2 * stats.norm.cdf(2.0) - 1)],
    ),
    "steps under decay": Remedy(
        lambda: solved(RHO, (X, y(X)), step_size=0.1, weight_decay=0.1, sigma_a=0.0),
        "leave step_size out",
        lambda: solved(RHO, (X, y(X)), weight_decay=0.1, sigma_a=0.0),
        # f' = -K (f - y) / N - gamma f from 0.
        [
            np.mean((np.linalg.solve(m, (np.eye(12) - e) @ k @ y(X)) - y(X)) ** 2)
            for k in [gaussian(X, 6.0, 0.0) / 12]
            for m in [k + 0.1 * np.eye(12)]
            for lam, u in [np.linalg.eigh(m)]
            for e in [(u * np.exp(-lam * t)) @ u.T for t in T]
        ],
    ),
    "times beyond the last": Remedy(
        lambda: solve_frequency_pde(RHO, y, measure=Box(-1, 1), t=[0.0, 1.0]).at(t=T),
        "solve again with a longer t",
        lambda: solve_frequency_pde(RHO, y, measure=Box(-1, 1), t=T).at(t=T).train_loss,
        losses(gaussian(np.linspace(-1, 1, 801), 6.0), y(np.linspace(-1, 1, 801))),
        2e-2,
    ),
    "a random start on a line": Remedy(
        lambda: expected_losses(Normal(), lambda x: np.exp(-(x**2))),
        "expected losses need Points or a Box",
        lambda: expected_losses(RHO, y, measure=Points(X), t=T, sigma_a=0.5).train_mean,
        [
            np.mean((e @ y(X)) ** 2) + 0.25 * np.trace(e @ gaussian(X, 6.0, 0.0) @ e.T) / 12
            for lam, u in [np.linalg.eigh(gaussian(X, 6.0, 0.5) / 12)]
            for e in [(u * np.exp(-np.maximum(lam, 0) * t)) @ u.T for t in T]
        ],
    ),
    "many random starts on a box": Remedy(
        lambda: expected_losses_many(RHO, y, measure=Box(-1, 1)),
        r"use measure=Points\(x\), or expected_losses one by one",
        lambda: expected_losses_many(
            RHO, y, measure=Points(X), t=T, sigma_a=0.0
        ).train_mean.values.ravel(),
        losses(gaussian(X, 6.0, 0.0), y(X)),
        1e-3,
    ),
}

LONG = np.sort(np.random.default_rng(2).uniform(-1, 1, 900))
NEARLY = 1.6e9 + 0.1 * np.arange(900)

KERNELS = {
    "no lattice": Remedy(
        lambda: ntk_operator(RHO, LONG, method="toeplitz"),
        "use method='auto'",
        lambda: ntk_operator(RHO, LONG, method="auto") @ np.eye(900)[:, 7],
        gaussian(LONG, 6.0)[:, 7],
        1e-8,
    ),
    "a lattice that rounding moves": Remedy(
        lambda: ntk_operator(Normal(), NEARLY, method="toeplitz", sigma_a=0.0),
        "use method='auto'",
        lambda: ntk_operator(Normal(), NEARLY, sigma_a=0.0) @ np.eye(900)[:, 7],
        gaussian(NEARLY, 1.0, 0.0)[:, 7],
        1e-8,
    ),
    "a tail without fast products": Remedy(
        lambda: ntk_operator(StudentT(0.5), LONG, method="nufft"),
        "use a larger tolerance or a regular grid, up to 11500 points method='dense', or method='b",
        lambda: ntk_operator(StudentT(0.5), LONG, method="blocks") @ np.eye(900)[:, 7],
        ntk_gram(StudentT(0.5), LONG)[:, 7],
        1e-10,
    ),
    "a tone of a wide density": Remedy(
        lambda: alias_shares(Normal(scale=1e8), 2.0, Grid(0.6)),
        "each share is its pdf times the period to the power dim",
        lambda: Normal(scale=1e5).pdf([2.0]) * 2 * np.pi / 0.6,
        [alias_shares(Normal(scale=1e5), 2.0, Grid(0.6)).own],
    ),
    "a tone of a density far out": Remedy(
        lambda: alias_shares(Normal(loc=1e8), 1e8, Grid(0.6)),
        "divide the even part of its pdf at the aliases by their sum",
        lambda: (
            Normal(loc=1e3).even_pdf([1e3])
            / np.sum(Normal(loc=1e3).even_pdf(1e3 + 2 * np.pi / 0.6 * np.arange(-400, 401)))
        ),
        [alias_shares(Normal(loc=1e3), 1e3, Grid(0.6)).own],
    ),
}

RIGHT = [[0.1, 0.5, 1.0, 1.0], [0.1, 0.1, 0.6, 1.0]]
STEPS = np.arange(0, 4000, 1000.0)


def curves(**coords: Any) -> xr.Dataset:
    names = ("train_accuracy", "test_accuracy")
    data = {name: (("t",), row) for name, row in zip(names, RIGHT, strict=True)}
    return xr.Dataset(data, coords)


ONSETS = {
    "accuracies": Remedy(
        lambda: grokking_onset(STEPS, *RIGHT, threshold=0.95),
        "pass kind='accuracy' and the accuracy to reach as threshold",
        lambda: grokking_onset(STEPS, *RIGHT, threshold=0.95, kind="accuracy").t_train,
        1900.0,
    ),
    "a share of percentages": Remedy(
        lambda: grokking_onset(STEPS, *(100 * np.array(RIGHT)), threshold=0.95, kind="accuracy"),
        "give threshold in percent, or the accuracies as shares",
        lambda: (
            grokking_onset(STEPS, *(100 * np.array(RIGHT)), threshold=95.0, kind="accuracy").t_train
        ),
        1900.0,
    ),
    "curves without times": Remedy(
        lambda: phase_map(curves(), threshold=0.95),
        r"give them by curves.assign_coords\(t=times\)",
        lambda: phase_map(curves().assign_coords(t=STEPS), threshold=0.95).t_train.values,
        1900.0,
    ),
    "accuracies called losses": Remedy(
        lambda: phase_map(
            curves(t=STEPS).rename(train_accuracy="train_loss", test_accuracy="test_loss"),
            threshold=0.95,
        ),
        "call them train_accuracy and test_accuracy",
        lambda: phase_map(curves(t=STEPS), threshold=0.95).t_test.values,
        2875.0,
    ),
}


@pytest.mark.parametrize(
    "remedy",
    [*DENSITIES.values(), *MEASURES.values(), *KERNELS.values(), *ONSETS.values()],
    ids=[*DENSITIES, *MEASURES, *KERNELS, *ONSETS],
)
def test_what_a_refusal_advises_is_right(remedy):
    with pytest.raises((ValueError, TypeError), match=remedy.advice):
        remedy.refused()
    right = np.asarray(remedy.right)
    np.testing.assert_allclose(
        remedy.followed(), right, rtol=0, atol=remedy.rtol * np.abs(right).max()
    )


NET = FourierFeatureNet.sample(RHO, 512, zero_output=True, rng=0)
ROUGH = FourierFeatureNet.sample(RHO, 512, rng=0)


def run(net: FourierFeatureNet = NET, **options: Any) -> Any:
    settings = {"step_size": 0.1, "steps": 40, "kernel_probe": 0} | options
    return train(net, X, y(X), **settings)


def solution(**options: Any) -> Any:
    settings = {"t": np.linspace(0, 4, 9)} | options
    return solve_frequency_pde(
        settings.pop("rho_w", RHO), settings.pop("target", (X, y(X))), **settings
    )


COMPARED = {
    "other points": (
        lambda: compare(solution(target=(X[1:], y(X[1:]))), run()),
        r"solve with target=\(history.x, history.y\)",
        lambda history: compare(solution(target=(history.x, history.y)), history),
        run,
    ),
    "weights": (
        lambda: compare(solution(target=y, measure=Points(X, np.arange(1.0, 13.0))), run()),
        r"solve with target=\(history.x, history.y\), without weights",
        lambda history: compare(solution(target=(history.x, history.y)), history),
        run,
    ),
    "irregular samples of a box": (
        lambda: compare(solution(target=y, measure=Box(-1, 1)), run()),
        r"solve with target=\(history.x, history.y\), which uses Points",
        lambda history: compare(solution(target=(history.x, history.y)), history),
        run,
    ),
    "another start": (
        lambda: compare(solution(), run(ROUGH)),
        "solve with initial_output=net",
        lambda history: compare(solution(initial_output=ROUGH), history),
        lambda: run(ROUGH),
    ),
    "another start, paired": (
        lambda: compare(solution(), run(ROUGH)),
        "or sample the network with zero_output=True",
        lambda history: compare(solution(), history),
        run,
    ),
    "frozen": (
        lambda: compare(solution(), run(freeze_frequencies=True)),
        r"sigma_a=0 \(0 for frozen frequencies\), the solution 1; use the same",
        lambda history: compare(solution(sigma_a=0.0), history),
        lambda: run(freeze_frequencies=True),
    ),
    "another density": (
        lambda: compare(solution(rho_w=Normal(scale=5.0)), run()),
        r"history drew its frequencies from Normal\(.*scale=6.*use the same",
        lambda history: compare(solution(), history),
        run,
    ),
    "another decay": (
        lambda: compare(solution(), run(weight_decay=0.05)),
        "solve with weight_decay=0.05",
        lambda history: compare(solution(weight_decay=0.05), history),
        lambda: run(weight_decay=0.05),
    ),
    "an optimizer without prediction": (
        lambda: compare(solution(), run(optimizer=Adam(), step_size=1e-3)),
        "the prediction holds for full-batch GradientDescent, HeavyBall and Nesterov",
        lambda history: compare(solution(), history),
        lambda: run(optimizer=HeavyBall(momentum=0.5), step_size=0.05),
    ),
}


@pytest.mark.parametrize("name", COMPARED)
def test_what_a_comparison_advises_leads_to_one(name):
    refused, advice, follow, history = COMPARED[name]
    with pytest.raises(ValueError, match=advice):
        refused()
    # The width leaves 512^-1/2.
    assert follow(history()).output_error.max() < 0.12


@pytest.mark.parametrize("c", [1e-3, 40.0])
def test_other_units_of_x_and_y_are_the_same_problem(c):
    """What is advised where results overflow: losses by c^2, scale and sigma_a with x."""
    by_y = solved(RHO, (X, y(X) / c))
    np.testing.assert_allclose(by_y * c**2, LINE, rtol=1e-9)
    by_x = solved(Normal(scale=6.0 * c), (X / c, y(X)), sigma_a=c)
    np.testing.assert_allclose(by_x, LINE, rtol=1e-9)


def test_a_ridge_for_conjugate_gradients():
    x = np.linspace(-1, 1, 400)
    with pytest.raises(ValueError, match=r"larger ridge or rtol, or .*method='dense'"):
        ntk_regression(RHO, x, np.sign(x), method="cg", rtol=1e-12)
    direct = ntk_regression(RHO, x, np.sign(x), ridge=1e-3, method="dense")
    found = ntk_regression(RHO, x, np.sign(x), ridge=1e-3, method="cg", rtol=1e-10)
    kernel = gaussian(x, 6.0)
    right = kernel @ np.linalg.solve(kernel + 0.4 * np.eye(400), np.sign(x))
    np.testing.assert_allclose(direct, right, atol=1e-8)
    np.testing.assert_allclose(found, right, atol=1e-6)
