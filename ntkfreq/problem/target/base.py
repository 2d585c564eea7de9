"""The interface of all targets."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, brief, points
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray, Function, PointsLike
from ntkfreq.numerics.quadrature import ResolvedFunction, resolve
from ntkfreq.problem.measure import Line, Measure
from ntkfreq.problem.rectangle import ResolvedPlane, resolve_plane

Side = tuple[float, float]
ELSEWHERE = "use measure=Box(lower, upper) or measure=Points(x)"


class Target(Portable, Described, abc.ABC):
    r"""The function y(x) to learn; made by its three constructors.

    :meth:`from_function` takes a function, with a `support` outside of which it is zero;
    :meth:`from_radial` a profile :math:`y(x) = g(|x|)`; :meth:`from_samples` values at points.
    Functions and pairs of arrays that are passed to the solver are wrapped automatically.

    Attributes
    ----------
    function : callable
        y(x) for x of shape (n,) in 1-D, (n, d) otherwise.
    kinks : tuple of float
        Where y or a derivative jumps: panels of quadratures end there.
    axis : Axis
        What the numbers of x mean; days where the samples were given at dates.
    support : (low, high) or None
        In one dimension, an interval outside which y vanishes; None if unknown.
    rectangle : ((low, high), (low, high)) or None
        In two dimensions, what `support` is in one.
    samples : (x, y) or None
        The samples of shape (n, d) and (n,), where the target is known by samples only.
    profile : callable or None
        Profile g(r) of a radial target.
    radius : float or None
        Radius beyond which a radial target vanishes.

    Examples
    --------
    >>> import numpy as np
    >>> y = Target.from_function(lambda x: np.exp(-x**2 / 2) * np.cos(3 * x), support=(-9, 9))
    >>> abs(y.transform([3.0])).round(8)
    array([1.25331416])
    """

    _shown_as: ClassVar[str] = "Target"

    function: Function
    kinks: tuple[float, ...]
    axis: Axis = checks.NUMBERS
    profile: Function | None = None
    radius: float | None = None

    _functions: ClassVar = MappingProxyType(
        dict.fromkeys(("function", "profile"), "give samples (x, y) as the target")
    )

    # Properties that some targets have.

    @property
    def support(self) -> Side | None:
        """An interval outside which y vanishes, in one dimension."""
        sides = self.sides(1)
        return None if sides is None else sides[0]

    @property
    def rectangle(self) -> tuple[Side, Side] | None:
        """A rectangle outside which y vanishes, in two dimensions."""
        sides = self.sides(2)
        return None if sides is None else (sides[0], sides[1])

    @property
    def samples(self) -> tuple[FloatArray, FloatArray] | None:
        """Points (n, d) and values (n,) of a target that is known there alone."""
        return None

    # Properties and methods of every target.

    @property
    def radial(self) -> bool:
        """Whether y depends on the distance from 0 alone."""
        return self.radius is not None

    @property
    def known_everywhere(self) -> bool:
        """Whether y is a function; samples are not."""
        return self.samples is None

    @abc.abstractmethod
    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, d) points; zero outside the support, if there is one."""

    @abc.abstractmethod
    def sides(self, dim: int) -> tuple[Side, ...] | None:
        """Intervals, one a coordinate, outside which y vanishes; None where none are known."""

    @abc.abstractmethod
    def decaying(self, dim: int, measure: Measure, isotropic: bool) -> Target:
        """The same with known `sides` for a measure of infinite volume, or radial.

        Raises
        ------
        ValueError
            Where the target does not decay, naming measures on which it need not.
        """

    @abc.abstractmethod
    def moved(self, center: FloatArray) -> Target:
        """The target seen from another origin (d,): its value at x is that at x + center."""

    @property
    def natural_measure(self) -> Measure:
        """The measure of the data if none is given: everywhere."""
        return Line()

    def counted(self, measure: Measure) -> Measure:
        """A measure, counted from the origin of this target's own axis."""
        return measure

    def at_samples_only(self) -> Target:
        """The same target; between samples, if it has some, a refusal instead of a spline."""
        return self

    def extent(self, dim: int) -> tuple[Any, ...] | None:
        """The support as given or as found: an interval, or a rectangle; None if unknown."""
        sides = self.sides(dim)
        return sides[0] if sides is not None and dim == 1 else sides

    def __call__(self, x: PointsLike) -> FloatArray:
        """Values at points of shape (n,) or (n, d)."""
        return self.at(checks.points("x", x, axis=self.axis))

    @cached_property
    def resolved(self) -> ResolvedFunction:
        """The target on its support, on panels that resolve it (one dimension)."""
        sides = self.sides(1)
        if sides is None:
            raise ValueError(
                "target has no support; on Line it must decay (see Target.from_function)"
            )
        return self.resolved_on(*sides[0])

    def resolved_on(self, low: float, high: float) -> ResolvedFunction:
        """The target on [low, high], on panels that resolve it (one dimension)."""
        breaks = [low, high, *(kink for kink in self.kinks if low < kink < high)]
        return resolve(self._along, breaks)

    def _along(self, x: FloatArray) -> FloatArray:
        return self.at(x[:, None])

    @cached_property
    def resolved_plane(self) -> ResolvedPlane:
        """The target on its rectangle, on panels that resolve it (two dimensions)."""
        sides = self.sides(2)
        if sides is None:
            raise ValueError(
                "target has no rectangle; on Line it must decay (see Target.from_function)"
            )
        return resolve_plane(self.at, (sides[0], sides[1]))

    @property
    def resolved_radius(self) -> ResolvedFunction:
        """The profile of a radial target on panels that resolve it."""
        raise ValueError("target is not radial; see Target.from_radial")

    def transform(self, frequencies: ArrayLike) -> ComplexArray:
        r"""Transform :math:`\hat y(\xi) = \int y(x) e^{-i\xi\cdot x} dx`, by quadrature.

        To about 1e-12 of the integral of the magnitude.

        Parameters
        ----------
        frequencies : array_like, shape (F,) or (F, d)
            Angular frequencies.

        Raises
        ------
        ValueError
            When the target has no support, that is, is not known to decay.
        """
        return self.resolved.transform(checks.real_array("frequencies", frequencies, 1))

    def _facts(self) -> dict[str, str]:
        if self.radius is not None:
            return {"profile": brief(self.profile), "radius": brief(self.radius)}
        known = self.samples
        what = {"function": brief(self.function)}
        if known is not None:
            what = {"samples": points(known[0])}
        ends = {"support": self.support, "rectangle": self.rectangle}
        return what | {name: brief(end) for name, end in ends.items() if end is not None}

    # The constructors.

    @classmethod
    def from_function(
        cls,
        f: Function,
        support: Side | tuple[Side, Side] | None = None,
        kinks: Sequence[float] = (),
    ) -> Target:
        """Target given by a function; with `support`, zero outside that interval or rectangle.

        Parameters
        ----------
        f : callable
            y(x), vectorized: (n,) points in 1-D, (n, d) otherwise, to (n,) values.
        support : (low, high) or ((low, high), (low, high)), optional
            In one dimension an interval, in two a rectangle: y is taken to be zero outside.
            A function that does not end at (nearly) zero there is refused, unless (in one
            dimension) the end is among the `kinks`.
        kinks : sequence of float, optional
            In one dimension: where y or a derivative jumps.

        Raises
        ------
        ValueError
            When f does not vanish at the ends of its support.
        """
        from ntkfreq.problem.target.functions import function_target

        return function_target(f, support, kinks)

    @classmethod
    def from_radial(
        cls, profile: Function, radius: float | None = None, kinks: Sequence[float] = ()
    ) -> Target:
        """Radial target :math:`y(x) = g(|x|)` of any dimension; zero beyond `radius`.

        On Line with a Normal or StudentT density about 0, or a Mixture of these, the equation then
        has one variable, in up to 64 dimensions. On other measures it is a function like any other.
        An initial output may be one too, and beyond two dimensions must be.

        Parameters
        ----------
        profile : callable
            g(r), vectorized, for r >= 0.
        radius : float, optional
            Where y ends, at (nearly) zero. Default: found by probes.
        kinks : sequence of float, optional
            Radii at which g or a derivative jumps.

        Raises
        ------
        ValueError
            When g does not decay to zero at the radius.

        Examples
        --------
        >>> import numpy as np
        >>> y = Target.from_radial(lambda r: np.exp(-r**2 / 2))
        >>> y([[3.0, 4.0], [0.0, 0.0]]).round(6)
        array([4.e-06, 1.e+00])
        >>> (y.transform(np.zeros((1, 3))).real / (2 * np.pi) ** 1.5).round(12)
        array([1.])
        """
        from ntkfreq.problem.target.radial import radial_target

        return radial_target(profile, radius, kinks)

    @classmethod
    def from_samples(cls, x: PointsLike, y: ArrayLike) -> Target:
        """Target known by its samples.

        On Points only the samples count. On Box, Line and Grid, in one dimension, it is the cubic
        spline through them; on Line and Grid they must have decayed to zero at both ends.

        Parameters
        ----------
        x : array_like, shape (n,) or (n, d)
            Points; dates and durations are counted in days, see :class:`ntkfreq.Axis`. On
            Points a point that is given twice counts twice, elsewhere its values are averaged.
        y : array_like, shape (n,) or (n, 1)
            Values there.

        Raises
        ------
        ValueError
            On NaN, masked entries or mismatched lengths.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.linspace(-8, 8, 400)
        >>> y = Target.from_samples(x, np.exp(-x**2 / 2))
        >>> round(float(y.transform(np.array([0.0]))[0].real), 6)
        2.506628
        """
        from ntkfreq.problem.target.sampled import sampled_target

        return sampled_target(x, y)
