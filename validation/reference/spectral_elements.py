"""Continuous polynomials on elements in frequency, for the references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre


@lru_cache
def lobatto(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights and differentiation matrix on [-1, 1]."""
    inner = legendre.Legendre.basis(degree).deriv()
    x = np.sort(inner.roots().real)
    x -= inner(x) / inner.deriv()(x)
    x = np.concatenate([[-1.0], x, [1.0]])
    vander = legendre.legvander(x, degree)
    slopes = np.stack([legendre.legval(x, legendre.legder(row)) for row in np.eye(degree + 1)], 1)
    weights = 2 / (degree * (degree + 1) * vander[:, -1] ** 2)
    return x, weights, np.linalg.solve(vander.T, slopes.T).T


@dataclass(frozen=True)
class Elements:
    """Continuous polynomials on elements; each row of `spans` holds the breaks of an interval."""

    spans: tuple[np.ndarray, ...]
    degree: int

    @property
    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of all elements."""
        return (
            np.concatenate([span[:-1] for span in self.spans]),
            np.concatenate([span[1:] for span in self.spans]),
        )

    @property
    def numbers(self) -> np.ndarray:
        """Unknown at each node of each element, (elements, degree + 1)."""
        first, rows = 0, []
        for span in self.spans:
            start = first + self.degree * np.arange(len(span) - 1)
            rows.append(start[:, None] + np.arange(self.degree + 1))
            first = int(rows[-1][-1, -1]) + 1
        return np.concatenate(rows)

    @property
    def local_nodes(self) -> np.ndarray:
        """Nodes of each element, (elements, degree + 1)."""
        low, high = self.cells
        unit = lobatto(self.degree)[0]
        return np.asarray((low[:, None] + high[:, None] + (high - low)[:, None] * unit) / 2)

    @property
    def local_weights(self) -> np.ndarray:
        """Quadrature weights at these nodes for the integral over the half-line over pi."""
        low, high = self.cells
        return np.asarray((high - low)[:, None] / (2 * np.pi) * lobatto(self.degree)[1])

    @property
    def weights(self) -> np.ndarray:
        """Weight of each unknown."""
        return np.bincount(self.numbers.ravel(), self.local_weights.ravel())

    def at(self, xi: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Functions with nodal values (T, n) and their slopes at xi (m,); zero off the elements."""
        low, high = self.cells
        cell = np.clip(np.searchsorted(low, xi, side="right") - 1, 0, len(low) - 1)
        inside = (xi >= low[cell]) & (xi <= high[cell])
        cell, place = cell[inside], xi[inside]
        size = (high - low)[cell]
        local = values[:, self.numbers[cell]]
        vander = np.linalg.inv(legendre.legvander(lobatto(self.degree)[0], self.degree))
        u = (2 * place - low[cell] - high[cell]) / size
        found = np.zeros((2, len(values), len(xi)), dtype=values.dtype)
        shapes = legendre.legvander(u, self.degree) @ vander
        found[0][:, inside] = np.einsum("tmk,mk->tm", local, shapes)
        slopes = legendre.legval(u, legendre.legder(vander, axis=0)).T * (2 / size)[:, None]
        found[1][:, inside] = np.einsum("tmk,mk->tm", local, slopes)
        return found[0], found[1]

    def root_operator(self, rho: Callable[[np.ndarray], np.ndarray], sigma_a: float) -> np.ndarray:
        """Moving part of B, acting on nodal values times the square roots of their weights."""
        low, high = self.cells
        inner = self.local_nodes
        # Densities may jump at the ends of elements: theirs is the value inside.
        inner = np.clip(
            inner, (low + 1e-13 * (high - low))[:, None], (high - 1e-13 * (high - low))[:, None]
        )
        size = sigma_a * np.sqrt(2 * np.pi * rho(inner) * self.local_weights)
        slope = size[:, :, None] * lobatto(self.degree)[2] * (2 / (high - low))[:, None, None]
        slope /= np.sqrt(self.weights)[self.numbers][:, None, :]
        matrix = np.zeros((len(low), self.degree + 1, int(self.numbers.max()) + 1))
        index = np.broadcast_to(self.numbers[:, None, :], slope.shape)
        np.put_along_axis(matrix, index, slope, axis=2)
        return matrix.reshape(-1, matrix.shape[2])

    def damping(self, rho: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Mean 2 pi rho about each node: half from either element at a jump."""
        low, high = self.cells
        tiny = 1e-13 * (high - low)
        inner = np.clip(self.local_nodes, (low + tiny)[:, None], (high - tiny)[:, None])
        mass = 2 * np.pi * rho(inner) * self.local_weights
        return np.asarray(np.bincount(self.numbers.ravel(), mass.ravel()) / self.weights)
