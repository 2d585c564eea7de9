"""Whether the arrays of a deep network fit onto each other."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, TypeVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray

# With more layers a step takes seconds, and gradients vanish.
MOST_LAYERS = 1000
Net = TypeVar("Net")


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


def with_parameters(net: Net, layers: Any = None, **arrays: FloatArray) -> Net:
    """A network with other parameters of the same shapes.

    They are not checked: what training makes of them may be smaller or larger than what a user may
    give, and a finished run is not thrown away for that.

    Examples
    --------
    >>> from ntkfreq.network import FourierFeatureNet
    >>> net = FourierFeatureNet([1.0], [2.0], [3.0])
    >>> with_parameters(net, a=np.array([1e-200])).a, net.a
    (array([1.e-200]), array([2.]))
    """
    changed = copy(net)
    for name, array in arrays.items():
        object.__setattr__(changed, name, read_only(array))
    if layers is not None:
        object.__setattr__(changed, "layers", layers)
    return changed


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
        raise TypeError(f"layers={checks.show(layers)} must be a list of (weights, biases)")
    checked, below = [], features
    for k, layer in enumerate(layers):
        if not isinstance(layer, tuple | list) or len(layer) != 2:
            raise TypeError(f"layers[{k}]={checks.show(layer)} must be a pair (weights, biases)")
        weights = checks.real_array(f"layers[{k}][0]", layer[0], 2)
        bias = checks.values_at(f"layers[{k}][1]", layer[1], len(weights))
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


def refuse_large(dim: int, width: int, depth: int, hidden: int) -> None:
    """Refuse sizes whose parameters do not fit into memory.

    Examples
    --------
    >>> refuse_large(1, 10**6, 2, 10**6)
    Traceback (most recent call last):
    ntkfreq...SizeError: width=1000000, depth=2 and hidden=1000000 make 3e+12 parameters: ...
    """
    inner = hidden * (2 * width + 1) + (depth - 1) * hidden * (hidden + 1) if depth else 0
    count = width * dim + inner + (hidden if depth else 2 * width)
    refuse_memory(
        f"width={width}, depth={depth} and hidden={hidden} make {count:.3g} parameters",
        24.0 * count,
        "use fewer units or layers",
    )


def refuse_odd(branches: int, **sizes: int | None) -> None:
    """Refuse sizes that two branches cannot share; None stands for a size that is not given."""
    for name, size in sizes.items():
        if size is not None and size % branches:
            raise ValueError(
                f"{name}={size} must be even with zero_output=True, which halves the network; "
                f"use {size + 1}"
            )
