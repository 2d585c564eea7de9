"""The settings of the main job."""

from __future__ import annotations

from dataclasses import dataclass

from ntkfreq._support import checks
from ntkfreq._support.display import Described

BANDS = 8
BAND_REACH = 2.5
"""Bands of each density, evenly up to this many of its standard deviations."""


@dataclass(frozen=True)
class Settings(Described):
    """What the main job is run with; scales are in radians per half-length of the profile.

    Attributes
    ----------
    narrow, wide : float
        Standard deviations of the two normal densities.
    sigma_a : float
        Standard deviation of the output weights.
    width : int
        Hidden units of the networks in (a), in mirrored pairs; those in (b) have half as many.
    steps : int
        Steps of training.
    rate : float
        Step size times the largest rate of the prediction, below 2.
    seed : int
        Seed of the networks.
    """

    narrow: float = 20.0
    wide: float = 100.0
    sigma_a: float = 1.0
    width: int = 131072
    steps: int = 320
    rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("narrow", "wide", "rate"):
            checks.positive(name, getattr(self, name))
        checks.non_negative("sigma_a", self.sigma_a)
        checks.integer("steps", self.steps, 10)
        checks.integer("seed", self.seed, 0)
        if self.narrow >= self.wide:
            raise ValueError(f"narrow={self.narrow:g} must be below wide={self.wide:g}")
        if self.rate >= 2:
            raise ValueError(f"rate={self.rate:g} must be below 2, or gradient descent diverges")
        if checks.integer("width", self.width, 2) % 2:
            raise ValueError(f"width={self.width} must be even: (a) uses mirrored pairs of units")
