"""Which sweep a store belongs to: the function's name, its constants, a version, the labels."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.sweeps.grid import LabelGrid


def identity_of(
    function: Callable[..., Any], grid: LabelGrid, constants: Mapping[str, Any], version: str
) -> dict[str, str]:
    """What must agree for results of two calls to be one sweep; all values are text.

    Examples
    --------
    >>> identity_of(json.dumps, LabelGrid({"x": [1.0]}), {"y": 2.0}, "")["function"]
    'json.dumps'
    """
    return {
        "function": qualified_name(function),
        "constants": json.dumps(_plain("constants", constants), sort_keys=True),
        "version": version,
        "label names": ", ".join(sorted(grid.values)),
    }


def qualified_name(function: Callable[..., Any]) -> str:
    """Module and name of a function; of its class for other callables."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def check_same(path: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse a store of another sweep.

    Examples
    --------
    >>> check_same(Path("a.zarr"), {"version": "1"}, {"version": "2"})
    Traceback (most recent call last):
    ValueError: path='a.zarr' holds a sweep of version '1', not '2'; choose another path, or ...
    """
    differing = [
        f"{name} {checks.show(found.get(name), 200)}, not {checks.show(wanted[name], 200)}"
        for name in wanted
        if found.get(name) != wanted[name]
    ]
    if differing:
        raise ValueError(
            f"path={str(path)!r} holds a sweep of {'; of '.join(differing)}; choose another path, "
            f"or delete it and {path.name}.parts to start anew"
        )


def check_by_reference(function: Callable[..., Any]) -> None:
    """Refuse functions that another process cannot import."""
    name = qualified_name(function)
    remedy = "define it in a module that can be imported, or pass workers=0"
    module = sys.modules.get(str(getattr(function, "__module__", None)))
    if getattr(module, "__name__", "") == "__main__" and not hasattr(module, "__file__"):
        raise ValueError(
            f"function={name} lives in an interactive session, where other processes cannot "
            f"import it; {remedy}"
        )
    try:
        if not hasattr(function, "__qualname__"):
            raise pickle.PicklingError(f"a {type(function).__name__} is no function")
        pickle.dumps(function)
    except Exception as error:  # what an object does that is asked to be pickled is its own
        raise ValueError(
            f"function={name} cannot be imported by other processes ({error}); {remedy}"
        ) from None


def _plain(name: str, value: Any) -> Any:
    """Constants as JSON values, exactly; anything else would not tell two sweeps apart."""
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{name}[{key!r}]", item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(name, value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(f"{name}[{k}]", item) for k, item in enumerate(value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(
        f"{name}={checks.show(value)} of type {type(value).__name__} cannot be written as JSON; "
        "pass numbers, strings, lists or arrays and build the object in the function"
    )
