"""Advance a block in time. The dense eigendecomposition is the plainest way and exact in time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from ntkfreq._types import FloatArray
from ntkfreq.pde.dynamics import Dynamics
from ntkfreq.pde.system import Block

# Three n x n matrices at 8 bytes: 12 000 unknowns take 3.5 GB and about ten minutes.
MAX_UNKNOWNS = 12_000


def _dense(matrix: Any) -> FloatArray:
    dense: Any = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return np.asarray(dense)


@dataclass(frozen=True, eq=False)
class EigenPropagator:
    r"""Generalized symmetric eigendecomposition :math:`A q = \lambda M q` of one block.

    Rounding leaves eigenvalues of either sign near zero; they are set to zero,
    so the loss cannot grow under gradient flow.

    Parameters
    ----------
    block : Block
        The pencil and its initial data.
    negligible : float, default 0
        Fast modes that together hold less than this of the initial state, in the norm
        whose square is the loss, are given the rate of the fastest mode that counts.
        On Line the operator is unbounded and its fastest discrete modes are properties
        of the mesh, not of the problem; without this no step size would be stable.

    Raises
    ------
    ValueError
        When the block has more unknowns than a dense method can hold.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq.pde.dynamics import GradientFlow
    >>> mode = EigenPropagator(Block(np.diag([1.0, 2.0]), None, np.array([1.0, 1.0])))
    >>> mode.energy(GradientFlow(), np.array([0.0]))
    array([2.])
    """

    block: Block
    negligible: float = 0.0

    def __post_init__(self) -> None:
        if self.block.size > MAX_UNKNOWNS:
            raise ValueError(
                f"the discretization has {self.block.size} unknowns, above the {MAX_UNKNOWNS} of "
                "the dense propagator; raise rtol, shorten t, centre x at 0, or use fewer points"
            )

    @cached_property
    def _decomposition(self) -> tuple[FloatArray, FloatArray]:
        mass = None if self.block.mass is None else _dense(self.block.mass)
        rates, modes = linalg.eigh(_dense(self.block.operator), mass)
        return np.maximum(rates, 0.0), modes

    @cached_property
    def rates(self) -> FloatArray:
        """Decay rates, ascending, shape (n,)."""
        rates = self._decomposition[0]
        if self.negligible == 0.0 or rates.size == 0:
            return rates
        from_the_top = np.cumsum(self.amplitudes[::-1] ** 2)
        skipped = int(np.searchsorted(from_the_top, self.negligible**2, side="right"))
        return np.asarray(np.minimum(rates, rates[max(rates.size - 1 - skipped, 0)]))

    @cached_property
    def amplitudes(self) -> FloatArray:
        """Initial amplitude of each mode, shape (n,)."""
        return np.asarray(self._decomposition[1].T @ self.block.load)

    def change(self, dynamics: Dynamics, t: FloatArray) -> FloatArray:
        """u(t) - u(0), shape (T, n)."""
        share = dynamics.deficit(self.rates, t) * self.amplitudes
        return np.asarray(-share @ self._decomposition[1].T)

    def integral(self, dynamics: Dynamics, t: FloatArray) -> FloatArray:
        """Time integral of u from 0 to t, shape (T, n)."""
        share = dynamics.integral(self.rates, t) * self.amplitudes
        return np.asarray(share @ self._decomposition[1].T)

    def energy(self, dynamics: Dynamics, t: FloatArray) -> FloatArray:
        """The part of the loss in this block, u^T M u, shape (T,)."""
        share = dynamics.factor(self.rates, t) * self.amplitudes
        return np.asarray(np.sum(share**2, axis=1))
