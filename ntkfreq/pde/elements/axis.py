r"""One coordinate of a tensor grid: elements of any degree and their values at points.

The basis is hierarchical, vertices and integrated Legendre polynomials (bubbles), so that the
space of a lower degree is spanned by a part of the unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from scipy import sparse

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.numerics.quadrature import gauss_legendre


def shapes(degree: int, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Basis of one element and its derivatives at points `s` of [-1, 1], shape (n, degree + 1).

    First the two vertices, then :math:`\sqrt{k-\tfrac12}\int_{-1}^s P_{k-1}` for k = 2, ..., p,
    whose derivatives are orthonormal.

    Examples
    --------
    >>> import numpy as np
    >>> values, slopes = shapes(2, np.array([-1.0, 0.0, 1.0]))
    >>> values.round(3)
    array([[ 1.   ,  0.   , -0.   ],
           [ 0.5  ,  0.5  , -0.612],
           [ 0.   ,  1.   ,  0.   ]])
    """
    order = np.arange(2, degree + 1)
    legendre_values = legendre.legvander(s, degree)
    norm = np.sqrt(order - 0.5)
    values, slopes = np.empty((2, len(s), degree + 1))
    values[:, 0], values[:, 1] = (1 - s) / 2, (1 + s) / 2
    slopes[:, 0], slopes[:, 1] = -0.5, 0.5
    values[:, 2:] = (legendre_values[:, 2:] - legendre_values[:, :-2]) * norm / (2 * order - 1)
    slopes[:, 2:] = legendre_values[:, 1:-1] * norm
    return values, slopes


@dataclass(frozen=True, eq=False)
class ElementAxis(Portable):
    """Elements of one degree between the nodes of one or more intervals.

    Unknowns are numbered vertices first, then the bubbles element by element.

    Parameters
    ----------
    intervals : tuple of ndarray
        Nodes, increasing, one array an interval; the intervals do not touch.
    degree : int
        Polynomial degree, at least 2.
    order : int
        Gauss points in each element. degree + 1 integrate the mass exactly; the others are for the
        density and the data.
    periodic : bool, default False
        Whether the last vertex of the one interval is the first one.
    """

    intervals: tuple[FloatArray, ...]
    degree: int
    order: int
    periodic: bool = False

    @cached_property
    def low(self) -> FloatArray:
        """Left ends of the elements, shape (E,)."""
        return np.concatenate([nodes[:-1] for nodes in self.intervals])

    @cached_property
    def high(self) -> FloatArray:
        """Right ends of the elements, shape (E,)."""
        return np.concatenate([nodes[1:] for nodes in self.intervals])

    @property
    def elements(self) -> int:
        """Number of elements."""
        return len(self.low)

    @cached_property
    def vertices(self) -> FloatArray:
        """Frequencies of the vertices that are unknowns, shape (V,)."""
        every = np.concatenate(self.intervals)
        return every[:-1] if self.periodic else every

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.vertices) + self.elements * (self.degree - 1)

    @cached_property
    def unknowns(self) -> IntArray:
        """Unknowns of each element in the order of :func:`shapes`, shape (E, degree + 1)."""
        first = np.concatenate([[0], np.cumsum([len(nodes) for nodes in self.intervals])])
        left = np.concatenate([np.arange(a, b - 1) for a, b in pairwise(first)])
        bubbles = len(self.vertices) + np.arange(self.elements * (self.degree - 1))
        right = (left + 1) % len(self.vertices) if self.periodic else left + 1
        columns = (left, right, *bubbles.reshape(self.elements, -1).T)
        return np.stack(columns, axis=1).astype(np.int64)

    @cached_property
    def reference(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Gauss nodes and weights on [-1, 1], basis values and slopes there."""
        nodes, weights = gauss_legendre(self.order)
        return nodes, weights, *shapes(self.degree, nodes)

    @cached_property
    def rule(self) -> tuple[FloatArray, FloatArray]:
        """Quadrature points and weights, shape (E, q) each."""
        half = (self.high - self.low)[:, None] / 2
        nodes, weights, _, _ = self.reference
        return (self.low + self.high)[:, None] / 2 + half * nodes, half * weights

    @cached_property
    def evaluation(self) -> tuple[Any, Any]:
        """Sparse matrices from unknowns to values and slopes at the points of `rule`."""
        _, _, values, slopes = self.reference
        count, width = values.shape
        rows = np.arange(self.elements * count)
        columns = np.repeat(self.unknowns, count, axis=0)
        scale = np.repeat(2 / (self.high - self.low), count)[:, None]
        shape = (rows.size, self.size)
        starts = np.arange(0, rows.size * width + 1, width)
        return (
            sparse.csr_array(
                (np.tile(values, (self.elements, 1)).ravel(), columns.ravel(), starts), shape
            ),
            sparse.csr_array(
                ((np.tile(slopes, (self.elements, 1)) * scale).ravel(), columns.ravel(), starts),
                shape,
            ),
        )

    @cached_property
    def mass(self) -> Any:
        """Sparse mass matrix."""
        values, _ = self.evaluation
        return (values.T @ sparse.diags_array(self.rule[1].ravel()) @ values).tocsc()

    def at(self, xi: FloatArray) -> tuple[IntArray, FloatArray, FloatArray, Any]:
        """Unknowns, basis values and slopes at points, shape (n, degree + 1); which are inside."""
        element = np.clip(np.searchsorted(self.low, xi, side="right") - 1, 0, self.elements - 1)
        low, high = self.low[element], self.high[element]
        inside = (xi >= low) & (xi <= high)
        s = np.clip((2 * xi - low - high) / (high - low), -1.0, 1.0)
        values, slopes = shapes(self.degree, s)
        slopes *= (2 / (high - low))[:, None]
        values[~inside], slopes[~inside] = 0.0, 0.0
        return self.unknowns[element], values, slopes, inside

    def lower(self, degree: int) -> tuple[ElementAxis, IntArray]:
        """The axis of a lower degree, same quadrature, and which of these unknowns it has."""
        vertices = np.arange(len(self.vertices))
        bubbles = self.unknowns[:, 2 : degree + 1].ravel()
        unknowns = np.concatenate([vertices, bubbles]).astype(np.int64)
        return ElementAxis(self.intervals, degree, self.order, self.periodic), unknowns
