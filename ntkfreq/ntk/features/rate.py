"""The fastest rate of the flow on points, of many of them by a few waves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.ntk.features.select import wave_nodes
from ntkfreq.ntk.features.solve import products_of
from ntkfreq.ntk.gram import limit_gram
from ntkfreq.numerics.lanczos import LanczosProcess
from ntkfreq.problem.density import Density

# Up to so many points their matrix is formed; of more, waves of a kernel with this error serve.
_FEW, _ROUGH, _MOST_WAVES = 2000, 1e-2, 1e6
# Turns of the Lanczos process.
_TURNS = 25


def largest_rate(density: Density, x: FloatArray, weights: FloatArray, sigma_a: float) -> float:
    """Largest eigenvalue of the weighted Gram matrix of points (n, d), to some per cent.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 4000)[:, None]
    >>> weights = np.full(4000, 1 / 4000)
    >>> few = largest_rate(Normal(scale=20.0), x[::4], 4 * weights[::4], 0.5)
    >>> many = largest_rate(Normal(scale=20.0), x, weights, 0.5)
    >>> bool(abs(many / few - 1) < 0.05), 0.06 < few < 0.08
    (True, True)
    """
    if len(x) > _FEW:
        nodes = wave_nodes(density, np.ptp(x, axis=0), _ROUGH, _MOST_WAVES, _MOST_WAVES)
        if nodes is not None:
            basis = WaveBasis(nodes, x, weights, sigma_a)
            if basis.size <= _FEW:
                return _by_products(_product(basis.gram), basis.size)
            if nodes.index is not None:
                return _by_products(products_of(basis), basis.size)
        some = np.random.default_rng(0).permutation(len(x))[:_FEW]
        x, weights = x[some], weights[some] / weights[some].sum()
    root = np.sqrt(weights)
    operator = limit_gram(density, x, x, sigma_a) * (root[:, None] * root)
    return dominant_rate(operator)


def dominant_rate(operator: FloatArray) -> float:
    """Largest eigenvalue of a symmetric matrix (n, n), to some per cent.

    Examples
    --------
    >>> round(dominant_rate(np.diag([1.0, 2.0, 5.0])), 6)
    5.0
    """
    return _by_products(_product(operator), len(operator))


def _by_products(action: Callable[[FloatArray], FloatArray], size: int) -> float:
    start = np.random.default_rng(1).standard_normal(size)
    process = LanczosProcess(action, start)
    process.extend(_TURNS)
    return float(process.ritz()[0][-1])


def _product(operator: FloatArray) -> Callable[[FloatArray], FloatArray]:
    return lambda v: operator @ v
