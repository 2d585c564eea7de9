r"""Box with frequencies that decay towards zero: projections of moving features on polynomials.

A feature :math:`\cos(w\cdot x)` of a shrinking frequency, against the polynomials of the box, is a
spherical Bessel function at the shrunken frequency :math:`e^{-\gamma_w t}w`. The features are
cosines and sines at the nodes of a quadrature over the density, compressed to those that
are linearly independent on the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import linalg

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.numerics.bessel import spherical_bessel
from ntkfreq.numerics.nystrom import pivoted_cholesky
from ntkfreq.pde.box.system import BoxSystem, multiplication
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.target import Everywhere

_RESIDUAL = 1e-15
_MOST_NODES = 20_000


@dataclass(frozen=True, eq=False)
class ContractingBox(BoxSystem):
    """Legendre coefficients of the error on a box under decay of the frequencies towards zero.

    Parameters
    ----------
    t_end : float
        Last time.
    outputs : ndarray, shape (n, 1), optional
        Where outputs will be asked for.
    """

    t_end: float = 0.0
    outputs: FloatArray | None = None
    blocks: tuple[Block, ...] = field(default=(), init=False)

    @cached_property
    def _reach(self) -> float:
        """Largest distance from 0 of data and outputs."""
        far = max(abs(self.box.lower[0]), abs(self.box.upper[0]))
        return far if self.outputs is None else max(far, float(np.abs(self.outputs).max()))

    @cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        """Frequencies and square roots of their weights."""
        density = self.equation.density
        tail = max(self.tolerance, 1e-15)
        while True:
            xi, weights = density.quadrature(2 * self._reach, density.radius(tail))
            if len(xi) <= _MOST_NODES or tail > 0.1:
                return xi, np.sqrt(weights)
            tail *= 10

    def _raw(self, t: float) -> FloatArray:
        """All features against modes + 1 polynomials at one time, shape (modes + 1, 2 q)."""
        xi, root = self._nodes
        shrunk = float(self.equation.decay.contraction(np.array(t))) * xi
        count = self.modes + 1
        order = np.arange(count)
        values = spherical_bessel(shrunk * self._half, count).T * np.sqrt(2 * order + 1)[:, None]
        values *= root
        # The transform of p_n is sqrt(2n+1) (-i)^n j_n e^{-i xi c}: (-i)^n is real for even n.
        sign = np.where(order % 4 < 2, 1.0, -1.0)[:, None]
        phase = shrunk * self._center
        even = (order % 2 == 0)[:, None]
        cosine = sign * values * np.where(even, np.cos(phase), -np.sin(phase))
        sine = sign * values * np.where(even, np.sin(phase), np.cos(phase))
        return np.concatenate([cosine, sine], axis=1)

    @cached_property
    def _basis(self) -> FloatArray:
        """Orthonormal combinations of features, independent on the moving box, (2 q, r)."""
        end = float(self.equation.decay.contraction(np.array(self.t_end)))
        xi, _ = self._nodes
        phase = float(self.equation.density.radius(1e-2)) * self._reach * (1 - end)
        count = int(np.clip(np.ceil(phase), 6, 24))
        rate = self.equation.decay.frequency
        times = -np.log(np.linspace(1.0, end, count)) / rate
        rows = [self._raw(float(t)) for t in times]
        if self.outputs is not None:
            some = self.outputs[:: max(1, len(self.outputs) // 200), 0]
            root = self._nodes[1]
            for shrink in (1.0, end):
                angle = np.outer(shrink * some, xi)
                rows.append(np.concatenate([np.cos(angle) * root, np.sin(angle) * root], axis=1))
        marks = np.concatenate(rows)
        found = pivoted_cholesky(
            np.sum(marks**2, axis=1), lambda i: marks @ marks[i], _RESIDUAL, 1200
        )
        chosen = marks[found.index].T
        return np.asarray(linalg.qr(chosen, mode="economic", check_finite=False)[0])

    def stationary_features(self, t: float) -> FloatArray:
        """Features of the stationary kernel against the polynomials, shape (modes, r)."""
        return np.asarray(self._raw(t)[: self.modes] @ self._basis)

    def features(self, t: float, x: FloatArray) -> FloatArray:
        """Features of the stationary kernel at points (n, 1), shape (n, r)."""
        xi, root = self._nodes
        angle = float(self.equation.decay.contraction(np.array(t))) * np.outer(x[:, 0], xi)
        wave = np.concatenate([np.cos(angle) * root, np.sin(angle) * root], axis=1)
        return np.asarray(wave @ self._basis)

    def weighted_jacobian(self, t: float) -> FloatArray:
        """Features against the polynomials at one time, shape (modes, Q)."""
        extended = self._raw(t) @ self._basis
        parts = [extended[: self.modes]]
        if self.equation.sigma_a > 0:
            size = self.equation.sigma_a * float(self.equation.decay.damping(np.array(t)))
            parts.append(size * (multiplication(self.modes, self._center, self._half) @ extended))
        return np.concatenate(parts, axis=1)

    @cached_property
    def rates(self) -> FloatArray:
        """Rates at which the coefficients of the features decay, shape (Q,)."""
        decay, count = self.equation.decay, self._basis.shape[1]
        first = np.full(count, decay.weight)
        if self.equation.sigma_a == 0:
            return first
        return np.concatenate([first, np.full(count, decay.frequency)])

    def _free_values(self, t: FloatArray) -> FloatArray:
        """Error at the quadrature nodes if nothing were learned, shape (T, n)."""
        x, _, goal = self._rule
        return np.asarray(self.equation.free_output(t, x[:, None]) - goal)

    def free(self, t: FloatArray) -> FloatArray:
        """Legendre coefficients if nothing were learned, at times (T,), shape (T, modes)."""
        if self.equation.initial_output is None:
            return np.broadcast_to(-self.goal, (len(t), self.modes))
        x, weights, _ = self._rule
        return np.asarray((self._free_values(t) * weights) @ self.polynomials(x))

    def gather(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Coefficients of all modes; there is one part."""
        return parts[0]

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        if self.equation.initial_output is None:
            return super().free_spectrum(t, frequencies)
        return np.stack([self._spectrum_at(float(time), frequencies[:, 0]) for time in t])

    def _spectrum_at(self, t: float, xi: FloatArray) -> ComplexArray:
        low, high = self.box.lower[0], self.box.upper[0]
        moment = np.array([t])
        left = Everywhere(
            lambda x: self.equation.free_output(moment, np.asarray(x).reshape(-1, 1))[0]
        )
        goal = self.equation.target.resolved_on(low, high).transform(xi)
        return (left.resolved_on(low, high).transform(xi) - goal) / self.box.volume

    def train_loss(self, evolution: Evolution) -> FloatArray:
        """Mean squared error over the box, shape (T,)."""
        _, weights, _ = self._rule
        whole = self._free_values(evolution.t) ** 2 @ weights
        represented = np.sum(self.free(evolution.t) ** 2, axis=1)
        return np.asarray(evolution.energy + np.maximum(whole - represented, 0.0))

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, 1) points, shape (T, n)."""
        decay, held = self.equation.decay, evolution.memory(0)[0]
        values = np.empty((len(held), len(x)))
        for t in np.unique(evolution.t):
            rows = evolution.t == t
            series = self.features(float(t), x)
            count = series.shape[1]
            values[rows] = -held[rows, :count] @ series.T
            if self.equation.sigma_a > 0:
                size = self.equation.sigma_a * float(decay.damping(np.array(t)))
                values[rows] -= held[rows, count:] @ (size * x * series).T
        return values
