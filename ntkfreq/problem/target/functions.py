"""Targets that are functions: known everywhere, or zero outside an interval or a rectangle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ComplexArray, FloatArray, Function
from ntkfreq.problem.functions import evaluate, find_support, is_constant_zero, unseen
from ntkfreq.problem.measure import Measure
from ntkfreq.problem.rectangle import find_rectangle, tensor_points
from ntkfreq.problem.target.base import ELSEWHERE, Side, Target

# A target counts as decayed if it ends below this share of its largest value.
DECAYED = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class Shifted:
    """A target as a function of coordinates relative to another origin."""

    part: Target
    center: FloatArray

    def __call__(self, x: Any) -> FloatArray:
        """Values at points (n,) or (n, d)."""
        points = np.asarray(x, dtype=np.float64).reshape(-1, len(self.center))
        return self.part.at(points + self.center)


@dataclass(frozen=True, eq=False)
class AtPoints:
    """A function of points (n, d) as one of (n,) in one dimension, as users write them."""

    at: Callable[[FloatArray], FloatArray]
    dim: int

    def __call__(self, x: Any) -> FloatArray:
        """Values at points (n,) or (n, d)."""
        return self.at(np.asarray(x).reshape(-1, self.dim))


@dataclass(frozen=True, eq=False, repr=False)
class Everywhere(Target):
    """A function of which nothing else is known."""

    function: Function
    kinks: tuple[float, ...] = ()

    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, d) points."""
        return evaluate("target", self.function, x)

    def sides(self, dim: int) -> tuple[Side, ...] | None:
        """None are known."""
        return None

    def decaying(self, dim: int, measure: Measure, isotropic: bool) -> Target:
        """The function with a support that is found by probes."""
        name = type(measure).__name__
        if dim > 2:
            raise beyond_two(dim, name)
        if dim == 2:
            rectangle = find_rectangle(self.function)
            if rectangle is None:
                raise ValueError(
                    f"target does not decay within |x| < 1024, so it has no transform on {name}; "
                    f"{ELSEWHERE}, or give Target.from_function(f, support=((a1, b1), (a2, b2)))"
                )
            return OnRectangle(self.function, self.kinks, rectangle)
        support = find_support(self.function)
        if support is None:
            raise ValueError(
                f"target does not decay within |x| < 16384, so it has no transform on {name}; "
                f"{ELSEWHERE}, or give Target.from_function(f, support=(a, b))"
            )
        return OnInterval(self.function, self.kinks, support)

    def moved(self, center: FloatArray) -> Target:
        """The function seen from another origin."""
        return Everywhere(Shifted(self, center), _less(self.kinks, center))


@dataclass(frozen=True, eq=False, repr=False)
class OnInterval(Everywhere):
    """A function of one variable that is zero outside an interval."""

    ends: Side = (0.0, 0.0)

    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, 1) points; zero outside the interval."""
        values = evaluate("target", self.function, x)
        inside = (x[:, 0] >= self.ends[0]) & (x[:, 0] <= self.ends[1])
        return np.where(inside, values, 0.0)

    def sides(self, dim: int) -> tuple[Side, ...] | None:
        """The interval."""
        return (self.ends,) if dim == 1 else None

    def decaying(self, dim: int, measure: Measure, isotropic: bool) -> Target:
        """Itself in one dimension."""
        return self if dim == 1 else super().decaying(dim, measure, isotropic)

    def moved(self, center: FloatArray) -> Target:
        """The function seen from another origin."""
        low, high = _less(self.ends, center)
        return OnInterval(Shifted(self, center), _less(self.kinks, center), (low, high))


@dataclass(frozen=True, eq=False, repr=False)
class OnRectangle(Everywhere):
    """A function of two variables that is zero outside a rectangle."""

    edges: tuple[Side, Side] = ((0.0, 0.0), (0.0, 0.0))

    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, 2) points; zero outside the rectangle."""
        values = evaluate("target", self.function, x)
        low, high = np.transpose(self.edges)
        return np.where(np.all((x >= low) & (x <= high), axis=1), values, 0.0)

    def sides(self, dim: int) -> tuple[Side, ...] | None:
        """The edges of the rectangle."""
        return self.edges if dim == 2 else None

    def decaying(self, dim: int, measure: Measure, isotropic: bool) -> Target:
        """Itself in two dimensions."""
        if dim > 2:
            raise ValueError(
                f"target has a support of dimension 2 and rho_w dimension {dim}; agree"
            )
        return self if dim == 2 else super().decaying(dim, measure, isotropic)

    def moved(self, center: FloatArray) -> Target:
        """The function seen from another origin."""
        (a, b), (c, d) = self.edges
        one, other = map(float, center)
        return OnRectangle(Shifted(self, center), (), ((a - one, b - one), (c - other, d - other)))

    def transform(self, frequencies: Any) -> ComplexArray:
        """Transform at frequencies (F, 2), by quadrature."""
        return self.resolved_plane.transform(checks.points("frequencies", frequencies, 2))


