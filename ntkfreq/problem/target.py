"""What the network is asked to learn: a function that decays, a function, or samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import ComplexArray, FloatArray, Function
from ntkfreq.numerics.hankel import radial_transform
from ntkfreq.numerics.quadrature import ResolvedFunction, resolve
from ntkfreq.problem.functions import evaluate, find_support, is_constant_zero, unseen
from ntkfreq.problem.rectangle import Rectangle, ResolvedPlane, resolve_plane, tensor_points
from ntkfreq.problem.samples import means, only_samples

# Samples may end this far from zero (share of the largest) and still be called decayed.
_DECAYED = 1e-6
# Gap of neighbouring samples beside their extent: slopes of a spline are of no use below.
_CLOSEST = 1e-14
# Power of the radius with which the support of a radial target is looked for.
_VOLUME = 32


@dataclass(frozen=True, eq=False, repr=False)
class Target:
    r"""The function y(x) to learn; see :meth:`Target.from_function`.

    Attributes
    ----------
    function : callable
        y(x) for x of shape (n,) in 1-D, (n, d) otherwise.
    support : (low, high) or None
        In one dimension, an interval outside which y vanishes; None if unknown.
    kinks : tuple of float
        Where y or a derivative jumps: panels of quadratures end there.
    samples : (x, y) or None
        The samples of shape (n, d) and (n,), where the target is known by samples only.
    rectangle : ((low, high), (low, high)) or None
        In two dimensions, what `support` is in one.
    profile : callable or None
        Profile g(r) of a radial target, :math:`y(x) = g(|x|)`.
    radius : float or None
        Radius beyond which a radial target vanishes.
    axis : Axis
        What the numbers of x mean; days where the samples were given at dates.

    Examples
    --------
    >>> import numpy as np
    >>> y = Target.from_function(lambda x: np.exp(-x**2 / 2) * np.cos(3 * x), support=(-9, 9))
    >>> abs(y.transform([3.0])).round(8)
    array([1.25331416])
    """

    function: Function
    support: tuple[float, float] | None = None
    kinks: tuple[float, ...] = ()
    samples: tuple[FloatArray, FloatArray] | None = None
    rectangle: Rectangle | None = None
    profile: Function | None = None
    radius: float | None = None
    axis: Axis = checks.NUMBERS

    def __repr__(self) -> str:
        what = "function" if self.samples is None else f"{len(self.samples[1])} samples"
        if self.radius is not None:
            return f"Target(radial, |x| < {self.radius:g})"
        sides = self.rectangle or (() if self.support is None else (self.support,))
        where = " x ".join(f"({low:g}, {high:g})" for low, high in sides)
        return f"Target({what} on {where})" if where else f"Target({what})"

    @classmethod
    def from_function(
        cls,
        f: Function,
        support: tuple[float, float] | Rectangle | None = None,
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
        if not callable(f):
            raise TypeError(f"f={checks.show(f)} must be a function of x; use Target.from_samples")
        marks = checks.places("kinks", kinks)
        if support is None:
            return cls(f, None, marks)
        if checks.is_sequence(support) and any(map(_is_side, support)):
            if marks:
                raise ValueError(
                    f"kinks={checks.show(kinks)} are places on a line; a target on a rectangle "
                    "has none: leave them out"
                )
            return cls(f, None, (), None, _decayed_rectangle(f, support))
        low, high = checks.interval("support", support)
        probe = evaluate("f", f, np.linspace(low, high, 4001)[:, None])
        peak = float(np.abs(probe).max())
        if peak == 0 and not is_constant_zero(f):
            raise unseen("f", f"4001 probes of its support ({low:g}, {high:g})", "(a, b)")
        for end, value in ((low, probe[0]), (high, probe[-1])):
            if abs(value) > _DECAYED * peak and end not in marks:
                raise ValueError(
                    f"support=({low:g}, {high:g}) ends where the target is {value:.3g} (largest "
                    f"{peak:.3g}): it does not decay. Widen the support, taper the target, name "
                    "the end in kinks= if the jump is meant, or use measure=Box(...) or Points(...)"
                )
        return cls(f, (low, high), marks)

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
            Where y ends, at (nearly) zero. Default: looked for.
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
                f"profile is 0 at all of 4001 probes within r < {radius:g}: what is elsewhere was "
                "not seen; give the radius where it ends, or, if it is 0 everywhere, let it return "
                "the number 0.0"
            )
        if abs(probe[-1]) > _DECAYED * peak and radius not in marks:
            raise ValueError(
                f"radius={radius:g} ends where the target is {probe[-1]:.3g} (largest {peak:.3g}): "
                "it does not decay. Enlarge the radius, taper the profile, or name the radius in "
                "kinks= if the jump is meant"
            )

        def function(x: FloatArray) -> FloatArray:
            r = np.abs(x) if x.ndim == 1 else np.linalg.norm(x, axis=1)
            return evaluate("profile", profile, r[:, None])

        return cls(function, None, marks, None, None, profile, radius)

    @classmethod
    def from_samples(cls, x: Any, y: Any) -> Target:
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
        axis = Axis.of("x", x)
        points = checks.points("x", x, axis=axis)
        values = checks.values_at("y", y, len(points))
        for array in (points, values):
            array.flags.writeable = False
        knots, heights = means(points, values)
        if points.shape[1] > 1 or len(knots) < 4:
            return cls(only_samples(points, values), samples=(points, values), axis=axis)
        closest = float(np.diff(knots[:, 0]).min())
        if closest < _CLOSEST * float(np.ptp(knots)):
            raise ValueError(
                f"x has points {closest:.3g} apart in an extent of {np.ptp(knots):.3g}; give "
                "points further apart, or the same where that is meant: numpy.round(x, digits)"
            )
        spline = CubicSpline(knots[:, 0], heights)
        peak = float(np.abs(values).max())
        decayed = max(abs(heights[0]), abs(heights[-1])) <= _DECAYED * peak
        support = (float(knots[0, 0]), float(knots[-1, 0])) if decayed else None
        kinks = tuple(map(float, knots[:, 0]))
        return cls(spline, support, kinks, (points, values), axis=axis)

    def at(self, x: FloatArray) -> FloatArray:
        """Values at (n, d) points; zero outside the support, if there is one."""
        if self.samples is not None and np.array_equal(x, self.samples[0]):
            return self.samples[1]
        if self.samples is not None and self.support is None and x.shape[1] == 1:
            known = self.samples[0][:, 0]
            if x.min() < known.min() or x.max() > known.max():
                raise ValueError(
                    f"target is known on [{known.min():g}, {known.max():g}], the range of its "
                    f"samples, and asked for on [{x.min():g}, {x.max():g}]; pass a function"
                )
        values = evaluate("target", self.function, x)
        if self.support is not None:
            inside = (x[:, 0] >= self.support[0]) & (x[:, 0] <= self.support[1])
            values = np.where(inside, values, 0.0)
        if self.rectangle is not None:
            low, high = np.transpose(self.rectangle)
            values = np.where(np.all((x >= low) & (x <= high), axis=1), values, 0.0)
        if self.radius is not None:
            values = np.where(np.linalg.norm(x, axis=1) <= self.radius, values, 0.0)
        return values

    def at_samples_only(self) -> Target:
        """The same target; between samples, if it has some, a refusal instead of a spline."""
        if self.samples is None:
            return self
        return Target(only_samples(*self.samples), samples=self.samples, axis=self.axis)

    def __call__(self, x: Any) -> FloatArray:
        """Values at points of shape (n,) or (n, d)."""
        return self.at(checks.points("x", x, axis=self.axis))

    @cached_property
    def resolved(self) -> ResolvedFunction:
        """The target on its support, on panels that resolve it (one dimension)."""
        if self.support is None:
            raise ValueError(
                "target has no support; on Line it must decay (see Target.from_function)"
            )
        return self.resolved_on(*self.support)

    def resolved_on(self, low: float, high: float) -> ResolvedFunction:
        """The target on [low, high], on panels that resolve it (one dimension)."""
        breaks = [low, high, *(kink for kink in self.kinks if low < kink < high)]
        return resolve(lambda x: self.at(np.asarray(x)[:, None]), breaks)

    @cached_property
    def resolved_plane(self) -> ResolvedPlane:
        """The target on its rectangle, on panels that resolve it (two dimensions)."""
        if self.rectangle is None:
            raise ValueError(
                "target has no rectangle; on Line it must decay (see Target.from_function)"
            )
        return resolve_plane(self.at, self.rectangle)

    @cached_property
    def resolved_radius(self) -> ResolvedFunction:
        """The profile of a radial target on panels that resolve it."""
        if self.profile is None or self.radius is None:
            raise ValueError("target is not radial; see Target.from_radial")
        profile = self.profile
        breaks = [0.0, self.radius, *(kink for kink in self.kinks if 0 < kink < self.radius)]
        return resolve(lambda r: evaluate("profile", profile, np.asarray(r)[:, None]), breaks)

    def transform(self, frequencies: Any) -> ComplexArray:
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
        if self.radius is not None:
            grid = checks.points("frequencies", frequencies)
            size = np.linalg.norm(grid, axis=1)
            values = radial_transform(self.resolved_radius, grid.shape[1], size, 0.0)
            return values.astype(np.complex128)
        if self.rectangle is not None:
            return self.resolved_plane.transform(checks.points("frequencies", frequencies, 2))
        return self.resolved.transform(checks.real_array("frequencies", frequencies, 1))


def _radial_support(profile: Function) -> tuple[float, float] | None:
    """Where a profile vanishes, looked for twice.

    In high dimensions most of the volume is far out, where the profile may be tiny and yet count.
    """

    def plain(r: FloatArray) -> FloatArray:
        return evaluate("profile", profile, np.abs(r)[:, None])

    if is_constant_zero(profile):
        return (-1.0, 1.0)
    return find_support(plain, "profile", _VOLUME) or find_support(plain, "profile")


def _is_side(value: object) -> bool:
    return isinstance(value, tuple | list | np.ndarray) and np.ndim(value) > 0


def _decayed_rectangle(f: Function, support: Any) -> Rectangle:
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
    if edge > _DECAYED * peak:
        raise ValueError(
            f"support={checks.show(support)} ends where the target is {edge:.3g} (largest "
            f"{peak:.3g}): it does not decay. Widen the support, taper the target, or use "
            "measure=Box(...) or Points(...)"
        )
    return first, second


def as_target(target: Any) -> Target:
    """Wrap a callable or a pair (x, y) of arrays as a :class:`Target`.

    Raises
    ------
    TypeError
        When it is neither, naming the three forms a target may take.

    Examples
    --------
    >>> as_target(([0.0, 1.0], [2.0, 3.0])).samples[1]
    array([2., 3.])
    """
    if isinstance(target, Target):
        return target
    pair = isinstance(target, tuple | list) and len(target) == 2
    if pair and not any(isinstance(side, Real) for side in target):
        return Target.from_samples(*target)
    if callable(target):
        return Target.from_function(target)
    raise TypeError(
        f"target={checks.show(target)} must be a Target, a function y(x), or a pair (x, y) of "
        "arrays"
    )
