r"""Gram matrix of a deep Fourier-feature network: matrix products of what its layers pass on.

The gradient in the weights :math:`W_l` of a layer is an outer product of the signal
:math:`h_{l-1}` that enters it and of :math:`\delta_l = \partial f/\partial z_l`, so that inner
products of gradients are products of inner products,

.. math:: K = \frac{h_L\cdot h_L'}{n_L} + \sum_l (\delta_l\cdot\delta_l')
          \Bigl(\frac{h_{l-1}\cdot h_{l-1}'}{n_{l-1}} + 1\Bigr)
          + (x\cdot x')\,(\delta_0\cdot\delta_0')

with the derivatives :math:`\delta_0` in the phases :math:`w_j\cdot x`. That takes
:math:`4 N n^2 L + 4 N^2 n L` operations for N points and layers of n units, where a Jacobian of
:math:`N n^2 L` numbers would be multiplied by its transpose, :math:`2 N^2 n^2 L`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.layers.rates import LayerRates
from ntkfreq.problem.layers.units import Unit


@dataclass(frozen=True, eq=False)
class LayeredUnits:
    """Parameters of a network as :class:`ntkfreq.FourierFeatureMLP` has them.

    Attributes
    ----------
    w : ndarray, shape (m, d)
        Frequencies.
    layers : sequence of (ndarray, ndarray)
        Weights (n, below) and biases (n,) of the hidden layers, in rows of all branches.
    readout : ndarray, shape (n,)
        Output weights.
    unit : Unit
        Activation of the hidden layers.
    branches : int
        Networks side by side.
    """

    w: FloatArray
    layers: Sequence[tuple[FloatArray, FloatArray]]
    readout: FloatArray
    unit: Unit
    branches: int = 1

    @property
    def signals(self) -> int:
        """Numbers that a point keeps: what enters each layer, and derivatives."""
        return 4 * len(self.w) + 2 * sum(len(bias) for _, bias in self.layers)

    def branch(self, number: int) -> LayeredUnits:
        """One of the networks side by side."""
        if self.branches == 1:
            return self

        def part(rows: Any) -> Any:
            return np.split(rows, self.branches)[number]

        layers = [(part(weights), part(bias)) for weights, bias in self.layers]
        return LayeredUnits(part(self.w), layers, part(self.readout), self.unit)

    def output(self, x: FloatArray) -> FloatArray:
        """Output (n,) of one network at points (n, d)."""
        signal = self._forward(x)[0][-1]
        return np.asarray(signal @ self.readout)

    def _forward(self, x: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """What enters each layer over the root of its size, and drives (slopes) of the units."""
        phase = x @ self.w.T
        signals = [np.concatenate([np.cos(phase), np.sin(phase)], axis=1) / len(self.w) ** 0.5]
        slopes = []
        for weights, bias in self.layers:
            drive = signals[-1] @ weights.T + bias
            slopes.append(self.unit.gain * self.unit.slope(drive))
            signals.append(self.unit.value(drive) * (self.unit.gain / len(bias) ** 0.5))
        return signals, slopes

    def passed(self, x: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        r"""Signals :math:`h_l/\sqrt{n_l}`, L + 1 arrays, and derivatives from the first layer on.

        The derivatives in the phases come first, then those in the inputs of hidden layers.
        """
        signals, slopes = self._forward(x)
        above = np.broadcast_to(self.readout, (len(x), len(self.readout)))
        found = []
        for (weights, bias), slope in zip(reversed(self.layers), reversed(slopes), strict=True):
            delta = above * slope / len(bias) ** 0.5
            found.append(delta)
            above = delta @ weights
        half = len(self.w)
        cosines, sines = signals[0][:, :half], signals[0][:, half:]
        found.append(above[:, half:] * cosines - above[:, :half] * sines)
        return signals, found[::-1]


def units_gram(
    units: LayeredUnits,
    x: FloatArray,
    x2: FloatArray | None,
    *,
    frozen: bool,
    rates: LayerRates | None = None,
) -> FloatArray:
    """Gram matrix (n, n2) at points (n, d), None for the same; gradients by their rates."""
    of = LayerRates() if rates is None else rates
    of = replace(of, frequencies=0.0) if frozen else of
    count = len(x) + (0 if x2 is None else len(x2))
    refuse_memory(
        f"x has {count} points", 8.0 * count * units.signals / units.branches, "give fewer points"
    )
    gram = np.zeros((len(x), len(x if x2 is None else x2)))
    for number in range(units.branches):
        one = units.branch(number)
        left = one.passed(x)
        right = left if x2 is None else one.passed(x2)
        gram += _products(left, right, x, x if x2 is None else x2, of)
    return gram / units.branches + of.output_bias


def _products(
    left: Any, right: Any, x: FloatArray, x2: FloatArray, rates: LayerRates
) -> FloatArray:
    """Of signals and derivatives at two sets of points."""
    (signals, deltas), (signals2, deltas2) = left, right
    gram = rates.readout * (signals[-1] @ signals2[-1].T)
    each = zip(*rates.of_layers(len(deltas) - 1), strict=True)
    for k, (of_weights, of_biases) in enumerate(each, 1):
        below = of_weights * (signals[k - 1] @ signals2[k - 1].T) + of_biases
        gram += (deltas[k] @ deltas2[k].T) * below
    if rates.frequencies > 0:
        gram += rates.frequencies * (x @ x2.T) * (deltas[0] @ deltas2[0].T)
    return np.asarray(gram)
