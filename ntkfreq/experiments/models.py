"""Plain networks as practitioners start them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory

_MOST_WIDTHS = 1001
_INITS = ("he", "xavier", "pytorch")
_LAYERS = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "tanh": "Tanh",
    "hardtanh": "Hardtanh",
    "sigmoid": "Sigmoid",
    "gelu": "GELU",
}


def mlp(
    widths: Any,
    *,
    activation: str = "relu",
    init: str = "pytorch",
    bias_std: float | None = None,
    rng: int | np.random.Generator | None = None,
) -> Any:
    r"""Multilayer perceptron in double precision, started by one of three common rules.

    ===========  ==================================================  ==============================
    `init`       weights of a layer of `n` inputs and `m` outputs     biases
    ===========  ==================================================  ==============================
    ``he``       :math:`N(0, 2/n)`                                    0
    ``xavier``   uniform within :math:`g \sqrt{6/(n+m)}`              0
    ``pytorch``  uniform within :math:`1/\sqrt n`                     uniform within
                                                                      :math:`1/\sqrt n`
    ===========  ==================================================  ==============================

    Every layer is started alike, the first and the last too. The gain g is that of
    ``torch.nn.init.calculate_gain``, 1 for an activation that it does not have.

    Parameters
    ----------
    widths : sequence of int
        Dimension of the input, of each hidden layer, and of the output.
    activation : {"relu", "leaky_relu", "tanh", "hardtanh", "sigmoid", "gelu"}
        Between the layers.
    init : {"he", "xavier", "pytorch"}
        How weights and biases start; the last is what ``torch.nn.Linear`` does by itself.
    bias_std : float, optional
        Draw the biases from a normal distribution of this standard deviation instead.
    rng : None, int or numpy Generator
        Source of randomness, an int is a seed; PyTorch's global one is left alone.

    Returns
    -------
    torch.nn.Sequential
        From points (n, d) to (n, output).

    Raises
    ------
    TypeError, ValueError
        On widths that are not two or more positive integers, an unknown name, a negative
        `bias_std`, or a bad seed.

    References
    ----------
    Glorot and Bengio (2010); He et al. (2015).

    Examples
    --------
    >>> net = mlp([1, 64, 64, 1], activation="tanh", init="xavier", rng=0)
    >>> len(net), sum(p.numel() for p in net.parameters())
    (5, 4353)
    """
    import torch

    sizes = _widths(widths)
    checks.choice("activation", activation, _LAYERS)
    checks.choice("init", init, _INITS)
    if bias_std is not None:
        bias_std = checks.non_negative("bias_std", bias_std)
    seed = int(checks.generator("rng", rng).integers(2**63))
    generator = torch.Generator().manual_seed(seed)
    parts: list[Any] = []
    for fan_in, fan_out in pairwise(sizes):
        # A layer's own start would draw from the global generator.
        layer = torch.nn.utils.skip_init(torch.nn.Linear, fan_in, fan_out, dtype=torch.float64)
        _start(layer, activation, init, generator)
        if bias_std is not None:
            torch.nn.init.normal_(layer.bias, std=bias_std, generator=generator)
        parts += [layer, getattr(torch.nn, _LAYERS[activation])()]
    return torch.nn.Sequential(*parts[:-1])


def _widths(widths: Any) -> list[int]:
    if not isinstance(widths, list | tuple | np.ndarray):
        raise TypeError(f"widths={checks.show(widths)} must be a sequence of integers")
    if len(widths) < 2:
        raise ValueError(
            f"widths={checks.show(widths)} must name at least the dimensions of input and output"
        )
    if len(widths) > _MOST_WIDTHS:
        raise ValueError(
            f"widths names {len(widths)} layers; use at most {_MOST_WIDTHS}, beyond which a step "
            "takes seconds"
        )
    sizes = [checks.integer(f"widths[{k}]", width, 1) for k, width in enumerate(widths)]
    count = float(sum(below * (above + 1) for above, below in pairwise(sizes)))
    refuse_memory(
        f"widths={checks.show(widths)} make {count:.3g} parameters",
        16.0 * count,
        "use fewer units or layers",
    )
    return sizes


def _start(layer: Any, activation: str, init: str, generator: Any) -> None:
    from torch.nn import init as start

    if init == "pytorch":
        bound = 1 / math.sqrt(layer.in_features)
        start.uniform_(layer.weight, -bound, bound, generator=generator)
        start.uniform_(layer.bias, -bound, bound, generator=generator)
        return
    if init == "he":
        start.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    else:
        gain = _gain(start.calculate_gain, activation)
        start.xavier_uniform_(layer.weight, gain=gain, generator=generator)
    start.zeros_(layer.bias)


def _gain(calculate: Callable[[str], float], activation: str) -> float:
    try:
        return float(calculate(activation))
    except ValueError:
        return 1.0
