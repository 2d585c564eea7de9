"""Matrix pairs of few diagonals, as of elements in one dimension: LAPACK's band storage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import blas, lapack
from scipy.sparse import csgraph

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.propagators.pair import Factorizing, GeneralPair, MatrixPair, Solver
from ntkfreq.pde.time.system import Block

# Elements of degree p in one dimension, numbered along the line, have p diagonals beside the main
# one. On them LAPACK's banded solver takes a third of the time of a general sparse one, and most of
# that third is the call from Python.
_WIDEST_BAND = 40


def pair_of(block: Block) -> MatrixPair:
    """The fastest form of a block's matrices: banded where numbering along the line makes it so."""
    if isinstance(block, Factorizing) or not sparse.issparse(block.operator) or block.mass is None:
        return GeneralPair(block)
    return BandedPair.of(block) or GeneralPair(block)


@dataclass(frozen=True, eq=False)
class _BandedCholesky:
    factor: FloatArray

    def solve(self, load: FloatArray) -> FloatArray:
        return np.asarray(lapack.dpbtrs(self.factor, load, lower=0)[0])


@dataclass(frozen=True, eq=False)
class BandedPair:
    """Symmetric matrices of few diagonals, the upper ones in rows as LAPACK stores them.

    Examples
    --------
    >>> from scipy import sparse
    >>> chain = sparse.diags_array([[1.0] * 4, [4.0] * 5, [1.0] * 4], offsets=[-1, 0, 1])
    >>> none = np.zeros(5)
    >>> pair = BandedPair.of(Block(chain.tocsr(), None, chain.tocsr(), none, none))
    >>> pair.mass.shape
    (2, 5)
    >>> pair.factorize(1.0).solve(pair.times_mass(np.ones(5)))
    array([0.5, 0.5, 0.5, 0.5, 0.5])
    """

    order: IntArray
    mass: FloatArray
    operator: FloatArray

    @classmethod
    def of(cls, block: Block) -> BandedPair | None:
        """The matrix pair of a sparse block, or None where no numbering gives narrow bands."""
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
