"""Densities of the initial frequencies of a network."""

from ntkfreq.density.adapters import as_density
from ntkfreq.density.base import Density
from ntkfreq.density.composite import Empirical, Mixture
from ntkfreq.density.laplace import Laplace
from ntkfreq.density.normal import Normal
from ntkfreq.density.student_t import StudentT
from ntkfreq.density.uniform import Uniform

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
