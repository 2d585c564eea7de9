"""Targets that depend on the distance from 0 alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ComplexArray, FloatArray, Function
from ntkfreq.numerics.hankel import radial_transform
from ntkfreq.numerics.quadrature import ResolvedFunction, resolve
from ntkfreq.problem.functions import evaluate, find_support, is_constant_zero
from ntkfreq.problem.measure import Measure
from ntkfreq.problem.target.base import Side, Target
from ntkfreq.problem.target.functions import DECAYED, OnInterval, Shifted, beyond_two, zero_outside

# The support of a radial target is that of the profile times this power of the radius.
_VOLUME = 32


@dataclass(frozen=True, eq=False, repr=False)
class Radial(Target):
    """A profile of the distance from 0, of any dimension; zero beyond a radius."""

    profile: Function
    radius: float
    kinks: tuple[float, ...] = ()

    def function(self, x: FloatArray) -> FloatArray:
        """Values at points (n,) or (n, d), beyond the radius as well."""
        r = np.abs(x) if x.ndim == 1 else np.linalg.norm(x, axis=1)
        return evaluate("profile", self.profile, r[:, None])

    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, d) points; zero beyond the radius."""
        values = evaluate("target", self.function, x)
        return np.where(np.linalg.norm(x, axis=1) <= self.radius, values, 0.0)

    def sides(self, dim: int) -> tuple[Side, ...] | None:
        """The cube around the ball."""
        return ((-self.radius, self.radius),) * dim

    def extent(self, dim: int) -> tuple[Any, ...] | None:
        """An interval or a square; beyond two dimensions the radii (0, radius)."""
        return (0.0, self.radius) if dim > 2 else super().extent(dim)

    def decaying(self, dim: int, measure: Measure, isotropic: bool) -> Target:
        """A function on an interval in one dimension; itself in two, or where all is radial."""
        if dim == 1:
            kinks = (*self.kinks, *(-kink for kink in self.kinks))
            return OnInterval(self.function, kinks, (-self.radius, self.radius))
        if dim == 2 or (measure.reduces_radial and isotropic):
            return self
        raise beyond_two(dim, type(measure).__name__)

    def moved(self, center: FloatArray) -> Target:
        """A function like any other, seen from another origin."""
        sides = tuple((-self.radius - by, self.radius - by) for by in map(float, center))
        return zero_outside(Shifted(self, center), sides, ())

    @cached_property
    def resolved_radius(self) -> ResolvedFunction:
        """The profile on panels that resolve it."""
        breaks = [0.0, self.radius, *(kink for kink in self.kinks if 0 < kink < self.radius)]
        return resolve(self.function, breaks)

    def transform(self, frequencies: Any) -> ComplexArray:
        """Transform at frequencies (F,) or (F, d), by quadrature over distances."""
        grid = checks.points("frequencies", frequencies)
        size = np.linalg.norm(grid, axis=1)
        values = radial_transform(self.resolved_radius, grid.shape[1], size, 0.0)
        return values.astype(np.complex128)


def difference(first: Target | None, second: Target) -> Target:
    """One radial target, zero if there is none, minus another one."""
    assert second.profile is not None
    assert second.radius is not None
    if first is None:
        return radial_target(Negative(second.profile), second.radius, second.kinks)
    assert first.radius is not None
    ends = (first.radius, second.radius)
    kinks = (*first.kinks, *second.kinks, *ends)
    return radial_target(Difference(first, second), max(ends), kinks)


@dataclass(frozen=True, eq=False)
class Negative:
    """A function with its sign turned."""

    function: Function

    def __call__(self, r: Any) -> FloatArray:
        """Values at distances."""
        return -np.asarray(self.function(r))


@dataclass(frozen=True, eq=False)
class Difference:
    """Difference of two radial targets at distances (n,)."""

    first: Target
    second: Target

    def __call__(self, r: Any) -> FloatArray:
        """Values at distances."""
        points = np.asarray(r, dtype=np.float64)[:, None]
        return self.first.at(points) - self.second.at(points)


def radial_target(profile: Function, radius: float | None, kinks: Sequence[float]) -> Radial:
    """See :meth:`Target.from_radial`."""
    if not callable(profile):
        raise TypeError(f"profile={checks.show(profile)} must be a function of the radius")
    marks = checks.places("kinks", kinks)
    if radius is None:
        # In high dimensions most of the volume is far out, where g may be tiny and yet count.
        found = _radial_support(profile)
        if found is None:
            raise ValueError(
                "profile does not decay within r < 16384; taper it, give radius=, or use "
                "measure=Box(lower, upper) or measure=Points(x)"
            )
        radius = found[1]
    radius = checks.positive("radius", radius)
    probe = evaluate("profile", profile, np.linspace(0.0, radius, 4001)[:, None])
    peak = float(np.abs(probe).max())
    if peak == 0 and not is_constant_zero(profile):
        raise ValueError(
            f"profile is 0 at all of 4001 probes within r < {radius:g}, and unknown "
            "elsewhere; give the radius where it ends, or, if it is 0 everywhere, let it return "
            "the number 0.0"
        )
    if abs(probe[-1]) > DECAYED * peak and radius not in marks:
        raise ValueError(
            f"radius={radius:g} ends where the target is {probe[-1]:.3g} (largest {peak:.3g}): "
            "it does not decay. Enlarge the radius, taper the profile, or name the radius in "
            "kinks= if the jump is meant"
        )

    return Radial(profile, radius, marks)


def _radial_support(profile: Function) -> tuple[float, float] | None:
    """The support of a profile, weighted by volume if it has one, else of the profile itself.

    In high dimensions most of the volume is far out, where the profile may be tiny and yet count.
    """

    def plain(r: FloatArray) -> FloatArray:
        return evaluate("profile", profile, np.abs(r)[:, None])

    if is_constant_zero(profile):
        return (-1.0, 1.0)
    return find_support(plain, "profile", _VOLUME) or find_support(plain, "profile")
