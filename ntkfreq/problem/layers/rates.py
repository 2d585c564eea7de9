"""How fast each group of parameters learns, beside the step size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.portable import Portable

PerLayer = float | tuple[float, ...]


@dataclass(frozen=True)
class LayerRates(Portable, Described):
    """Factors of the step size for each group of parameters of a deep network.

    Ones are gradient descent in the NTK parametrization of :class:`ntkfreq.FourierFeatureMLP`; 0
    is for what is not trained.

    Parameters
    ----------
    frequencies : float
        Of w.
    weights, biases : float or sequence of float
        Of each hidden layer, or one for all.
    readout : float
        Of the output weights.
    output_bias : float
        Of a constant that is added to the output; 0 for none.

    Raises
    ------
    TypeError, ValueError
        On what is negative, not finite, or no number.

    Examples
    --------
    >>> LayerRates(biases=0.0).of_layers(2)
    ((1.0, 1.0), (0.0, 0.0))
    """

    frequencies: float = 1.0
    weights: PerLayer = 1.0
    biases: PerLayer = 1.0
    readout: float = 1.0
    output_bias: float = 0.0

    def __post_init__(self) -> None:
        for name in ("frequencies", "readout", "output_bias"):
            object.__setattr__(self, name, checks.non_negative(name, getattr(self, name)))
        for name in ("weights", "biases"):
            object.__setattr__(self, name, one_or_each(name, getattr(self, name)))

    def of_layers(self, depth: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Rates of the weights and of the biases of each hidden layer."""
        return each_layer("weights", self.weights, depth), each_layer("biases", self.biases, depth)


def one_or_each(name: str, value: Any) -> PerLayer:
    """A number >= 0, or one for each layer."""
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return checks.non_negative(name, value)
        return tuple(checks.non_negative(f"{name}[{k}]", one) for k, one in enumerate(value))
    return checks.non_negative(name, value)


def each_layer(name: str, value: PerLayer, depth: int) -> tuple[float, ...]:
    """One number a layer; refused are sequences of another length."""
    if not isinstance(value, tuple):
        return (value,) * depth
    if len(value) != depth:
        raise ValueError(
            f"{name}={checks.show(value)} has {len(value)} numbers for depth={depth}; give one for "
            "each hidden layer, or one for all"
        )
    return value


def standard_rates(width: int, hidden: int, depth: int, gain: float) -> LayerRates:
    r"""Rates of a network without factors under one step size, that of its module.

    A parameter that is a factor c times that of the NTK parametrization's learns :math:`c^{-2}`
    times as fast as it does in the module: weights by their fan-in over the square of the gain
    below, :math:`\sqrt 2` for the features.

    Examples
    --------
    >>> standard_rates(100, 64, 2, 2**0.5).weights
    (100.0, 31.999999999999993)
    """
    if depth == 0:
        return LayerRates(readout=float(width))
    weights = (float(width), *(hidden / gain**2,) * (depth - 1))
    return LayerRates(weights=weights, readout=hidden / gain**2)
