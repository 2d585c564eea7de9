"""A deep network in the standard parametrization: its factors, and how fast its layers learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.network.mlp_formula import ACTIVATIONS
from ntkfreq.problem.layers.rates import LayerRates

if TYPE_CHECKING:
    from ntkfreq.network.mlp import FourierFeatureMLP


def scale_of(net: FourierFeatureMLP) -> FloatArray:
    """Factors (P,) of the parameters over those of the same network without factors."""
    parts, factor = [np.ones(net.w.size)], 2**0.5
    for weights, bias in net.layers:
        scale = weights.shape[1] ** 0.5 / factor
        parts += [np.full(weights.size, scale), np.ones(bias.size)]
        factor = ACTIVATIONS[net.activation].gain
    readout = np.full(net.readout.size, net.readout.size**0.5 / factor)
    return np.concatenate([*parts, readout])


def rates_of(net: FourierFeatureMLP) -> LayerRates:
    """The squares of these factors, by which each group learns faster, as a limit takes them.

    Examples
    --------
    >>> from ntkfreq import FourierFeatureMLP
    >>> rates_of(FourierFeatureMLP([2.0], [([[0.0, 3.0]], [0.0])], [1.0], "relu"))
    LayerRates(frequencies=1.0, weights=(1.0,), biases=1.0, readout=0.5, output_bias=0.0)
    """
    factors, start = scale_of(net) ** 2, net.w.size
    weights = []
    for one, bias in net.layers:
        weights.append(float(factors[start]))
        start += one.size + bias.size
    return LayerRates(weights=tuple(weights), readout=float(factors[-1]))
