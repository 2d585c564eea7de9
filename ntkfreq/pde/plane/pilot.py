"""Two dimensions, before solving: one-dimensional problems along each axis that set the mesh.

Along one frequency, at about the largest density across, the marginal of the initial error spreads
about as far as the error of the plane does, and its slices need similar elements. These estimates
only save attempts: the solution of the plane is checked by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.plane.mesh import DEGREE, Surroundings

_SLICES = 3
_MOST_UNKNOWNS = 700


@dataclass(frozen=True, eq=False)
class Pilot(Portable):
    """The one-dimensional problem along one axis, even in its frequency.

    Parameters
    ----------
    around : Surroundings
        Density, data and tolerance.
    which : int
        The axis.
    t : ndarray, shape (T,)
        Times.
    """

    around: Surroundings
    which: int
    t: FloatArray

    @cached_property
    def _across(self) -> tuple[FloatArray, FloatArray]:
        """Frequencies across, and among them the few on which the initial error is largest."""
        axes, energy = self.around.window
        across = axes[1 - self.which]
        largest = np.argsort(energy.sum(axis=self.which))[::-1][:_SLICES]
        return across, across[largest]

    def _data(self, xi: FloatArray, across: FloatArray) -> FloatArray:
        """Parts of the initial error of either parity in `xi`, shape (2, n, 2 len(across))."""
        pair = (xi, across) if self.which == 0 else (across, xi)
        parts = self.around.problem.parts(self.around.problem.initial, *pair)
        even: list[FloatArray] = []
        odd: list[FloatArray] = []
        for name, part in parts.items():
            (even if name[self.which] == "e" else odd).append(part if self.which == 0 else part.T)
        return np.stack([np.concatenate(even, axis=1), np.concatenate(odd, axis=1)])

    def _evolve(self, axis: ElementAxis, values: FloatArray) -> list[FloatArray]:
        """Changes (T, N, k) of both parities from values (2, n, k) at the quadrature points."""
        xi, weights = (part.ravel() for part in axis.rule)
        # The root of the sum of squares is smooth and at least the largest value across.
        density = np.sqrt(np.sum(self.around.across(self.which, xi) ** 2, axis=1))
        damping = (2 * np.pi) ** 2 * density * weights
        shapes, slopes = axis.evaluation
        mass = axis.mass.toarray()
        operator = (shapes.T * damping) @ shapes.toarray()
        operator += self.around.sigma_a**2 * ((slopes.T * damping) @ slopes.toarray())
        changes = []
        for part, drop in zip(values, (False, True), strict=True):
            keep = np.arange(int(drop and axis.vertices[0] == 0.0), axis.size)
            rates, modes = linalg.eigh(operator[np.ix_(keep, keep)], mass[np.ix_(keep, keep)])
            start = modes.T @ (shapes.T @ (weights[:, None] * part))[keep]
            deficit = -np.expm1(-np.multiply.outer(self.t, np.maximum(rates, 0.0)))
            change = np.zeros((len(self.t), axis.size, part.shape[1]))
            change[:, keep] = -np.einsum("tm,nm,mk->tnk", deficit, modes, start, optimize=True)
            changes.append(change)
        return changes

    def reach(self, share: float, longest: float) -> float:
        """Frequency beyond which changes hold less than this share of the initial norm."""
        around = self.around
        wide = around.sigma_a * float(np.log(100 / around.rtol))
        limit = around.settled(self.which)
        end = min(around.data_reach[self.which] + wide, limit)
        axis = around.axis(self.which, end, longest, mirrored=False)
        if axis.size > _MOST_UNKNOWNS:
            return around.data_reach[self.which]
        xi, weights = (part.ravel() for part in axis.rule)
        marginal = np.sqrt(np.sum(self._data(xi, self._across[0]) ** 2, axis=(0, 2)))
        change = self._evolve(axis, np.stack([marginal, 0 * marginal])[:, :, None])[0]
        moved = (axis.evaluation[0] @ change[:, :, 0].T) ** 2 * weights[:, None]
        beyond = np.cumsum(moved[::-1], axis=0)[::-1].max(axis=1)
        above = np.flatnonzero(beyond > share**2 * float(marginal**2 @ weights))
        return float(min(max(xi[above[-1]] if above.size else 0.0, 0.1 * end), limit))

    def resolved(self, end: float, longest: float, share: float) -> float:
        """Element length with which the estimated error is below this share of the norm."""
        for _ in range(6):
            axis = self.around.axis(self.which, end, longest, mirrored=False)
            if axis.size > _MOST_UNKNOWNS:
                break
            xi, weights = (part.ravel() for part in axis.rule)
            values, mass = self._data(xi, self._across[1]), axis.mass.toarray()
            fine = self._evolve(axis, values)
            gaps = []
            for degree in (DEGREE - 4, DEGREE - 2):
                lower, place = axis.lower(degree)
                squares = np.zeros(len(self.t))
                for change, other in zip(fine, self._evolve(lower, values), strict=True):
                    gap = change.copy()
                    gap[:, place] -= other
                    squares += np.einsum("tnk,nm,tmk->t", gap, mass, gap, optimize=True)
                gaps.append(float(np.sqrt(squares.max())))
            scale = float(np.sqrt(np.einsum("pnk,n->", values**2, weights)))
            error = gaps[1] * min(gaps[1] / gaps[0], 1.0) / scale if gaps[0] > 0 else 0.0
            if error <= share:
                break
            longest *= min(0.92, (0.5 * share / error) ** (1 / (DEGREE - 1)))
        return longest
