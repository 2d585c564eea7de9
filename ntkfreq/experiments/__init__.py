"""Data, PyTorch models and their training that the experiments of several papers share."""

from ntkfreq.experiments.datasets import digits, split
from ntkfreq.experiments.descent import Run, descend, largest_stable_step
from ntkfreq.experiments.models import mlp
from ntkfreq.experiments.periodic import harmonic_density, periodic_features

__all__ = [
    "Run",
    "descend",
    "digits",
    "harmonic_density",
    "largest_stable_step",
    "mlp",
    "periodic_features",
    "split",
]
