"""Targets that are known at samples; in one dimension with the spline through them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import FloatArray, Function
from ntkfreq.problem.functions import evaluate
from ntkfreq.problem.measure import Measure, Points
from ntkfreq.problem.samples import OnlySamples, SplineThrough, means
from ntkfreq.problem.target.base import ELSEWHERE, Side, Target
from ntkfreq.problem.target.functions import DECAYED, Shifted, beyond_two, zero_outside

# Least gap between samples relative to their extent; below it slopes of a spline are rounding.
_CLOSEST = 1e-14
# Up to so many samples sorting takes no time.
_SOON = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class Sampled(Target):
    """Values at points (n, d).

    Attributes
    ----------
    x, y : ndarray, shape (n, d) and (n,)
        The samples.
    axis : Axis
        What the numbers of x mean.
    alone : bool
        Whether nothing is known between them; else there is a spline in one dimension.
    """

    x: FloatArray
    y: FloatArray
    axis: Axis
    alone: bool = False

    @cached_property
    def _knots(self) -> tuple[FloatArray, FloatArray] | None:
        """Knots and values of the spline; None where there is none.

        On Points it is never needed, and sorting a million samples takes longer than a solution.
        """
        if self.alone or self.x.shape[1] > 1:
            return None
        knots, heights = means(self.x, self.y)
        if len(knots) < 4:
            return None
        closest = float(np.diff(knots[:, 0]).min())
        if closest < _CLOSEST * float(np.ptp(knots)):
            raise ValueError(
                f"x has points {closest:.3g} apart in an extent of {np.ptp(knots):.3g}; give "
                "points further apart, or the same where that is meant: numpy.round(x, digits)"
            )
        return knots[:, 0], heights

    @cached_property
    def function(self) -> Function:  # type: ignore[override]
        """The spline through them in one dimension; else a table, which refuses other points."""
        if self._knots is None:
            return OnlySamples(self.x, self.y)
        return SplineThrough(*self._knots)

    @cached_property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """The knots of the spline."""
        return () if self._knots is None else tuple(map(float, self._knots[0]))

    @cached_property
    def ends(self) -> Side | None:
        """Those of the samples, where they have decayed to zero at both."""
        if self._knots is None:
            return None
        knots, heights = self._knots
        decayed = max(abs(heights[0]), abs(heights[-1])) <= DECAYED * float(np.abs(self.y).max())
        return (float(knots[0]), float(knots[-1])) if decayed else None

    @property
    def samples(self) -> tuple[FloatArray, FloatArray]:
        """Points (n, d) and values (n,)."""
        return self.x, self.y

    @property
    def natural_measure(self) -> Measure:
        """The points themselves."""
        return Points(self.x).on(self.axis)

    def counted(self, measure: Measure) -> Measure:
        """The measure, counted from the origin of the samples."""
        return measure.counted_on(self.axis)

    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, d) points; zero outside the support, if there is one."""
        if np.array_equal(x, self.x):
            return self.y
        if self.ends is None and x.shape[1] == 1:
            known = self.x[:, 0]
            if x.min() < known.min() or x.max() > known.max():
                raise ValueError(
                    f"target is known on [{known.min():g}, {known.max():g}], the range of its "
                    f"samples, and asked for on [{x.min():g}, {x.max():g}]; pass a function"
                )
        values = evaluate("target", self.function, x)
        if self.ends is None:
            return values
        return np.where((x[:, 0] >= self.ends[0]) & (x[:, 0] <= self.ends[1]), values, 0.0)

    def at_samples_only(self) -> Target:
        """The same target; between samples a refusal instead of a spline."""
        return replace(self, alone=True)

    def sides(self, dim: int) -> tuple[Side, ...] | None:
        """The ends of the samples, where they have decayed there."""
        return (self.ends,) if dim == 1 and self.ends is not None else None

    def decaying(self, dim: int, measure: Measure, isotropic: bool) -> Target:
        """Itself, where the samples have decayed to zero at both ends."""
        name = type(measure).__name__
        if dim > 2:
            raise beyond_two(dim, name)
        if dim == 2:
            raise ValueError(
                f"target is known at samples, between which it is unknown in dim=2; on {name} give "
                "it as a function, or use measure=Points(x)"
            )
        if self.ends is not None:
            return self
        ends = max(abs(self.y[self.x[:, 0].argmin()]), abs(self.y[self.x[:, 0].argmax()]))
        raise ValueError(
            f"target has samples that end at {ends:.3g}: they do not decay, so they have no "
            f"transform on {name}; taper them to zero, or {ELSEWHERE}"
        )

    def moved(self, center: FloatArray) -> Target:
        """The spline seen from another origin."""
        by = float(center[0])
        kinks = tuple(kink - by for kink in self.kinks)
        ends = self.ends and ((self.ends[0] - by, self.ends[1] - by),)
        return zero_outside(Shifted(self, center), ends, kinks)


def sampled_target(x: Any, y: Any) -> Sampled:
    """See :meth:`Target.from_samples`."""
    axis = Axis.of("x", x)
    points = checks.points("x", x, axis=axis)
    values = checks.values_at("y", y, len(points))
    for array in (points, values):
        array.flags.writeable = False
    target = Sampled(points, values, axis)
    if len(points) <= _SOON:
        # Samples too close for a spline are refused where they are given; many when it is needed.
        _ = target.function
    return target
