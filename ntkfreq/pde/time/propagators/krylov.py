r"""Rational Krylov: slow and fast modes of a large sparse matrix pair from a few factorizations.

From :math:`u_0 = M^{-1} b` the space grows by :math:`(M + \tau A)^{-1} M`, with full
reorthogonalization in the inner product of M. One shift :math:`\tau` serves times of about
:math:`10\tau`, over one or two decades, so the shifts form a geometric sequence (`rungs` are
powers of its ratio), and each is used only while a time near it has not converged. The projection
of A on the space is symmetric positive semi-definite whatever the space: the loss can neither grow
nor oscillate.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy import linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics, GradientFlow
from ntkfreq.pde.time.propagators.banded import pair_of
from ntkfreq.pde.time.propagators.eigen import ModalEvolution
from ntkfreq.pde.time.propagators.pair import MatrixPair, Solver
from ntkfreq.pde.time.system import Block

# Measured on Line, loads smooth and spiky, 2 to 13 decades of time: shifts a factor 100 apart take
# 45 to 80 vectors to 1e-8, a factor 30 saves one in ten of them and costs a third more shifts.
_APART = 100.0
# A shift serves times of this multiple of it.
_BELOW = 10.0
# Vectors that are added at least before convergence is checked again.
_LEAST = 4
# Checking whether a space of m vectors suffices takes as long as adding m / 6 of them.
_MORE = 6
_EPS = float(np.finfo(np.float64).eps)
# After this many vectors without progress at some time, rounding is what limits accuracy there.
_PATIENCE = 48


@dataclass(eq=False)
class Shifts(Portable):
    """Factorizations of M + tau A, made when first needed; blocks of equal matrices share them."""

    block: Block
    made: int = 0

    @cached_property
    def solvers(self) -> dict[float, Solver]:
        """Those that were made, by tau."""
        return {}

    @cached_property
    def pair(self) -> MatrixPair:
        """M and A."""
        return pair_of(self.block)

    def solve(self, tau: float, load: FloatArray) -> FloatArray:
        """(M + tau A)^-1 times one column, in the order of the matrix pair."""
        if tau not in self.solvers:
            self.solvers[tau] = self.pair.factorize(tau)
            self.made += 1
        return self.solvers[tau].solve(load)


@dataclass(frozen=True, eq=False)
class RitzModes:
    """Ritz pairs of the space: modes (n, m) orthonormal under M, rates, initial amplitudes."""

    rates: FloatArray
    amplitudes: FloatArray
    modes: FloatArray


@dataclass(eq=False)
class KrylovPropagator(Portable):
    r"""One block by rational Krylov; the space grows until the times asked for have converged.

    Parameters
    ----------
    block : Block
        The matrix pair and its initial data; sparse, dense, or with a `factorize` of its own.
    t : ndarray, shape (T,)
        Times to fit first; others may be asked for later.
    tolerance : float
        Error allowed at any time, in the norm whose square is the loss.
    negligible : float, default 0
        As in :class:`~ntkfreq.pde.time.propagators.EigenPropagator`: fast modes that together hold
        less than this are given the rate of the fastest mode that counts.
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
    _ritz_pairs: tuple[FloatArray, FloatArray] | None = field(default=None, init=False, repr=False)
    _norm: float = field(init=False, repr=False)
    _invariant: bool = field(default=False, init=False, repr=False)
    _fitted: bool = field(default=False, init=False, repr=False)
    _converged: dict[Dynamics, FloatArray] = field(default_factory=dict, init=False, repr=False)

    # Pickles keep this rate: found again later it would depend on how far the space has grown.
    _lasting: ClassVar[frozenset[str]] = frozenset({"fastest_rate"})

    def __post_init__(self) -> None:
        if self.shifts is None:
            self.shifts = Shifts(self.block)
        load = self.block.load[self._pair.order]
        start = self._pair.solve_mass(load)
        self._norm = float(np.sqrt(max(float(start @ load), 0.0)))
        self._store = (np.empty((0, self.size)), np.empty((0, self.size)))
        self._projected = np.empty((0, 0))
        self._invariant = self._norm == 0.0
        if not self._invariant:
            self._append(start / self._norm, load / self._norm)

    def __getstate__(self) -> Any:
        # Without the memory set aside for further vectors.
        used = tuple(part[: self._used].copy() for part in self._store)
        return super().__getstate__() | {"_store": used}

    @classmethod
    def fitted(
        cls,
        dynamics: Dynamics,
        block: Block,
        t: FloatArray,
        tolerance: float,
        negligible: float = 0.0,
        shifts: Shifts | None = None,
        cap: float = np.inf,
    ) -> KrylovPropagator:
        """The propagator, grown until the times have converged under the dynamics."""
        found = cls(block, t, tolerance, negligible, shifts, cap=cap)
        found.fit(dynamics)
        return found

    def fit(self, dynamics: Dynamics) -> None:
        """Grow the space until the times have converged under the dynamics."""
        self._grow(dynamics, self.t, self.fastest_rate)
        self._fitted = True

    @property
    def _pair(self) -> MatrixPair:
        """M and A with the unknowns in the order of the vectors."""
        assert self.shifts is not None
        return self.shifts.pair

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
        return self.shifts.made

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

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """Three times what a rounding of every entry of the projected operator changes.

        The rule for full matrices, t times the largest rate times a rounding, is far too cautious
        for elements whose sizes and densities differ by orders of magnitude: their slow modes
        hardly touch where the operator is large.
        """
        if self.dimension == 0:
            return 0.0
        self._grow(dynamics, t, self.fastest_rate)
        sizes = np.abs(self._basis)
        spread = np.array([self._pair.times_magnitudes(row) for row in sizes]) @ sizes.T
        signs = np.random.default_rng(0).choice([-1.0, 1.0], spread.shape)
        noise = _EPS * spread * np.triu(signs)
        kept = self._ritz()
        found = self._coordinates(dynamics, t, self.fastest_rate)
        rates, vectors = linalg.eigh(self._projected + noise + np.triu(noise, 1).T, driver="evd")
        self._ritz_pairs = np.maximum(rates, 0.0), vectors
        other = self._coordinates(dynamics, t, self.fastest_rate)
        self._ritz_pairs = kept
        return 3 * float(np.sqrt(np.sum((found - other) ** 2, axis=1)).max())

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> ModalEvolution:
        """Evolution of the block at times `t` (T,).

        The first call fits the space. What is asked for later may need more vectors, but never
        changes what was found before: it gets a space of its own that starts from this one.
        """
        cap = self.fastest_rate
        space = self._copy() if self._fitted else self
        space._grow(dynamics, t, cap)
        self._fitted = True
        rates, vectors = space._ritz()
        modes = np.empty((self.size, len(rates)))
        modes[self._pair.order] = space._basis.T @ vectors
        ritz = RitzModes(np.minimum(rates, cap), self._norm * vectors[:1].ravel(), modes)
        return ModalEvolution(ritz, dynamics, t)

    def _copy(self) -> KrylovPropagator:
        """A space that grows without this one."""
        other = copy.copy(self)
        other._converged = dict(self._converged)
        other._store = tuple(part[: self._used + 32].copy() for part in self._store)
        return other

    def _ritz(self) -> tuple[FloatArray, FloatArray]:
        """Rates, ascending, and eigenvectors of the projected operator."""
        if self.dimension == 0:
            return np.empty(0), np.empty((0, 0))
        if self._ritz_pairs is None or len(self._ritz_pairs[0]) != self.dimension:
            rates, vectors = linalg.eigh(self._projected)
            self._ritz_pairs = np.maximum(rates, 0.0), vectors
        return self._ritz_pairs

    def _coordinates(self, dynamics: Dynamics, t: FloatArray, cap: float) -> FloatArray:
        """The state in the basis of the space, shape (T, dimension)."""
        rates, vectors = self._ritz()
        factor = dynamics.factor(np.minimum(rates, cap), t)
        return np.asarray((factor * (self._norm * vectors[0])) @ vectors.T)

    def _grow(self, dynamics: Dynamics, t: FloatArray, cap: float = np.inf) -> None:
        """Add vectors until these times have converged."""
        known = self._converged.setdefault(dynamics, np.empty(0))
        t = t[(t > 0) & ~np.isin(t, known)]
        if self._invariant or t.size == 0:
            return
        self._converged[dynamics] = np.append(known, t)
        top = float(max(self.t[-1], t[-1])) if self.dimension == 1 else float(self.t[-1])
        rung = np.rint(np.log(top / t) / np.log(_APART)).astype(int)
        state = self._coordinates(dynamics, t, cap)
        rungs, best, best_at = [int(rung.min())], np.full(t.size, np.inf), np.zeros(t.size)
        while True:
            narrow = state.shape[1]
            for k in range(max(_LEAST, len(rungs), narrow // _MORE)):
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
        dual = self._pair.times_mass(vector)
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
        row = self._basis @ self._pair.times_operator(vector)
        grown = np.empty((row.size, row.size))
        grown[:-1, :-1] = self._projected
        grown[-1], grown[:, -1] = row, row
        self._projected = grown
