"""Data, PyTorch models and their training that the experiments of several papers share."""

from ntkfreq.experiments.datasets import digits, split
from ntkfreq.experiments.descent import descend, largest_stable_step
from ntkfreq.experiments.fit import DivergenceError, Run, fit
from ntkfreq.experiments.models import mlp
from ntkfreq.experiments.periodic import harmonic_density, periodic_features
from ntkfreq.experiments.projection import projected_spectrum

__all__ = [
    "DivergenceError",
    "Run",
    "descend",
    "digits",
    "fit",
    "harmonic_density",
    "largest_stable_step",
    "mlp",
    "periodic_features",
    "projected_spectrum",
    "split",
]
