r"""Where the data lie: the measure :math:`\mu` of the loss :math:`\tfrac12\int (f-y)^2\,d\mu`."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, points, span
from ntkfreq._support.types import ArrayLike, FloatArray, PlaceLike, PointsLike


class Measure(Described, abc.ABC):
    """The interface of the four measures; numerics are in their methods of solution.

    Another kind of measure is a subclass, with its method of solution in ``ntkfreq.pde.methods``.
    """

    infinite: ClassVar[bool] = False
    """Whether its volume is infinite, so that targets must decay."""

    reduces_radial: ClassVar[bool] = False
    """Whether an equation of radial density and data reduces to one variable."""

    axis: Axis | None
    """What the numbers of x mean; None where the target says it."""

    @property
    def dim(self) -> int | None:
        """Dimension of x; None where any will do."""
        return None

    def counted_on(self, axis: Axis) -> Self:
        """The measure, counted from the origin of another axis if it was given at dates.

        Raises
        ------
        TypeError
            Where one of the two counts dates or durations and the other is made of numbers.
        """
        return self


@dataclass(frozen=True)
class Line(Measure):
    r"""Lebesgue measure on all of :math:`\mathbb R^d`: continuous data everywhere.

    The target must decay. Times are those of the loss :math:`\tfrac12\int e^2dx`.

    Examples
    --------
    >>> Line()
    Line()
    """

    infinite: ClassVar[bool] = True
    reduces_radial: ClassVar[bool] = True
    axis: None = field(default=None, init=False, repr=False)


class Placed(Measure):
    """A measure whose coordinates are numbers or dates."""

    axis: Axis

    @abc.abstractmethod
    def moved(self, offset: float, axis: Axis) -> Self:
        """The measure with all coordinates moved by `offset`, on another axis."""

    def counted_on(self, axis: Axis) -> Self:
        """The measure, counted from the origin of another axis if it was given at dates."""
        if self.axis.origin == axis.origin and (self.axis.timed or not axis.timed):
            return self
        if not self.axis.timed:
            return self  # numbers beside dates are days since their origin
        if axis.origin is None or self.axis.origin is None:
            raise TypeError(
                f"measure={self} is counted in {self.axis.counted}, the target in "
                f"{axis.counted}; give both at dates, or both as numbers"
            )
        return self.moved(axis.offset(self.axis), axis)


@dataclass(frozen=True, init=False)
class Box(Placed):
    r"""Uniform probability measure on a box, :math:`\mu = dx/|\Omega|`.

    Parameters
    ----------
    lower, upper : float, date or sequence of d of these
        Corners, in units of x, with lower < upper in each coordinate. A box between two dates is
        counted in days since the first.

    Raises
    ------
    ValueError, TypeError
        When the corners are not finite, differ in dimension or are out of order.

    Examples
    --------
    >>> Box(-1.0, 1.0).volume
    2.0
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    axis: Axis = field(repr=False)

    def __init__(self, lower: PlaceLike, upper: PlaceLike) -> None:
        axis = Axis.of("lower", lower)
        low = checks.coordinates("lower", lower, axis)
        high = checks.coordinates("upper", upper, axis)
        if Axis.of("upper", upper).timed != axis.timed:
            raise TypeError(
                f"lower={checks.show(lower)} and upper={checks.show(upper)} must both be "
                "numbers, both dates or both durations"
            )
        if low.shape != high.shape:
            raise ValueError(f"lower has {low.size} entries and upper {high.size}; give d of each")
        if np.any(low >= high):
            raise ValueError(f"lower={low} must be below upper={high} in each coordinate")
        if np.any(high - low < checks.SMALLEST):
            raise ValueError(
                f"lower={low} and upper={high} must be {checks.SMALLEST:g} apart or more in each "
                "coordinate; choose other units"
            )
        object.__setattr__(self, "lower", tuple(map(float, low)))
        object.__setattr__(self, "upper", tuple(map(float, high)))
        object.__setattr__(self, "axis", axis)

    def moved(self, offset: float, axis: Axis) -> Self:
        """The box with all coordinates moved by `offset`, on another axis."""
        same = type(self)(np.add(self.lower, offset), np.add(self.upper, offset))
        object.__setattr__(same, "axis", axis)
        return same

    @property
    def dim(self) -> int:
        """Dimension d."""
        return len(self.lower)

    @property
    def volume(self) -> float:
        """Lebesgue volume of the box."""
        return float(np.prod(np.subtract(self.upper, self.lower)))


