"""The formula of a deep Fourier-feature network, for arrays of NumPy and of PyTorch alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray


@dataclass(frozen=True)
class Activation:
    r"""A non-linearity :math:`\varphi` of the hidden layers.

    Attributes
    ----------
    torch_name : str
        Name of the function in PyTorch.
    on_arrays : callable
        The function of NumPy arrays.
    gain : float
        :math:`c_\varphi = E[\varphi(z)^2]^{-1/2}` for z of the standard normal distribution.
    """

    torch_name: str
    on_arrays: Callable[[FloatArray], FloatArray]
    gain: float


def _relu(z: FloatArray) -> FloatArray:
    return np.maximum(z, 0.0)


# The gain of tanh by Gauss-Hermite quadrature, converged to the last digit; the others are exact.
ACTIVATIONS = MappingProxyType(
    {
        "tanh": Activation("tanh", np.tanh, 1.5925374197228314),
        "relu": Activation("relu", _relu, 2**0.5),
        "sine": Activation("sin", np.sin, (2 / (1 - np.exp(-2.0))) ** 0.5),
    }
)


def output(
    library: Any,
    activation: Callable[[Any], Any],
    gain: float,
    parameters: tuple[Any, list[tuple[Any, Any]], Any],
    x: Any,
) -> Any:
    """Output (n,) at x (n, d).

    Parameters
    ----------
    library : module
        ``numpy`` or ``torch``, whichever the arrays belong to.
    activation : callable
        Non-linearity of the hidden layers.
    gain : float
        Factor that gives its values a mean square of one.
    parameters : (w, layers, readout)
        Frequencies (B, m, d), pairs of weights (B, n, n_below) and biases (B, n), and output
        weights (B, n), where B is the number of branches.
    x : array, shape (n, d)
        Points.
    """
    w, layers, readout = parameters
    phase = x @ w.mT
    units, factor = library.concatenate([library.cos(phase), library.sin(phase)], axis=-1), 2**0.5
    for weights, bias in layers:
        drive = (factor / weights.shape[-1] ** 0.5) * (units @ weights.mT) + bias[:, None, :]
        units, factor = activation(drive), gain
    branches, fan_in = readout.shape
    # Branch by branch, so that opposite ones cancel to the last bit.
    each = (units @ readout[:, :, None])[:, :, 0]
    return (factor / (branches * fan_in) ** 0.5) * each.sum(0)
