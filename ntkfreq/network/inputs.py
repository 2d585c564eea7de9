"""What `train` accepts: every argument checked once, at entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.network import backends
from ntkfreq.network.backends import Descent
from ntkfreq.network.fourier_features import FourierFeatureNet


@dataclass(frozen=True)
class TrainingData:
    """Training points (N, d) with values (N,), and test points with values or None."""

    x: FloatArray
    y: FloatArray
    x_test: FloatArray | None = None
    y_test: FloatArray | None = None


def refuse_unavailable(optimizer: object, batch_size: object, dtype: object) -> None:
    """Name the arguments of the public interface that have one allowed value so far."""
    if optimizer != "gd":
        raise ValueError(
            f"optimizer={_checks.show(optimizer)} is not available; it must be 'gd', plain "
            "gradient descent"
        )
    if batch_size is not None:
        raise ValueError(
            f"batch_size={_checks.show(batch_size)} is not available; it must be None, all points "
            "at every step"
        )
    if dtype != "float64":
        raise ValueError(
            f"dtype={_checks.show(dtype)} is not available; it must be 'float64', the precision of "
            "every backend"
        )


def checked_data(net: object, x: Any, y: Any, test: Any) -> tuple[FourierFeatureNet, TrainingData]:
    """The network, and the training and test data as arrays."""
    if not isinstance(net, FourierFeatureNet):
        raise TypeError(
            f"net={_checks.show(net)} must be a FourierFeatureNet; "
            "FourierFeatureNet.sample draws one"
        )
    points = _points("x", x, net.dim)
    values = _checks.values_at("y", y, len(points))
    if test is None:
        return net, TrainingData(points, values)
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError(f"test={_checks.show(test)} must be None or a pair (x_test, y_test)")
    held_out = _points("test[0]", test[0], net.dim)
    targets = _checks.values_at("test[1]", test[1], len(held_out))
    return net, TrainingData(points, values, held_out, targets)


def _points(name: str, x: Any, dim: int) -> FloatArray:
    array = _checks.points(name, x)
    if array.shape[1] != dim:
        raise ValueError(
            f"{name} holds points of dimension {array.shape[1]}, but net takes dimension {dim}; "
            "draw the network from a density of the dimension of the data"
        )
    return array


def checked_descent(
    step_size: Any, weight_decay: Any, frequency_decay: Any, decay_towards: Any, freeze: Any
) -> Descent:
    """The constants of a step."""
    _checks.choice("decay_towards", decay_towards, ("zero", "start"))
    if not isinstance(freeze, bool | np.bool_):
        raise TypeError(f"freeze_frequencies={_checks.show(freeze)} must be True or False")
    rate = _checks.non_negative("frequency_decay", frequency_decay)
    if freeze and rate > 0:
        raise ValueError(
            f"frequency_decay={rate} must be 0 with freeze_frequencies=True, where w does not "
            "move; drop one of them"
        )
    return Descent(
        _checks.positive("step_size", step_size),
        _checks.non_negative("weight_decay", weight_decay),
        rate,
        bool(freeze),
    )


def checked_backend(
    backend: Any, net: FourierFeatureNet, x: FloatArray, steps: int
) -> tuple[str, str]:
    """Name of the backend to use, and why."""
    _checks.choice("backend", backend, ("auto", *backends.BACKENDS))
    phase = net.phase_bound(x)
    if backend == "auto":
        return backends.choose(x.shape[0] * net.width * steps, phase)
    if backend == "direct" and phase > backends.LARGEST_PHASE:
        raise ValueError(
            f"backend='direct' needs |w.x| below {backends.LARGEST_PHASE:.0e}, but it reaches "
            f"{phase:.3g}; use backend='reference' or rescale x"
        )
    return str(backend), "as asked"


def checked_frequencies(frequencies: Any, dim: int) -> FloatArray:
    """Given frequencies as (F,) for d = 1, else (F, d)."""
    grid = _points("frequencies", frequencies, dim)
    return grid[:, 0] if dim == 1 else grid
