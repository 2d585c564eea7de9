"""Single hidden units: the activations themselves and their derivatives, for finite networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.layers.hidden import DUALS


@dataclass(frozen=True)
class Unit:
    r"""An activation :math:`\varphi`, its derivative, and the gain :math:`c_\varphi`.

    Attributes
    ----------
    value, slope : callable
        Functions of an array; at a corner the derivative from the left.
    gain : float
        Gives the activation a mean square of one at unit variance.
    """

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    gain: float


def _relu(z: FloatArray) -> FloatArray:
    return np.maximum(z, 0.0)


def _step(z: FloatArray) -> FloatArray:
    return (z > 0).astype(np.float64)


def _tanh_slope(z: FloatArray) -> FloatArray:
    return np.asarray(1 - np.tanh(z) ** 2)


_Function = Callable[[FloatArray], FloatArray]
_FUNCTIONS: dict[str, tuple[_Function, _Function]] = {
    "relu": (_relu, _step),
    "tanh": (np.tanh, _tanh_slope),
    "sine": (np.sin, np.cos),
}


@cache
def unit_of(name: str) -> Unit:
    """The unit of a named activation.

    Examples
    --------
    >>> unit_of("relu").gain ** 2, round(unit_of("tanh").gain, 4)
    (2.0000000000000004, 1.5925)
    """
    value, slope = _FUNCTIONS[name]
    return Unit(value, slope, DUALS[name]().gain_square ** 0.5)


def is_named(activation: object) -> bool:
    """Whether it is the name of a unit, not a function of a user."""
    return isinstance(activation, str) and activation in _FUNCTIONS
