"""Densities of the initial frequencies of a network."""

from ntkfreq.problem.density.adapters import as_density
from ntkfreq.problem.density.base import Density
from ntkfreq.problem.density.composite import Empirical, Mixture
from ntkfreq.problem.density.encoding import positional_encoding
from ntkfreq.problem.density.laplace import Laplace
from ntkfreq.problem.density.normal import Normal
from ntkfreq.problem.density.product import Product
from ntkfreq.problem.density.student_t import StudentT
from ntkfreq.problem.density.uniform import Uniform

__all__ = [
    "Density",
    "Empirical",
    "Laplace",
    "Mixture",
    "Normal",
    "Product",
    "StudentT",
    "Uniform",
    "as_density",
    "positional_encoding",
]
