"""The problem of the phase diagram, and one network of it, trained and predicted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    Points,
    error_spectrum,
    expected_losses,
    grokking_onset,
    ntk_gram,
    solve_frequency_pde,
    spectral_mismatch,
)
from validation.onsets import columns, train_until_small

DENSITY = Normal(scale=18.0)
X_TEST = np.linspace(-1.0, 1.0, 201)
POINTS, SCALE = 20, 3.0
THRESHOLD, LATE = 0.03, 3.0
HORIZON, FIRST, RECORDED = 2000.0, 0.5, 65
# A step of gradient descent is this share of the largest rate's time scale, but never above CAP.
SHARE, CAP = 0.5, 0.5
# A run goes on from one of these shares of the budget to the next until both losses are small.
STAGES = (0.03, 0.1, 0.3, 1.0)
RECORDS = 24
TONES = np.linspace(-60.0, 60.0, 481)


def target(x: np.ndarray) -> np.ndarray:
    """Two tones."""
    return np.asarray(np.sin(3 * x) + 0.5 * np.cos(7 * x))


def problem(n_points: int) -> dict[str, Any]:
    """Arguments of the solver for so many points."""
    times = np.concatenate([[0.0], np.geomspace(FIRST, HORIZON, RECORDED - 1)])
    return {
        "measure": Points(np.linspace(-1.0, 1.0, n_points)),
        "t": times,
        "test": (X_TEST, target(X_TEST)),
    }


def one_by_one(sigma_a: float, weight_decay: float) -> dict[str, float]:
    """Times of one configuration from its own solution."""
    losses = expected_losses(
        DENSITY,
        target,
        sigma_a=sigma_a,
        weight_decay=weight_decay,
        rtol=1e-6,
        **problem(POINTS),
    )
    assert losses.test_mean is not None
    onset = grokking_onset(
        losses.t, losses.train_mean, losses.test_mean, threshold=THRESHOLD, late=LATE
    )
    return {"t_train": onset.t_train, "t_test": onset.t_test}


def trained(
    sigma_a: float, n_points: int, weight_decay: float, width: int, seed: int
) -> dict[str, Any]:
    """One network: when its losses fall, its phase, and the mismatch of its data's spectra."""
    x = np.linspace(-1.0, 1.0, n_points)
    y, test = target(x), target(X_TEST)
    rates = np.linalg.eigvalsh(ntk_gram(DENSITY, x, sigma_a=sigma_a) / n_points)
    step = min(SHARE / float(rates[-1]), CAP)
    ends = [0, *(round(stage * HORIZON / step) for stage in STAGES)]
    onset, steps = train_until_small(
        FourierFeatureNet.sample(DENSITY, width, sigma_a=sigma_a, rng=seed),
        x,
        y,
        [(step, end - begin, RECORDS) for begin, end in pairwise(ends)],
        test=(X_TEST, test),
        threshold=THRESHOLD,
        weight_decay=weight_decay,
    )
    spectra = error_spectrum(x, y, TONES), error_spectrum(X_TEST, test, TONES)
    return columns(onset) | {"steps": steps, "mismatch": spectral_mismatch(*spectra)}


def predicted(
    sigma_a: float, n_points: int, weight_decay: float, width: int, seed: int
) -> dict[str, Any]:
    """What the equation gives the same network from its own initial output."""
    solution = solve_frequency_pde(
        DENSITY,
        target,
        sigma_a=sigma_a,
        weight_decay=weight_decay,
        initial_output=FourierFeatureNet.sample(DENSITY, width, sigma_a=sigma_a, rng=seed),
        frequencies=[0.0],
        **problem(n_points),
    )
    assert solution.test_loss is not None
    onset = grokking_onset(
        solution.t, solution.train_loss, solution.test_loss, threshold=THRESHOLD, late=LATE
    )
    return columns(onset)


def unseen() -> float:
    """Share of the initial output's variance that the points leave open, over the test set."""
    x = np.linspace(-1.0, 1.0, POINTS)
    cross = ntk_gram(DENSITY, X_TEST, x, sigma_a=0.0)
    seen = cross * np.linalg.solve(ntk_gram(DENSITY, x, sigma_a=0.0), cross.T).T
    return float(np.mean(1 - seen.sum(axis=1)))
