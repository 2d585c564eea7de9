"""Two arrays of an `.npz`, as the columns that a text would have."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.profile.kinds import DATE, NUMBER
from ntkfreq.profile.table import Column
from ntkfreq.profile.text import MOST_BYTES


def read_archive(name: str, data: bytes, x: str, y: str) -> tuple[Column, Column]:
    """Arrays x and y of an `.npz`, never unpickled, written as exact text.

    Raises
    ------
    ValueError
        When it is no archive of numbers, or an array is missing or of another shape.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
        if unpacked > MOST_BYTES:
            raise ValueError("too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            names = sorted(archive.files)
            arrays = {key: archive[key] for key in (x, y) if key in names}
    except Exception:
        # A damaged archive raises whatever it leads the libraries into. Among the errors are those
        # for pickles, whose own message would tell the user to load them unsafely.
        raise ValueError(
            f"{name} cannot be read as .npz of numbers of at most {MOST_BYTES >> 20} MB; write it "
            "with numpy.savez(path, x=x, y=y)"
        ) from None
    if len(arrays) < 2:
        raise ValueError(f"{name} holds {names}; it must hold arrays {x} and {y}")
    columns = _column(name, x, arrays[x]), _column(name, y, arrays[y])
    sizes = [len(column.cells) for column in columns]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{y} in {name} holds {sizes[1]} value(s) for {sizes[0]} point(s); give one each"
        )
    return columns


def _column(name: str, key: str, array: np.ndarray[Any, Any]) -> Column:
    label = f"{key} in {name}"
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{label} has shape {array.shape}; it must have 1 dimension")
    kind = array.dtype.kind
    if kind == "M":
        # Text of hours and of years has another form; seconds hold both.
        coarse = np.datetime_data(array.dtype)[0] in ("Y", "M", "W", "D", "h", "m")
        dates = np.datetime_as_string(array.astype("M8[s]") if coarse else array)
        return Column(key, "", DATE, [str(date) for date in dates])
    if kind == "m":
        unit = np.datetime_data(array.dtype)[0]
        counts = np.where(np.isnat(array), "", array.astype(np.int64).astype(str))
        return Column(key, {"D": "day", "m": "min"}.get(unit, unit), NUMBER, counts.tolist())
    if kind not in "iuf":
        raise TypeError(f"{label}={checks.show(array)} must be an array of real numbers")
    if kind == "f":
        infinite = np.flatnonzero(np.isinf(array))
        if infinite.size:
            raise ValueError(
                f"{label} holds {infinite.size} infinite value(s), the first at index "
                f"{infinite[0]}; remove or repair them first"
            )
    # str of a float is the shortest text that gives the same float back.
    return Column(key, "", NUMBER, [str(value) for value in array.tolist()])
