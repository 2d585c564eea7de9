"""A semi-discrete system with its propagators: all that a solution is evaluated from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.fading.implicit import ImplicitPropagator
from ntkfreq.pde.time.fading.moving import MovingPropagator
from ntkfreq.pde.time.propagators import (
    EigenPropagator,
    InertPropagator,
    KrylovPropagator,
)
from ntkfreq.pde.time.propagators.base import FromAnyState, Propagator, Reusable
from ntkfreq.pde.time.system import Block, Covering, Evolution, OwnLoss, Reloadable, System
from ntkfreq.problem.equation import FrequencyEquation

# Below this many unknowns a dense eigendecomposition takes less time than a Krylov space, which on
# elements of very different sizes loses fewer digits.
_DENSE = 80
# Errors of a mesh vary slowly over the logarithm of time, so the largest one is found among this
# many of the times.
_TIMES = 16
# Below this many unknowns a dense eigendecomposition replaces a Krylov space that does not reach
# the tolerance.
_DENSE_IF_NEEDED = 2500
# The ratio of the squares of successive terms is at most this when a series is extrapolated.
_SLOWEST = 0.9
# The reported bound of the error in time may be this multiple of its tolerance.
_IN_TIME = 1.5
Stepped = TypeVar("Stepped", ImplicitPropagator, MovingPropagator)


@dataclass(frozen=True, eq=False)
class Discretized:
    r"""A system with one propagator for each block, and the estimate of its error.

    Attributes
    ----------
    error : float
        Estimate of :math:`\sup_t \|\delta\hat e(t)\|_2 / \|\hat e(0)\|_2`.
    details : dict
        Method, mesh or basis, for `stats`; nothing is decided by it.
    target_resolved : bool
        Whether quadrature resolves target and initial output to the tolerance.
    fitted_until : float
        Last time that may be asked for; infinite where any may be. It counts in the time of
        gradient flow, through which momentum runs faster.
    sound_until : float
        Time of gradient flow until which the operator is right to the tolerance: its error adds up
        over time. Later times are solved anew.
    given : FrequencyEquation or None
        The problem as it was asked, where that of the system differs from it: by data moved to
        the origin, or by decay left out because it changes nothing.
    center : ndarray, shape (d,), or None
        Point of x that is the origin of the system; None is 0.
    setup_seconds : float
        How long the discretization took.
    """

    system: System
    propagators: tuple[Propagator, ...]
    error: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    target_resolved: bool = True
    fitted_until: float = np.inf
    sound_until: float = np.inf
    given: FrequencyEquation | None = None
    center: FloatArray | None = None
    setup_seconds: float = 0.0

    @classmethod
    def of(cls, system: System, negligible: float = 0.0, **details: Any) -> Discretized:
        """Wrap a system without decay with its eigendecompositions."""
        modes = tuple(EigenPropagator(block, negligible) for block in system.blocks)
        return cls(system, modes, 0.0, details)

    @classmethod
    def fitted(
        cls,
        system: System,
        t: FloatArray,
        dynamics: Dynamics,
        tolerance: float,
        negligible: float,
        cap: float = np.inf,
    ) -> Discretized:
        """Wrap a system of sparse blocks without decay with what is fastest for their size.

        `tolerance` bounds the error of Krylov spaces, in the norm whose square is the loss;
        rates above `cap` are cut to it.
        """
        parts: list[Propagator] = []
        for block in system.blocks:
            # A target that is even, or odd, leaves the other block at rest.
            if not block.load.any() and block.size > 1:
                parts.append(InertPropagator(block))
                continue
            # With frozen frequencies the spectrum is continuous, and Krylov spaces grow large.
            if block.size <= _DENSE or (block.moving is None and block.size <= _DENSE_IF_NEEDED):
                parts.append(EigenPropagator(block, negligible, cap))
                continue
            krylov = KrylovPropagator.fitted(dynamics, block, t, tolerance, negligible, cap=cap)
            rounding = 2.2e-16 * float(t[-1]) * _largest_rate(block) * initial_norm(system)
            if krylov.error > max(tolerance, rounding) and block.size <= _DENSE_IF_NEEDED:
                parts.append(EigenPropagator(block, negligible, cap))
            else:
                parts.append(krylov)
        return cls(system, tuple(parts))

    def with_decay(self, t_end: float, tolerance: float) -> Discretized:
        """The same system with its blocks advanced under the decay of its equation.

        `tolerance` bounds the error in time, relative to the initial error.
        """
        decay = self.system.equation.decay
        if not decay.active:
            return self
        scale = initial_norm(self.system)

        def advanced(asked: float) -> tuple[ImplicitPropagator, ...]:
            return tuple(
                ImplicitPropagator(block, decay, t_end, asked * scale, flow)
                for block, flow in zip(self.system.blocks, self.propagators, strict=True)
            )

        parts, spent = _in_time(advanced, tolerance, scale)
        steps = sum(part.steps for part in parts)
        return replace(
            self,
            propagators=parts,
            error=self.error + spent,
            details={**self.details, "time_steps": steps},
        )

    @classmethod
    def moving(
        cls, system: Any, t_end: float, tolerance: float, error: float, **details: Any
    ) -> Discretized:
        """A system whose data move through its features, with its one propagator."""
        scale = initial_norm(system)
        (part,), spent = _in_time(
            lambda asked: (MovingPropagator(system, t_end, asked * scale),), tolerance, scale
        )
        return cls(system, (part,), error + spent, {**details, "time_steps": part.steps})

    def with_error(self, error: float, target_resolved: bool, **details: Any) -> Discretized:
        """The same with its estimated error and further entries of `stats`."""
        return replace(
            self,
            error=error,
            target_resolved=target_resolved,
            details={**self.details, **details},
        )

    @property
    def asked(self) -> FrequencyEquation:
        """The problem that was asked."""
        return self.system.equation if self.given is None else self.given

    @property
    def unknowns(self) -> int:
        """Number of unknowns in all blocks."""
        return sum(part.size for part in self.propagators)

    @property
    def fastest_rate(self) -> float:
        """Largest eigenvalue of the operator."""
        return max((part.fastest_rate for part in self.propagators), default=0.0)

    @property
    def max_step_size(self) -> float:
        """Largest stable step of gradient descent; infinite where nothing moves."""
        return 2.0 / self.fastest_rate if self.fastest_rate > 0 else np.inf

    @property
    def factorizations(self) -> int:
        """Factorizations and eigendecompositions made so far."""
        return sum(part.factorizations for part in self.propagators)

    @property
    def time_error(self) -> float:
        """Estimated error of the propagators, relative to the initial error."""
        return _relative(self.propagators, initial_norm(self.system))

    def rounding(self, dynamics: Dynamics, t: FloatArray, enough: float) -> float:
        """Relative error by rounding; the simple bound is refined where it exceeds `enough`."""
        scale = initial_norm(self.system)
        first = float(t[-1]) * dynamics.acceleration * self.fastest_rate * 2.2e-16
        if first <= enough or scale == 0:
            return first
        squares = [part.rounding(dynamics, t) ** 2 for part in self.propagators]
        return float(min(np.sqrt(np.sum(squares)) / scale, first))

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> Evolution:
        """All blocks at times `t`."""
        blocks = [part.evolve(dynamics, t) for part in self.propagators]
        return Evolution(t, blocks, dynamics.step_size)

    @property
    def takes_other_data(self) -> bool:
        """Whether another initial error takes no more than products with known modes."""
        return isinstance(self.system, Reloadable) and all(
            isinstance(part, FromAnyState) for part in self.propagators
        )

    def with_other_data(
        self, equation: FrequencyEquation, dynamics: Dynamics, t: FloatArray
    ) -> tuple[System, Evolution]:
        """The system of other data and how it evolves, under the known modes."""
        assert isinstance(self.system, Reloadable)
        system = self.system.with_equation(equation)
        blocks = []
        for part, load in zip(self.propagators, system.loads, strict=True):
            assert isinstance(part, FromAnyState)
            blocks.append(part.evolve_from(load, dynamics, t))
        return system, Evolution(t, blocks, dynamics.step_size)

    def for_equation(
        self, equation: FrequencyEquation, dynamics: Dynamics, t: FloatArray
    ) -> Discretized:
        """The same operators for other data, at times up to those it was made for."""
        assert isinstance(self.system, Reloadable)
        system = self.system.with_equation(equation)
        parts = []
        for part, block in zip(self.propagators, system.blocks, strict=True):
            assert isinstance(part, Reusable)
            parts.append(part.with_block(block, dynamics, t))
        return replace(self, system=system, propagators=tuple(parts), given=equation)

    def covers(self, x: FloatArray) -> bool:
        """Whether outputs at points (n, d) of the problem can be asked for as it is."""
        system = self.system
        return system.covers(x) if isinstance(system, Covering) else True

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at points (n, d) of the problem, shape (T, n)."""
        moved = x if self.center is None else x - self.center
        return self.system.output_change(evolution, moved)

    def train_loss(self, evolution: Evolution) -> FloatArray:
        """Training loss of what the unknowns represent and of what never learns, shape (T,)."""
        if isinstance(self.system, OwnLoss):
            return self.system.train_loss(evolution)
        represented = np.sum([block.moments() for block in self.system.blocks], axis=0)
        start, both, goal = self.system.moments - represented
        left = self.system.equation.decay.damping(evolution.t)
        unlearned = left**2 * start - 2 * left * both + goal
        return np.asarray(evolution.energy + np.maximum(unlearned, 0.0))


