"""Labelled results: datasets whose variables have a name and a unit.

Their attributes are such that files of any kind take them. Complex spectra go into Zarr stores
(:func:`ntkfreq.save_zarr`), and into netCDF as real and imaginary parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ntkfreq._support.axis import Axis
from ntkfreq._support.types import FloatArray
from ntkfreq._support.units import Units
from ntkfreq.files.results import json_ready

if TYPE_CHECKING:
    import xarray as xr

# Names of variables for readers, and their units by `Units.of`.
_ABOUT = {
    "t": ("training time", "time"),
    "step": ("step of training", "number"),
    "train_loss": ("training loss", "loss"),
    "test_loss": ("test loss", "test_loss"),
    "train_mean": ("mean training loss over initial networks", "loss"),
    "train_std": ("standard deviation of the training loss over initial networks", "loss"),
    "test_mean": ("mean test loss over initial networks", "test_loss"),
    "test_std": ("standard deviation of the test loss over initial networks", "test_loss"),
    "output_mean": ("mean output over initial networks", "output"),
    "output_std": ("standard deviation of the output over initial networks", "output"),
    "output_covariance": ("covariance of the outputs at two points", "loss"),
    "resolution": ("losses below this are only known to be small", "loss"),
    "predicted_loss": ("predicted training loss", "loss"),
    "measured_loss": ("training loss of the network", "loss"),
    "output_error": ("distance of the output from the predicted one, relative", "number"),
    "data_spectrum": ("spectrum of the error against the data", "spectrum"),
    "spectrum": ("spectrum of the error against the test measure", "test_spectrum"),
    "predicted_spectrum": ("predicted spectrum of the error against the data", "spectrum"),
    "measured_spectrum": ("spectrum of the error of the network against the data", "spectrum"),
    "weight_norm": ("norm of the output weights", "output"),
    "weight_distance": ("distance of the output weights from their start", "output"),
    "frequency_norm": ("norm of the frequencies of the network", "frequency"),
    "frequency_distance": ("distance of the frequencies from their start", "frequency"),
    "kernel_drift": ("relative change of the kernel", "number"),
    "sigma_a": ("standard deviation of the output weights at the start", "output"),
    "weight_decay": ("decay rate of the output weights", "rate"),
    "t_train": ("time at which the training loss is small", "time"),
    "t_test": ("time at which the test loss is small", "time"),
}
# Larger integers do not fit the attributes of a netCDF file.
_LARGEST = 2**31 - 1


def about(name: str, units: Units | None = None) -> dict[str, str]:
    """Attributes `long_name` and `units` of a variable of a result.

    Examples
    --------
    >>> about("train_loss")
    {'long_name': 'training loss', 'units': '(unit of y)^2'}
    """
    title, kind = _ABOUT[name]
    return {"long_name": title, "units": (units or Units()).of(kind)}


def frequency_coordinates(frequencies: FloatArray, axis: Axis | None = None) -> dict[str, Any]:
    """Coordinates of a frequency axis: `frequency` in 1-D, `xi_0`, `xi_1`, ... otherwise.

    In one dimension they are also there as `xi`, as in results of version 0.1.

    Examples
    --------
    >>> import numpy as np
    >>> list(frequency_coordinates(np.array([0.0, 1.0])))
    ['frequency', 'xi']
    >>> frequency_coordinates(np.ones((3, 2)))["xi_0"][0]
    'frequency'
    """
    units = {"units": (axis or Axis()).frequency_unit, "long_name": "angular frequency"}
    if frequencies.ndim == 1:
        return {name: ("frequency", frequencies, dict(units)) for name in ("frequency", "xi")}
    parts = enumerate(frequencies.T)
    return {
        f"xi_{k}": ("frequency", part, units | {"long_name": f"angular frequency along x_{k}"})
        for k, part in parts
    }


def dynamics_dataset(
    *,
    t: FloatArray,
    frequencies: FloatArray,
    losses: dict[str, FloatArray | None],
    spectra: dict[str, Any],
    attrs: dict[str, Any],
    units: Units | None = None,
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

    units = units or Units()
    axis = units.axis
    variables: dict[str, Any] = {
        name: ("t", values, about(name, units))
        for name, values in losses.items()
        if values is not None
    }
    variables |= {
        name: (("t", "frequency"), values, about(name, units))
        for name, values in spectra.items()
        if values is not None
    }
    coords: dict[str, Any] = {"t": ("t", t, about("t", units))}
    if axis.origin is not None:
        attrs = attrs | {"x": f"{axis.unit}s since {axis.origin}"}
    coords |= frequency_coordinates(frequencies, axis)
    return xr.Dataset(variables, coords, plain_attributes(attrs))


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as files of any kind take them: numbers, text, and lists of numbers.

    Whatever is nested becomes JSON text, which ``json.loads`` reads; True and False become 1 and
    0, None the word "none".

    Examples
    --------
    >>> plain_attributes({"a": True, "b": None, "c": {"d": [1, 2]}, "e": [0.5, 1], "f": 2**40})
    {'a': 1, 'b': 'none', 'c': '{"d": [1, 2]}', 'e': [0.5, 1], 'f': '1099511627776'}
    """
    return {name: _plain(json_ready(value)) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else str(value)
    numbers = isinstance(value, list) and all(type(item) in (int, float) for item in value)
    if isinstance(value, str | float) or (value and numbers and max(map(abs, value)) <= _LARGEST):
        return value
    return json.dumps(value)
