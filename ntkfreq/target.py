"""What the network is asked to learn: a function that decays, a function, or samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from ntkfreq import _checks
from ntkfreq._types import ComplexArray, FloatArray, Function
from ntkfreq.functions import evaluate
from ntkfreq.quadrature import ResolvedFunction, resolve

# Samples may end this far from zero (share of the largest) and still be called decayed.
_DECAYED = 1e-6


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

    def __repr__(self) -> str:
        what = "function" if self.samples is None else f"{len(self.samples[1])} samples"
        where = "" if self.support is None else f" on ({self.support[0]:g}, {self.support[1]:g})"
        return f"Target({what}{where})"

    @classmethod
    def from_function(
        cls, f: Function, support: tuple[float, float] | None = None, kinks: Sequence[float] = ()
    ) -> Target:
        """Target given by a function; with `support`, zero outside that interval.

        Parameters
        ----------
        f : callable
            y(x), vectorized: (n,) points in 1-D, (n, d) otherwise, to (n,) values.
        support : (low, high), optional
            In 1-D: y is taken to be zero outside. A function that does not end at
            (nearly) zero there is refused, unless the end is among the `kinks`.
        kinks : sequence of float, optional
            Where y or a derivative jumps.

        Raises
        ------
        ValueError
            When f does not vanish at the ends of its support.
        """
        if not callable(f):
            raise TypeError(f"f={_checks.show(f)} must be a function of x; use Target.from_samples")
        marks = tuple(_checks.finite_float("kinks", kink) for kink in kinks)
        if support is None:
            return cls(f, None, marks)
        low, high = _checks.interval("support", support)
        probe = evaluate("f", f, np.linspace(low, high, 4001)[:, None])
        peak = float(np.abs(probe).max())
        for end, value in ((low, probe[0]), (high, probe[-1])):
            if abs(value) > _DECAYED * peak and end not in marks:
                raise ValueError(
                    f"support=({low:g}, {high:g}) ends where the target is {value:.3g} (largest "
                    f"{peak:.3g}): it does not decay. Widen the support, taper the target, name "
                    "the end in kinks= if the jump is meant, or use measure=Box(...) or Points(...)"
                )
        return cls(f, (low, high), marks)

    @classmethod
    def from_samples(cls, x: Any, y: Any) -> Target:
        """Target known by its samples.

        On Points only the samples count. On Box and Line, in one dimension, it is the cubic
        spline through them; on Line the samples must have decayed to zero at both ends.

        Parameters
        ----------
        x : array_like, shape (n,) or (n, d)
            Distinct points.
        y : array_like, shape (n,)
            Values there.

        Raises
        ------
        ValueError
            On NaN, mismatched lengths or duplicate points.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.linspace(-8, 8, 400)
        >>> y = Target.from_samples(x, np.exp(-x**2 / 2))
        >>> round(float(y.transform(np.array([0.0]))[0].real), 6)
        2.506628
        """
        points = _checks.points("x", x)
        values = _checks.values_at("y", y, len(points))
        if len(np.unique(points, axis=0)) < len(points):
            raise ValueError("x holds duplicate points; average the values of y at each")
        if points.shape[1] > 1 or len(points) < 4:
            return cls(_only_samples(points, values), None, (), (points, values))
        order = np.argsort(points[:, 0])
        knots = points[order, 0]
        spline = CubicSpline(knots, values[order])
        peak = float(np.abs(values).max())
        decayed = max(abs(values[order[0]]), abs(values[order[-1]])) <= _DECAYED * peak
        support = (float(knots[0]), float(knots[-1])) if decayed else None
        return cls(spline, support, tuple(map(float, knots)), (points, values))

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
        return values

    def at_samples_only(self) -> Target:
        """The same target; between samples, if it has some, a refusal instead of a spline."""
        if self.samples is None:
            return self
        return Target(_only_samples(*self.samples), None, (), self.samples)

    def __call__(self, x: Any) -> FloatArray:
        """Values at points of shape (n,) or (n, d)."""
        return self.at(_checks.points("x", x))

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

    def transform(self, frequencies: Any) -> ComplexArray:
        r"""Transform :math:`\hat y(\xi) = \int y(x) e^{-i\xi x} dx`, by quadrature to about 1e-12.

        Parameters
        ----------
        frequencies : array_like, shape (F,)
            Angular frequencies.

        Raises
        ------
        ValueError
            When the target has no support, that is, is not known to decay.
        """
        return self.resolved.transform(_checks.real_array("frequencies", frequencies, 1))


def _only_samples(x: FloatArray, y: FloatArray) -> Function:
    """Look up samples; anything between them is unknown."""
    table = {tuple(point): value for point, value in zip(x.tolist(), y.tolist(), strict=True)}

    def lookup(points: Any) -> FloatArray:
        wanted = np.asarray(points, dtype=np.float64).reshape(-1, x.shape[1])
        try:
            return np.array([table[tuple(point)] for point in wanted.tolist()])
        except KeyError:
            raise ValueError("the target is known at its samples only; pass a function") from None

    return lookup


def as_target(target: Any) -> Target:
    """Wrap a callable or a pair of arrays (x, y) as a :class:`Target`.

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
    if isinstance(target, tuple) and len(target) == 2:
        return Target.from_samples(*target)
    if callable(target):
        return Target.from_function(target)
    raise TypeError(
        f"target={_checks.show(target)} must be a Target, a function y(x), or a pair (x, y) of "
        "arrays"
    )
