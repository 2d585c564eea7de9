"""What the printed calls use besides public libraries (``from tests.hostile import helpers as h``).

Makers of awkward arrays, and users' functions that misbehave.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .outside import (
    archive,
    cell,
    command,
    compared_times,
    finite_steps,
    finite_times,
    optimizer,
    phases,
    profile,
    read,
    stored,
    tent,
)

__all__ = [
    "archive",
    "cell",
    "command",
    "compared_times",
    "finite_steps",
    "finite_times",
    "phases",
    "profile",
    "read",
    "stored",
    "tent",
]


def every_other(values: np.ndarray) -> np.ndarray:
    """The same values as every other row of a larger array."""
    return np.repeat(values, 2, axis=0)[::2]


def read_only(values: np.ndarray) -> np.ndarray:
    """The same array, which may not be written to."""
    values.flags.writeable = False
    return values


def tensor(values: Any, dtype: str, gradient: bool) -> Any:
    """A PyTorch tensor."""
    import torch

    return torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=gradient)


def generator(values: Any) -> Any:
    """The values one by one."""
    return (value for value in values)


def filled(values: Any, fill: float) -> Any:
    """A labelled array that names the number which stands for missing values."""
    import xarray as xr

    return xr.DataArray(np.array(values), attrs={"_FillValue": fill})


def wave(x: Any, rate: float = 3.0) -> np.ndarray:
    """sin(rate * sum of the coordinates)."""
    x = np.asarray(x)
    return np.sin(rate * (x if x.ndim < 2 else x.sum(axis=1)))


def bump(x: Any, rate: float = 3.0, centre: float = 0.0, size: float = 1.0) -> np.ndarray:
    """A modulated Gaussian."""
    x = np.asarray(x)
    first = (x if x.ndim < 2 else x.sum(axis=1)) - centre
    square = x**2 if x.ndim < 2 else None
    distance = (x - centre) ** 2 if square is not None else np.sum((x - centre) ** 2, axis=1)
    return size * np.exp(-distance / 2) * np.cos(rate * first)


def _writes(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    x *= 2.0
    return base(x / 2.0, rate)


def _shifts(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    x -= 0.5
    return base(x, rate)


def _raises(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    raise RuntimeError("the user's function fails")


def _recurses(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    return _recurses(base, x, rate)


def _slow(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    time.sleep(0.01)
    return base(x, rate)


def _nan(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    return np.where(np.arange(len(x)) == len(x) // 2, np.nan, base(x, rate))


def _masked(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    values = base(x, rate)
    # At one value at least, or there would be nothing to refuse.
    hidden = values >= min(0.3, float(np.max(values)))
    return np.ma.masked_array(np.where(hidden, -9999.0, values), hidden)


def _series(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    import pandas as pd

    return pd.Series(base(x, rate))


def _tensor(base: Callable[..., np.ndarray], x: Any, rate: float) -> Any:
    import torch

    return torch.tensor(base(x, rate), requires_grad=True)


_MISBEHAVIOURS: dict[str, Callable[..., Any]] = {
    "writes": _writes,
    "shifts": _shifts,
    "raises": _raises,
    "recurses": _recurses,
    "slow": _slow,
    "nan": _nan,
    "masked": _masked,
    "series": _series,
    "tensor": _tensor,
    "inf": lambda base, x, rate: np.full(len(x), np.inf),
    "none": lambda base, x, rate: None,
    "strings": lambda base, x, rate: base(x, rate).astype(str),
    "complex": lambda base, x, rate: base(x, rate) + 0j,
    "bools": lambda base, x, rate: base(x, rate) > 0,
    "dates": lambda base, x, rate: (1e6 * base(x, rate)).astype("datetime64[s]"),
    "column": lambda base, x, rate: base(x, rate)[:, None],
    "two columns": lambda base, x, rate: np.stack([base(x, rate)] * 2, axis=1),
    "square": lambda base, x, rate: np.outer(base(x, rate), base(x, rate)),
    "short": lambda base, x, rate: base(x, rate)[:-1],
    "empty": lambda base, x, rate: np.array([]),
    "list": lambda base, x, rate: base(x, rate).tolist(),
    "float32": lambda base, x, rate: base(x, rate).astype(np.float32),
    "view": lambda base, x, rate: x if np.ndim(x) == 1 else x[:, 0],
    "scalar": lambda base, x, rate: 0.5,
    "objects": lambda base, x, rate: base(x, rate).astype(object),
    "dict": lambda base, x, rate: {"y": base(x, rate)},
    "generator": lambda base, x, rate: (value for value in base(x, rate)),
    "huge": lambda base, x, rate: 1e200 * base(x, rate),
    "tiny": lambda base, x, rate: 1e-200 * base(x, rate),
}


def __getattr__(name: str) -> Any:
    """Update rules and schedules, which load the package: on first use."""
    if name[:1].isupper():
        return optimizer(name)
    raise AttributeError(name)


def function(how: str, base: str = "wave", rate: float = 3.0) -> Callable[[Any], Any]:
    """A function of x that misbehaves in the named way."""
    plain = {"wave": wave, "bump": bump}[base]
    if how == "stateful":
        calls = [0]

        def stateful(x: Any) -> Any:
            calls[0] += 1
            return plain(x, rate) + calls[0]

        return stateful
    misbehave = _MISBEHAVIOURS[how]
    return lambda x: misbehave(plain, x, rate)


def smooth(base: str = "wave", rate: float = 3.0, **more: float) -> Callable[[Any], Any]:
    """A well-behaved function of x."""
    plain: Callable[..., np.ndarray] = {"wave": wave, "bump": bump}[base]
    return lambda x: plain(x, rate, **more)
