r"""Krylov spaces of operators known by their products alone: no factorization, no matrix.

For the initial state b the space :math:`\mathrm{span}(b, Ab, A^2b, \ldots)` is grown until the
states at all times no longer change.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.progress import progress_bar
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.lanczos import LanczosProcess
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.system import Block

_EPS = float(np.finfo(np.float64).eps)
# Vectors before the first look at the states, and the ratio of their numbers between looks.
_FIRST, _GROWTH = 12, 1.12
# Times at which convergence is judged; states vary slowly over the logarithm of time.
_LOOKS = 48


@dataclass(frozen=True, eq=False)
class LanczosPropagator(Portable):
    r"""One block without decay and without a mass matrix, by a Lanczos space of its initial state.

    Parameters
    ----------
    block : Block
        Its operator is called with a vector (n,) and returns the product.
    t : ndarray, shape (T,)
        Times that the space is made for.
    tolerance : float
        Error allowed at any time, in the norm whose square is the loss.
    most : int
        Largest dimension of the space.
    note : str, default ""
        What a progress bar says; none is shown without.
    expected : int, default 0
        About the dimension that the space will have, for the bar.
    through_features : bool, default False
        Whether the unknowns are coefficients of features F: the operator is then
        :math:`F^\\top F`, and the initial state :math:`F^\\top r` of an error r over the points.
    """

    block: Block
    t: FloatArray
    tolerance: float
    most: int
    through_features: bool = False
    note: str = ""
    expected: int = 0
    factorizations: int = 0
    error: float = field(default=0.0, init=False)
    _process: LanczosProcess = field(init=False, repr=False)
    _fitted: tuple[Dynamics, ...] = field(default=(), init=False, repr=False)

    _lasting: ClassVar[frozenset[str]] = frozenset({"fastest_rate"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "_process", LanczosProcess(self._action, self.block.load))

    @property
    def _action(self) -> Callable[[FloatArray], FloatArray]:
        action: Callable[[FloatArray], FloatArray] = self.block.operator
        return action

    @classmethod
    def fitted(
        cls,
        dynamics: Dynamics,
        block: Block,
        t: FloatArray,
        tolerance: float,
        most: int,
        *,
        through_features: bool = False,
        note: str = "",
        expected: int = 0,
    ) -> LanczosPropagator:
        """The propagator, grown until the times have converged under the dynamics."""
        found = cls(block, t, tolerance, most, through_features, note, expected)
        found.fit(dynamics, t)
        return found

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.block.size

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        return self._process.dimension

    @cached_property
    def fastest_rate(self) -> float:
        """Largest rate that the initial state excites."""
        rates = self._process.ritz()[0]
        return float(rates[-1]) if rates.size else 0.0

    def fit(self, dynamics: Dynamics, t: FloatArray) -> None:
        """Grow the space until the times have converged under the dynamics."""
        with progress_bar(bool(self.note), self.expected, "vector", what=self.note) as bar:
            self._fit(dynamics, t, lambda: bar and bar.update(self.dimension - bar.n))
        object.__setattr__(self, "_fitted", (*self._fitted, dynamics))

    def _fit(self, dynamics: Dynamics, t: FloatArray, grown: Callable[[], Any]) -> None:
        process = self._process
        times = _some_of(t[t > 0])
        if times.size == 0 and self.dimension == 0:
            process.extend(min(_FIRST, self.most))
        change = 0.0
        if times.size:
            wanted = max(_FIRST, self.dimension + 4)
            process.extend(min(wanted, self.most))
            state = self._coordinates(dynamics, times)
            while not process.invariant:
                before, narrow = state, self.dimension
                if narrow >= self.most:
                    break
                process.extend(min(max(int(_GROWTH * narrow), narrow + 4), self.most))
                grown()
                state = self._coordinates(dynamics, times)
                step = state.copy()
                step[:, :narrow] -= before
                change = float(self._norms(step).max())
                floor = _EPS * process.norm * (1 + float(t[-1]) * float(process.ritz()[0][-1]))
                # The change is that of the smaller space; the larger is better by digits.
                if change <= max(self.tolerance, floor):
                    break
        object.__setattr__(self, "error", max(self.error, 0.0 if process.invariant else change))

    def _coordinates(self, dynamics: Dynamics, t: FloatArray) -> FloatArray:
        """What has been learned in the basis of the space, shape (T, m)."""
        rates, vectors = self._process.ritz()
        share = dynamics.integral if self.through_features else dynamics.deficit
        return np.asarray((share(rates, t) * (self._process.norm * vectors[0])) @ vectors.T)

    def _norms(self, step: FloatArray) -> FloatArray:
        """Norms over the points of differences of states, (T,)."""
        if not self.through_features:
            return np.asarray(np.linalg.norm(step, axis=1))
        rates, vectors = self._process.ritz()
        return np.asarray(np.linalg.norm((step @ vectors) * np.sqrt(rates), axis=1))

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """Error of the slow modes, each of whose rates has the rounding error of the largest."""
        rates, vectors = self._process.ritz()
        if rates.size == 0:
            return 0.0
        relative = _EPS * float(t[-1]) * dynamics.acceleration * self.fastest_rate
        size = self._process.norm
        if self.through_features:
            positive = rates > _EPS * rates[-1]
            size *= float(np.linalg.norm(vectors[0, positive] / np.sqrt(rates[positive])))
        return relative * size

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> LanczosEvolution:
        """Evolution of the block at times `t` (T,).

        What was not fitted gets a larger space of its own that starts from this one.
        """
        known = dynamics in self._fitted and t[-1] <= self.t[-1] * (1 + 1e-12)
        if known:
            return LanczosEvolution(self, dynamics, t)
        other = copy.copy(self)
        object.__setattr__(other, "_process", self._process.copy())
        other.fit(dynamics, t)
        return LanczosEvolution(other, dynamics, t)

    def with_block(self, block: Block, dynamics: Dynamics, t: FloatArray) -> LanczosPropagator:
        """A space of its own for a block with the same operators and other data."""
        return LanczosPropagator.fitted(
            dynamics,
            block,
            t,
            self.tolerance,
            self.most,
            through_features=self.through_features,
            note=self.note,
            expected=self.expected,
        )

    def evolve_from(self, load: FloatArray, dynamics: Dynamics, t: FloatArray) -> LanczosEvolution:
        """Evolution from another initial state, by a space of its own."""
        block = Block(self.block.operator, None, None, load, np.zeros_like(load))
        other = LanczosPropagator.fitted(
            dynamics,
            block,
            t,
            self.tolerance,
            self.most,
            through_features=self.through_features,
            note=self.note,
            expected=self.expected,
        )
        return LanczosEvolution(other, dynamics, t)


@dataclass(frozen=True, eq=False)
class LanczosEvolution:
    """A block in its Lanczos space at times `t`; evaluated when asked for."""

    propagator: LanczosPropagator
    dynamics: Dynamics
    t: FloatArray

    @property
    def _modes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rates (m,), amplitudes (m,) and modes in the basis (m, m)."""
        process = self.propagator._process
        rates, vectors = process.ritz()
        return rates, process.norm * vectors[:1].ravel(), vectors

    @cached_property
    def change(self) -> FloatArray:
        """e(t) - e(0), shape (T, n)."""
        rates, amplitudes, vectors = self._modes
        share = self.dynamics.deficit(rates, self.t) * amplitudes
        return np.asarray(-(share @ vectors.T) @ self.propagator._process.basis)

    @cached_property
    def memory(self) -> tuple[FloatArray, FloatArray]:
        """Time integral of e from 0 to t, twice; through features that of their sums over it."""
        rates, amplitudes, vectors = self._modes
        share = self.dynamics.integral(rates, self.t) * amplitudes
        integral = np.asarray((share @ vectors.T) @ self.propagator._process.basis)
        return integral, integral

    @cached_property
    def energy(self) -> FloatArray:
        """The squared norm of e; through features what of it has been learned, negative, (T,)."""
        rates, amplitudes, _ = self._modes
        if not self.propagator.through_features:
            return np.asarray(
                np.sum((self.dynamics.factor(rates, self.t) * amplitudes) ** 2, axis=1)
            )
        # 1 - factor^2 over the rate is the integral times 1 + factor, which a rate of 0 does not
        # divide.
        left = 1.0 + self.dynamics.factor(rates, self.t)
        learned = self.dynamics.integral(rates, self.t) * left
        return np.asarray(-np.sum(learned * amplitudes**2, axis=1))


def _some_of(t: FloatArray) -> FloatArray:
    """At most 48 of the times, with the first and the last."""
    if len(t) <= _LOOKS:
        return t
    return t[np.unique(np.rint(np.linspace(0, len(t) - 1, _LOOKS)).astype(np.int64))]
