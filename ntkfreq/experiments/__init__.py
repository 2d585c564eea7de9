"""PyTorch models and their training that the experiments of several papers share."""

from ntkfreq.experiments.descent import Run, descend, largest_stable_step
from ntkfreq.experiments.models import mlp

__all__ = ["Run", "descend", "largest_stable_step", "mlp"]
