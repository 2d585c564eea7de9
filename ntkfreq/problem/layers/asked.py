"""Hidden layers from the arguments of the functions that take them."""

from __future__ import annotations

from dataclasses import replace

from ntkfreq._support import checks
from ntkfreq._support.types import Function
from ntkfreq.problem.layers.hidden import MOST_LAYERS, HiddenLayers
from ntkfreq.problem.layers.rates import LayerRates, PerLayer, standard_rates

_DEFAULTS = {"activation": "relu", "sigma_w": 1.0, "sigma_b": 0.0, "train_frequencies": True}


def layers_of(
    depth: int | HiddenLayers,
    activation: str | Function,
    sigma_w: PerLayer,
    sigma_b: PerLayer,
    sigma_a: float,
    train_frequencies: bool,
) -> HiddenLayers:
    """The layers of a number and the other arguments, or as they were given in its place.

    Examples
    --------
    >>> layers_of(HiddenLayers(2), "relu", 1.0, 0.0, 1.0, True).depth
    2
    """
    if not isinstance(depth, HiddenLayers):
        return HiddenLayers(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies)
    others = {"sigma_a": (sigma_a, (1.0, depth.sigma_a))} | {
        name: (value, (_DEFAULTS[name],))
        for name, value in _told(activation, sigma_w, sigma_b, train_frequencies).items()
    }
    for name, (value, allowed) in others.items():
        if not any(value is one or value == one for one in allowed):
            raise ValueError(
                f"{name}={checks.show(value)} beside depth=HiddenLayers(...), which says it; give "
                f"HiddenLayers({name}={checks.show(value)})"
            )
    return depth


def hidden_layers(
    depth: int | HiddenLayers,
    activation: str | Function,
    sigma_w: PerLayer,
    sigma_b: PerLayer,
    sigma_a: float,
    train_frequencies: bool,
) -> HiddenLayers | None:
    """The same for a solver, which has another way without hidden layers: None for none of them.

    Examples
    --------
    >>> hidden_layers(0, "relu", 1.0, 0.0, 1.0, True) is None
    True
    """
    arguments = activation, sigma_w, sigma_b, sigma_a, train_frequencies
    if isinstance(depth, HiddenLayers):
        found = layers_of(depth, *arguments)
        if found.depth == 0:
            raise ValueError(
                "depth=HiddenLayers(0) has no hidden layer; give depth=0, with sigma_a=0 for "
                "frozen frequencies"
            )
        return found
    if checks.integer("depth", depth, 0, MOST_LAYERS) > 0:
        return layers_of(depth, *arguments)
    for name, value in _told(activation, sigma_w, sigma_b, train_frequencies).items():
        if value is not _DEFAULTS[name] and value != _DEFAULTS[name]:
            remedy = "sigma_a=0" if name == "train_frequencies" else "depth, or leave it out"
            raise ValueError(
                f"{name}={checks.show(value)} without hidden layers, of which it speaks; give "
                f"{remedy}"
            )
    return None


def in_standard(layers: HiddenLayers, width: object, hidden: int | None = None) -> HiddenLayers:
    """The layers at the rates of a network without factors, as wide as `FourierFeatureMLP`.

    Examples
    --------
    >>> in_standard(HiddenLayers(1), 64).rates
    LayerRates(frequencies=1.0, weights=(64.0,), biases=1.0, readout=31.99..., output_bias=0.0)
    """
    if layers.rates != LayerRates():
        raise ValueError(
            "parametrization='standard' beside HiddenLayers(rates=...), which say how fast "
            "parameters learn; give one of them"
        )
    if width is None:
        raise TypeError(
            "width is missing: in the standard parametrization weights learn as fast as layers are "
            "wide; give width, the number of frequencies"
        )
    units = checks.integer("width", width, 1)
    gain = layers.dual.gain_square**0.5
    rates = standard_rates(units, units if hidden is None else hidden, layers.depth, gain)
    return replace(layers, rates=rates)


def _told(
    activation: str | Function, sigma_w: PerLayer, sigma_b: PerLayer, train_frequencies: bool
) -> dict[str, object]:
    return {
        "activation": activation,
        "sigma_w": sigma_w,
        "sigma_b": sigma_b,
        "train_frequencies": train_frequencies,
    }
