"""The interface of every propagator."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.system import Block, BlockEvolution


class Propagator(Protocol):
    """One block, ready to be evaluated at any times."""

    @property
    def size(self) -> int:
        """Number of unknowns."""
        ...

    @property
    def fastest_rate(self) -> float:
        """Largest rate of the operator that the data excite."""
        ...

    @property
    def factorizations(self) -> int:
        """Factorizations (or eigendecompositions) made so far."""
        ...

    @property
    def error(self) -> float:
        """Estimated error in time, in the norm whose square is the loss."""
        ...

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """Rounding error up to the last of the times, in the norm whose square is the loss."""
        ...

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> BlockEvolution:
        """Evolution of the block at times `t` (T,)."""
        ...


@runtime_checkable
class FromAnyState(Propagator, Protocol):
    """A propagator whose modes serve any initial state."""

    def evolve_from(self, load: FloatArray, dynamics: Dynamics, t: FloatArray) -> BlockEvolution:
        """Evolution of the block from another initial state, given as M e(0), at times `t`."""
        ...


@runtime_checkable
class Reusable(Propagator, Protocol):
    """A propagator that serves other data with the same operators."""

    def with_block(self, block: Block, dynamics: Dynamics, t: FloatArray) -> Propagator:
        """The propagator of a block with the same operators, for times `t` (T,)."""
        ...
