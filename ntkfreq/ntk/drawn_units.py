"""Networks drawn from what a limit assumes, as far as their kernel asks for them."""

from __future__ import annotations

import numpy as np

from ntkfreq.ntk.layered_net import LayeredUnits
from ntkfreq.problem.density import Density
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.units import unit_of


def drawn_units(
    density: Density,
    layers: HiddenLayers | None,
    sigma_a: float,
    sizes: tuple[int, int],
    rng: np.random.Generator,
) -> LayeredUnits:
    """One network.

    Parameters
    ----------
    density : Density
        Of the frequencies.
    layers : HiddenLayers or None
        Hidden layers; None for none.
    sigma_a : float
        Standard deviation of the output weights.
    sizes : (int, int)
        Frequencies, and units of each hidden layer.
    rng : numpy Generator

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> rng = np.random.default_rng(0)
    >>> drawn_units(Normal(scale=3.0), HiddenLayers(2), 1.0, (8, 4), rng).readout.shape
    (4,)
    """
    width, hidden = sizes
    w = np.asarray(density.sample(width, rng), dtype=np.float64).reshape(width, -1)
    below, made = 2 * width, []
    for sigma_w, sigma_b in () if layers is None else layers.scales:
        weights = sigma_w * rng.standard_normal((hidden, below))
        made.append((weights, sigma_b * rng.standard_normal(hidden)))
        below = hidden
    # Without hidden layers no activation is asked for.
    unit = unit_of("relu" if layers is None else str(layers.activation))
    return LayeredUnits(w, made, sigma_a * rng.standard_normal(below), unit)
