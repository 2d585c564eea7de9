"""Densities of the initial frequencies of a network."""

from ntkfreq.density.adapters import as_density
from ntkfreq.density.base import Density
from ntkfreq.density.composite import Empirical, Mixture
from ntkfreq.density.families import Laplace, Normal, StudentT, Uniform

__all__ = [
    "Density",
    "Empirical",
    "Laplace",
    "Mixture",
    "Normal",
    "StudentT",
    "Uniform",
    "as_density",
]
