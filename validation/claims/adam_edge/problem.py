"""Targets, and settings of Adam whose mean squares fade soon enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import Adam, Normal

DENSITY, SAMPLES = Normal(scale=10.0), 32
# Tones pi k and their amplitudes; phases are drawn for each target.
TARGETS: dict[str, tuple[Any, Any]] = {
    "three tones": ((1, 3, 5), (1.0, 0.3, 0.1)),
    "eight tones 1/k": (range(1, 9), [1 / k for k in range(1, 9)]),
    "four tones alike": ((1, 2, 4, 6), (1.0, 1.0, 1.0, 1.0)),
}
# Rule, step size times the root of the width, and steps of a run.
SETTINGS: dict[str, tuple[Adam, float, int]] = {
    "beta2 0.999, eta_0 0.5": (Adam(epsilon=0.0), 0.5, 1500),
    "beta2 0.99, eta_0 0.1": (Adam(beta2=0.99, epsilon=0.0), 0.1, 1000),
    "beta2 0.99, eta_0 0.25": (Adam(beta2=0.99, epsilon=0.0), 0.25, 800),
    "beta2 0.98, eta_0 0.1": (Adam(beta2=0.98, epsilon=0.0), 0.1, 800),
    "beta1 0.8, beta2 0.99, eta_0 0.1": (Adam(beta1=0.8, beta2=0.99, epsilon=0.0), 0.1, 800),
}


def samples() -> np.ndarray:
    """32 points of [-1, 1]."""
    return np.linspace(-1.0, 1.0, SAMPLES)


def values(name: str) -> np.ndarray:
    """A target of mean square one."""
    numbers, amplitudes = TARGETS[name]
    rng = np.random.default_rng([list(TARGETS).index(name), 3])
    phase = rng.uniform(0, 2 * np.pi, len(numbers))
    y = np.cos(np.pi * np.outer(samples(), list(numbers)) + phase) @ np.asarray(amplitudes)
    return np.asarray(y / np.sqrt(np.mean(y**2)))
