"""The dense eigendecomposition: the plainest way, and exact in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.dense import refuse_rows, symmetric_eigen
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.response import Columns, Reader, Response
from ntkfreq.pde.time.system import Block

_EPS = float(np.finfo(np.float64).eps)


def _dense(matrix: Any) -> FloatArray:
    dense: Any = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return np.asarray(dense)


@dataclass(frozen=True, eq=False)
class EigenPropagator(Portable):
    r"""Generalized symmetric eigendecomposition :math:`A q = \lambda M q` of one block, no decay.

    Rounding leaves eigenvalues of either sign near zero; they are set to zero,
    so the loss cannot grow under gradient flow.

    Parameters
    ----------
    block : Block
        The matrix pair and its initial data.
    negligible : float, default 0
        Fast modes that together hold less than this of the initial state, in the norm
        whose square is the loss, are given the rate of the fastest mode that counts.
        On Line the operator is unbounded and its fastest discrete modes are properties
        of the mesh, not of the problem; without this no step size would be stable.
    cap : float, optional
        Rates above it are cut to it.

    Raises
    ------
    ValueError
        When the block has more unknowns than a dense method can hold.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq.pde.time.dynamics import GradientFlow
    >>> block = Block(np.diag([1.0, 2.0]), None, None, np.zeros(2), np.ones(2))
    >>> EigenPropagator(block).evolve(GradientFlow(), np.array([0.0])).energy
    array([2.])
    """

    block: Block
    negligible: float = 0.0
    cap: float = np.inf
    factorizations: int = 1
    error: float = 0.0

    _lasting: ClassVar[frozenset[str]] = frozenset({"_decomposition"})

    def __post_init__(self) -> None:
        refuse_rows(
            f"the discretization has {self.block.size} unknowns",
            self.block.size,
            "raise rtol, shorten t, centre x at 0, or use fewer points",
        )

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.block.size

    @cached_property
    def _decomposition(self) -> tuple[FloatArray, FloatArray]:
        operator = _dense(self.block.operator)
        if operator.ndim == 1:
            order = np.argsort(operator)
            return np.maximum(operator[order], 0.0), np.eye(len(order))[:, order]
        if self.block.mass is None:
            rates, modes = symmetric_eigen(operator)
        else:
            rates, modes = linalg.eigh(operator, _dense(self.block.mass))
        return np.maximum(rates, 0.0), modes

    @property
    def modes(self) -> FloatArray:
        """Eigenvectors in columns, orthonormal under M, shape (n, n)."""
        return self._decomposition[1]

    @cached_property
    def rates(self) -> FloatArray:
        """Decay rates, ascending, shape (n,)."""
        rates = np.minimum(self._decomposition[0], self.cap)
        if self.negligible == 0.0 or rates.size == 0:
            return rates
        from_the_top = np.cumsum(self.amplitudes[::-1] ** 2)
        skipped = int(np.searchsorted(from_the_top, self.negligible**2, side="right"))
        return np.asarray(np.minimum(rates, rates[max(rates.size - 1 - skipped, 0)]))

    @property
    def fastest_rate(self) -> float:
        """Largest rate that counts."""
        return float(self.rates[-1]) if self.rates.size else 0.0

    @cached_property
    def amplitudes(self) -> FloatArray:
        """Initial amplitude of each mode, shape (n,)."""
        return np.asarray(self.modes.T @ self.block.load)

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """Error of the slow modes, each of whose rates has the rounding error of the largest."""
        relative = _EPS * float(t[-1]) * dynamics.acceleration * self.fastest_rate
        return relative * float(np.linalg.norm(self.amplitudes))

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> ModalEvolution:
        """Evolution of the block at times `t` (T,)."""
        return ModalEvolution(self, dynamics, t)

    def respond(self, columns: Columns, dynamics: Dynamics, t_end: float) -> Reader:
        """States (n, r), given as they would be if nothing were learned."""
        amplitudes = self.modes.T @ columns(0.0)

        def read(t: float) -> Response:
            moment = np.array([t])
            change, held, state = (
                (self.modes @ (share(self.rates, moment)[0][:, None] * amplitudes)).T
                for share in (dynamics.deficit, dynamics.integral, dynamics.factor)
            )
            return Response(-change, (held, held), state)

        return Reader(read)

    def with_block(self, block: Block, dynamics: Dynamics, t: FloatArray) -> EigenPropagator:
        """The same modes for a block with the same operators and other data."""
        other = replace(self, block=block)
        other.__dict__["_decomposition"] = self._decomposition
        return other

    def evolve_from(self, load: FloatArray, dynamics: Dynamics, t: FloatArray) -> ModalEvolution:
        """Evolution of the block from another initial state, given as M e(0), at times `t`."""
        return ModalEvolution(KnownModes(self.modes, self.rates, self.modes.T @ load), dynamics, t)


@dataclass(frozen=True, eq=False)
class KnownModes:
    """Modes in columns, their rates and amplitudes."""

    modes: FloatArray
    rates: FloatArray
    amplitudes: FloatArray


@dataclass(frozen=True, eq=False)
class InertPropagator:
    """A block without initial error: no mode is excited, and nothing changes."""

    block: Block
    factorizations: int = 0
    error: float = 0.0
    fastest_rate: float = 0.0

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.block.size

    @property
    def modes(self) -> FloatArray:
        """No modes, shape (n, 0)."""
        return np.empty((self.size, 0))

    @property
    def rates(self) -> FloatArray:
        """No rates, shape (0,)."""
        return np.empty(0)

    @property
    def amplitudes(self) -> FloatArray:
        """No amplitudes, shape (0,)."""
        return np.empty(0)

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """None: nothing moves."""
        return 0.0

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> ModalEvolution:
        """Evolution of the block at times `t` (T,): none."""
        return ModalEvolution(self, dynamics, t)


class Modes(Protocol):
    """Modes (n, m) in columns, orthonormal under M, their rates (m,) and amplitudes (m,)."""

    @property
    def modes(self) -> FloatArray:
        """Modes."""
        ...

    @property
    def rates(self) -> FloatArray:
        """Rates."""
        ...

    @property
    def amplitudes(self) -> FloatArray:
        """Initial amplitudes."""
        ...


@dataclass(frozen=True, eq=False)
class ModalEvolution:
    """A block whose modes are known, at times `t`; evaluated when asked for."""

    propagator: Modes
    dynamics: Dynamics
    t: FloatArray

    @cached_property
    def change(self) -> FloatArray:
        """e(t) - e(0), shape (T, n)."""
        share = self.dynamics.deficit(self.propagator.rates, self.t) * self.propagator.amplitudes
        return np.asarray(-share @ self.propagator.modes.T)

    @cached_property
    def memory(self) -> tuple[FloatArray, FloatArray]:
        """Time integral of e from 0 to t, twice: without decay both memories are it."""
        share = self.dynamics.integral(self.propagator.rates, self.t) * self.propagator.amplitudes
        integral = np.asarray(share @ self.propagator.modes.T)
        return integral, integral

    @cached_property
    def energy(self) -> FloatArray:
        """The part of the loss in this block, e^T M e, shape (T,)."""
        share = self.dynamics.factor(self.propagator.rates, self.t) * self.propagator.amplitudes
        return np.asarray(np.sum(share**2, axis=1))
