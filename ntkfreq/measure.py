r"""Where the data sit: the measure :math:`\mu` of the loss :math:`\tfrac12\int (f-y)^2\,d\mu`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray


@dataclass(frozen=True)
class Line:
    r"""Lebesgue measure on all of :math:`\mathbb R^d`: continuous data everywhere.

    The target must decay. Times are those of the loss :math:`\tfrac12\int e^2dx`.

    Examples
    --------
    >>> Line()
    Line()
    """


@dataclass(frozen=True, init=False)
class Box:
    r"""Uniform probability measure on a box, :math:`\mu = dx/|\Omega|`.

    Parameters
    ----------
    lower, upper : float or sequence of d floats
        Corners, in units of x, with lower < upper in each coordinate.

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

    def __init__(self, lower: Any, upper: Any) -> None:
        low = _checks.real_array("lower", lower, (0, 1)).reshape(-1)
        high = _checks.real_array("upper", upper, (0, 1)).reshape(-1)
        if low.shape != high.shape:
            raise ValueError(f"lower has {low.size} entries and upper {high.size}; give d of each")
        if np.any(low >= high):
            raise ValueError(f"lower={low} must be below upper={high} in each coordinate")
        object.__setattr__(self, "lower", tuple(map(float, low)))
        object.__setattr__(self, "upper", tuple(map(float, high)))

    @property
    def dim(self) -> int:
        """Dimension d."""
        return len(self.lower)

    @property
    def volume(self) -> float:
        """Lebesgue volume of the box."""
        return float(np.prod(np.subtract(self.upper, self.lower)))


@dataclass(frozen=True)
class Grid:
    r"""Samples on an infinite regular lattice, :math:`\mu = \Delta^d \sum_k \delta_{o + \Delta k}`.

    Parameters
    ----------
    spacing : float
        Lattice spacing :math:`\Delta`, in units of x.
    origin : float, default 0
        One lattice point, the same in each coordinate.

    Raises
    ------
    ValueError, TypeError
        When `spacing` is not positive or `origin` not finite.

    Examples
    --------
    >>> round(Grid(0.6).nyquist, 3)
    5.236
    """

    spacing: float
    origin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "spacing", _checks.positive("spacing", self.spacing))
        object.__setattr__(self, "origin", _checks.finite_float("origin", self.origin))

    @property
    def nyquist(self) -> float:
        r"""Nyquist frequency :math:`\pi/\Delta`."""
        return float(np.pi / self.spacing)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Points:
    r"""Finitely many points, :math:`\mu = \sum_i w_i \delta_{x_i}` with :math:`\sum_i w_i = 1`.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Points, finite and distinct.
    weights : array_like, shape (n,), optional
        Positive weights, normalized here. Default: 1/n each, a mean over the points.

    Raises
    ------
    ValueError, TypeError
        On NaN, duplicate points, or weights that are not positive.

    Examples
    --------
    >>> Points([0.0, 0.5, 2.0]).extent
    2.0
    """

    x: FloatArray
    weights: FloatArray

    def __init__(self, x: Any, weights: Any = None) -> None:
        points = _checks.points("x", x)
        if len(np.unique(points, axis=0)) < len(points):
            raise ValueError(
                "x holds duplicate points; merge them (average y, and add up their weights)"
            )
        object.__setattr__(self, "x", points)
        object.__setattr__(self, "weights", _checks.weights_for("weights", weights, len(points)))

    def __repr__(self) -> str:
        return f"Points({len(self.x)} of dimension {self.dim})"

    @property
    def dim(self) -> int:
        """Dimension d of the points."""
        return int(self.x.shape[1])

    @property
    def extent(self) -> float:
        """Largest side of the bounding box of the points."""
        return float(np.ptp(self.x, axis=0).max())


Measure: TypeAlias = Line | Box | Grid | Points
"""Any of the four measures."""
