"""The function to learn: known everywhere, known to vanish outside a region, radial, or sampled."""

from ntkfreq.problem.target.base import Target
from ntkfreq.problem.target.coerce import as_target
from ntkfreq.problem.target.functions import Everywhere, zero_outside

__all__ = ["Everywhere", "Target", "as_target", "zero_outside"]
