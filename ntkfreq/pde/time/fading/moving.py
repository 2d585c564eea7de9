"""Frequencies that decay towards zero: the data move through fixed features; implicit steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.fading.feature_memory import FeatureMemory
from ntkfreq.pde.time.fading.radau import Trajectory
from ntkfreq.pde.time.fading.stepping import integrated, refuse_steps, scale_of
from ntkfreq.pde.time.response import Columns, Reader, Response, at_times, largest

# Smallest relative tolerance: features of moving points are accurate to the rounding unit over the
# square root of their smallest residual.
_NOISE = 1e-10


class MovingSystem(Protocol):
    """A system with features J(t) of the data: e = g - J theta, theta' = -rates theta + J^T e."""

    @property
    def rates(self) -> FloatArray:
        """Rates at which the coefficients of the features decay, shape (Q,)."""
        ...

    def weighted_jacobian(self, t: float) -> FloatArray:
        """J at one time, shape (n, Q)."""
        ...

    def free(self, t: FloatArray) -> FloatArray:
        """The unknowns if nothing were learned, at times (T,), shape (T, n)."""
        ...


@dataclass(frozen=True, eq=False)
class MovingPropagator(Portable):
    """Radau collocation of a system with features; it can be read at any time up to the last.

    Parameters
    ----------
    system : MovingSystem
        Features and data.
    t_end : float
        Last time that will be asked for.
    tolerance : float
        Error allowed in the norm whose square is the loss.
    """

    system: MovingSystem
    t_end: float
    tolerance: float

    _lasting: ClassVar[frozenset[str]] = frozenset({"fastest_rate", "trajectory"})

    @cached_property
    def _start(self) -> FloatArray:
        return np.asarray(self.system.free(np.zeros(1))[0])

    @property
    def size(self) -> int:
        """Number of unknowns: errors and coefficients of features."""
        return int(self._start.size + self.system.rates.size)

    @cached_property
    def trajectory(self) -> Trajectory:
        """The system up to the last time."""
        problem = FeatureMemory(
            jacobian=self.system.weighted_jacobian,
            rates=self.system.rates,
            free=lambda t: self.system.free(t.ravel())[None, :, :, None],
        )
        refuse_steps(min(self._start.size, self.system.rates.size), self.tolerance / self._scale)
        return integrated(problem, self.t_end, self.tolerance, self._scale)

    @property
    def _scale(self) -> float:
        return scale_of(float(np.linalg.norm(self._start)), self.tolerance)

    @property
    def error(self) -> float:
        """Bound of the error in time, in the norm whose square is the loss."""
        return float(np.max(self.trajectory.error_bound) * self._scale)

    @property
    def factorizations(self) -> int:
        """Factorizations made so far."""
        return int(np.sum(self.trajectory.factorizations))

    @property
    def steps(self) -> int:
        """Steps taken."""
        return int(np.sum(self.trajectory.steps))

    @cached_property
    def fastest_rate(self) -> float:
        """Largest rate of the operator at the start."""
        jacobian = self.system.weighted_jacobian(0.0)
        wide = jacobian if jacobian.shape[0] <= jacobian.shape[1] else jacobian.T
        return max(float(np.linalg.eigvalsh(wide @ wide.T)[-1]), 0.0)

    @property
    def noise(self) -> float:
        """Largest rounding error that was seen in a step, in the norm whose square is the loss."""
        return float(np.max(self.trajectory.rounding) * self._scale)

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """The largest that was seen in a step."""
        return self.noise

    def respond(self, columns: Columns, dynamics: Dynamics, t_end: float) -> Reader:
        """States (n, r), given as they would be if nothing were learned."""
        scale = scale_of(largest(columns), self.tolerance)
        problem = FeatureMemory(self.system.weighted_jacobian, self.system.rates, at_times(columns))
        trajectory = integrated(problem, t_end, self.tolerance, scale, _NOISE)

        def read(t: float) -> Response:
            moment = np.array([t])
            state = trajectory.error(moment)[0].T
            memory = tuple(held[0].T for held in trajectory.memory(moment))
            return Response(state - columns(t).T, memory, state)

        return Reader(read, float(np.max(trajectory.error_bound)))

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> MovingEvolution:
        """Evolution at times `t` (T,), gradient flow only."""
        return MovingEvolution(self, t)


@dataclass(frozen=True, eq=False)
class MovingEvolution:
    """A system with features at times `t`; evaluated when asked for."""

    propagator: MovingPropagator
    t: FloatArray

    @cached_property
    def _error(self) -> FloatArray:
        return np.asarray(self.propagator.trajectory.error(self.t)[..., 0])

    @cached_property
    def change(self) -> FloatArray:
        """e(t) minus the free state, shape (T, n)."""
        return self._error - self.propagator.system.free(self.t)

    @cached_property
    def memory(self) -> tuple[FloatArray, ...]:
        """Coefficients of the features, shape (T, Q)."""
        return (self.propagator.trajectory.memory(self.t)[0][..., 0],)

    @cached_property
    def energy(self) -> FloatArray:
        """Sum of the squared unknowns, shape (T,)."""
        return np.asarray(np.sum(self._error**2, axis=1))
