"""The losses that PyTorch modules are trained by, and the targets that each requires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks


@dataclass(frozen=True)
class Loss:
    """A mean over points of a loss of the outputs there.

    Attributes
    ----------
    value : callable
        From outputs and targets, tensors over the same points, to a scalar tensor.
    targets : callable
        From name, values and number of points to checked targets as an array.
    curvature : float
        Largest second derivative of the loss of one point in an output there.
    """

    value: Callable[[Any, Any], Any]
    targets: Callable[[str, Any, int], Any]
    curvature: float


def _squared(output: Any, y: Any) -> Any:
    return 0.5 * ((output - y) ** 2).sum() / len(y)


def _logistic(output: Any, y: Any) -> Any:
    import torch

    return torch.mean(torch.nn.functional.softplus(-y * output))


def _cross_entropy(output: Any, y: Any) -> Any:
    import torch

    return torch.nn.functional.cross_entropy(output, y)


def _numbers(name: str, y: Any, count: int) -> Any:
    values = checks.real_array(name, y, (1, 2))
    if len(values) != count:
        raise ValueError(
            f"{name} holds {len(values)} value(s) for {count} point(s); give one each, or one row"
        )
    return checks.magnitude(name, values, 1e-100, 1e100)


def _signs(name: str, y: Any, count: int) -> Any:
    values = checks.values_at(name, y, count)
    if not np.all(np.abs(values) == 1):
        raise ValueError(
            f"{name}={checks.show(values)} must hold labels -1 and 1 for the logistic loss; "
            f"use numpy.where({name} > 0, 1, -1)"
        )
    return values


def _classes(name: str, y: Any, count: int) -> Any:
    values = checks.values_at(name, y, count)
    if np.any(values < 0) or np.any(values != np.rint(values)) or np.any(values >= 2.0**62):
        raise ValueError(
            f"{name}={checks.show(values)} must hold class numbers 0, 1, ... for the "
            f"cross entropy; use numpy.unique({name}, return_inverse=True)[1]"
        )
    return values.astype(np.int64)


LOSSES = {
    "squared": Loss(_squared, _numbers, 1.0),
    "logistic": Loss(_logistic, _signs, 0.25),
    "cross_entropy": Loss(_cross_entropy, _classes, 0.5),
}
