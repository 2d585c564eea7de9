r"""Dense blocks under decay in the few directions that their operators act on.

A smooth kernel on many points has a rank far below their number: what lies outside the common range
of :math:`A_1` and :math:`A_2` never learns, and its memories are integrals of exponentials. The
implicit steps, which cost the cube of the unknowns, then advance the range alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.nystrom import pivoted_cholesky
from ntkfreq.pde.time.fading.radau import Trajectory
from ntkfreq.problem.decay import Decay

# With fewer unknowns than this a reduction saves nothing.
_FEW = 60
# The reduction pays where the range has at most this share of the unknowns, and at most this many
# dimensions.
_SHARE, _MOST = 0.6, 2300
# An operator is known to this share of its trace, by rounding.
_ROUNDING = 1e-15

Free = Callable[[FloatArray], FloatArray]
"""The error if nothing were learned, (1, s, n, r) at times (1, s)."""


@dataclass(frozen=True, eq=False)
class Range:
    """Orthonormal columns that span what the operators act on.

    Attributes
    ----------
    basis : ndarray, shape (n, m)
        The columns.
    left_out : tuple of float
        Bound on the norm of the part of each operator outside the span.
    """

    basis: FloatArray
    left_out: tuple[float, ...]

    def projected(self, operator: FloatArray) -> FloatArray:
        """The operator on the span, (m, m)."""
        found = self.basis.T @ operator @ self.basis
        return np.asarray((found + found.T) / 2)

    def inside(self, free: Free) -> Free:
        """The free error on the span."""
        return lambda t: np.asarray(self.basis.T @ free(t))


def common_range(operators: Sequence[Any], allowed: Sequence[float]) -> Range | None:
    """Common range of dense operators, each up to its allowed error; None where it is not small.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 200)
    >>> smooth = np.exp(-((x[:, None] - x) ** 2))
    >>> found = common_range([smooth], [1e-9])
    >>> found.basis.shape[1] < 15, found.left_out[0] <= 1e-9
    (True, True)
    """
    size = len(operators[0])
    if size <= _FEW or not all(isinstance(part, np.ndarray) for part in operators):
        return None
    columns, left_out = [], []
    most = min(int(_SHARE * size), _MOST)
    for part, enough in zip(operators, allowed, strict=True):
        diagonal = np.diag(part).copy()
        enough = max(enough, _ROUNDING * float(diagonal.sum()))
        # The sum of what is left on the diagonal bounds the norm of what is left.
        found = pivoted_cholesky(diagonal, part.__getitem__, enough / size, most + 1)
        if len(found.index) > most:
            return None
        columns.append(found.features(part[:, found.index]))
        left_out.append(size * found.residual)
    every = np.concatenate(columns, axis=1)
    if every.shape[1] == 0:
        return None
    basis, triangle, _ = linalg.qr(every, mode="economic", pivoting=True)
    sizes = np.abs(np.diag(triangle))
    rank = int(np.sum(sizes > 1e-14 * sizes[0]))
    if rank > most:
        return None
    return Range(np.ascontiguousarray(basis[:, :rank]), tuple(left_out))


@dataclass(frozen=True, eq=False)
class Lifted:
    """A trajectory on a range, read in all unknowns; the interface of `Trajectory`."""

    trajectory: Trajectory
    span: Range
    decay: Decay
    free: Free

    @property
    def figures(self) -> Trajectory:
        """The trajectory whose counts and error bounds hold: that on the range."""
        return self.trajectory

    def _outside(self, values: FloatArray) -> FloatArray:
        basis = self.span.basis
        return np.asarray(values - basis @ (basis.T @ values))

    def error(self, t: FloatArray) -> FloatArray:
        """Errors at times (T,), shape (T, n, r)."""
        inside = self.span.basis @ self.trajectory.error(t)
        return np.asarray(inside + self._outside(self.free(t[None])[0]))

    def memory(self, t: FloatArray) -> tuple[FloatArray, ...]:
        """Each memory at times (T,), shape (T, n, r)."""
        fading, staying = self._parts()
        weight, rates = self.decay.weight, self.decay.rates
        memories = []
        for k, held in enumerate(self.trajectory.memory(t)):
            written = 2 * weight * k
            outside = _exponentials(rates[k], written + weight, t)[:, None, None] * fading
            outside += _exponentials(rates[k], written, t)[:, None, None] * staying
            memories.append(np.asarray(self.span.basis @ held + outside))
        return tuple(memories)

    def _parts(self) -> tuple[FloatArray, FloatArray]:
        """Parts of the free error outside the range that decay with the output weights, and not."""
        start = self._outside(self.free(np.zeros((1, 1)))[0, 0])
        if self.decay.weight == 0:
            return np.zeros_like(start), start
        late = np.full((1, 1), 800.0 / self.decay.weight)
        staying = self._outside(self.free(late)[0, 0])
        return start - staying, staying


def _exponentials(fading: float, written: float, t: FloatArray) -> FloatArray:
    r""":math:`\int_0^t e^{-a(t-s)} e^{-bs}\,ds` at times (T,).

    Examples
    --------
    >>> _exponentials(1.0, 1.0, np.array([2.0])), _exponentials(1.0, 0.0, np.array([2.0]))
    (array([0.27067057]), array([0.86466472]))
    """
    slow, gap = min(fading, written), abs(fading - written)
    spread = -np.expm1(-gap * t) / gap if gap > 0 else t
    return np.asarray(np.exp(-slow * t) * spread)
