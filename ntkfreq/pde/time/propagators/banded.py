"""Pencils of few diagonals, as elements along a line are: LAPACK's banded matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import blas, lapack
from scipy.sparse import csgraph

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.propagators.pencil import Factorizing, GeneralPencil, Pencil, Solver
from ntkfreq.pde.time.system import Block

# Elements of degree p in one dimension, numbered along the line, have p diagonals beside the main
# one. LAPACK's banded solver takes a third of the time of a general sparse one on them, and most of
# that was the way from Python to the library.
_WIDEST_BAND = 40


def pencil_of(block: Block) -> Pencil:
    """The fastest pencil for a block: banded where numbering along the line makes it so."""
    if isinstance(block, Factorizing) or not sparse.issparse(block.operator) or block.mass is None:
        return GeneralPencil(block)
    return BandedPencil.of(block) or GeneralPencil(block)


@dataclass(frozen=True, eq=False)
class _BandedCholesky:
    factor: FloatArray

    def solve(self, load: FloatArray) -> FloatArray:
        return np.asarray(lapack.dpbtrs(self.factor, load, lower=0)[0])


@dataclass(frozen=True, eq=False)
class BandedPencil:
    """Symmetric matrices of few diagonals, the upper ones in rows as LAPACK wants them.

    Examples
    --------
    >>> from scipy import sparse
    >>> chain = sparse.diags_array([[1.0] * 4, [4.0] * 5, [1.0] * 4], offsets=[-1, 0, 1])
    >>> none = np.zeros(5)
    >>> pencil = BandedPencil.of(Block(chain.tocsr(), None, chain.tocsr(), none, none))
    >>> pencil.mass.shape
    (2, 5)
    >>> pencil.factorize(1.0).solve(pencil.times_mass(np.ones(5)))
    array([0.5, 0.5, 0.5, 0.5, 0.5])
    """

    order: IntArray
    mass: FloatArray
    operator: FloatArray

    @classmethod
    def of(cls, block: Block) -> BandedPencil | None:
        """The pencil of a sparse block, or None where no numbering makes it a narrow band."""
        mass, operator = (sparse.csr_matrix(part) for part in (block.mass, block.operator))
        order = csgraph.reverse_cuthill_mckee(operator + mass, symmetric_mode=True)
        place = np.empty_like(order)
        place[order] = np.arange(order.size, dtype=order.dtype)
        entries = []
        for part in (mass, operator):
            triples = part.tocoo()
            i, j = place[triples.row], place[triples.col]
            upper = i <= j
            entries.append((i[upper], j[upper], triples.data[upper]))
        width = max((int(np.max(j - i, initial=0)) for i, j, _ in entries), default=0)
        if width > _WIDEST_BAND:
            return None
        bands = []
        for i, j, values in entries:
            band = np.zeros((width + 1, order.size), order="F")
            np.add.at(band, (width + i - j, j), values)
            bands.append(band)
        return cls(order.astype(np.int64), bands[0], bands[1])

    def times_operator(self, u: FloatArray) -> FloatArray:
        """A times a vector (n,)."""
        return np.asarray(blas.dsbmv(len(self.operator) - 1, 1.0, self.operator, u))

    def times_magnitudes(self, u: FloatArray) -> FloatArray:
        """The magnitudes of the entries of A times a vector (n,)."""
        return np.asarray(blas.dsbmv(len(self.operator) - 1, 1.0, np.abs(self.operator), u))

    def times_mass(self, u: FloatArray) -> FloatArray:
        """M times a vector (n,)."""
        return np.asarray(blas.dsbmv(len(self.mass) - 1, 1.0, self.mass, u))

    def solve_mass(self, load: FloatArray) -> FloatArray:
        """M^-1 times a vector (n,)."""
        return self.factorize(0.0).solve(load)

    def factorize(self, tau: float) -> Solver:
        """Factorization of M + tau A."""
        factor, failed = lapack.dpbtrf(self.mass + tau * self.operator, lower=0)
        if failed:
            raise np.linalg.LinAlgError(
                f"M + {tau:g} A is not positive definite from row {failed} on"
            )
        return _BandedCholesky(factor)
