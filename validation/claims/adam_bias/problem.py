"""Eight tones on [-1, 1] whose amplitudes rise or fall, and how networks are trained on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import Adam, GradientDescent, Normal, Optimizer

SAMPLES, TONES = 64, np.pi * np.arange(1, 9)
# Standard deviations of the density; powers of the number k of a tone that its amplitude is.
STDS, POWERS = (10.0, 40.0), (1, 0, -1, -2)
FALLS = {1: "amplitudes k", 0: "equal amplitudes", -1: "amplitudes 1/k", -2: "amplitudes 1/k²"}
PHASES = ("sines", "random phases")
RULES: dict[str, Optimizer] = {
    "Adam": Adam(epsilon=0.0),
    "gradient descent": GradientDescent(),
}
# A step of Adam moves the output by about ETA0 at any width: its step size is ETA0 / sqrt(width).
ETA0 = 0.05
# Step size of gradient descent by std of the density, well below the largest stable one.
STEP = {10.0: 1.0, 40.0: 0.5}
# Enough steps for all tones at any phases, by std and power.
LENGTH = {
    "Adam": {
        10.0: {1: 1000, 0: 700, -1: 400, -2: 400},
        40.0: {1: 400, 0: 400, -1: 400, -2: 400},
    },
    "gradient descent": {10.0: dict.fromkeys(POWERS, 400), 40.0: dict.fromkeys(POWERS, 300)},
}


def density(std: float) -> Normal:
    """Density of the frequencies."""
    return Normal(scale=std)


def samples() -> np.ndarray:
    """Middles of 64 cells of [-1, 1], on which the tones are orthogonal."""
    return np.asarray((2 * np.arange(SAMPLES) + 1) / SAMPLES - 1)


def amplitudes(power: int) -> np.ndarray:
    """Amplitudes (8,) of a target of mean square one."""
    size = np.arange(1.0, len(TONES) + 1) ** power
    return np.asarray(size / np.sqrt(np.sum(size**2) / 2))


def target(power: int, phases: str, seed: int) -> np.ndarray:
    """Values at the samples (64,): a sum of sines, or of waves of phases drawn for this seed."""
    phase = np.full(len(TONES), -np.pi / 2)
    if phases == "random phases":
        phase = np.random.default_rng([power + 2, seed]).uniform(0, 2 * np.pi, len(TONES))
    return np.asarray(np.cos(np.outer(samples(), TONES) + phase) @ amplitudes(power))


def training(rule: str, std: float, power: int, width: int) -> dict[str, Any]:
    """Rule, step size and length of a run, which prediction and network are both told."""
    step_size = ETA0 / np.sqrt(width) if RULES[rule].normalized else STEP[std]
    return {
        "optimizer": RULES[rule],
        "step_size": float(step_size),
        "steps": LENGTH[rule][std][power],
        "frequencies": TONES,
    }