def zero_outside(
    function: Function, sides: tuple[Side, ...] | None, kinks: tuple[float, ...]
) -> Target:
    """A function that vanishes outside these intervals, if any are known."""
    if sides is None:
        return Everywhere(function, kinks)
    if len(sides) == 1:
        return OnInterval(function, kinks, sides[0])
    return OnRectangle(function, kinks, (sides[0], sides[1]))


def beyond_two(dim: int, name: str) -> ValueError:
    """The refusal of an equation that does not reduce to one variable."""
    return ValueError(
        f"measure={name}() with dim={dim} is solved where it reduces to one variable, that is "
        "for Line() with Target.from_radial(g) and an isotropic density about 0 (Normal or "
        "StudentT with one scale, a Mixture of these); else use measure=Points(x), which takes any "
        "dimension"
    )


def _less(marks: Sequence[float], center: FloatArray) -> tuple[float, ...]:
    return tuple(mark - float(center[0]) for mark in marks)


def function_target(f: Function, support: Any, kinks: Sequence[float]) -> Target:
    """See :meth:`Target.from_function`."""
    if not callable(f):
        raise TypeError(f"f={checks.show(f)} must be a function of x; use Target.from_samples")
    marks = checks.places("kinks", kinks)
    if support is None:
        return Everywhere(f, marks)
    if checks.is_sequence(support) and any(map(_is_side, support)):
        if marks:
            raise ValueError(
                f"kinks={checks.show(kinks)} are places on a line; a target on a rectangle "
                "has none: leave them out"
            )
        return OnRectangle(f, (), _decayed_rectangle(f, support))
    low, high = checks.interval("support", support)
    probe = evaluate("f", f, np.linspace(low, high, 4001)[:, None])
    peak = float(np.abs(probe).max())
    if peak == 0 and not is_constant_zero(f):
        raise unseen("f", f"4001 probes of its support ({low:g}, {high:g})", "(a, b)")
    for end, value in ((low, probe[0]), (high, probe[-1])):
        if abs(value) > DECAYED * peak and end not in marks:
            raise ValueError(
                f"support=({low:g}, {high:g}) ends where the target is {value:.3g} (largest "
                f"{peak:.3g}): it does not decay. Widen the support, taper the target, name "
                "the end in kinks= if the jump is meant, or use measure=Box(...) or Points(...)"
            )
    return OnInterval(f, marks, (low, high))


def _is_side(value: object) -> bool:
    return isinstance(value, tuple | list | np.ndarray) and np.ndim(value) > 0


def _decayed_rectangle(f: Function, support: Any) -> tuple[Side, Side]:
    """The rectangle, or a refusal of a function that is not zero on its edge."""
    if len(support) != 2:
        raise ValueError(f"support={checks.show(support)} must be (low, high) or a pair of these")
    first, second = (checks.interval(f"support[{k}]", support[k]) for k in range(2))
    axes = [np.linspace(low, high, 257) for low, high in (first, second)]
    values = np.abs(evaluate("f", f, tensor_points(*axes))).reshape(257, 257)
    peak = float(values.max())
    if peak == 0 and not is_constant_zero(f, 2):
        raise unseen("f", "257 x 257 probes of its support", "((a1, b1), (a2, b2))")
    edge = float(max(values[[0, -1]].max(), values[:, [0, -1]].max()))
    if edge > DECAYED * peak:
        raise ValueError(
            f"support={checks.show(support)} ends where the target is {edge:.3g} (largest "
            f"{peak:.3g}): it does not decay. Widen the support, taper the target, or use "
            "measure=Box(...) or Points(...)"
        )
    return first, second
