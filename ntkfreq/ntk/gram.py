r"""The limiting neural tangent kernel of a random-Fourier-feature network, shallow or deep."""

from __future__ import annotations

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.guard import guarded
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray, Function, PointsLike
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.given import DensityLike
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.asked import layers_of
from ntkfreq.problem.layers.compound import equal_points
from ntkfreq.problem.layers.rates import PerLayer
from ntkfreq.spectra.phases import middle_of
from ntkfreq.spectra.waves import cos_sin_matrices

_CHUNK, _DEEP_CHUNK = 4_000_000, 500_000


@guarded
def ntk_gram(
    rho_w: DensityLike,
    x: PointsLike,
    x2: PointsLike | None = None,
    *,
    sigma_a: float = 1.0,
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    train_frequencies: bool = True,
) -> FloatArray:
    r"""Gram matrix of the limiting NTK, :math:`K(x,x') = (1+\sigma_a^2\,x\cdot x')\,k(x-x')`.

    k is the characteristic function of the density: a closed form for the named
    families and their mixtures, a quadrature of the pdf (or the sum over atoms) otherwise. With
    hidden layers behind the features, as in :class:`~ntkfreq.FourierFeatureMLP`, it is

    .. math:: K(x, x') = F(k(x - x')) + x \cdot x'\, G(k(x - x')),

    with functions F and G of the layers (:func:`~ntkfreq.deep_density` has their formulas).

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies.
    x : array_like, shape (n,) or (n, d)
        Points.
    x2 : array_like, shape (n2,) or (n2, d), optional
        Other points; default `x`.
    sigma_a : float, default 1
        Standard deviation of the output weights; 0 gives k alone (frozen frequencies), and with
        hidden layers what the output weights alone learn.
    depth : int or HiddenLayers, default 0
        Number L of hidden layers after the features.
    activation : {"relu", "tanh", "sine"} or callable
        Their non-linearity, normalized; a function of an array of numbers is integrated
        numerically.
    sigma_w, sigma_b : float, or sequence of float
        Standard deviations of the hidden weights and of the biases.
    train_frequencies : bool, default True
        False for frozen frequencies: G = 0.

    Returns
    -------
    ndarray, shape (n, n2)
        The Gram matrix, without any 1/n.

    Raises
    ------
    ValueError, TypeError
        On points of another dimension than the density's, NaN, a negative scale or depth, or an
        activation that is none.

    References
    ----------
    Jacot, Gabriel, Hongler, arXiv 1806.07572; for these networks arXiv 2405.14957.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> ntk_gram(Normal(scale=1.0), [0.0, 1.0], sigma_a=0.5)
    array([[1.     , 0.60653],
           [0.60653, 1.25   ]])
    >>> ntk_gram(Normal(scale=1.0), [0.0, 1.0], depth=2)
    array([[5.     , 2.81973],
           [2.81973, 6.     ]])
    """
    density = as_density(rho_w)
    axis = Axis.of("x", x)
    points = checks.points("x", x, density.dim, axis)
    others = points if x2 is None else checks.points("x2", x2, density.dim, axis)
    layers = layers_of(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies)
    refuse_matrix(len(points), len(others), layers)
    return layered_gram(density, points, others, layers)


def refuse_matrix(rows: int, columns: int, layers: HiddenLayers) -> None:
    """Refuse a matrix of kernel values that does not fit into memory."""
    given = f"sigma_a={layers.sigma_a:g}" + (f", depth={layers.depth}" if layers.depth else "")
    refuse_memory(
        f"x and x2 have {rows} and {columns} points, and the matrix as many rows and columns",
        8.5 * float(rows) * float(columns),
        f"ntk_operator(rho_w, x, {given}) has its products without the matrix, or give "
        "fewer points",
    )


def layered_gram(
    density: Density, x: FloatArray, x2: FloatArray, layers: HiddenLayers
) -> FloatArray:
    """As :func:`ntk_gram` for points (n, d), without checks."""
    if layers.depth == 0:
        return limit_gram(density, x, x2, layers.moving)
    gram = stationary_gram(density, x, x2)
    step = max(1, _DEEP_CHUNK // len(x2))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        # Sums of waves leave 1 by rounding, which a kink of F and G there would amplify.
        gram[rows][equal_points(x[rows], x2)] = 1.0
        F, G = layers.kernel_values(gram[rows])
        gram[rows] = F
        if layers.moving > 0:
            gram[rows] += (x[rows] @ x2.T) * G
    return gram


def readout_gram(
    density: Density, x: FloatArray, x2: FloatArray, layers: HiddenLayers
) -> FloatArray:
    """The part of it that is due to the output weights: the covariance of the last units."""
    gram = stationary_gram(density, x, x2)
    step = max(1, _DEEP_CHUNK // len(x2))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        gram[rows][equal_points(x[rows], x2)] = 1.0
        gram[rows] = layers.readout_values(gram[rows])
    return gram


def limit_gram(density: Density, x: FloatArray, x2: FloatArray, sigma_a: float) -> FloatArray:
    """The same without hidden layers."""
    gram = stationary_gram(density, x, x2)
    if sigma_a > 0:
        step = max(1, _CHUNK // len(x2))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            gram[rows] *= 1 + sigma_a**2 * (x[rows] @ x2.T)
    return gram


def stationary_gram(density: Density, x: FloatArray, x2: FloatArray) -> FloatArray:
    """Gram matrix of the stationary factor k(x - x'), shape (n, n2)."""
    gram = np.zeros((len(x), len(x2)))
    if len(density.parts) > 1:
        for share, part in density.parts:
            single = stationary_gram(part, x, x2)
            single *= share
            gram += single
        return gram
    if density.closed_form_kernel:
        step = max(1, _CHUNK // (len(x2) * x.shape[1]))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            gram[rows] = density.kernel_between(x[rows], x2)
        return gram
    # The kernel depends on differences only, and about their middle points have the least phases.
    middle = middle_of(np.concatenate([x, x2]), 2.0)
    x, x2 = x - middle, x2 - middle
    # cos(w.(x - x')) = cos cos + sin sin: a matrix product instead of n * n2 * q cosines.
    both = np.concatenate([x, x2])
    extent = float(np.ptp(both, axis=0).max()) + 2 * float(np.abs(both).max())
    nodes, weights = density.features(extent)
    step = max(1, _CHUNK // (len(x) + len(x2)))
    for start in range(0, len(nodes), step):
        block, shares = nodes[start : start + step], weights[start : start + step]
        (c, s), (c2, s2) = cos_sin_matrices(x, block), cos_sin_matrices(x2, block)
        gram += (c * shares) @ c2.T + (s * shares) @ s2.T
    return gram
