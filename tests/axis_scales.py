"""Densities with a scale for each axis and products, and their kernels by hand."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ntkfreq import Laplace, Mixture, Normal, Product, StudentT, Uniform, as_density

SCALES = np.array([6.0, 1.5])
CENTER = np.array([3.0, -1.0])


def normal(z, scales=SCALES):
    return np.exp(-0.5 * np.sum((z * scales) ** 2, axis=-1))


def laplace(z):
    return np.prod(1 / (1 + (SCALES * z) ** 2), axis=-1)


def uniform(z):
    return np.prod(np.sinc(SCALES * z / np.pi), axis=-1)


def matern(u):
    """Of StudentT with 3 degrees of freedom, at distances in units of one over its scale."""
    return (1 + np.sqrt(3) * u) * np.exp(-np.sqrt(3) * u)


def student(z):
    return matern(np.linalg.norm(SCALES * z, axis=-1))


def of_two(z):
    """A normal density along the first axis, a heavy tail along the second."""
    return np.exp(-0.5 * (6.0 * z[..., 0]) ** 2) * matern(1.5 * np.abs(z[..., 1]))


def uneven(z):
    """Normal about 3, and exponential: the real part of a product of complex functions."""
    first = np.exp(3j * z[..., 0] - 0.5 * (4.0 * z[..., 0]) ** 2)
    return (first / (1 - 2j * z[..., 1])).real


def turned(kernel):
    return lambda z: np.cos(z @ CENTER) * kernel(z)


def two_widths(z):
    return 0.25 * normal(z) + 0.75 * normal(z, np.array([1.0, 3.0]))


# Density and its kernel at displacements (..., 2).
CASES = {
    "normal": (Normal(scale=SCALES), normal),
    "normal off 0": (Normal(loc=CENTER, scale=SCALES), turned(normal)),
    "laplace": (Laplace(scale=SCALES), laplace),
    "uniform off 0": (Uniform(loc=CENTER, scale=SCALES), turned(uniform)),
    "student": (StudentT(3.0, scale=SCALES), student),
    "mixture": (
        Mixture([Normal(scale=SCALES), Normal(scale=(1.0, 3.0))], [0.25, 0.75]), two_widths,
    ),
    "product": (Product([Normal(scale=6.0), StudentT(3.0, scale=1.5)]), of_two),
    "uneven product": (
        Product([Normal(loc=3.0, scale=4.0), as_density(stats.expon(scale=2.0))]), uneven,
    ),
}  # fmt: skip
