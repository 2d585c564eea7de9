"""Labelled results: from a solution or a history to xarray, and what writes them to disk.

Files hold arrays and JSON attributes only; nothing is ever unpickled.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import FloatArray
from ntkfreq.files import real_path, whole_file
from ntkfreq.files.stores import load_zarr, save_zarr

__all__ = [
    "dynamics_dataset",
    "frequency_coordinates",
    "json_ready",
    "load_zarr",
    "make_folder",
    "save_zarr",
    "whole_file",
]

if TYPE_CHECKING:
    import xarray as xr


def frequency_coordinates(frequencies: FloatArray, axis: Axis | None = None) -> dict[str, Any]:
    """Coordinates of a frequency axis: `xi` in 1-D, `xi_0`, `xi_1`, ... otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> frequency_coordinates(np.array([0.0, 1.0]))["xi"][0]
    'frequency'
    """
    units = {"units": (axis or Axis()).frequency_unit, "long_name": "angular frequency"}
    if frequencies.ndim == 1:
        return {"xi": ("frequency", frequencies, units)}
    return {f"xi_{k}": ("frequency", frequencies[:, k], units) for k in range(frequencies.shape[1])}


def dynamics_dataset(
    *,
    t: FloatArray,
    frequencies: FloatArray,
    losses: dict[str, FloatArray | None],
    spectra: dict[str, Any],
    attrs: dict[str, Any],
    axis: Axis | None = None,
) -> xr.Dataset:
    """Dataset of losses over `t` and spectra over (`t`, `frequency`); None entries are left out.

    Examples
    --------
    >>> import numpy as np
    >>> data = dynamics_dataset(t=np.array([0.0]), frequencies=np.array([1.0, 2.0]),
    ...     losses={"train_loss": np.array([0.5])}, spectra={"spectrum": None}, attrs={})
    >>> dict(data.sizes), list(data.data_vars)
    ({'t': 1, 'frequency': 2}, ['train_loss'])
    """
    import xarray as xr

    variables: dict[str, Any] = {
        name: ("t", values) for name, values in losses.items() if values is not None
    }
    variables |= {
        name: (("t", "frequency"), values) for name, values in spectra.items() if values is not None
    }
    coords: dict[str, Any] = {"t": ("t", t, {"long_name": "training time (step size x steps)"})}
    if axis is not None and axis.origin is not None:
        attrs = attrs | {"x": f"{axis.unit}s since {axis.origin}"}
    return xr.Dataset(variables, coords | frequency_coordinates(frequencies, axis), attrs)


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
