"""References in time: outputs that remember the error, linear and exact to rounding.

The output with decay is ``f = free - A_1 P_1 - A_2 P_2`` with the two parts A_k of the kernel and
the fading memories ``P_k(t) = int_0^t exp(-g_k (t - s)) w_k(s) e(s) ds`` of the error e. Without
decay all is in the eigenvectors of A_1 + A_2; with it the memories are integrated by Radau
collocation in these eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from scipy import linalg

from validation.reference.formulas import Problem
from validation.reference.quadrature import gauss, panels, radau

Time = Callable[[float], np.ndarray]


@dataclass(frozen=True)
class Modes:
    """Orthonormal modes of A_1 + A_2 (columns) with their rates, and A_1 between them."""

    rates: np.ndarray
    vectors: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray) -> Modes:
        """Modes of two symmetric matrices."""
        rates, vectors = linalg.eigh(first + second)
        return cls(np.maximum(rates, 0.0), vectors, vectors.T @ first @ vectors)


@dataclass(frozen=True)
class Law:
    """Rates g_1, g_2 at which the memories fade, and weights w_1, w_2 with which they are fed."""

    fading: tuple[float, float]
    feeding: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    longest: float

    @classmethod
    def of(cls, problem: Problem) -> Law:
        """Law of a problem in x without contraction, or of one on Line and Grid in frequency."""
        g_a, g_w = problem.gamma_a, problem.gamma_w
        grow = g_w if problem.contracts else 0.0
        second = g_a + (0.0 if problem.contracts else g_w)

        def feeding(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.exp(grow * t), np.exp((3 * grow - 2 * g_a) * t)

        # A spectrum on Line that contracts turns its phase: about 100 radians an e-fold.
        return cls((g_a, second), feeding, 0.15 / max(g_a, g_w * (4.0 if grow else 1.0), 1e-300))


def clock_settings(level: int) -> tuple[int, float, float]:
    """Order, growth and first panel (of the first time) of the integration in time."""
    return ((8, 1.8, 0.06), (10, 1.5, 0.02))[level]


def plain(modes: Modes, start: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of the output and memory of the error without decay, (T, m) each, in modes."""
    angle = np.multiply.outer(t, modes.rates)
    deficit = -np.expm1(-angle)
    at_rest = angle < 1e-290
    memory = np.where(at_rest, t[:, None], deficit / np.where(at_rest, 1.0, modes.rates))
    return -deficit * start, memory * start


def remembered(
    modes: Modes, law: Law, free: Time, t: np.ndarray, order: int, growth: float, first: float
) -> tuple[np.ndarray, np.ndarray]:
    """Change of the output and second memory under decay, (T, m) each, in modes.

    `free(s)` is the error in modes if nothing were learned, (m,).
    """
    stages = _Stages(modes, law, order)
    memories = np.zeros((2, len(modes.rates)))
    found = {0.0: memories}
    for low, high in pairwise(panels(t, first * t[t > 0][0], growth, law.longest)):
        memories = stages.advance(memories, free, low, high - low)
        found[high] = memories
    first_memory, second = np.moveaxis(np.array([found[time] for time in t]), 1, 0)
    return -stages.apply(first_memory, second), second


class _Stages:
    """Radau collocation of the memory equations, one panel of time after the other."""

    def __init__(self, modes: Modes, law: Law, order: int) -> None:
        self.modes, self.law, self.order = modes, law, order
        self.nodes, _, self.lagrange = radau(order)
        unit, weight = gauss(order + 6)
        # Quadrature points and Lagrange polynomials between 0 and each node.
        self.inner = self.nodes[:, None] * (unit + 1) / 2
        self.weight = self.nodes[:, None] * weight / 2
        self.basis = legendre.legvander(2 * self.inner - 1, order - 1) @ self.lagrange
        self.integral = np.einsum("il,ilq->iq", self.weight, self.basis)
        self.mixture: tuple[float, np.ndarray, np.ndarray] | None = None

    def apply(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """A_1 P_1 + A_2 P_2 for rows of memories; the large rates meet the second one only."""
        return np.asarray(second * self.modes.rates + (first - second) @ self.modes.first)

    def _frozen(self, ratio: float) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of A_1 + ratio A_2, or of about that."""
        if self.mixture is None or abs(self.mixture[0] / ratio - 1) > 0.03:
            first = self.modes.first
            values, vectors = linalg.eigh(first + ratio * (np.diag(self.modes.rates) - first))
            self.mixture = (ratio, values, vectors)
        return self.mixture[1:]

    def advance(self, memories: np.ndarray, free: Time, low: float, length: float) -> np.ndarray:
        """Memories at the end of a panel."""
        times = low + length * self.inner
        gap = length * (self.nodes[:, None] - self.inner)
        feeding = self.law.feeding(times)
        matrices = [
            length * np.einsum("il,ilq->iq", self.weight * np.exp(-rate * gap) * feed, self.basis)
            for rate, feed in zip(self.law.fading, feeding, strict=True)
        ]
        held = [
            np.exp(-rate * length * self.nodes)[:, None] * memory
            for rate, memory in zip(self.law.fading, memories, strict=True)
        ]
        right = np.stack([free(low + length * node) for node in self.nodes]) - self.apply(*held)
        weights = self.law.feeding(np.array([low + 0.5 * length]))
        values, vectors = self._frozen(float(weights[1][0] / weights[0][0]))
        scale = length * float(weights[0][0])
        inverse = np.linalg.inv(np.eye(self.order) + scale * values[:, None, None] * self.integral)
        error, target, last = np.zeros_like(right), np.abs(right).max(), np.inf
        for _ in range(200):
            left = right - error - self.apply(matrices[0] @ error, matrices[1] @ error)
            size = np.abs(left).max()
            if size <= 1e-15 * target or (size <= 1e-11 * target and size > 0.5 * last):
                break
            step = np.einsum("mij,jm->im", inverse, left @ vectors)
            error, last = error + step @ vectors.T, size
        else:
            raise RuntimeError(f"stages do not converge: {size:g} of {target:g}")
        return np.stack([held[k][-1] + (matrices[k] @ error)[-1] for k in (0, 1)])
