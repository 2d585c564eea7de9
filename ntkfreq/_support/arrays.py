"""Conversion of users' arrays to float64: exact, or refused with the remedy.

NumPy's own conversion silently drops what an array means: the mask of a masked array, the
unit of a quantity, the unit and the missing values of dates, the digits of large integers. Every
public argument that is an array goes through :func:`plain` and :func:`floats` instead.
"""

from __future__ import annotations

import decimal
import fractions
import numbers
import warnings
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray

# Rounding to double precision may change a number by this share of the spread of all of them.
_LOST = 1e-12
_EXACT = 2**53
# Attributes of files that mark values as packed or as missing.
_PACKED = ("_FillValue", "missing_value", "scale_factor", "add_offset")


def plain(name: str, value: Any) -> np.ndarray[Any, Any]:
    """`value` as an array of NumPy's own, of any kind of element, with nothing dropped.

    Masked entries, units and packed values are refused; tensors are detached.

    Examples
    --------
    >>> import numpy as np
    >>> plain("y", np.ma.masked_less([1.0, -9999.0], 0))
    Traceback (most recent call last):
    ...
    ValueError: y is a masked array with 1 of 2 entries masked; leave these out of all arrays, ...
    """
    home = type(value).__module__.partition(".")[0]
    _refuse_packed(name, value)
    if home == "xarray":
        return _from_xarray(name, value)
    if home == "netCDF4":
        value = value[...]  # masked where the file has holes, which its conversion would drop
    if home == "torch":
        return _from_torch(name, value)
    if isinstance(value, np.ma.MaskedArray):
        return _unmasked(name, value)
    if home == "pandas" and hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, list | tuple):
        value = _listed(name, value)
    _refuse_unit(name, value)
    try:
        with warnings.catch_warnings():
            # Ragged lists, stripped units, masked constants: NumPy warns and goes on.
            warnings.simplefilter("error")
            array = np.asarray(value)
    except Exception as error:
        raise TypeError(
            f"{name}={show(value)} must be an array of real numbers ({brief(error)})"
        ) from None
    return np.asarray(array.view(np.ndarray))


def floats(name: str, array: np.ndarray[Any, Any]) -> FloatArray:
    """A new float64 array of the same numbers, or a refusal; see :func:`plain`.

    Examples
    --------
    >>> import numpy as np
    >>> floats("t", np.array([1_600_000_000_000_000_000, 1_600_000_000_000_001_000]))
    Traceback (most recent call last):
    ...
    ValueError: t holds numbers up to 1.6e+18 that differ by digits that double precision ...
    """
    kind = array.dtype.kind
    if kind == "O":
        return _from_objects(name, array)
    if kind in "iu":
        return _from_integers(name, array)
    if kind == "f":
        return _from_floats(name, array)
    raise TypeError(f"{name}={show(array)} must be an array of real numbers; {_REMEDY[kind]}")


_REMEDY = {
    "b": "it holds booleans (bool): convert them, array.astype(float), if 0 and 1 are meant",
    "c": "it is complex: take its .real, or solve for real and imaginary part one after the other",
    "U": "it holds strings (str): convert them, array.astype(float)",
    "S": "it holds bytes: convert them, array.astype(float)",
    "T": "it holds strings (str): convert them, array.astype(float)",
    "V": "it holds records (fields): pass one field, array['name']",
    "M": "it holds dates, which only x may: give numbers, (dates - start) / np.timedelta64(1, 'D')",
    "m": "it holds durations, which only x may: give numbers, array / np.timedelta64(1, 'D')",
}


def _unmasked(name: str, value: np.ma.MaskedArray[Any, Any]) -> np.ndarray[Any, Any]:
    mask = np.ma.getmaskarray(value)
    if mask.dtype.names is None and mask.any():
        raise ValueError(
            f"{name} is a masked array with {int(mask.sum())} of {mask.size} entries masked; leave "
            f"these out of all arrays, keep = ~numpy.ma.getmaskarray({name}), x[keep], y[keep]"
        )
    return np.asarray(value.data).view(np.ndarray)


def _from_xarray(name: str, value: Any) -> np.ndarray[Any, Any]:
    if not hasattr(value, "dims") or hasattr(value, "data_vars"):
        raise TypeError(f"{name} is a {type(value).__name__}; pass one variable, dataset['name']")
    data = getattr(value, "data", None)
    inner = data if isinstance(data, np.ndarray) or hasattr(data, "units") else value.values
    return plain(name, inner)


def _refuse_packed(name: str, value: Any) -> None:
    """Variables of files (xarray, h5py, zarr) that are packed, as their attributes say."""
    attributes = getattr(value, "attrs", None)
    packed = [key for key in _PACKED if attributes is not None and key in attributes]
    if packed:
        raise ValueError(
            f"{name} carries the attribute(s) {', '.join(packed)}: it is packed or has holes as "
            "in its file; decode it first, xarray.decode_cf(dataset), and drop what is missing"
        )


