"""Two dozen targets, among them terrain, and the settings that people train them with."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ntkfreq import Adam, Normal
from ntkfreq.profile import jacksboro

SAMPLES, BANDS = 64, 8
WIDTHS, RATES, PARAMETRIZATIONS = (256, 1024, 4096), (1e-4, 1e-3, 1e-2), ("ntk", "standard")
# Standard deviations of the density: targets take them in turn.
STDS = (10.0, 30.0)
ADAM = Adam(epsilon=1e-8)
# Rows of the terrain, from north to south, whose elevation is a target.
ROWS = (20, 80, 140, 200, 260, 320)
_K = np.arange(1.0, 9.0)


# Networks for each target and setting, by width: a network of few units scatters more.
SEEDS = {256: 12, 1024: 6, 4096: 4}
# A step moves the output by up to twice eta_0; above half of rms(y) = 1 the prediction warns.
LARGEST = 0.25


def samples() -> np.ndarray:
    """64 points of [-1, 1]."""
    return np.linspace(-1.0, 1.0, SAMPLES)


def _tones(numbers: Any, amplitudes: Any, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A sum of tones pi k of random phases."""
    numbers, amplitudes = np.asarray(numbers, float), np.asarray(amplitudes, float)
    phase = np.random.default_rng([seed, 1]).uniform(0, 2 * np.pi, len(numbers))
    return lambda x: np.asarray(np.cos(np.pi * np.outer(x, numbers) + phase) @ amplitudes)


def _rough(length: float, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A draw of a Gaussian process with the kernel exp(-|x - x'| / length)."""

    def values(x: np.ndarray) -> np.ndarray:
        kernel = np.exp(-np.abs(x[:, None] - x[None]) / length)
        draw = np.random.default_rng([seed, 2]).standard_normal(len(x))
        return np.asarray(np.linalg.cholesky(kernel + 1e-10 * np.eye(len(x))) @ draw)

    return values


TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "four tones, each half of the last": _tones([1, 3, 5, 7], [1, 0.5, 0.25, 0.125], 0),
    "eight tones alike": _tones(_K, np.ones(8), 1),
    "eight tones 1/k": _tones(_K, 1 / _K, 2),
    "eight tones 1/k²": _tones(_K, 1 / _K**2, 3),
    "eight tones k": _tones(_K, _K, 4),
    "weak high beside strong low": _tones([2, 6], [1, 0.1], 5),
    "weak low beside strong high": _tones([2, 6], [0.1, 1], 6),
    "two neighbours": _tones([3, 4], [1, 0.3], 7),
    "triangle wave": lambda x: np.abs((2 * x) % 2 - 1),
    "square wave": lambda x: np.tanh(8 * np.sin(2 * np.pi * x)),
    "sawtooth": lambda x: (1.5 * x) % 1,
    "chirp": lambda x: np.sin(np.pi * (1 + x) * (1.5 + 1.5 * x)),
    "bump": lambda x: np.exp(-(x**2) / (2 * 0.15**2)),
    "Runge's function": lambda x: 1 / (1 + 25 * x**2),
    "kink": lambda x: np.abs(x - 0.1),
    "cusp": lambda x: np.sqrt(np.abs(x - 0.2)),
    "decaying oscillation": lambda x: np.exp(-1.5 * (x + 1)) * np.sin(5 * np.pi * x),
    "rough process, seed 0": _rough(0.5, 0),
    "rough process, seed 1": _rough(0.1, 1),
}


def _elevation(row: int) -> Callable[[np.ndarray], np.ndarray]:
    """Elevation along a row of the terrain, read at 64 of its 403 places."""

    def values(x: np.ndarray) -> np.ndarray:
        along = jacksboro(row).y
        place = np.linspace(0, len(along) - 1, len(x))
        return np.interp(place, np.arange(len(along)), along)

    return values


TARGETS |= {f"terrain, row {row}": _elevation(row) for row in ROWS}


@lru_cache
def values(name: str) -> np.ndarray:
    """A target at the samples, of mean zero and mean square one."""
    y = TARGETS[name](samples())
    y = y - y.mean()
    return np.asarray(y / np.sqrt(np.mean(y**2)))


def density(name: str) -> Normal:
    """Its density: the two standard deviations in turn."""
    return Normal(scale=STDS[list(TARGETS).index(name) % len(STDS)])


def bands() -> list[tuple[float, float]]:
    """Bands of width pi about the tones pi k, k = 1...8."""
    return [(float(np.pi * (k - 0.5)), float(np.pi * (k + 0.5))) for k in _K]


def frequencies() -> np.ndarray:
    """Where spectra are read: 8 frequencies a band."""
    return np.linspace(np.pi / 2, 8.5 * np.pi, 64)


def records(steps: int) -> np.ndarray:
    """Every step up to 50, then those 2 % apart, up to the first that is not below `steps`.

    Of a shorter run they are those of a longer one.
    """
    late = np.rint(50 * 1.02 ** np.arange(1, 300)).astype(int)
    grid = np.concatenate([np.arange(51), late])
    return np.asarray(grid[: np.searchsorted(grid, steps) + 1])
