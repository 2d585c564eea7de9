"""The loss between few samples under AdamW, from the initial output of the network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import AdamW, solve_frequency_pde, train
from validation.claims.adam_limit.problem import DENSITY, Training, network, records

SAMPLES, STEPS = 16, 1000
TRAINING = Training(AdamW(epsilon=0.0), decay=(0.003, 0.0), started=True, sigma_a=2.0)


def _target(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(np.pi * x + 0.5) + 0.3 * np.cos(2 * np.pi * x))


def _points() -> tuple[np.ndarray, np.ndarray]:
    """Samples, and the middles between them."""
    x = np.linspace(-1.0, 1.0, SAMPLES)
    return x, (x[1:] + x[:-1]) / 2


def _both(at_samples: np.ndarray, between: np.ndarray | None) -> np.ndarray:
    assert between is not None
    return np.stack([at_samples, between])


def predicted(width: int, seed: int) -> dict[str, Any]:
    """Losses at samples and between them of an infinitely wide network from this f_0."""
    x, between = _points()
    solution = solve_frequency_pde(
        DENSITY,
        (x, _target(x)),
        sigma_a=TRAINING.sigma_a,
        initial_output=network(TRAINING, DENSITY, width, seed),
        test=(between, _target(between)),
        width=width,
        steps=records(STEPS),
        frequencies=[0.0],
        **TRAINING.options(width, STEPS, SAMPLES),
    )
    return {"losses": _both(solution.train_loss, solution.test_loss)}


def trained(width: int, seed: int) -> dict[str, Any]:
    """The same of the trained network."""
    x, between = _points()
    history = train(
        network(TRAINING, DENSITY, width, seed),
        x,
        _target(x),
        test=(between, _target(between)),
        steps=STEPS,
        record=records(STEPS),
        frequencies=[0.0],
        kernel_probe=0,
        **TRAINING.options(width, STEPS, SAMPLES),
    )
    return {"losses": _both(history.train_loss, history.test_loss)}
