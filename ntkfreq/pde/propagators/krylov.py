r"""Rational Krylov: the slow and the fast end of a large sparse pencil from a few factorizations.

From :math:`u_0 = M^{-1} b` the space grows by :math:`(M + \tau A)^{-1} M`, with full
reorthogonalization in the inner product of M. One shift :math:`\tau` serves times of about
:math:`10\tau`, over one or two decades, so the shifts form a ladder and each step up or down it is
taken only when a time on that rung has not converged. The projection of A on the space is
symmetric positive semi-definite whatever the space: the loss can neither grow nor ring.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

from ntkfreq._types import FloatArray
from ntkfreq.pde.dynamics import Dynamics, GradientFlow
from ntkfreq.pde.propagators.eigen import ModalEvolution
from ntkfreq.pde.system import Block

# Measured on Line, loads smooth and spiky, 2 to 13 decades of time: shifts a factor 100 apart take
# 45 to 80 vectors to 1e-8, a factor 30 saves one in ten of them and costs a third more shifts.
_APART = 100.0
_BELOW = 10.0
_LEAST = 4
# Vectors without progress at some time after which rounding has taken over there.
_PATIENCE = 48


class Solver(Protocol):
    """A factorization."""

    def solve(self, load: FloatArray) -> FloatArray:
        """Solution for one right-hand side (n,)."""
        ...


@runtime_checkable
class Factorizing(Protocol):
    """A block that knows a better way than a general sparse factorization."""

    def factorize(self, tau: float) -> Solver:
        """Factorization of M + tau A."""
        ...


@dataclass(frozen=True, eq=False)
class _Cholesky:
    factor: Any

    def solve(self, load: FloatArray) -> FloatArray:
        return np.asarray(linalg.cho_solve(self.factor, load))


def _factorize(block: Block, tau: float) -> Solver:
    if isinstance(block, Factorizing):
        return block.factorize(tau)
    operator: Any = block.operator
    dense = not sparse.issparse(operator)
    if dense:
        mass: Any = np.eye(block.size) if block.mass is None else block.mass
        return _Cholesky(linalg.cho_factor(mass + tau * operator))
    mass = sparse.eye_array(block.size) if block.mass is None else block.mass
    shifted: Any = sparse.csc_array(mass + tau * operator)
    # The matrix is symmetric positive definite: no pivoting, and an ordering that knows it.
    solver: Solver = sparse_linalg.splu(
        shifted,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return solver


@dataclass(eq=False)
class Shifts:
    """Factorizations of M + tau A, made when first asked for; blocks of one pencil share them."""

    block: Block
    solvers: dict[float, Solver] = field(default_factory=dict)

    def solve(self, tau: float, load: FloatArray) -> FloatArray:
        """(M + tau A)^-1 times one column."""
        if tau not in self.solvers:
            self.solvers[tau] = _factorize(self.block, tau)
        return self.solvers[tau].solve(load)


@dataclass(frozen=True, eq=False)
class RitzModes:
    """What the space knows of the pencil: modes (n, m) orthonormal under M, rates, amplitudes."""

    rates: FloatArray
    amplitudes: FloatArray
    modes: FloatArray


@dataclass(eq=False)
class KrylovPropagator:
    r"""One block by rational Krylov; the space grows until the times asked for have converged.

    Parameters
    ----------
    block : Block
        The pencil and its initial data; sparse, dense, or with a `factorize` of its own.
    t : ndarray, shape (T,)
        Times to fit first; others may be asked for later.
    tolerance : float
        Error allowed at any time, in the norm whose square is the loss.
    negligible : float, default 0
        As in :class:`~ntkfreq.pde.propagators.EigenPropagator`: fast modes that together hold less
        than this are given the rate of the fastest mode that counts.
    shifts : Shifts, optional
        Factorizations to share with a block of the same matrices.
    most : int, default 400
        Largest dimension of the space.
    cap : float, optional
        Rates above it are cut to it.

    Notes
    -----
    The error is the largest change of e(t) by the last four or more vectors, which is that of the
    space before them. Errors fall by one to two digits with these.

    References
    ----------
    Guettel, GAMM-Mitteilungen 36 (2013), on rational Krylov for matrix functions;
    Moret and Novati, BIT 44 (2004), and van den Eshof and Hochbruck, SIAM J. Sci. Comput. 27
    (2006), on one repeated shift.

    Examples
    --------
    >>> import numpy as np
    >>> block = Block(np.diag([1.0, 2.0]), None, None, np.zeros(2), np.ones(2))
    >>> krylov = KrylovPropagator(block, np.array([0.0, 1.0]), 1e-9)
    >>> krylov.evolve(GradientFlow(), np.array([0.0, 1.0])).energy
    array([2.        , 0.15365092])
    """

    block: Block
    t: FloatArray
    tolerance: float
    negligible: float = 0.0
    shifts: Shifts | None = None
    most: int = 400
    cap: float = np.inf
    error: float = field(default=0.0, init=False)
    _store: tuple[FloatArray, ...] = field(init=False, repr=False)
    _used: int = field(default=0, init=False, repr=False)
    _projected: FloatArray = field(init=False, repr=False)
    _norm: float = field(init=False, repr=False)
    _invariant: bool = field(default=False, init=False, repr=False)
    _fitted: list[Any] = field(default_factory=list, init=False, repr=False)
    _converged: set[tuple[Dynamics, bytes]] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.shifts is None:
            self.shifts = Shifts(self.block)
        start = self.block.solve_mass(self.block.load)
        self._norm = float(np.sqrt(max(float(start @ self.block.load), 0.0)))
        self._store = (np.empty((0, self.size)), np.empty((0, self.size)))
        self._projected = np.empty((0, 0))
        self._invariant = self._norm == 0.0
        if not self._invariant:
            self._append(start / self._norm, self.block.load / self._norm)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.block.size

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        return self._used

    @property
    def _basis(self) -> FloatArray:
        """Vectors of the space in rows."""
        return self._store[0][: self._used]

    @property
    def _dual(self) -> FloatArray:
        """M times each of them."""
        return self._store[1][: self._used]

    @property
    def factorizations(self) -> int:
        """Factorizations made so far, those of the blocks that share them included."""
        assert self.shifts is not None
        return len(self.shifts.solvers)

    @cached_property
    def fastest_rate(self) -> float:
        """Largest rate that counts, once the first times have converged."""
        self._grow(GradientFlow(), self.t)
        rates, first = self._ritz()
        if rates.size == 0:
            return 0.0
        from_the_top = np.cumsum((self._norm * first[0, ::-1]) ** 2)
        skipped = int(np.searchsorted(from_the_top, self.negligible**2, side="right"))
        return float(min(rates[max(rates.size - 1 - skipped, 0)], self.cap))

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> ModalEvolution:
        """Evolution of the block at times `t` (T,)."""
        cap = self.fastest_rate
        self._grow(dynamics, t, cap)
        rates, vectors = self._ritz()
        modes = RitzModes(
            np.minimum(rates, cap), self._norm * vectors[:1].ravel(), self._basis.T @ vectors
        )
        return ModalEvolution(modes, dynamics, t)

    def _ritz(self) -> tuple[FloatArray, FloatArray]:
        """Rates, ascending, and eigenvectors of the projected operator."""
        if self.dimension == 0:
            return np.empty(0), np.empty((0, 0))
        rates, vectors = linalg.eigh(self._projected)
        return np.maximum(rates, 0.0), vectors

    def _coordinates(self, dynamics: Dynamics, t: FloatArray, cap: float) -> FloatArray:
        """The state in the basis of the space, shape (T, dimension)."""
        rates, vectors = self._ritz()
        factor = dynamics.factor(np.minimum(rates, cap), t)
        return np.asarray((factor * (self._norm * vectors[0])) @ vectors.T)

    def _grow(self, dynamics: Dynamics, t: FloatArray, cap: float = np.inf) -> None:
        """Add vectors until these times have converged."""
        t = t[t > 0]
        known = (dynamics, t.tobytes())
        if self._invariant or t.size == 0 or known in self._converged:
            return
        self._converged.add(known)
        top = float(max(self.t[-1], t[-1])) if self.dimension == 1 else float(self.t[-1])
        rung = np.rint(np.log(top / t) / np.log(_APART)).astype(int)
        state = self._coordinates(dynamics, t, cap)
        rungs, best, best_at = [int(rung.min())], np.full(t.size, np.inf), np.zeros(t.size)
        while True:
            narrow = state.shape[1]
            for k in range(max(_LEAST, len(rungs))):
                self._extend(top / _BELOW * _APART ** -float(rungs[k % len(rungs)]))
            before, state = state, self._coordinates(dynamics, t, cap)
            change = state.copy()
            change[:, :narrow] -= before
            error = np.sqrt(np.sum(change**2, axis=1))
            better = error < best / 2
            best[better], best_at[better] = error[better], self.dimension
            pending = (error > self.tolerance) & (self.dimension <= best_at + _PATIENCE)
            if not pending.any() or self._invariant or self.dimension >= self.most:
                break
            rungs = sorted(set(rung[pending].tolist()))
        self.error = max(self.error, 0.0 if self._invariant else float(error.max()))

    def _extend(self, tau: float) -> None:
        """One more vector, by the factorization of M + tau A."""
        if self._invariant or self.dimension >= min(self.most, self.size):
            self._invariant |= self.dimension >= self.size
            return
        assert self.shifts is not None
        vector = self.shifts.solve(tau, self._dual[-1])
        known = 0.0
        for _ in range(2):
            inside = self._dual @ vector
            known += float(inside @ inside)
            vector = vector - self._basis.T @ inside
        dual = self._times_mass(vector)
        norm = float(np.sqrt(max(float(vector @ dual), 0.0)))
        if norm <= 1e-13 * np.sqrt(known):
            self._invariant = True
            return
        self._append(vector / norm, dual / norm)

    def _append(self, vector: FloatArray, dual: FloatArray) -> None:
        if self._used == len(self._store[0]):
            self._store = tuple(np.vstack([old, np.empty((32, self.size))]) for old in self._store)
        self._store[0][self._used], self._store[1][self._used] = vector, dual
        self._used += 1
        row = self._basis @ (self.block.operator @ vector)
        grown = np.empty((row.size, row.size))
        grown[:-1, :-1] = self._projected
        grown[-1], grown[:, -1] = row, row
        self._projected = grown

    def _times_mass(self, vector: FloatArray) -> FloatArray:
        return vector if self.block.mass is None else np.asarray(self.block.mass @ vector)
