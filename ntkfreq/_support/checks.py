"""Checks of public arguments: each refusal names the argument, its value, the rule and the remedy.

Everything a user passes is checked once, at entry, by the functions of this
module; the numerical code below may then trust its input.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np

from ntkfreq._support import arrays
from ntkfreq._support.arrays import show as show
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import ComplexArray, FloatArray

NUMBERS = Axis()


# Limits of scales, rates, times and coordinates: products of three of them do not overflow.
SMALLEST, LARGEST = 1e-50, 1e50
# Values of a target enter as squares only; see `ntkfreq.problem.functions`, too.
_VALUES = (1e-100, 1e100)
_MOST = 2**53
# Equal numbers of single precision above this are times that its rounding has made equal.
_STAMPS = 1e5
# Smallest weight relative to the largest.
_UNSEEN = 1e-50


def finite_float(name: str, value: object) -> float:
    """`value` as a float of at most 1e50 in magnitude."""
    scalar = isinstance(value, np.generic)
    plain = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.timedelta64)
    if not plain or (scalar and np.asarray(value).dtype.kind not in "iuf"):
        raise TypeError(f"{name}={show(value)} must be a real number, not {type(value).__name__}")
    assert isinstance(value, Real | Decimal)
    try:
        number = float(value)
    except (OverflowError, ValueError):
        number = math.inf
    if math.isnan(number) or number in (math.inf, -math.inf):
        raise ValueError(f"{name}={show(value)} must be finite, of magnitude {LARGEST:g} at most")
    if abs(number) > LARGEST:
        raise ValueError(
            f"{name}={number:g} must be of magnitude {LARGEST:g} at most; choose other units"
        )
    return number


def positive(name: str, value: object) -> float:
    """`value` as a float from 1e-50 to 1e50."""
    number = finite_float(name, value)
    if number <= 0:
        raise ValueError(f"{name}={number} must be greater than 0")
    return _not_tiny(name, number)


def non_negative(name: str, value: object) -> float:
    """`value` as a float that is zero, or from 1e-50 to 1e50."""
    number = finite_float(name, value)
    if number < 0:
        raise ValueError(f"{name}={number} must not be negative")
    return _not_tiny(name, number) if number else 0.0


def _not_tiny(name: str, number: float) -> float:
    if number < SMALLEST:
        raise ValueError(
            f"{name}={number:g} must be from {SMALLEST:g} to {LARGEST:g}; choose other units"
        )
    return number


def integer(name: str, value: object, minimum: int, maximum: int | None = _MOST) -> int:
    """`value` as an int of at least `minimum`, and at most `maximum` if that is not None."""
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, Integral):
        raise TypeError(f"{name}={show(value)} must be an integer, not {type(value).__name__}")
    number = int(value)
    if number < minimum:
        raise ValueError(f"{name}={show(number)} must be at least {minimum}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name}={show(number)} must be at most {maximum}")
    return number


def choice(name: str, value: object, allowed: Collection[str]) -> str:
    """`value` if it is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")
    return value


