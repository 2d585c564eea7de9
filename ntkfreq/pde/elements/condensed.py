"""Direct solves on tensor grids of high degree: element interiors are eliminated one by one.

The bubbles along both axes of an element couple to nothing outside of it. Their elimination leaves
a sparse matrix of vertices and edges, an eighth of the unknowns at degree 12; both steps together
take a third of the time of a sparse factorization of the whole at 5000 unknowns and a smaller
share of it beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.elements.axis import ElementAxis


@dataclass(frozen=True, eq=False)
class Condensation:
    """Elements whose interior unknowns have been eliminated, each by its Cholesky factor.

    Attributes
    ----------
    inverse : ndarray, shape (E, i, i)
        Inverses of the Cholesky factors of the interior.
    coupling : ndarray, shape (E, i, b)
        `inverse` times the coupling of interior and boundary.
    remainder : ndarray, shape (E, b, b)
        Schur complements on the boundary of each element.
    interior, boundary : ndarray, shape (E, i) and (E, b)
        Unknowns, numbered over the full tensor.
    """

    inverse: FloatArray
    coupling: FloatArray
    remainder: FloatArray
    interior: IntArray
    boundary: IntArray

    @classmethod
    def of(cls, matrices: FloatArray, axes: tuple[ElementAxis, ElementAxis]) -> Condensation:
        """Eliminate what is a bubble along both axes."""
        first, second = (axis.unknowns for axis in axes)
        unknowns = first[:, None, :, None] * axes[1].size + second[None, :, None, :]
        unknowns = unknowns.reshape(len(matrices), -1)
        bubble = np.multiply.outer(
            np.arange(first.shape[1]) >= 2, np.arange(second.shape[1]) >= 2
        ).ravel()
        inner, outer = np.flatnonzero(bubble), np.flatnonzero(~bubble)
        factors = np.linalg.cholesky(matrices[:, inner[:, None], inner])
        inverse = np.stack([linalg.lapack.dtrtri(factor, lower=1)[0] for factor in factors])
        coupling = inverse @ matrices[:, inner[:, None], outer]
        remainder = matrices[:, outer[:, None], outer] - coupling.transpose(0, 2, 1) @ coupling
        return cls(inverse, coupling, remainder, unknowns[:, inner], unknowns[:, outer])

    def solver(
        self, axes: tuple[ElementAxis, ElementAxis], keep: tuple[IntArray, IntArray]
    ) -> CondensedSolver:
        """Factorization for the unknowns kept along each axis."""
        total = axes[0].size * axes[1].size
        number = np.full(total, -1)
        kept = (keep[0][:, None] * axes[1].size + keep[1]).ravel()
        number[kept] = np.arange(kept.size)
        rows = number[self.boundary]
        used = np.unique(rows[rows >= 0])
        place = np.full(kept.size + 1, -1)
        place[used] = np.arange(used.size)
        rows = place[rows]
        width = rows.shape[1]
        row, column = np.repeat(rows, width, axis=1), np.tile(rows, (1, width))
        there = ((row >= 0) & (column >= 0)).ravel()
        entries = (self.remainder.ravel()[there], (row.ravel()[there], column.ravel()[there]))
        schur = sparse.coo_array(entries, (used.size, used.size)).tocsc()
        factor: Any = sparse_linalg.splu(
            schur,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        return CondensedSolver(self, factor, number[self.interior], rows, used)


@dataclass(frozen=True, eq=False)
class CondensedSolver:
    """Solves by interior, boundary, and back; unknowns are those of a block."""

    elements: Condensation
    factor: Any
    interior: IntArray
    boundary: IntArray
    used: IntArray

    def solve(self, load: FloatArray) -> FloatArray:
        """Solution for one right-hand side (n,)."""
        inverse, coupling = self.elements.inverse, self.elements.coupling
        inner = inverse @ load[self.interior][:, :, None]
        # Unknowns that are not kept carry the number -1 and collect at the end of the vector.
        edges = np.zeros(self.used.size + 1)
        edges[:-1] = load[self.used]
        np.subtract.at(edges, self.boundary, (coupling.transpose(0, 2, 1) @ inner)[:, :, 0])
        edges[:-1] = self.factor.solve(edges[:-1])
        edges[-1] = 0.0
        inner -= coupling @ edges[self.boundary][:, :, None]
        solution = np.empty(load.size)
        solution[self.interior] = (inverse.transpose(0, 2, 1) @ inner)[:, :, 0]
        solution[self.used] = edges[:-1]
        return solution
