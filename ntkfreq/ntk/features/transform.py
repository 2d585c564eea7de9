r"""From points to features and back: sums over cosines and sines of the nodes.

The features of a point are :math:`\sqrt{c_j}\cos(w_j\cdot(x - o))` and
:math:`\sqrt{c_j}\sin(w_j\cdot(x - o))`, cosines first; their inner product is the kernel whatever
the origin o of the phases is. Equispaced nodes take FFTs of type 1 and 2 that see no frequency but
theirs, others sums at any frequencies.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.spectra.spectrum import fourier_sum, nufft_threads

# Accuracy of the transforms: sums of many terms have as many digits less than rounding.
_EPS = 1e-14


def middle(x: FloatArray) -> FloatArray:
    """The middle (d,) of the bounding box of points (n, d)."""
    return np.asarray((x.max(axis=0) + x.min(axis=0)) / 2)


class WaveTransform:
    """Features of one set of points, by their sums.

    Parameters
    ----------
    nodes : Nodes
        Frequencies and coefficients.
    x : ndarray, shape (n, d)
        Points.
    origin : ndarray, shape (d,)
        Where all phases are 0.
    """

    def __init__(self, nodes: Nodes, x: FloatArray, origin: FloatArray) -> None:
        self.nodes, self.x, self.origin = nodes, x, origin

    def values(self, coefficients: FloatArray) -> FloatArray:
        """Sums over features (r, 2 J) at the points, shape (r, n)."""
        count = self.nodes.count
        roots = np.sqrt(self.nodes.weights)
        waves = roots * (coefficients[:, :count] - 1j * coefficients[:, count:])
        if self.nodes.index is None:
            # The conjugate of a sum over e^{-i w x} with conjugate strengths.
            sums = fourier_sum(self.nodes.frequencies, waves.conj(), self.x - self.origin)
            return np.asarray(sums.real)
        return self._evaluate(waves)

    def project(self, rows: FloatArray) -> FloatArray:
        """Sums over the points of strengths (r, n) times features, shape (r, 2 J)."""
        if self.nodes.index is None:
            sums = fourier_sum(self.x - self.origin, rows, self.nodes.frequencies)
        else:
            sums = self._sums(rows)
        roots = np.tile(np.sqrt(self.nodes.weights), 2)
        return np.asarray(roots * np.concatenate([sums.real, -sums.imag], axis=1))

    def _evaluate(self, waves: ComplexArray) -> FloatArray:
        """The real part of waves (r, J) at the points, two rows to a transform."""
        back = self._plan(2)
        found = np.empty((len(waves), len(self.x)))
        for pair in range(0, len(waves), 2):
            cells = np.zeros(self._shape, dtype=np.complex128)
            for row, unit in zip(waves[pair : pair + 2], (1.0, 1j), strict=False):
                cells[self._places] += 0.5 * unit * row
                cells[self._mirrored] += 0.5 * unit * row.conj()
            sums = back.execute(cells)
            found[pair] = sums.real
            if pair + 1 < len(waves):
                found[pair + 1] = sums.imag
        return found

    def _sums(self, rows: FloatArray) -> ComplexArray:
        """Sums over the points of e^{-i w x} (r, J), two rows to a transform."""
        there = self._plan(1)
        found = np.empty((len(rows), self.nodes.count), dtype=np.complex128)
        strengths = np.zeros(rows.shape[1], dtype=np.complex128)
        for pair in range(0, len(rows), 2):
            strengths.real = rows[pair]
            strengths.imag = rows[pair + 1] if pair + 1 < len(rows) else 0.0
            cells = there.execute(strengths)
            ahead, behind = cells[self._places], cells[self._mirrored].conj()
            found[pair] = (ahead + behind) / 2
            if pair + 1 < len(rows):
                found[pair + 1] = (ahead - behind) / 2j
        return found

    @cached_property
    def _half(self) -> Any:
        assert self.nodes.index is not None
        return np.abs(self.nodes.index).max(axis=0)

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(int(2 * count + 1) for count in self._half)

    @cached_property
    def _places(self) -> Any:
        assert self.nodes.index is not None
        return tuple((self.nodes.index + self._half).T)

    @cached_property
    def _mirrored(self) -> Any:
        assert self.nodes.index is not None
        return tuple((self._half - self.nodes.index).T)

    def _plan(self, kind: int) -> Any:
        """A plan of type 1 or 2 with the points set; they are kept."""
        name = f"_type{kind}"
        if name not in self.__dict__:
            setattr(self, name, lattice_plan(kind, self._shape, self.nodes, self.x - self.origin))
        return getattr(self, name)


def lattice_plan(kind: int, shape: tuple[int, ...], nodes: Nodes, x: FloatArray) -> Any:
    """A plan from points (n, d) to a lattice of frequencies of the nodes' spacing, or back."""
    import finufft

    threads = nufft_threads(len(x) + int(np.prod(shape)))
    sign = -1 if kind == 1 else 1
    plan = finufft.Plan(kind, shape, isign=sign, eps=_EPS, nthreads=threads)
    assert nodes.step is not None
    plan.setpts(*[np.ascontiguousarray(line) for line in (x * nodes.step).T])
    return plan
