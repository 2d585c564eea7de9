"""Writing of results: folders, whole files, stores, JSON; nothing is ever unpickled."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.files import real_path, whole_file
from ntkfreq.files.stores import load_zarr, save_zarr

__all__ = [
    "json_ready",
    "load_zarr",
    "make_folder",
    "save_zarr",
    "whole_file",
]


def make_folder(out: Path) -> None:
    """Make an output folder before the work, not after it.

    Raises
    ------
    ValueError
        When it cannot be made or written to.

    Examples
    --------
    >>> make_folder(Path("/dev/null/results"))
    Traceback (most recent call last):
    ValueError: out='/dev/null/results' cannot be made a folder: Not a directory; name another
    """
    full, shown = real_path(out, "out"), checks.show(str(out), 200)
    try:
        full.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise ValueError(f"out={shown} cannot be made a folder: {reason}; name another") from None
    try:
        with tempfile.NamedTemporaryFile(dir=full):
            pass
    except OSError as error:
        raise ValueError(
            f"out={shown} cannot be written to: {error.strerror}; name another folder"
        ) from None


def json_ready(value: Any) -> Any:
    """Nested settings as JSON values: arrays, xarray's too, to lists, NumPy scalars to Python's.

    Examples
    --------
    >>> import numpy as np
    >>> json_ready({"a": np.float64(1.5), "b": (1, np.arange(2))})
    {'a': 1.5, 'b': [1, [0, 1]]}
    """
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return json_ready(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no infinity
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return repr(value)