@dataclass(frozen=True, init=False)
class Grid(Placed):
    r"""Samples on an infinite regular lattice, :math:`\mu = \Delta^d \sum_k \delta_{o + \Delta k}`.

    Parameters
    ----------
    spacing : float or duration
        Lattice spacing :math:`\Delta`, in units of x; a duration is counted in days.
    origin : float or date, default 0
        One lattice point, the same in each coordinate. Beside a date x is counted in days since it.

    Raises
    ------
    ValueError, TypeError
        When `spacing` is not positive or `origin` not finite.

    Examples
    --------
    >>> round(Grid(0.6).nyquist, 3)
    5.236
    """

    infinite: ClassVar[bool] = True

    spacing: float
    origin: float
    axis: Axis = field(repr=False)

    def __init__(self, spacing: PlaceLike, origin: PlaceLike = 0.0) -> None:
        step, start = Axis.scalar("spacing", spacing), Axis.scalar("origin", origin)
        if step.origin is not None:
            raise TypeError(
                f"spacing={checks.show(spacing)} is a date; give a duration, such as "
                "np.timedelta64(6, 'h'), or a number"
            )
        if start.timed and start.origin is None and not step.timed:
            raise TypeError(
                f"origin={checks.show(origin)} is a duration and spacing={checks.show(spacing)} a "
                "number; give both as durations, or both as numbers"
            )
        width = float(step.numbers("spacing", spacing)) if step.timed else spacing
        place = float(start.numbers("origin", origin)) if start.timed else origin
        object.__setattr__(self, "axis", start if start.timed else step)
        object.__setattr__(self, "spacing", checks.positive("spacing", width))
        object.__setattr__(self, "origin", checks.finite_float("origin", place))

    def moved(self, offset: float, axis: Axis) -> Self:
        """The lattice moved by `offset`, on another axis."""
        same = type(self)(self.spacing, self.origin + offset)
        object.__setattr__(same, "axis", axis)
        return same

    @property
    def nyquist(self) -> float:
        r"""Nyquist frequency :math:`\pi/\Delta`."""
        return float(np.pi / self.spacing)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Points(Placed):
    r"""Finitely many points, :math:`\mu = \sum_i w_i \delta_{x_i}` with :math:`\sum_i w_i = 1`.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Points, finite. A point that is given twice counts twice. Dates are counted in days since
        the earliest of them, durations in days; see :class:`ntkfreq.Axis`.
    weights : array_like, shape (n,), optional
        Positive weights, normalized here. Default: 1/n each, a mean over the points.

    Raises
    ------
    ValueError, TypeError
        On NaN, or weights that are not positive.

    Examples
    --------
    >>> Points([0.0, 0.5, 2.0]).extent
    2.0
    """

    x: FloatArray
    weights: FloatArray
    axis: Axis

    def __init__(self, x: PointsLike, weights: ArrayLike | None = None) -> None:
        axis = Axis.of("x", x)
        places = checks.points("x", x, axis=axis)
        shares = checks.weights_for("weights", weights, len(places))
        for array in (places, shares):
            array.flags.writeable = False
        object.__setattr__(self, "x", places)
        object.__setattr__(self, "weights", shares)
        object.__setattr__(self, "axis", axis)

    def moved(self, offset: float, axis: Axis) -> Self:
        """The points with all coordinates moved by `offset`, on another axis."""
        return type(self)(self.x + offset, self.weights).on(axis)

    def on(self, axis: Axis) -> Self:
        """The same points, whose numbers are known to lie on this axis."""
        same = type(self)(self.x, self.weights)
        object.__setattr__(same, "axis", axis)
        return same

    def _facts(self) -> dict[str, str]:
        shares = {} if np.ptp(self.weights) == 0 else {"weights": span(self.weights)}
        return {"x": points(self.x)} | shares

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is Points
            and np.array_equal(self.x, other.x)
            and np.array_equal(self.weights, other.weights)
        )

    def __hash__(self) -> int:
        return hash((self.x.tobytes(), self.weights.tobytes()))

    @property
    def dim(self) -> int:
        """Dimension d of the points."""
        return int(self.x.shape[1])

    @property
    def extent(self) -> float:
        """Largest side of the bounding box of the points."""
        return float(np.ptp(self.x, axis=0).max())


def is_measure(value: Any, kind: type[Measure] = Measure) -> bool:
    """Whether a user's argument is a measure, or one of a kind.

    This is the only test of the type of a measure: differences between measures are attributes of
    theirs, or of the method of solution that is looked up for them.
    """
    return isinstance(value, kind)
