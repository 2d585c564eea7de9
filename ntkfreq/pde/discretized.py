"""A semi-discrete system with its propagators: all that a solution is evaluated from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.pde.dynamics import Dynamics
from ntkfreq.pde.propagators import EigenPropagator
from ntkfreq.pde.propagators.base import Propagator
from ntkfreq.pde.system import Evolution, System


@dataclass(frozen=True, eq=False)
class Discretized:
    r"""A system with one propagator a block, and what is known of its error.

    Attributes
    ----------
    error : float
        Estimate of :math:`\sup_t \|\delta\hat e(t)\|_2 / \|\hat e(0)\|_2`.
    details : dict
        Mesh or basis, for `stats`.
    """

    system: System
    propagators: tuple[Propagator, ...]
    error: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, system: System, negligible: float = 0.0, **details: Any) -> Discretized:
        """Wrap a system with its propagators."""
        modes = tuple(EigenPropagator(block, negligible) for block in system.blocks)
        return cls(system, modes, 0.0, details)

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

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> Evolution:
        """All blocks at times `t`."""
        return Evolution(t, [part.evolve(dynamics, t) for part in self.propagators])

    def unlearned_loss(self, t: FloatArray) -> FloatArray:
        """Loss of what the unknowns do not represent, which never learns, shape (T,)."""
        represented = np.sum([block.moments() for block in self.system.blocks], axis=0)
        start, both, goal = self.system.moments - represented
        left = self.system.equation.decay.damping(t)
        return np.asarray(np.maximum(left**2 * start - 2 * left * both + goal, 0.0))


def initial_norm(system: System) -> float:
    """Square root of the training loss at t = 0."""
    start, both, goal = system.moments
    return float(np.sqrt(max(start - 2 * both + goal, 0.0)))
