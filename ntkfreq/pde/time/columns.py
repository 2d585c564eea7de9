"""Many initial states through one equation: the linear response of errors and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.fading.feature_memory import FeatureMemory
from ntkfreq.pde.time.fading.implicit import ImplicitPropagator
from ntkfreq.pde.time.fading.moving import MovingPropagator
from ntkfreq.pde.time.fading.radau import Trajectory
from ntkfreq.pde.time.fading.reduced import Lifted
from ntkfreq.pde.time.fading.stepping import integrated, scale_of
from ntkfreq.pde.time.propagators import EigenPropagator
from ntkfreq.pde.time.system import Evolution

# Features of moving points are known to rounding over the root of their smallest residual.
_NOISE = 1e-10

Columns = Callable[[float], FloatArray]
"""Unknowns (n, r) of r states at one time if nothing were learned."""


@dataclass(frozen=True, eq=False)
class Reader:
    """One block with its columns, to be read at any time, and a bound of their relative error."""

    read: Callable[[float], Response]
    error: float = 0.0


@dataclass(frozen=True, eq=False)
class Response:
    """One block at one time: rows are states.

    Attributes
    ----------
    change : ndarray, shape (r, n)
        What learning adds to each state.
    memory : tuple of ndarray, shape (r, n) or (r, Q)
        What is remembered of each.
    state : ndarray, shape (r, n)
        The errors themselves.
    """

    change: FloatArray
    memory: tuple[FloatArray, ...]
    state: FloatArray

    @property
    def energy(self) -> FloatArray:
        """Squared norm of each state, shape (r,)."""
        return np.asarray(np.sum(self.state**2, axis=1))


def readers(
    discretized: Discretized, dynamics: Dynamics, t: FloatArray, columns: Sequence[Columns]
) -> list[Reader]:
    """Columns advanced to the last time, block by block.

    Parameters
    ----------
    discretized : Discretized
        A system without a mass matrix (Points or Box).
    dynamics : Dynamics
        How modes evolve.
    t : ndarray, shape (T,)
        Times.
    columns : sequence of callable
        For each block the states if nothing were learned, (n, r) at a time.
    """
    return [
        _reader(part, dynamics, free, float(t[-1]))
        for part, free in zip(discretized.propagators, columns, strict=True)
    ]


def respond(parts: Sequence[Reader], t: FloatArray) -> Iterator[tuple[Evolution, FloatArray]]:
    """Evolution of all columns, one time after the other; rows of its arrays are columns.

    With each comes the error itself, all blocks side by side, shape (r, n).
    """
    for time in t:
        blocks = [part.read(float(time)) for part in parts]
        state = np.concatenate([block.state for block in blocks], axis=1)
        yield Evolution(np.full(len(state), time), blocks), state


def _reader(part: Any, dynamics: Dynamics, free: Columns, t_end: float) -> Reader:
    if isinstance(part, EigenPropagator):
        return Reader(_modal(part, dynamics, free(0.0)))
    many = _stacked(free)
    scale = float(np.sqrt(np.max(np.sum(free(0.0) ** 2, axis=0))))
    scale = scale_of(scale, part.tolerance)
    trajectory: Trajectory | Lifted
    if isinstance(part, ImplicitPropagator):
        trajectory = part.integrated(many, part.tolerance, scale)
    else:
        assert isinstance(part, MovingPropagator)
        problem = FeatureMemory(part.system.weighted_jacobian, part.system.rates, many)
        trajectory = integrated(problem, t_end, part.tolerance, scale, _NOISE)

    def read(t: float) -> Response:
        moment = np.array([t])
        state = trajectory.error(moment)[0].T
        memory = tuple(held[0].T for held in trajectory.memory(moment))
        if len(memory) == 1 and isinstance(part, ImplicitPropagator):
            memory = (memory[0], np.zeros_like(memory[0]))
        return Response(state - free(t).T, memory, state)

    figures = trajectory.trajectory if isinstance(trajectory, Lifted) else trajectory
    return Reader(read, float(np.max(figures.error_bound)))


def _stacked(free: Columns) -> Callable[[FloatArray], FloatArray]:
    return lambda t: np.stack([free(float(time)) for time in t.ravel()])[None]


def _modal(
    part: EigenPropagator, dynamics: Dynamics, start: FloatArray
) -> Callable[[float], Response]:
    amplitudes = part.modes.T @ start

    def read(t: float) -> Response:
        moment = np.array([t])
        deficit = dynamics.deficit(part.rates, moment)[0]
        integral = dynamics.integral(part.rates, moment)[0]
        factor = dynamics.factor(part.rates, moment)[0]
        change = -(part.modes @ (deficit[:, None] * amplitudes)).T
        held = (part.modes @ (integral[:, None] * amplitudes)).T
        state = (part.modes @ (factor[:, None] * amplitudes)).T
        return Response(change, (held, held), state)

    return read
