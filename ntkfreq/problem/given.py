"""Types of the arguments for a density, a target, a measure and test data."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ntkfreq._support.types import ArrayLike, Function, HasPdf, PointsLike
from ntkfreq.problem.density import Density
from ntkfreq.problem.measure import Measure
from ntkfreq.problem.target import Target

DensityLike: TypeAlias = Density | HasPdf | Function
"""A density, a frozen distribution of scipy.stats, or a pdf; see `as_density`."""
Pair: TypeAlias = tuple[PointsLike, ArrayLike]
"""Points and values there."""
TargetLike: TypeAlias = Target | Function | Pair
"""A target, a function of points, or samples; see `as_target`."""
TestLike: TypeAlias = Pair | Measure
"""Test points with values, or a measure on which the target is known."""


def pair_of(x: PointsLike | Pair, y: ArrayLike | None, name: str = "y") -> Pair:
    """Points and values that were given as two arguments, or as one pair or target.

    Examples
    --------
    >>> pair_of(([0.0, 1.0], [2.0, 3.0]), None)
    ([0.0, 1.0], [2.0, 3.0])
    """
    given: Any = x
    if y is not None:
        return given, y
    if isinstance(given, Target) and given.samples is not None:
        return given.samples
    if isinstance(given, tuple | list) and len(given) == 2 and np.ndim(given[0]) > 0:
        return given[0], given[1]
    raise TypeError(f"{name} is missing; give x and {name}, or the pair (x, {name}) in one")
