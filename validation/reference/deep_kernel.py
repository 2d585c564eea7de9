"""Tangent kernels of deep Fourier-feature networks, layer by layer and by plain quadrature.

Each layer asks for two means over normal pairs of given variance and covariance. Those of the
rectifier are integrals over the polar angle, in 30 digits, since its derivative has a kink where
the pair is equal; those of tanh and sine are sums over a square grid in the plane, which converge
geometrically. Nothing here imports the package that is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
from numpy.polynomial.hermite_e import hermegauss

# Means of products of the activation, and of its derivative, at one variance and covariances (n,).
Means = Callable[[Any, np.ndarray], tuple[np.ndarray, np.ndarray]]

DIGITS = 30
_REACH = 9.0


@dataclass(frozen=True)
class Network:
    """What the kernel depends on besides the density."""

    depth: int
    activation: str
    sigma_w: float = 1.0
    sigma_b: float = 0.0
    sigma_a: float = 1.0
    trained: bool = True


def kernel(network: Network, k: Any, u: Any, means: Means | None = None) -> np.ndarray:
    """Tangent kernel at values k (n,) of the first layer's and inner products u (n,) of points."""
    means = MEANS[network.activation] if means is None else means
    with mp.workdps(DIGITS):
        exact = means is relu_means
        number = np.vectorize(mp.mpf, otypes=[object]) if exact else np.asarray
        covariance = number(np.asarray(k, dtype=np.float64))
        weight, bias = (
            mp.mpf(s) ** 2 if exact else s**2 for s in (network.sigma_w, network.sigma_b)
        )
        one: Any = mp.mpf(1) if exact else 1.0
        gain = one / means(one, np.array([one]))[0][0]
        variance = one
        backward = number(u) * covariance if network.trained else 0 * covariance
        for _ in range(network.depth):
            values, slopes = means(
                weight * variance + bias,
                np.append(weight * covariance + bias, weight * variance + bias),
            )
            backward = gain * slopes[:-1] * (covariance + 1 + weight * backward)
            covariance, variance = gain * values[:-1], gain * values[-1]
        return np.asarray(covariance + network.sigma_a**2 * backward, dtype=np.float64)


def relu_means(p: Any, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of max(z, 0), over the angles of the plane at which both numbers are positive."""
    values, slopes = [], []
    for covariance in P:
        angle = mp.acos(max(min(covariance / p, mp.mpf(1)), mp.mpf(-1)))
        ends = [angle - mp.pi / 2, mp.pi / 2]

        def both(t: Any, angle: Any = angle) -> Any:
            return mp.cos(t) * mp.cos(t - angle)

        # The square of the distance from 0 has the mean 2 p.
        values.append(p / mp.pi * mp.quad(both, ends, method="gauss-legendre"))
        slopes.append((ends[1] - ends[0]) / (2 * mp.pi))
    return np.array(values, dtype=object), np.array(slopes, dtype=object)


def _on_a_grid(
    phi: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray], np.ndarray]
) -> Means:
    """Means by the trapezoid rule, whose step is short against the distance of the poles."""

    def means(p: Any, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step = 0.22 / max(1.0, float(p) ** 0.5)
        nodes = step * np.arange(-np.ceil(_REACH / step), np.ceil(_REACH / step) + 1)
        return weighted_means(phi, slope, p, P, nodes, np.exp(-(nodes**2) / 2))

    return means


def hermite_means(
    phi: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
    order: int,
) -> Means:
    """Means by a Gauss-Hermite rule in each direction."""
    nodes, weights = hermegauss(order)

    def means(p: Any, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return weighted_means(phi, slope, p, P, nodes, weights)

    return means


def weighted_means(
    phi: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
    p: float,
    P: np.ndarray,
    nodes: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Means of products of two functions by a rule for the normal weight in each direction."""
    weights = weights / weights.sum()
    values, slopes = np.empty(len(P)), np.empty(len(P))
    first = p**0.5 * nodes[:, None]
    for place, covariance in enumerate(P):
        r = min(max(covariance / p, -1.0), 1.0)
        second = p**0.5 * (r * nodes[:, None] + ((1 - r) * (1 + r)) ** 0.5 * nodes)
        values[place] = weights @ (phi(first) * phi(second)) @ weights
        slopes[place] = weights @ (slope(first) * slope(second)) @ weights
    return values, slopes


def tanh_slope(z: np.ndarray) -> np.ndarray:
    """Derivative of tanh."""
    return np.asarray(1 / np.cosh(z) ** 2)


MEANS: dict[str, Means] = {
    "relu": relu_means,
    "tanh": _on_a_grid(np.tanh, tanh_slope),
    "sine": _on_a_grid(np.sin, np.cos),
}
