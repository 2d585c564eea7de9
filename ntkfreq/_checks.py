"""Checks of public arguments: each refusal names the argument, its value, the rule and the remedy.

Everything a user passes is checked once, at entry, by the functions of this
module; the numerical code below may then trust its input.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import numpy as np

from ntkfreq._types import FloatArray


def show(value: object, limit: int = 60) -> str:
    """Short representation of an offending value for an error message."""
    text = np.array2string(value, threshold=6) if isinstance(value, np.ndarray) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def finite_float(name: str, value: object) -> float:
    """`value` as a finite float."""
    if isinstance(value, bool) or not isinstance(value, Real | np.generic):
        raise TypeError(f"{name}={show(value)} must be a real number, not {type(value).__name__}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name}={number} must be finite")
    return number


def positive(name: str, value: object) -> float:
    """`value` as a finite float above zero."""
    number = finite_float(name, value)
    if number <= 0:
        raise ValueError(f"{name}={number} must be greater than 0")
    return number


def non_negative(name: str, value: object) -> float:
    """`value` as a finite float, zero or above."""
    number = finite_float(name, value)
    if number < 0:
        raise ValueError(f"{name}={number} must not be negative")
    return number


def integer(name: str, value: object, minimum: int) -> int:
    """`value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}={show(value)} must be an integer, not {type(value).__name__}")
    if value < minimum:
        raise ValueError(f"{name}={value} must be at least {minimum}")
    return int(value)


def choice(name: str, value: object, allowed: Collection[str]) -> str:
    """`value` if it is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")
    return value


def real_array(name: str, value: Any, ndim: int | tuple[int, ...]) -> FloatArray:
    """`value` as a finite, non-empty float64 array of `ndim` dimensions."""
    try:
        array = np.asarray(value)
        if np.iscomplexobj(array):
            raise TypeError("complex")
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name}={show(value)} must be an array of real numbers ({error})"
        ) from None
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


def points(name: str, x: Any, dim: int | None = None) -> FloatArray:
    """Points as an (n, d) array; (n,) is read as d = 1.

    With `dim` given, any other dimension is refused.
    """
    array = real_array(name, x, (1, 2))
    array = array[:, None] if array.ndim == 1 else array
    if dim is not None and array.shape[1] != dim:
        raise ValueError(
            f"{name} holds points of dimension {array.shape[1]}, but the density has dimension "
            f"{dim}; pass shape (n,) for dim=1, else (n, {dim})"
        )
    return np.ascontiguousarray(array)


def values_at(name: str, y: Any, count: int) -> FloatArray:
    """One finite value for each of `count` points."""
    array = real_array(name, y, 1)
    if array.size != count:
        raise ValueError(f"{name} holds {array.size} value(s) for {count} point(s); give one each")
    return array


def times(name: str, t: Any) -> FloatArray:
    """Strictly increasing, non-negative times."""
    array = real_array(name, t, (0, 1)).reshape(-1)
    if array[0] < 0:
        raise ValueError(f"{name} starts at {array[0]:g}; training begins at t = 0, give t >= 0")
    if np.any(np.diff(array) <= 0):
        raise ValueError(
            f"{name}={show(array)} must be strictly increasing; use numpy.unique({name})"
        )
    return array


def weights_for(name: str, weights: Any, count: int) -> FloatArray:
    """Positive weights normalized to sum to one; None means equal weights."""
    if weights is None:
        return np.full(count, 1.0 / count)
    array = values_at(name, weights, count)
    if np.any(array <= 0):
        raise ValueError(f"{name} has a smallest value of {array.min():g}; all must be positive")
    return np.asarray(array / array.sum(), dtype=np.float64)


def interval(name: str, value: object) -> tuple[float, float]:
    """A pair (low, high) of finite floats with low < high."""
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        raise TypeError(f"{name}={show(value)} must be a pair (low, high)")
    low, high = finite_float(f"{name}[0]", value[0]), finite_float(f"{name}[1]", value[1])
    if low >= high:
        raise ValueError(f"{name}=({low:g}, {high:g}) must have low < high")
    return low, high


def generator(name: str, rng: Any) -> np.random.Generator:
    """`rng` as a Generator: None draws fresh entropy, an int is a seed."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    return np.random.default_rng(integer(name, rng, 0))
