r"""Matrices on tensor grids: never formed, applied by one-dimensional factors.

With basis values :math:`\phi_i(\xi_q)` along each axis and the density times quadrature weights
:math:`R_{qr}`, the stationary matrix is
:math:`A_{(ik)(jl)} = \sum_{qr}\phi_i\phi_j(\xi_q)\,R_{qr}\,\phi_k\phi_l(\xi_r)`, whatever the
density; the moving one has slopes along one axis. Applied to a vector this is a few products with
sparse factors; restricted to an element it is a product of small dense matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import linalg as sparse_linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.elements.condensed import Condensation, CondensedSolver
from ntkfreq.pde.time.system import Block


@dataclass(frozen=True, eq=False)
class Factors:
    """Values and slopes of the basis of one axis at its quadrature points, and transposes."""

    values: Any
    slopes: Any
    back: Any
    steep_back: Any

    @classmethod
    def of(cls, axis: ElementAxis, keep: IntArray) -> Factors:
        """Factors of the unknowns kept."""
        values, slopes = (matrix[:, keep] for matrix in axis.evaluation)
        return cls(values, slopes, values.T.tocsr(), slopes.T.tocsr())

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return int(self.back.shape[0])

    def along(self, table: FloatArray) -> FloatArray:
        """Values along the second axis of a table (m, n) of unknowns, shape (m, Q)."""
        return np.asarray((self.values @ table.T).T)


@dataclass(frozen=True, eq=False)
class TensorForms(Portable):
    """Bilinear forms on the tensor product of two axes.

    Parameters
    ----------
    axes : (ElementAxis, ElementAxis)
        Elements along each coordinate.
    density : ndarray, shape (Q1, Q2)
        Damping rate at the quadrature points, all constants included.
    variance : float
        Ratio of diffusion to damping, sigma_a^2.
    scale : float
        Factor of the mass matrix and of the density.
    """

    axes: tuple[ElementAxis, ElementAxis]
    density: FloatArray
    variance: float
    scale: float

    @cached_property
    def weights(self) -> FloatArray:
        """Quadrature weights times the scale, shape (Q1, Q2)."""
        first, second = (axis.rule[1].ravel() for axis in self.axes)
        return self.scale * np.multiply.outer(first, second)

    @cached_property
    def _damping(self) -> FloatArray:
        return self.weights * self.density

    def masses(self, keep: tuple[IntArray, IntArray]) -> tuple[Any, Any]:
        """Mass matrix of each axis, the scale in the first."""
        first, second = (
            axis.mass[kept][:, kept] for axis, kept in zip(self.axes, keep, strict=True)
        )
        return (self.scale * first).tocsr(), second.tocsr()

    def apply(self, first: Factors, second: Factors, u: FloatArray, names: str) -> FloatArray:
        """A_1 ("s" in `names`) and A_2 ("m") applied to (n1, n2) unknowns."""
        inner = first.values @ u
        across = np.zeros((second.size, len(inner)))
        if "s" in names:
            across += second.back @ (self._damping * second.along(inner)).T
        if "m" not in names or self.variance == 0:
            return np.asarray(first.back @ across.T)
        slope = self.variance * self._damping
        across += second.steep_back @ (slope * (second.slopes @ inner.T).T).T
        steep = second.back @ (slope * second.along(first.slopes @ u)).T
        return np.asarray(first.back @ across.T + first.steep_back @ steep.T)

    @cached_property
    def local(self) -> tuple[FloatArray, FloatArray]:
        """Mass and operator of every element, shape (E, k, k), k the unknowns of an element."""
        (_, _, b, s), (_, _, c, r) = (axis.reference for axis in self.axes)
        counts = (self.axes[0].elements, len(b), self.axes[1].elements, len(c))
        pairs = [_pairs(table) for table in (b, s, c, r)]
        lengths = [2 / (axis.high - axis.low) for axis in self.axes]
        damping = self._damping.reshape(counts).transpose(0, 2, 1, 3)
        weights = self.weights.reshape(counts).transpose(0, 2, 1, 3)
        mass = pairs[0].T @ weights @ pairs[2]
        operator = pairs[0].T @ damping @ pairs[2]
        if self.variance > 0:
            steep = (self.variance * lengths[0] ** 2)[:, None, None, None]
            operator += steep * (pairs[1].T @ damping @ pairs[2])
            steep = (self.variance * lengths[1] ** 2)[:, None, None]
            operator += steep * (pairs[0].T @ damping @ pairs[3])
        return _elementwise(mass, b.shape[1], c.shape[1]), _elementwise(
            operator, b.shape[1], c.shape[1]
        )

    @cached_property
    def condensations(self) -> dict[float, Condensation]:
        """Elements without their interior, by shift; shared by blocks of every parity."""
        return {}

    def condensed(self, tau: float) -> Condensation:
        """Elements of M + tau A without their interior."""
        if tau not in self.condensations:
            mass, operator = self.local
            self.condensations[tau] = Condensation.of(mass + tau * operator, self.axes)
        return self.condensations[tau]


def _pairs(table: FloatArray) -> FloatArray:
    """Products of all pairs of columns."""
    return (table[:, :, None] * table[:, None, :]).reshape(len(table), -1)


def _elementwise(pairs: FloatArray, first: int, second: int) -> FloatArray:
    """From (E1, E2, pairs along 1, pairs along 2) to a matrix for each element."""
    split = pairs.reshape(-1, first, first, second, second).transpose(0, 1, 3, 2, 4)
    return split.reshape(len(split), first * second, first * second)


@dataclass(frozen=True, eq=False)
class TensorOperator:
    """The matrix of a form on a space, known by its products with vectors.

    The forms are "mass", A_1 ("s"), A_2 ("m") or both ("sm").
    """

    space: TensorSpace
    name: str

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.space.size

    def __matmul__(self, vector: FloatArray) -> FloatArray:
        if vector.ndim == 1:
            return self.space.apply(self.name, vector)
        return np.stack([self.space.apply(self.name, column) for column in vector.T], axis=1)

    def toarray(self) -> FloatArray:
        """The matrix itself, for small sizes."""
        return self @ np.eye(self.size)


@dataclass(frozen=True, eq=False)
class TensorSpace(Portable):
    """The unknowns of one parity: which of the full tensor are kept along each axis."""

    forms: TensorForms
    keep: tuple[IntArray, IntArray]

    @property
    def shape(self) -> tuple[int, int]:
        """Unknowns along each axis."""
        return len(self.keep[0]), len(self.keep[1])

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def factors(self) -> tuple[Factors, Factors]:
        """Basis values along each axis."""
        first, second = (
            Factors.of(axis, keep) for axis, keep in zip(self.forms.axes, self.keep, strict=True)
        )
        return first, second

    @cached_property
    def _masses(self) -> tuple[Any, Any]:
        return self.forms.masses(self.keep)

    @cached_property
    def _mass_factors(self) -> tuple[Any, Any]:
        first, second = (sparse_linalg.splu(mass.tocsc()) for mass in self._masses)
        return first, second

    def operator(self, name: str) -> TensorOperator:
        """The matrix of a form; see :class:`TensorOperator`."""
        return TensorOperator(self, name)

    def apply(self, name: str, vector: FloatArray) -> FloatArray:
        """The matrix of a form times a vector (n,)."""
        u = vector.reshape(self.shape)
        if name == "mass":
            first, second = self._masses
            return np.asarray(second @ (first @ u).T).T.ravel()
        return self.forms.apply(*self.factors, u, name).ravel()

    def solve_mass(self, load: FloatArray) -> FloatArray:
        """M^-1 times one column, axis by axis."""
        first, second = self._mass_factors
        return np.asarray(second.solve(first.solve(load.reshape(self.shape)).T).T).ravel()

    def norms(self, states: FloatArray) -> FloatArray:
        """Norms under M of the rows of `states` (T, n), shape (T,)."""
        mass = self.operator("mass")
        return np.sqrt([max(float(state @ (mass @ state)), 0.0) for state in states])

    def functional(self, values: FloatArray) -> FloatArray:
        """Functional of a function given at the quadrature points (Q1, Q2), shape (n,)."""
        first, second = self.factors
        return np.asarray(first.back @ (second.back @ (self.forms.weights * values).T).T).ravel()


@dataclass(frozen=True, eq=False)
class TensorBlock(Block):
    """A block on a tensor grid, with a factorization of its own."""

    space: TensorSpace = field(kw_only=True)

    @classmethod
    def on(cls, space: TensorSpace, start: FloatArray, goal: FloatArray) -> TensorBlock:
        """The block of a space with functionals of initial output and target."""
        moving = space.operator("m") if space.forms.variance > 0 else None
        return cls(
            space.operator("s"),
            moving,
            space.operator("mass"),
            start,
            goal,
            space=space,
        )

    @cached_property
    def operator(self) -> TensorOperator:
        """A = A_1 + A_2."""
        return self.space.operator("sm")

    def solve_mass(self, load: FloatArray) -> FloatArray:
        """M^-1 times one or more columns."""
        if load.ndim == 1:
            return self.space.solve_mass(load)
        return np.stack([self.space.solve_mass(column) for column in load.T], axis=1)

    def factorize(self, tau: float) -> CondensedSolver:
        """Factorization of M + tau A by elimination of element interiors."""
        forms = self.space.forms
        return forms.condensed(tau).solver(forms.axes, self.space.keep)
