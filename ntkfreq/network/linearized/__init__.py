"""Training of a network's linearization about its start."""

from ntkfreq.network.linearized.result import LinearizedRun
from ntkfreq.network.linearized.run import train_linearized

__all__ = ["LinearizedRun", "train_linearized"]