def flag(name: str, value: object) -> bool:
    """True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={show(value)} must be True or False")
    return bool(value)


def real_array(name: str, value: Any, ndim: int | tuple[int, ...]) -> FloatArray:
    """`value` as a finite, non-empty float64 array of `ndim` dimensions, always a copy."""
    return _shaped(name, arrays.floats(name, arrays.plain(name, value)), ndim)


def complex_array(name: str, value: Any) -> ComplexArray:
    """`value` as a finite, non-empty complex array of any shape, always a copy."""
    array = arrays.plain(name, value)
    if array.dtype.kind != "c":
        return np.asarray(_shaped(name, arrays.floats(name, array), range(9)) + 0j)
    array = np.array(array, dtype=np.complex128)
    _shaped(name, array.real, range(9))
    _shaped(name, array.imag, range(9))
    return array


def _shaped(name: str, array: FloatArray, ndim: int | Sequence[int]) -> FloatArray:
    dims = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in dims:
        rule = " or ".join(map(str, dims))
        raise ValueError(f"{name} has shape {array.shape}; it must have {rule} dimension(s)")
    if array.size == 0:
        raise ValueError(f"{name} is empty; give at least one value")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{name} holds {bad} NaN or infinite value(s); remove or repair them first"
        )
    return array


def magnitude(name: str, array: FloatArray, least: float, most: float) -> FloatArray:
    """`array` if its largest magnitude is zero or from `least` to `most`."""
    largest = float(np.abs(array).max())
    if largest and not least <= largest <= most:
        raise ValueError(
            f"{name} has a largest magnitude of {largest:.3g}; it must be 0 or from {least:g} to "
            f"{most:g}: choose other units"
        )
    return array


def points(name: str, x: Any, dim: int | None = None, axis: Axis = NUMBERS) -> FloatArray:
    """Points as an (n, d) array; (n,) is read as d = 1.

    With `dim` given, any other dimension is refused. Dates are read on the `axis` of the data,
    which `Axis.of` finds; without one they are refused.
    """
    array = _shaped(name, axis.numbers(name, x), (1, 2))
    array = array[:, None] if array.ndim == 1 else array
    _refuse_merged(name, array, getattr(x, "dtype", None))
    if dim is not None and array.shape[1] != dim:
        hint = f", or {name}.T, if these are {array.shape[1]} points" if len(array) == 1 else ""
        raise ValueError(
            f"{name} holds points of dimension {array.shape[1]}, but the density has dimension "
            f"{dim}; pass shape (n,) for dim=1, else (n, {dim}){hint}"
        )
    return magnitude(name, np.ascontiguousarray(array), SMALLEST, LARGEST)


def _refuse_merged(name: str, array: FloatArray, dtype: Any) -> None:
    """Refuse coordinates that their precision does not distinguish: times in single precision.

    Half of the gaps between distinct values are then one or two units in the last place. In double
    precision a few such points may be meant.
    """
    short = dtype in (np.float16, np.float32)
    kind = np.dtype(dtype) if short else np.dtype(np.float64)
    for column in array.T:
        largest = np.abs(column).max()
        last = float(np.spacing(largest.astype(kind)))
        if np.ptp(column) > 8 * len(column) * last:
            continue
        gaps = np.diff(np.unique(column))
        merged = short and gaps.size == 0 and len(column) > 1 and largest >= _STAMPS
        fewest = 1 if short else 8
        if merged or (gaps.size >= fewest and np.median(gaps) <= 2 * last):
            raise ValueError(
                f"{name} reaches {largest:.9g}, where {kind.name} holds steps of {last:.2g} only, "
                "and its points are no further apart: subtract the smallest before converting, in "
                "the format they come in"
            )


def coordinates(name: str, value: Any, axis: Axis) -> FloatArray:
    """Coordinates of one point, shape (d,); next to another a tiny one counts as 0."""
    array = _shaped(name, axis.numbers(name, value), (0, 1)).reshape(-1)
    return magnitude(name, array, 0.0, LARGEST)


def values_at(name: str, y: Any, count: int) -> FloatArray:
    """One finite value for each of `count` points; a single column is taken as such."""
    array = real_array(name, y, (1, 2))
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"{name} has shape {array.shape}; it must have one value for each of {count} point(s): "
            f"take one column after the other, {name}[:, k]"
        )
    array = array.reshape(-1)
    if array.size != count:
        row = "; x of shape (1, n) is one point: transpose it, x.T" if count == 1 else ""
        raise ValueError(
            f"{name} holds {array.size} value(s) for {count} point(s); give one each{row}"
        )
    return magnitude(name, array, *_VALUES)


def times(name: str, t: Any) -> FloatArray:
    """Strictly increasing, non-negative times."""
    array = real_array(name, t, (0, 1)).reshape(-1)
    if array.min() < 0:
        raise ValueError(f"{name} starts at {array.min():g}; training begins at t = 0, give t >= 0")
    if np.any(np.diff(array) <= 0):
        raise ValueError(
            f"{name}={show(array)} must be strictly increasing; use numpy.unique({name})"
        )
    if array[-1] > LARGEST or array[array > 0].min(initial=LARGEST) < SMALLEST:
        raise ValueError(
            f"{name}={show(array)} must be 0 or from {SMALLEST:g} to {LARGEST:g}; leave "
            "the rest out"
        )
    return array


def weights_for(name: str, weights: Any, count: int) -> FloatArray:
    """Positive weights normalized to sum to one; None means equal weights."""
    if weights is None:
        return np.full(count, 1.0 / count)
    array = values_at(name, weights, count)
    if np.any(array <= 0):
        raise ValueError(f"{name} has a smallest value of {array.min():g}; all must be positive")
    if array.min() < _UNSEEN * array.max():
        raise ValueError(
            f"{name} reaches from {array.min():g} to {array.max():g}; double precision does not "
            "hold both: leave the points of tiny weight out"
        )
    array = array / array.max()
    return np.asarray(array / array.sum(), dtype=np.float64)


def places(name: str, value: Any) -> tuple[float, ...]:
    """Any number of places on a line, none among them."""
    if is_sequence(value) and len(value) == 0:
        return ()
    return tuple(map(float, real_array(name, value, (0, 1)).reshape(-1)))


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether something has entries, which arrays of no dimension have not."""
    return isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim > 0)


def interval(name: str, value: object) -> tuple[float, float]:
    """A pair (low, high) of finite floats with low < high."""
    if not is_sequence(value) or len(value) != 2:
        raise TypeError(f"{name}={show(value)} must be a pair (low, high)")
    low, high = finite_float(f"{name}[0]", value[0]), finite_float(f"{name}[1]", value[1])
    if low >= high:
        raise ValueError(f"{name}=({low:g}, {high:g}) must have low < high")
    return low, high


def generator(name: str, rng: Any) -> np.random.Generator:
    """`rng` as a Generator: None draws fresh entropy, an int is a seed."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    return np.random.default_rng(integer(name, rng, 0, None))
