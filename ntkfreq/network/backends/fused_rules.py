"""The update rules of the package in compiled steps, of one unit at a time."""

from __future__ import annotations

import math
from types import MappingProxyType

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Optimizer,
    RMSProp,
    SignDescent,
)
from ntkfreq.spectra.sincos import jit

_PLAIN, _MOMENTUM, ADAM, _RMSPROP, _SIGN = range(5)
# Update rules in `step_unit`, by their place there; one of the user's own is applied by its
# `update`.
FUSED: MappingProxyType[type[Optimizer], int] = MappingProxyType(
    {
        GradientDescent: _PLAIN,
        HeavyBall: _MOMENTUM,
        Nesterov: _MOMENTUM,
        Adam: ADAM,
        AdamW: ADAM,
        RMSProp: _RMSPROP,
        SignDescent: _SIGN,
    }
)


@jit(inner=True)
def step_unit(
    dim: int,
    theta: FloatArray,
    anchor: FloatArray,
    memory: FloatArray,
    decay: FloatArray,
    scale: FloatArray,
    decoupled: bool,
    kind: int,
    first: int,
    j: int,
    sums: FloatArray,
    c: FloatArray,
) -> None:
    """One step of unit j, from its sums: `stepping.apply` without clipping, a rule by its number.

    c holds the rate and the optimizer's coefficients. What is divided by is compared with 0: NaN
    differs from it, and is passed on.
    """
    a, b = theta[dim, j], theta[dim + 1, j]
    for k in range(first, dim + 2):
        slope = sums[k - dim] if k >= dim else b * sums[2 + 2 * k] - a * sums[3 + 2 * k]
        slope *= scale[k]
        rate = c[0] * scale[k]
        value = theta[k, j]
        pull = decay[k] * (value - anchor[k, j])
        if decoupled:
            value -= rate * pull
        else:
            slope += pull
        if kind == _PLAIN:
            value -= rate * slope
        elif kind == _MOMENTUM:
            velocity = c[1] * memory[0, k, j] + slope
            memory[0, k, j] = velocity
            value -= rate * (c[2] * slope + c[3] * velocity)
        elif kind == ADAM:
            mean = c[1] * memory[0, k, j] + (1 - c[1]) * slope
            square = c[2] * memory[1, k, j] + (1 - c[2]) * slope * slope
            memory[0, k, j] = mean
            memory[1, k, j] = square
            size = math.sqrt(square) * c[5] + c[3]
            if size != 0.0:
                value -= rate * c[4] * mean / size
        elif kind == _RMSPROP:
            square = c[1] * memory[0, k, j] + (1 - c[1]) * slope * slope
            size = math.sqrt(square) + c[2]
            velocity = c[3] * memory[1, k, j]
            if size != 0.0:
                velocity += slope / size
            memory[0, k, j] = square
            memory[1, k, j] = velocity
            value -= rate * velocity
        else:
            mean = c[1] * memory[0, k, j] + (1 - c[1]) * slope
            memory[0, k, j] = mean
            if mean != 0.0:
                value -= rate * (mean / abs(mean))
        theta[k, j] = value