def initial_norm(system: System) -> float:
    """Norm of the initial error; of the target where the initial output is equal to it."""
    start, both, goal = system.moments
    squared = max(start - 2 * both + goal, 0.0)
    return float(np.sqrt(squared if squared > 1e-20 * goal else goal))


def some_of(t: FloatArray) -> FloatArray:
    """At most 16 of many times, evenly among them and with the last, to judge a mesh by."""
    count = min(len(t), _TIMES)
    return t[np.unique(np.rint(np.linspace(0, len(t) - 1, count)).astype(np.int64))]


def extrapolated(pairs: FloatArray) -> FloatArray:
    """Squares of errors from those of the last three pairs of terms of series, shape (3, ...).

    The last pair comes first. How fast the terms fall is the slower of two ratios: terms may dip
    by chance (a front that moves into a tail of the density was missed by a factor of thirty).
    All later terms are added up as a geometric series; a layer that is not resolved has a long one.
    """
    last, before = pairs[:2], pairs[1:]
    ratios = np.divide(last, before, out=np.ones_like(last), where=before > 0)
    ratio = np.minimum(ratios.max(axis=0), _SLOWEST)
    return np.asarray(last[0] * ratio / (1 - ratio))


def _in_time(
    advanced: Callable[[float], tuple[Stepped, ...]], tolerance: float, scale: float
) -> tuple[tuple[Stepped, ...], float]:
    """Propagators whose bound of the error in time fits, and that bound, relative to `scale`.

    The reported bound is more cautious than the estimate that steps are chosen by. The tolerance
    of the steps is lowered until the bound fits, or until rounding alone exceeds it, which smaller
    steps only increase.
    """
    asked, most = tolerance, max(_IN_TIME * tolerance, 1e-12)
    while True:
        parts = advanced(asked)
        spent = _relative(parts, scale)
        noise = max((part.noise for part in parts), default=0.0)
        if spent <= most or noise > most * scale or asked <= 2e-12:
            return parts, spent
        asked = max(0.7 * asked * most / spent, 1e-12)


def _largest_rate(block: Block) -> float:
    """About the largest eigenvalue of the matrix pair of a sparse block, from below."""
    return float(np.max(block.operator.diagonal() / block.mass.diagonal()))


def _relative(parts: Sequence[Propagator], scale: float) -> float:
    """Estimated error of the propagators of independent blocks, whose squares add up."""
    return float(np.sqrt(sum(part.error**2 for part in parts))) / scale if scale > 0 else 0.0
