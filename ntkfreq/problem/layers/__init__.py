"""Hidden layers behind Fourier features: their kernel as a function of that of the features."""

from ntkfreq.problem.layers.hidden import HiddenLayers

__all__ = ["HiddenLayers"]