def _from_torch(name: str, value: Any) -> np.ndarray[Any, Any]:
    try:
        tensor = value.detach().cpu().resolve_conj().resolve_neg()
        if tensor.is_floating_point():
            tensor = tensor.double()
        return np.asarray(tensor.numpy())
    except Exception as error:
        raise TypeError(
            f"{name} is a {type(value).__name__} of torch that is no dense array of numbers "
            f"({brief(error)}); pass tensor.to_dense().cpu().numpy()"
        ) from None


def _listed(name: str, value: Any) -> Any:
    """A list as it is, unless its elements have masks or units, which a conversion would drop."""
    for kind in {type(element) for element in value} - {float, int}:
        home = kind.__module__.partition(".")[0]
        labelled = home in ("xarray", "torch", "pandas") and hasattr(kind, "__array__")
        if labelled or issubclass(kind, np.ma.MaskedArray):
            return [plain(name, element)[()] for element in value]
        if issubclass(kind, list | tuple):
            return [_listed(name, row) if isinstance(row, list | tuple) else row for row in value]
        if issubclass(kind, bool | np.bool_):
            raise TypeError(
                f"{name}={show(value)} must be an array of real numbers; {_REMEDY['b']}"
            )
        _refuse_unit(name, next(element for element in value if type(element) is kind))
    return value


def _refuse_unit(name: str, value: Any) -> None:
    """Quantities (pint, astropy, unyt) lose their unit where NumPy takes the numbers."""
    if isinstance(value, np.dtype | type):
        return
    unit = getattr(value, "units", None) if hasattr(value, "magnitude") else None
    remedy = "quantity.to(unit).magnitude"
    if unit is None and hasattr(value, "to_value"):
        unit, remedy = (
            getattr(value, "unit", getattr(value, "units", None)),
            ("quantity.to_value(unit)"),
        )
    if unit is not None:
        raise TypeError(
            f"{name} is a {type(value).__name__} in {str(unit) or 'units of one'!r}; pass plain "
            f"numbers in the unit that frequencies and scales refer to, {remedy}"
        )


def _from_integers(name: str, array: np.ndarray[Any, Any]) -> FloatArray:
    values = np.asarray(array.astype(np.float64))
    if array.size and max(abs(int(array.min())), abs(int(array.max()))) > _EXACT:
        objects = array.astype(object).ravel()
        _refuse_lost(name, [int(v) for v in objects], values.ravel())
    return values


def _from_floats(name: str, array: np.ndarray[Any, Any]) -> FloatArray:
    with np.errstate(over="ignore", under="ignore"):
        values = np.array(array, dtype=np.float64)
    if array.dtype.itemsize > 8 and array.size and np.all(np.isfinite(values)):
        lost = np.abs(array - values.astype(array.dtype)).max()
        spread = np.ptp(array)
        if lost > (
            _LOST * spread if spread > 0 else np.finfo(np.float64).eps * np.abs(array).max()
        ):
            raise ValueError(_lost(name, float(np.abs(values).max())))
    return values


def _from_objects(name: str, array: np.ndarray[Any, Any]) -> FloatArray:
    """Python's numbers: integers of any length, Decimal, Fraction."""
    exact: list[Any] = []
    for element in array.ravel().tolist():
        if element is None or element is np.ma.masked or type(element).__name__ in _MISSING:
            raise ValueError(
                f"{name} holds missing values ({element!r}); leave these entries out first"
            )
        if isinstance(element, bool | np.bool_) or not isinstance(
            element, numbers.Real | decimal.Decimal
        ):
            _refuse_unit(name, element)
            raise TypeError(
                f"{name}={show(array)} must be an array of real numbers; it holds "
                f"{show(element, 40)}, a {type(element).__name__}"
            )
        exact.append(element)
    try:
        values = np.array([float(element) for element in exact], dtype=np.float64)
    except (OverflowError, ValueError):
        raise ValueError(f"{name} holds numbers beyond double precision; rescale it") from None
    finite = np.isfinite(values)
    if finite.all():
        _refuse_lost(name, [e for e in exact if not isinstance(e, float)], values)
    return np.asarray(values.reshape(array.shape))


_MISSING = ("NAType", "NaTType")


def _refuse_lost(name: str, exact: list[Any], values: FloatArray) -> None:
    """Refuse where rounding to double precision changes the differences of the numbers."""
    if not exact:
        return
    lost = max(
        abs(fractions.Fraction(e) - fractions.Fraction(float(e))) if _rational(e) else 0
        for e in exact
    )
    spread = float(np.ptp(values))
    same = spread == 0 and (len(exact) == 1 or len(set(exact)) == 1)
    if not same and lost > _LOST * fractions.Fraction(spread):
        raise ValueError(_lost(name, float(np.abs(values).max())))


def _rational(value: Any) -> bool:
    return isinstance(value, numbers.Rational | decimal.Decimal)


def _lost(name: str, largest: float) -> str:
    return (
        f"{name} holds numbers up to {largest:.3g} that differ by digits that double precision "
        f"does not hold; subtract the smallest before converting, {name} - {name}.min()"
    )


def brief(error: BaseException) -> str:
    """An error's text on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def show(value: object, limit: int = 60) -> str:
    """Short representation of an offending value for an error message."""
    try:
        text = np.array2string(value, threshold=6) if isinstance(value, np.ndarray) else repr(value)
    except Exception:  # a representation of the user's own that fails, or 10**5000
        text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
