r"""The interface that the discretizations of all measures share.

Each measure reduces the equation to independent blocks for the error e that the data see,

.. math:: M e(t) = M g(t) - A_1 q_1(t) - A_2 q_2(t), \qquad
          \dot q_k = -\gamma_k q_k + c_k(t)\,e, \quad q_k(0) = 0,

with symmetric positive semi-definite :math:`A_1` (the output weights learn), :math:`A_2` (the
frequencies learn) and M symmetric positive definite, scaled so that :math:`e^\top M e` is the part
of the loss the unknowns represent. g is the error if nothing were learned. Without decay
:math:`q_1 = q_2` is the time integral of e, and :math:`M\dot e = -(A_1 + A_2)\,e`.

What the unknowns do not represent never learns: results are *free state plus change*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.sparse import linalg as sparse_linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.decay import Decay
from ntkfreq.problem.equation import FrequencyEquation


@dataclass(frozen=True, eq=False)
class Block(Portable):
    """One symmetric matrix pair, M and A = A_1 + A_2, and its initial data.

    Attributes
    ----------
    stationary : ndarray or sparse matrix, shape (n, n), or ndarray, shape (n,)
        A_1, what the output weights learn; one dimension for a diagonal matrix.
    moving : ndarray, sparse matrix or None
        A_2, what the frequencies learn, sigma_a^2 included; None where sigma_a is 0.
    mass : ndarray, sparse matrix or None
        M; None is the identity.
    start, goal : ndarray, shape (n,)
        M f_0 and M y, functionals of initial output and target (which Galerkin methods know
        directly).
    growth : (float, float)
        Rates at which c_1 and c_2 grow where the unknowns follow shrinking frequencies.
    drifting_goal : callable or None
        M y(t), shape (T, n), at times (T,), where the target moves through the unknowns.
    """

    stationary: Any
    moving: Any
    mass: Any
    start: FloatArray
    goal: FloatArray
    growth: tuple[float, float] = (0.0, 0.0)
    drifting_goal: Callable[[FloatArray], FloatArray] | None = None

    def free_load(self, decay: Decay, t: FloatArray) -> FloatArray:
        """M g(t), the state if nothing were learned, at times (T,), shape (T, n)."""
        goal = self.goal if self.drifting_goal is None else self.drifting_goal(t)
        return np.asarray(np.multiply.outer(decay.damping(t), self.start) - goal)

    @cached_property
    def operator(self) -> Any:
        """A = A_1 + A_2."""
        return self.stationary if self.moving is None else self.stationary + self.moving

    @property
    def load(self) -> FloatArray:
        """M e(0)."""
        return np.asarray(self.start - self.goal)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return int(self.goal.size)

    def solve_mass(self, load: FloatArray) -> FloatArray:
        """M^-1 times one or more columns."""
        return load if self.mass is None else np.asarray(self._factor.solve(load))

    @cached_property
    def _factor(self) -> Any:
        return sparse_linalg.splu(self.mass.tocsc())

    def moments(self) -> FloatArray:
        """Represented parts of (f_0, f_0), (f_0, y) and (y, y), shape (3,)."""
        start, goal = self.start, self.goal
        if not start.any() and not goal.any():
            return np.zeros(3)
        if not start.any():
            return np.array([0.0, 0.0, goal @ self.solve_mass(goal)])
        solved = self.solve_mass(np.stack([start, goal], axis=1))
        return np.array([start @ solved[:, 0], start @ solved[:, 1], goal @ solved[:, 1]])


class BlockEvolution(Protocol):
    """How one block has evolved at the times asked for."""

    @property
    def change(self) -> FloatArray:
        """e(t) minus the free state, shape (T, n)."""
        ...

    @property
    def memory(self) -> tuple[FloatArray, ...]:
        """q_1 and q_2, shape (T, n) each."""
        ...

    @property
    def energy(self) -> FloatArray:
        """e^T M e, shape (T,)."""
        ...


@dataclass(frozen=True, eq=False)
class Evolution:
    """All blocks of a system at times `t` (T,); `step_size` is None in continuous time."""

    t: FloatArray
    blocks: Sequence[BlockEvolution]
    step_size: float | None = None

    @property
    def change(self) -> list[FloatArray]:
        """e(t) minus the free state, one array (T, n) a block."""
        return [block.change for block in self.blocks]

    @property
    def energy(self) -> FloatArray:
        """The part of the loss that the unknowns represent, shape (T,)."""
        return np.asarray(np.sum([block.energy for block in self.blocks], axis=0))

    def memory(self, k: int) -> list[FloatArray]:
        """q_1 (k = 0) or q_2 (k = 1), one array (T, n) a block."""
        return [block.memory[k] for block in self.blocks]


class System(Protocol):
    """A semi-discrete equation, and spectra and outputs from its unknowns."""

    @property
    def equation(self) -> FrequencyEquation:
        """The problem."""
        ...

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Independent blocks."""
        ...

    @property
    def moments(self) -> FloatArray:
        """Integrals of f_0^2, f_0 y and y^2 against the data measure, shape (3,)."""
        ...

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F), at frequencies (F, d)."""
        ...

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the data spectrum, shape (T, F)."""
        ...

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, d) points, shape (T, n)."""
        ...


@runtime_checkable
class OwnLoss(Protocol):
    """A system whose unknowns move, so that its loss is not a sum over blocks."""

    def train_loss(self, evolution: Evolution) -> FloatArray:
        """Training loss, shape (T,)."""
        ...


@runtime_checkable
class Reloadable(System, Protocol):
    """A system whose operators serve other data on the same measure as well."""

    @property
    def loads(self) -> tuple[FloatArray, ...]:
        """The initial error as unknowns, one array a block."""
        ...

    def with_equation(self, equation: FrequencyEquation) -> Reloadable:
        """The same operators for other data."""
        ...


@runtime_checkable
class Covering(Protocol):
    """A system that knows outputs in a part of space."""

    def covers(self, x: FloatArray) -> bool:
        """Whether outputs at points (n, d) are known."""
        ...
