"""Box with hidden layers: the kernel F(k) + x.x' G(k) between polynomials, and its largest rate."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.rate import dominant_rate
from ntkfreq.ntk.gram import layered_gram, stationary_gram
from ntkfreq.pde.box.displaced import displaced_gram
from ntkfreq.problem.equation import FrequencyEquation


def layered_matrices(
    equation: FrequencyEquation, half: float, modes: int, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """Matrices of F(k) and G(k) over the first polynomials, shape (modes, modes) each.

    The atom of the density is part of F: a constant, which the first polynomial is.

    Examples
    --------
    >>> from ntkfreq import Box, Normal
    >>> from ntkfreq.problem.layers import HiddenLayers
    >>> problem = FrequencyEquation.create(
    ...     Normal(scale=1000.0), np.cos, measure=Box(-1, 1), layers=HiddenLayers(1, "tanh")
    ... )
    >>> first, second = layered_matrices(problem, 1.0, 2, 1e-10)
    >>> bool(abs(first[0, 0] - problem.layers.atom) < 0.01), bool(second.max() < 0.01)
    (True, True)
    """
    layers = equation.layers
    assert layers is not None
    what = f"rho_w={equation.density!r} with depth={layers.depth}"

    def matrix(part: int) -> FloatArray:
        def kernel(z: FloatArray) -> FloatArray:
            return layers.kernel_values(equation.density.kernel_values(z[:, None]))[part]

        return displaced_gram(kernel, half, modes, tolerance, what)

    first = matrix(0)
    return first, matrix(1) if layers.masses[1] > 0 else np.zeros_like(first)


def layered_between(
    equation: FrequencyEquation, x: FloatArray, x2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """F(k) and x.x' G(k) between points (n, d) and (n2, d), shape (n, n2) each."""
    layers = equation.layers
    assert layers is not None
    inner, outer = layers.kernel_values(stationary_gram(equation.density, x, x2))
    return inner, (x @ x2.T) * outer


def layered_rate(equation: FrequencyEquation, x: FloatArray, weights: FloatArray) -> float:
    """Largest rate on points (n, d) with weights (n,), to some per cent."""
    layers = equation.layers
    assert layers is not None
    root = np.sqrt(weights)
    return dominant_rate(layered_gram(equation.density, x, x, layers) * (root[:, None] * root))
