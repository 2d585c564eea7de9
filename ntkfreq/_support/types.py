"""Types used in signatures."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Function: TypeAlias = Callable[[Any], Any]
"""A function of points: x of shape (n,) in one dimension, (n, d) otherwise, to (n,) values."""
ArrayLike: TypeAlias = npt.ArrayLike | Sequence[Decimal | Fraction]
"""Real numbers as NumPy, pandas, xarray and PyTorch hold them, or nested lists of them."""
PerAxis: TypeAlias = float | Sequence[float] | FloatArray
"""A number, or one for each axis."""
PointsLike: TypeAlias = ArrayLike | Sequence[datetime.date] | Sequence[datetime.timedelta]
"""Points x, where dates and durations are understood besides numbers."""
PlaceLike: TypeAlias = PointsLike | datetime.date | datetime.timedelta
"""One point, or a coordinate of it."""


class HasPdf(Protocol):
    """An object with a probability density, such as a frozen distribution of scipy.stats."""

    def pdf(self, x: Any, /) -> Any:
        """Density at x."""
        ...


class HasProducts(Protocol):
    """A matrix known by its products, as those of scipy.sparse and scipy.sparse.linalg are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    def __matmul__(self, other: Any, /) -> Any:
        """Product with a vector."""
        ...


class DrawnNetwork(Protocol):
    """A network of two layers with its frequencies, as FourierFeatureNet."""

    @property
    def w(self) -> FloatArray:
        """Frequencies (m, d)."""
        ...

    @property
    def width(self) -> int:
        """Hidden units m."""
        ...

    def __call__(self, x: Any, /) -> Any:
        """Output at points."""
        ...
