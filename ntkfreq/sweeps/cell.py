"""One cell: call the function, convert its result to labelled arrays, catch its exceptions."""

from __future__ import annotations

import hashlib
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.loaded import assuming
from ntkfreq.files.results import json_ready
from ntkfreq.files.storable import as_text, check_attributes, check_name, is_text

# Name to (dimensions, array, attributes), as xarray takes them.
Arrays = dict[str, tuple[tuple[str, ...], Any, dict[str, Any]]]


@dataclass
class Outcome:
    """The result of a cell: arrays, or an error.

    `layout` describes variables, inner dimensions and inner coordinates; it is the same text where
    they are the same, and "" for a cell that failed.
    """

    values: Arrays = field(default_factory=dict)
    coords: Arrays = field(default_factory=dict)
    layout: str = ""
    error: str = ""
    seconds: float = 0.0


def run_cell(
    function: Callable[..., Any], labels: Mapping[str, Any], constants: Mapping[str, Any]
) -> Outcome:
    """Outcome of one cell; whatever the function raises is part of it.

    Examples
    --------
    >>> outcome = run_cell(lambda n: {"squares": np.arange(n) ** 2}, {"n": 3}, {})
    >>> outcome.layout, outcome.error
    ('squares(squares_0=3)', '')
    >>> run_cell(lambda n: 1 / n, {"n": 0}, {}).error.splitlines()[0]
    'ZeroDivisionError: division by zero'
    """
    start = time.perf_counter()
    try:
        # Which cells this process ran before decides nothing.
        with assuming():
            result = function(**labels, **constants)
        values, coords = _arrays(result, labels)
        outcome = Outcome(values, coords, _layout(values, coords))
    except (Exception, SystemExit) as error:
        outcome = Outcome(error=_message(error))
    outcome.seconds = time.perf_counter() - start
    return outcome


def _message(error: BaseException) -> str:
    """Type and message first, then the last calls that led there."""
    kind = "".join(traceback.format_exception_only(error)).strip()
    # The first frame is run_cell itself.
    calls = traceback.format_tb(error.__traceback__)[1:][-3:]
    text = kind + ("\nLast calls:\n" + "".join(calls).rstrip() if calls else "")
    text = text.encode(errors="replace").decode()  # a lone surrogate cannot be written
    return text if len(text) <= 4000 else text[:2000] + "\n...\n" + text[-1990:]


def _arrays(result: Any, labels: Mapping[str, Any]) -> tuple[Arrays, Arrays]:
    xarray = sys.modules.get("xarray")  # a Dataset cannot come without it
    coords: Arrays = {}
    if xarray is not None and isinstance(result, xarray.Dataset):
        values: Arrays = {str(name): _parts(result[name]) for name in result.data_vars}
        coords = {str(name): _parts(result[name]) for name in result.coords}
    elif isinstance(result, Mapping):
        values = {name: _plain(name, value) for name, value in result.items()}
    else:
        raise TypeError(
            f"the function returned {checks.show(result)} of type {type(result).__name__}; "
            "return a mapping of name to number or array, or an xarray.Dataset"
        )
    taken = {*labels, "error", "seconds"}
    dims = {dim for entry in (*values.values(), *coords.values()) for dim in entry[0]}
    for name in (*values, *coords, *dims):
        if name in taken or name.startswith("__"):
            raise ValueError(f"the function returned {name!r}, a name that the sweep uses itself")
        check_name(name)
    ready = {
        name: (entry[0], _checked(name, entry[1]), entry[2])
        for name, entry in (values | coords).items()
    }
    return {name: ready[name] for name in values}, {name: ready[name] for name in coords}


def _parts(array: Any) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    attrs: dict[str, Any] = json_ready(array.attrs)
    check_attributes(array.name, attrs, array.dtype)
    return tuple(map(str, array.dims)), array.values, attrs


def _plain(name: Any, value: Any) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    if not isinstance(name, str):
        raise TypeError(f"the function returned the name {checks.show(name)}; use strings")
    if hasattr(value, "dims") and hasattr(value, "coords"):
        raise TypeError(f"the function returned {name!r} as a DataArray; return a Dataset instead")
    array = np.asarray(value)
    return tuple(f"{name}_{k}" for k in range(array.ndim)), array, {}


def _checked(name: str, array: Any) -> Any:
    if is_text(array):
        array = as_text(name, array)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "biufcT" or size > (16 if kind in "cT" else 8):
        raise TypeError(
            f"the function returned {name!r} with dtype {array.dtype}; return numbers of at most "
            "64 bits, bools or strings"
        )
    return array


def _layout(values: Arrays, coords: Arrays) -> str:
    lines = []
    for name, (dims, array, _) in sorted((values | coords).items()):
        sizes = ", ".join(f"{dim}={size}" for dim, size in zip(dims, array.shape, strict=True))
        line = f"{name}({sizes})"
        if array.dtype.kind == "T":
            line += " of strings"
        if name in coords:
            text = array.dtype.kind == "T"
            content = repr(array.tolist()).encode() if text else array.tobytes()
            line += f" {array.dtype} #{hashlib.sha256(content).hexdigest()[:8]}"
        lines.append(line)
    return "; ".join(lines)
