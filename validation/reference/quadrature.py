"""Quadrature rules, polynomials on panels and Chebyshev points, for the references."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre


@lru_cache
def gauss(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre rule on [-1, 1]."""
    return legendre.leggauss(count)


@dataclass(frozen=True)
class Pieces:
    """Polynomials on panels between breaks, by their values at Gauss nodes."""

    breaks: np.ndarray
    count: int

    @property
    def nodes(self) -> np.ndarray:
        """Nodes of all panels (n,)."""
        half = np.diff(self.breaks)[:, None] / 2
        return np.asarray((self.breaks[:-1, None] + half + half * gauss(self.count)[0]).ravel())

    @property
    def weights(self) -> np.ndarray:
        """Quadrature weights at the nodes (n,)."""
        return np.asarray((np.diff(self.breaks)[:, None] / 2 * gauss(self.count)[1]).ravel())

    def at(self, x: np.ndarray) -> np.ndarray:
        """Matrix from values at the nodes to values at x, (len(x), n)."""
        panel = np.clip(np.searchsorted(self.breaks, x, side="right") - 1, 0, len(self.breaks) - 2)
        low, high = self.breaks[panel], self.breaks[panel + 1]
        unit, weight = gauss(self.count)
        order = np.arange(self.count)
        analysis = (order + 0.5)[:, None] * legendre.legvander(unit, self.count - 1).T * weight
        local = legendre.legvander((2 * x - low - high) / (high - low), self.count - 1) @ analysis
        matrix = np.zeros((len(x), len(self.breaks) - 1, self.count))
        matrix[np.arange(len(x)), panel] = local
        return matrix.reshape(len(x), -1)


@lru_cache
def radau(order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right Radau rule on (0, 1]: nodes, the last of them 1, weights, and Lagrange polynomials.

    The polynomials are columns of coefficients of Legendre polynomials in 2 x - 1.
    """
    series = legendre.Legendre.basis(order) + legendre.Legendre.basis(order - 1)
    nodes = np.sort((1 - np.sort(series.roots().real)) / 2)
    nodes[-1] = 1.0
    vander = legendre.legvander(2 * nodes - 1, order - 1)
    weights = np.linalg.solve(vander.T, np.eye(order)[0])
    return nodes, weights, np.linalg.inv(vander)


def panels(t: np.ndarray, shortest: float, growth: float, longest: float) -> np.ndarray:
    """Breaks from 0 through every time of t, growing geometrically up to a longest panel."""
    breaks = [0.0]
    for stop in t[t > 0]:
        while breaks[-1] < stop * (1 - 1e-14):
            length = min(longest, max(shortest, (growth - 1) * breaks[-1]))
            left = stop - breaks[-1]
            breaks.append(stop if left <= length * 1.001 else breaks[-1] + min(length, left / 2))
    return np.array(breaks)


def chebyshev(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chebyshev points of [low, high], barycentric weights, differentiation matrix."""
    angle = np.pi * np.arange(count) / (count - 1)
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    weight = (-1.0) ** np.arange(count)
    weight[[0, -1]] /= 2
    distance = x[:, None] - x + np.eye(count)
    matrix = weight / weight[:, None] / distance
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return x, weight, matrix


def interpolation(x: np.ndarray, weight: np.ndarray, x_new: np.ndarray) -> np.ndarray:
    """Barycentric interpolation matrix from Chebyshev points x to x_new."""
    distance = x_new[:, None] - x
    exact = np.abs(distance) < 1e-14 * np.abs(x).max()
    terms = weight / np.where(exact, 1.0, distance)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    rows = exact.any(axis=1)
    matrix[rows] = exact[rows]
    return np.asarray(matrix)
