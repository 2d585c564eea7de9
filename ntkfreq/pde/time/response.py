"""The linear response of one block to many initial states at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics

Columns = Callable[[float], FloatArray]
"""Unknowns (n, r) of r states at one time if nothing were learned."""


@dataclass(frozen=True, eq=False)
class Response:
    """One block at one time: rows are states.

    Attributes
    ----------
    change : ndarray, shape (r, n)
        What learning adds to each state.
    memory : tuple of ndarray, shape (r, n) or (r, Q)
        The memories q_k of each state.
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


@dataclass(frozen=True, eq=False)
class Reader:
    """One block with its columns, to be read at any time, and a bound of their relative error."""

    read: Callable[[float], Response]
    error: float = 0.0


class Responding(Protocol):
    """A propagator of a block without a mass matrix, which takes any initial states."""

    def respond(self, columns: Columns, dynamics: Dynamics, t_end: float) -> Reader:
        """States (n, r), given as they would be if nothing were learned, up to the last time."""
        ...


def largest(columns: Columns) -> float:
    """Largest norm of a state at the start."""
    return float(np.sqrt(np.max(np.sum(columns(0.0) ** 2, axis=0))))


def at_times(columns: Columns) -> Callable[[FloatArray], FloatArray]:
    """The same at any array of times, shape (1, T, n, r)."""
    return lambda t: np.stack([columns(float(time)) for time in t.ravel()])[None]
