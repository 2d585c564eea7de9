"""Whether the arrays of a deep network fit onto each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray


def read_only(array: FloatArray) -> FloatArray:
    """A copy that nobody can write to.

    Examples
    --------
    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    copied = np.array(array, dtype=np.float64, order="C")
    copied.flags.writeable = False
    return copied


def as_layers(
    layers: Any, features: int, branches: int
) -> tuple[tuple[tuple[FloatArray, FloatArray], ...], int]:
    """Hidden layers as read-only arrays, and the number of units in the last.

    Parameters
    ----------
    layers : sequence of (weights, biases)
        As in `FourierFeatureMLP`.
    features : int
        Units below the first layer.
    branches : int
        Groups into which the units of each layer fall.

    Raises
    ------
    TypeError, ValueError
        When they are no pairs of arrays, or do not fit.

    Examples
    --------
    >>> layers, units = as_layers([(np.ones((3, 4)), np.zeros(3))], 4, 1)
    >>> len(layers), units
    (1, 3)
    """
    if not isinstance(layers, Sequence) or isinstance(layers, str):
        raise TypeError(f"layers={_checks.show(layers)} must be a list of (weights, biases)")
    checked, below = [], features
    for k, layer in enumerate(layers):
        if not isinstance(layer, tuple | list) or len(layer) != 2:
            raise TypeError(f"layers[{k}]={_checks.show(layer)} must be a pair (weights, biases)")
        weights = _checks.real_array(f"layers[{k}][0]", layer[0], 2)
        bias = _checks.values_at(f"layers[{k}][1]", layer[1], len(weights))
        if weights.shape[1] * branches != below:
            raise ValueError(
                f"layers[{k}][0] has {weights.shape[1]} columns for {below} unit(s) below in "
                f"{branches} branch(es); it must have {below // branches}"
            )
        if len(weights) % branches:
            raise ValueError(
                f"layers[{k}][0] has {len(weights)} rows, which branches={branches} must divide"
            )
        checked.append((read_only(weights), read_only(bias)))
        below = len(weights)
    return tuple(checked), below


def refuse_odd(branches: int, **sizes: int | None) -> None:
    """Refuse sizes that two branches cannot share; None stands for a size without a say."""
    for name, size in sizes.items():
        if size is not None and size % branches:
            raise ValueError(
                f"{name}={size} must be even with zero_output=True, which halves the network; "
                f"use {size + 1}"
            )
