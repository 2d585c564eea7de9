"""Data that a Zarr store returns unchanged, and the refusal of all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks

if TYPE_CHECKING:
    import xarray as xr

# Attributes that readers of a store take as an instruction to change values.
INSTRUCTIONS = {
    "_FillValue",
    "_Unsigned",
    "add_offset",
    "coordinates",
    "missing_value",
    "scale_factor",
}
TEXT = np.dtypes.StringDType()
_NAME_BYTES = 255
_KINDS = "biufcTMm"


def check_name(name: Any) -> None:
    """Refuse a name that cannot be the name of a folder in a store.

    Examples
    --------
    >>> check_name("loss/test")
    Traceback (most recent call last):
    ValueError: the name 'loss/test' cannot be kept in a store: it holds '/'; choose another name
    """
    reason = ""
    if not isinstance(name, str):
        reason = "it is no text"
    elif name in ("", ".", "..", "zarr.json"):
        reason = "it means something else there"
    else:
        letters = [letter for letter in name if letter in "/\0" or "\ud800" <= letter <= "\udfff"]
        if letters:
            reason = f"it holds {letters[0]!r}"
        elif len(name.encode()) > _NAME_BYTES:
            reason = f"it is longer than {_NAME_BYTES} bytes"
    if reason:
        raise ValueError(
            f"the name {checks.show(name)} cannot be kept in a store: {reason}; choose another name"
        )


def check_attributes(name: Any, attributes: Any, dtype: np.dtype[Any] | None = None) -> None:
    """Refuse attributes that are no JSON values, or that change the values of what has them.

    Parameters
    ----------
    name : str
        What has them: a variable, or the dataset itself.
    attributes : mapping
        Its attributes.
    dtype : dtype, optional
        Of the variable.

    Examples
    --------
    >>> check_attributes("loss", {"rate": 1j})
    Traceback (most recent call last):
    TypeError: the attribute 'rate' of 'loss' holds 1j of type complex, which a store cannot keep...
    """
    for key, value in attributes.items():
        wrong = _not_json({key: value.tolist() if hasattr(value, "tolist") else value})
        if wrong is not None:
            raise TypeError(
                f"the attribute {key!r} of {name!r} holds {checks.show(wrong[0])} of type "
                f"{type(wrong[0]).__name__}, which a store cannot keep; give numbers, text, lists, "
                "or dicts of them with text as keys"
            )
    if dtype is None:
        return
    orders = INSTRUCTIONS & set(attributes)
    if orders or (dtype.kind not in "Mm" and " since " in str(attributes.get("units"))):
        raise ValueError(
            f"the attribute {min(orders, default='units')!r} of {name!r} would change its values "
            "when the store is read; remove it"
        )


def _not_json(value: Any) -> tuple[Any] | None:
    """The first nested value that JSON does not have, in a tuple of one; None if there is none."""
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return (key,)
        inner = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    elif not (value is None or isinstance(value, str | int | float)):
        return (value,)
    return next(filter(None, map(_not_json, inner)), None)


def is_text(array: Any) -> bool:
    """Whether an array holds text in one of NumPy's older types."""
    kind = array.dtype.kind
    return kind == "U" or (kind == "O" and all(isinstance(item, str) for item in array.flat))


def as_text(name: str, array: Any) -> Any:
    r"""The array of text in the type that Zarr has.

    Examples
    --------
    >>> as_text("name", np.array(["\ud800"]))
    Traceback (most recent call last):
    ValueError: 'name' holds half a character (a lone surrogate), which no file can hold; ...
    """
    try:
        return array.astype(TEXT)
    except (TypeError, UnicodeError):
        raise ValueError(
            f"{name!r} holds half a character (a lone surrogate), which no file can hold; decode "
            "the text with errors='replace'"
        ) from None


def _values(name: str, variable: Any) -> Any:
    """A variable as it is written: text in one type, no instructions on how to pack it."""
    if is_text(variable.values if variable.dtype.kind == "O" else variable):
        variable = as_text(name, variable)
    dtype = variable.dtype
    if dtype.kind not in _KINDS or dtype.itemsize > (16 if dtype.kind in "cT" else 8):
        raise TypeError(
            f"{name!r} has values of type {dtype}, which a store cannot keep; convert it to "
            "numbers of at most 64 bits, bools, text or times"
        )
    return variable


def storable(data: Any) -> xr.Dataset | xr.DataTree:
    """The dataset or tree as a store can keep it.

    Raises
    ------
    TypeError, ValueError
        For what would not be read back as it is.

    Examples
    --------
    >>> import xarray as xr
    >>> storable(xr.Dataset({"loss": ((), 1.0, {"scale_factor": 2.0})}))
    Traceback (most recent call last):
    ValueError: the attribute 'scale_factor' of 'loss' would change its values when the store is ...
    """
    import xarray as xr

    if isinstance(data, xr.Dataset):
        return _dataset(data)
    if not isinstance(data, xr.DataTree):
        raise TypeError(
            f"data={checks.show(data)} of type {type(data).__name__} is no xarray.Dataset or "
            "DataTree; the results of this package have to_xarray()"
        )
    return xr.DataTree.from_dict(dict(_nodes(data)))


def _nodes(tree: xr.DataTree) -> Iterator[tuple[str, xr.Dataset]]:
    for node in tree.subtree:
        if node.path != "/":
            check_name(node.name)
        yield node.path, _dataset(node.to_dataset(inherit=False))


def _dataset(data: xr.Dataset) -> xr.Dataset:
    for name in (*data.variables, *data.dims):
        check_name(name)
    for name, index in data.indexes.items():
        if index.nlevels > 1:
            raise ValueError(
                f"{name!r} is an index of several levels, which a store cannot keep; write "
                f"data.reset_index({name!r})"
            )
    check_attributes("the dataset", data.attrs)
    plain = data.drop_encoding()
    for name, variable in plain.variables.items():
        check_attributes(name, variable.attrs, variable.dtype)
        changed = _values(str(name), variable)
        if changed is not variable:
            plain = (
                plain.assign_coords({name: changed})
                if name in plain.coords
                else plain.assign({name: changed})
            )
    return plain
