"""Matrix pairs (M, A): products and shifted solves, as a Krylov space needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.system import Block


class Solver(Protocol):
    """A factorization."""

    def solve(self, load: FloatArray) -> FloatArray:
        """Solution for one right-hand side (n,)."""
        ...


@runtime_checkable
class Factorizing(Protocol):
    """A block with a factorization of its own, faster than a general sparse one."""

    def factorize(self, tau: float) -> Solver:
        """Factorization of M + tau A."""
        ...


class MatrixPair(Protocol):
    """M and A of a block, in an order of unknowns of their own."""

    @property
    def order(self) -> IntArray | slice:
        """Unknowns of the block in the order of the pair."""
        ...

    def times_operator(self, u: FloatArray) -> FloatArray:
        """A times a vector (n,)."""
        ...

    def times_magnitudes(self, u: FloatArray) -> FloatArray:
        """The magnitudes of the entries of A times a vector (n,)."""
        ...

    def times_mass(self, u: FloatArray) -> FloatArray:
        """M times a vector (n,)."""
        ...

    def solve_mass(self, load: FloatArray) -> FloatArray:
        """M^-1 times a vector (n,)."""
        ...

    def factorize(self, tau: float) -> Solver:
        """Factorization of M + tau A."""
        ...


@dataclass(frozen=True, eq=False)
class _Cholesky:
    factor: Any

    def solve(self, load: FloatArray) -> FloatArray:
        return np.asarray(linalg.cho_solve(self.factor, load))


@dataclass(frozen=True, eq=False)
class GeneralPair:
    """Matrices as the block has them, dense or sparse."""

    block: Block

    @property
    def order(self) -> slice:
        """That of the block."""
        return slice(None)

    def times_operator(self, u: FloatArray) -> FloatArray:
        """A times a vector (n,)."""
        return np.asarray(self.block.operator @ u)

    def times_magnitudes(self, u: FloatArray) -> FloatArray:
        """The magnitudes of the entries of A times a vector (n,).

        Of operators that are known by their products alone, A times the vector.
        """
        operator = self.block.operator
        known = sparse.issparse(operator) or isinstance(operator, np.ndarray)
        return np.asarray((abs(operator) if known else operator) @ u)

    def times_mass(self, u: FloatArray) -> FloatArray:
        """M times a vector (n,)."""
        return u if self.block.mass is None else np.asarray(self.block.mass @ u)

    def solve_mass(self, load: FloatArray) -> FloatArray:
        """M^-1 times a vector (n,)."""
        return self.block.solve_mass(load)

    def factorize(self, tau: float) -> Solver:
        """Factorization of M + tau A."""
        block = self.block
        if isinstance(block, Factorizing):
            return block.factorize(tau)
        operator: Any = block.operator
        is_sparse = sparse.issparse(operator)
        eye = sparse.eye_array if is_sparse else np.eye
        mass: Any = eye(block.size) if block.mass is None else block.mass
        if not is_sparse:
            return _Cholesky(linalg.cho_factor(mass + tau * operator))
        shifted: Any = sparse.csc_array(mass + tau * operator)
        # The matrix is symmetric positive definite: no pivoting, and a symmetric ordering.
        solver: Solver = sparse_linalg.splu(
            shifted,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        return solver
