"""Data on an interval: targets, samples, the density that learns them, and how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ntkfreq import Normal


def bounded(x: np.ndarray) -> np.ndarray:
    """Tones and a slope that do not end at the edge."""
    return np.asarray(np.sin(5 * x) + 0.5 * np.cos(23 * x) + 0.3 * x)


def dense(x: np.ndarray) -> np.ndarray:
    """Tones that the samples resolve, under a Gaussian."""
    return np.asarray(np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.cos(6 * x)))


def sparse(x: np.ndarray) -> np.ndarray:
    """The same with a tone above the Nyquist frequency of the samples, 5.2."""
    return np.asarray(np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.cos(8 * x)))


@dataclass(frozen=True)
class Setting:
    """Data on [-half, half], the density that learns them, and how long."""

    target: Callable[[np.ndarray], np.ndarray]
    half: float
    samples: int
    density: Normal
    sigma_a: float
    end: float
    share: float  # of the largest stable step

    @property
    def spacing(self) -> float:
        """Distance of neighbouring samples."""
        return 2 * self.half / self.samples

    @property
    def x(self) -> np.ndarray:
        """Samples in the middle of cells of equal size."""
        return -self.half + self.spacing * (np.arange(self.samples) + 0.5)

    @property
    def x_test(self) -> np.ndarray:
        """Fine grid of the interval."""
        return np.linspace(-self.half, self.half, 401)

    @property
    def t(self) -> np.ndarray:
        """Times, on the clock of training."""
        return np.concatenate([[0.0], np.geomspace(self.end / 1000, self.end, 25)])


SETTINGS = {
    "bounded": Setting(bounded, 1.0, 128, Normal(scale=20.0), 0.8, 2000.0, 0.02),
    "decaying, dense": Setting(dense, 9.0, 120, Normal(scale=3.0), 0.7, 400.0, 0.1),
    "decaying, sparse": Setting(sparse, 9.0, 30, Normal(scale=3.0), 0.7, 1500.0, 0.1),
}
