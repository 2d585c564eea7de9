r"""The one interface behind which line, box and points look alike.

Each measure reduces the equation to independent blocks
:math:`M \dot u = -A u` with A symmetric positive semi-definite and M symmetric positive
definite, scaled so that :math:`u^\top M u` is the part of the loss the unknowns represent.
What they do not represent never changes: results are *initial state plus change*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ntkfreq._types import ComplexArray, FloatArray


@dataclass(frozen=True, eq=False)
class Block:
    """One symmetric pencil and its initial data.

    Attributes
    ----------
    operator : ndarray or sparse matrix, shape (n, n)
        A.
    mass : ndarray, sparse matrix or None
        M; None is the identity.
    load : ndarray, shape (n,)
        M u(0), the functional of the initial error (which Galerkin methods know directly).
    """

    operator: Any
    mass: Any
    load: FloatArray

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return int(self.load.size)


class System(Protocol):
    """A semi-discrete equation and the way back from its unknowns.

    `change` and `integral` are one array (T, n) a block: u(t) - u(0) and the time
    integral of u.
    """

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Independent symmetric pencils."""
        ...

    @property
    def initial_loss(self) -> float:
        """Training loss at t = 0, represented or not."""
        ...

    def initial_spectrum(self, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum at t = 0, shape (F,), at frequencies (F, d)."""
        ...

    def spectrum_change(
        self, change: Sequence[FloatArray], frequencies: FloatArray
    ) -> ComplexArray:
        """Change of the data spectrum, shape (T, F)."""
        ...

    def output_change(
        self, change: Sequence[FloatArray], integral: Sequence[FloatArray], x: FloatArray
    ) -> FloatArray:
        """Change of the output f(x, t) - f_0(x) at (n, d) points, shape (T, n)."""
        ...
