"""What a user may pass for a density, a target, a measure and test data, as types."""

from __future__ import annotations

from typing import TypeAlias

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
