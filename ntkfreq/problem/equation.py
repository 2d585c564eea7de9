"""The problem: density, target, measure and training settings, checked once and together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import FloatArray, Function
from ntkfreq.problem.decay import Decay
from ntkfreq.problem.decaying import decaying, decaying_start, refuse_unseen
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.functions import evaluate, find_support, refuse_tiny
from ntkfreq.problem.measure import Box, Grid, Line, Measure, Points
from ntkfreq.problem.rectangle import find_rectangle
from ntkfreq.problem.target import Target, as_target

# Coordinates of points at which a user's function is evaluated at once.
_MOST_NUMBERS = 100_000


@dataclass(frozen=True, eq=False)
class FrequencyEquation:
    r"""The damped heat equation for the error spectrum, with all that determines it.

    .. math:: \partial_t \hat e = (2\pi)^d\left[\sigma_a^2 \nabla\cdot(\rho_w \nabla \hat v)
              - \rho_w \hat v\right], \qquad v = e\,\mu, \quad e = f - y

    Build it with :meth:`create`, which coerces and checks its arguments.

    Attributes
    ----------
    density : Density
        Density of the initial frequencies.
    target : Target
        What is learned.
    measure : Line, Box, Grid or Points
        Where the data sit.
    sigma_a : float
        Standard deviation of the output weights; 0 freezes the frequencies.
    initial_output : callable or None
        f_0; None is zero.
    weight_decay, frequency_decay : float
        Decay rates of the output weights and of the frequencies.
    decay_towards : {"zero", "start"}
        What the frequencies decay towards.

    References
    ----------
    Molina, Petrache, Sahli Costabal, Courdurier, arXiv 2405.14957.
    """

    density: Density
    target: Target
    measure: Measure
    sigma_a: float = 1.0
    initial_output: Function | None = None
    weight_decay: float = 0.0
    frequency_decay: float = 0.0
    decay_towards: str = "zero"

    @classmethod
    def create(
        cls,
        rho_w: Any,
        target: Any,
        *,
        measure: Any = None,
        sigma_a: float = 1.0,
        initial_output: Any = None,
        weight_decay: float = 0.0,
        frequency_decay: float = 0.0,
        decay_towards: str = "zero",
    ) -> FrequencyEquation:
        """Coerce and check; see :func:`ntkfreq.solve_frequency_pde` for the parameters.

        Examples
        --------
        >>> from ntkfreq import Normal
        >>> problem = FrequencyEquation.create(Normal(scale=3.0), ([0.0, 1.0], [1.0, 2.0]))
        >>> type(problem.measure).__name__, problem.sigma_a
        ('Points', 1.0)
        """
        density = as_density(rho_w)
        goal = as_target(target)
        if measure is None:
            known = goal.samples
            measure = Line() if known is None else Points(known[0]).on(goal.axis)
        if not isinstance(measure, Line | Box | Grid | Points):
            raise TypeError(
                f"measure={checks.show(measure)} must be Line(), Box(lower, upper), "
                "Grid(spacing) or Points(x)"
            )
        if initial_output is not None and not callable(initial_output):
            raise TypeError(
                f"initial_output={checks.show(initial_output)} must be None or a function f_0(x), "
                "for instance a FourierFeatureNet"
            )
        measure = _on_axis_of(goal, measure)
        _check_dimensions(density, goal, measure)
        if isinstance(measure, Line | Grid):
            goal = decaying(density, goal, measure)
            initial_output = decaying_start(initial_output, goal, measure)
        if isinstance(measure, Box):
            refuse_unseen(goal, measure)
        if isinstance(measure, Points) and goal.samples is None:
            refuse_tiny("target", float(np.abs(goal.at(measure.x)).max()))
        return cls(
            density,
            goal,
            measure,
            checks.non_negative("sigma_a", sigma_a),
            initial_output,
            checks.non_negative("weight_decay", weight_decay),
            checks.non_negative("frequency_decay", frequency_decay),
            checks.choice("decay_towards", decay_towards, ("zero", "start")),
        )

    @property
    def dim(self) -> int:
        """Dimension of input and frequency."""
        return self.density.dim

    @property
    def axis(self) -> Axis:
        """What the numbers of x mean: days where the data were given at dates."""
        return self.target.axis if isinstance(self.measure, Line) else self.measure.axis

    def initial_output_at(self, x: FloatArray) -> FloatArray:
        """Initial output f_0 at (n, d) points."""
        if self.initial_output is None:
            return np.zeros(len(x))
        return evaluate("initial_output", self.initial_output, x)

    def free_output(self, t: FloatArray, x: FloatArray) -> FloatArray:
        r"""Free output, :math:`e^{-\gamma_a t} f_0(e^{-\gamma_w t} x)`, if nothing were learned."""
        if self.initial_output is None:
            return np.zeros((len(t), len(x)))
        left = self.decay.damping(t)[:, None]
        if not self.decay.contracts:
            return np.asarray(left * self.initial_output_at(x))
        # All times at once: a network takes as long for a few points as for a few thousand.
        moved = self.decay.contraction(t)[:, None, None] * x
        parts = np.array_split(moved, min(len(t), -(-moved.size // _MOST_NUMBERS)))
        values = [self.initial_output_at(part.reshape(-1, x.shape[1])) for part in parts]
        return np.asarray(left * np.concatenate(values).reshape(len(t), len(x)))

    def initial_error_at(self, x: FloatArray) -> FloatArray:
        """Initial error f_0 - y at (n, d) points."""
        return self.initial_output_at(x) - self.target.at(x)

    @property
    def support(self) -> tuple[Any, ...] | None:
        """On Line and Grid where the target was found, or said, not to vanish; else None.

        An interval, a rectangle, or the ball within a radius, given as (0, radius).
        """
        if not isinstance(self.measure, Line | Grid):
            return None
        goal = self.target
        ball = None if goal.radius is None else (0.0, goal.radius)
        return goal.support or goal.rectangle or ball

    @cached_property
    def decay(self) -> Decay:
        """The decay rates and what follows from them."""
        return Decay(self.weight_decay, self.frequency_decay, self.decay_towards)

    @cached_property
    def start(self) -> Target | None:
        """Initial output as a target of its own, with a support where it has one."""
        first = self.initial_output
        if first is None:
            return None
        if isinstance(first, Target) and first.radius is not None and self.dim > 1:
            side = (-first.radius, first.radius)
            return replace(first, rectangle=(side, side)) if self.dim == 2 else first

        def function(x: Any) -> FloatArray:
            return self.initial_output_at(np.asarray(x).reshape(-1, self.dim))

        known = first if isinstance(first, Target) else None
        infinite = isinstance(self.measure, Line | Grid)
        if self.dim == 1:
            support = known.support if known else None
            return Target(function, support or (find_support(first) if infinite else None))
        rectangle = known.rectangle if known else None
        if rectangle is None and infinite and self.dim == 2:
            rectangle = find_rectangle(first)
        return Target(function, rectangle=rectangle)

    @cached_property
    def radial(self) -> bool:
        """Whether target, initial output and density depend on distances from 0 alone."""
        if not isinstance(self.measure, Line) or self.dim == 1 or self.target.radius is None:
            return False
        start = self.start is None or self.start.radius is not None
        return start and self.density.isotropic

    @cached_property
    def initial_error(self) -> Target:
        """Initial error f_0 - y as a target of its own, with a support where both have one."""
        if self.radial:
            return _radial_difference(self.start, self.target)
        support, rectangle = self.target.support, self.target.rectangle
        if self.start is not None and support is not None:
            support = self.start.support and _hull(support, self.start.support)
        if self.start is not None and rectangle is not None:
            first = self.start.rectangle
            rectangle = first and (_hull(rectangle[0], first[0]), _hull(rectangle[1], first[1]))
        return Target(
            lambda x: self.initial_error_at(np.asarray(x).reshape(-1, self.dim)),
            support,
            self.target.kinks + (self.target.support or ()),
            rectangle=rectangle,
        )


def _on_axis_of(target: Target, measure: Measure) -> Measure:
    """The measure, counted from the same origin as the samples of the target."""
    if target.samples is None or isinstance(measure, Line):
        return measure
    return measure_on(measure, target.axis)


def measure_on(measure: Box | Grid | Points, axis: Axis) -> Box | Grid | Points:
    """A measure that was given at dates, counted from the origin of another axis.

    Raises
    ------
    TypeError
        Where one of the two counts dates or durations and the other is made of numbers.
    """
    if measure.axis.origin == axis.origin and (measure.axis.timed or not axis.timed):
        return measure
    if not measure.axis.timed:
        return measure  # numbers beside dates are days since their origin
    if axis.origin is None or measure.axis.origin is None:
        raise TypeError(
            f"measure={measure} is counted in {measure.axis.counted}, the target in "
            f"{axis.counted}; give both at dates, or both as numbers"
        )
    return measure.moved(axis.offset(measure.axis), axis)


def _check_dimensions(density: Density, target: Target, measure: Measure) -> None:
    if isinstance(measure, Box | Points) and measure.dim != density.dim:
        raise ValueError(
            f"measure has dimension {measure.dim} and rho_w dimension {density.dim}; they must "
            f"agree: give the density dim={measure.dim}"
        )
    if target.samples is not None and target.samples[0].shape[1] != density.dim:
        raise ValueError(
            f"target has samples of dimension {target.samples[0].shape[1]} and rho_w dimension "
            f"{density.dim}; give the density dim={target.samples[0].shape[1]}"
        )
    if isinstance(measure, Points) and target.samples is not None:
        if np.array_equal(measure.x, target.samples[0]):
            return
        raise ValueError(
            f"measure has {len(measure.x)} points that differ from the samples of the target; "
            "leave measure out, or give the target as a function"
        )
    if target.samples is not None and isinstance(measure, Box) and measure.dim > 1:
        raise ValueError(
            f"target is known at samples, between which it is unknown in dim={measure.dim}; on Box "
            "give it as a function, or leave measure out"
        )
    if target.samples is not None and isinstance(measure, Box) and measure.dim == 1:
        x = target.samples[0]
        if len(x) < 4:
            raise ValueError(
                f"target has {len(x)} sample(s); a Box needs at least 4, to draw the cubic spline "
                "through them: leave measure out, or give the target as a function"
            )
        if measure.lower[0] < x.min() or measure.upper[0] > x.max():
            raise ValueError(
                f"measure={measure} reaches beyond the samples of the target, "
                f"[{x.min():g}, {x.max():g}]; shrink the box or give the target as a function"
            )


def _hull(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _radial_difference(start: Target | None, goal: Target) -> Target:
    """Initial output minus target, both radial."""
    if start is None:
        profile, radius = goal.profile, goal.radius
        assert profile is not None
        return Target.from_radial(lambda r: -np.asarray(profile(r)), radius, goal.kinks)
    assert start.radius is not None
    assert goal.radius is not None

    def difference(r: Any) -> FloatArray:
        points = np.asarray(r, dtype=np.float64)[:, None]
        return start.at(points) - goal.at(points)

    ends = (start.radius, goal.radius)
    return Target.from_radial(difference, max(ends), (*start.kinks, *goal.kinks, *ends))
