r"""Weak forms of the damped heat equation in frequency: one function a term, nothing else.

Multiplying :math:`\partial_t\hat e = 2\pi[s^2(\rho\hat e')' - m\,\rho\hat e]` by a test
function and integrating by parts leaves no boundary term: the flux :math:`\rho\hat e'`
vanishes where the density ends. Each term takes a density of its own; without hidden layers they
are one, with :math:`s = \sigma_a` and :math:`m = 1`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.elements.axis import ElementAxis


class Shape(NamedTuple):
    """Values and slopes of shape functions at quadrature points."""

    value: FloatArray
    slope: FloatArray


def mass(u: Shape, v: Shape, rho: FloatArray) -> FloatArray:
    r"""The mass term, :math:`\int u v\,d\xi`."""
    return u.value * v.value


def damping(u: Shape, v: Shape, rho: FloatArray) -> FloatArray:
    r"""The damping term, :math:`2\pi\int \rho\, u v\,d\xi`."""
    return 2 * np.pi * rho * u.value * v.value


def diffusion(u: Shape, v: Shape, rho: FloatArray) -> FloatArray:
    r"""The diffusion term, :math:`2\pi\int \rho\, u' v'\,d\xi`, to be scaled by the mass s^2."""
    return 2 * np.pi * rho * u.slope * v.slope


Form = Callable[[Shape, Shape, FloatArray], FloatArray]


def integrals(form: Form, axis: ElementAxis, rho: FloatArray) -> FloatArray:
    """A form of all pairs of shape functions on every element, shape (k, k, elements).

    `rho` (elements, q) is the density at the points of the axis' rule.
    """
    shape = shapes(axis)
    one = Shape(shape.value[:, None], shape.slope[:, None])
    return np.asarray(np.sum(form(one, shape, rho) * axis.rule[1], axis=-1))


def assemble(form: Form, axis: ElementAxis, rho: FloatArray) -> Any:
    """Sparse matrix of a form."""
    return Pattern.of(axis.unknowns, axis.size).matrix(integrals(form, axis, rho))


def functional(axis: ElementAxis, values: FloatArray) -> FloatArray:
    """Integrals of a function, given at the points of the rule, against all shape functions."""
    local = (values * axis.rule[1]) @ axis.reference[2]
    return np.asarray(np.bincount(axis.unknowns.ravel(), local.ravel(), axis.size), dtype=float)


def shapes(axis: ElementAxis) -> Shape:
    """Shape functions on every element, arrays that broadcast to (functions, elements, points)."""
    _, _, values, slopes = axis.reference
    scale = 2 / (axis.high - axis.low)
    return Shape(values.T[:, None], slopes.T[:, None] * scale[:, None])


@dataclass(frozen=True, eq=False)
class Pattern(Portable):
    """Where the entries of element matrices go; all matrices of one space share it.

    Attributes
    ----------
    size : int
        Number of unknowns n.
    pairs : ndarray, shape (nonzeros,)
        Sorted positions n * row + column of the entries.
    place : ndarray
        Entry of each pair of shape functions of each element; beyond the last for those left out.
    """

    size: int
    pairs: IntArray
    place: IntArray

    @classmethod
    def of(cls, unknowns: IntArray, size: int) -> Pattern:
        """From the unknowns (elements, k) of each element; negative ones are left out."""
        columns = unknowns.T
        key = columns[:, None] * size + columns[None]
        left_out = (columns[:, None] < 0) | (columns[None] < 0)
        pairs, place = np.unique(np.where(left_out, size * size, key).ravel(), return_inverse=True)
        return cls(size, pairs[: -1 if left_out.any() else None], place)

    def matrix(self, local: FloatArray) -> Any:
        """Sparse matrix from element matrices (k, k, elements)."""
        data = np.bincount(self.place, local.ravel(), self.pairs.size)[: self.pairs.size]
        rows, columns = self._coordinates
        return sparse.csr_array((data, columns, rows), shape=(self.size, self.size))

    @cached_property
    def _coordinates(self) -> tuple[IntArray, IntArray]:
        """First entry of each row, and the columns."""
        rows, columns = np.divmod(self.pairs, self.size)
        first = np.searchsorted(rows, np.arange(self.size + 1))
        return first.astype(np.int32), columns.astype(np.int32)
