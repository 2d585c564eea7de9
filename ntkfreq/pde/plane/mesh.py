"""Two dimensions: where the elements along each frequency lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import subdivide
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.problem.rectangle import tensor_points

DEGREE = 12
# Element length times extent in x at which degree 12 resolves a windowed wave to 1e-4 (measured:
# 27 there, 22 at 1e-6, 16 at 1e-8).
_PHASE_AT_1E4 = 27.0
_WINDOW = 64


@dataclass(frozen=True, eq=False)
class Surroundings(Portable):
    """What the mesh depends on: extents of density and data.

    Parameters
    ----------
    problem : PlaneProblem
        Density and data by frequency.
    t_end : float
        Last time.
    rtol : float
        Tolerance.
    """

    problem: PlaneProblem
    t_end: float
    rtol: float

    @property
    def sigma_a(self) -> float:
        """Standard deviation of the output weights."""
        return self.problem.equation.sigma_a

    @cached_property
    def extents(self) -> tuple[float, float]:
        """How far from 0 the error reaches along each coordinate of x."""
        (x, y), values = self.problem.initial_values()
        above = np.abs(values) > self.rtol * np.abs(values).max()
        reach = []
        for k, nodes in enumerate((x, y)):
            far = np.abs(nodes[above.any(axis=1 - k)]).max(initial=0.0)
            reach.append(float(far) + 4.0 / max(self.problem.widths(k)))
        return reach[0], reach[1]

    @property
    def strength(self) -> float:
        """Bound of how far the error can move by `t_end`, for a density of one."""
        far = sum(extent**2 for extent in self.extents)
        spread = 1 + self.sigma_a**2 * far
        return (2 * np.pi) ** 2 * spread * max(self.t_end, 1e-300)

    @cached_property
    def _probes(self) -> tuple[FloatArray, FloatArray]:
        """Frequencies along each axis among which the density has its largest values."""
        probes = []
        for k in range(2):
            marks = self.problem.landmarks(k)
            places = [0.0, *(place for place, _ in marks.scales), *marks.kinks]
            widths = [width for _, width in marks.scales] or [max(marks.kinks, default=1.0)]
            steps = [place + width * s for place in places for width in widths for s in (-1, 0, 1)]
            inner = [(1 - 1e-9) * kink for kink in marks.kinks]
            probes.append(np.unique(np.abs([*steps, *inner])))
        return probes[0], probes[1]

    def across(self, axis: int, xi: FloatArray) -> FloatArray:
        """Density on a few lines across each frequency of an axis, shape (len(xi), lines)."""
        other = self._probes[1 - axis]
        points = tensor_points(xi, np.concatenate([-other, other]))
        values = self.problem.density(points if axis == 0 else points[:, ::-1])
        return np.asarray(values.reshape(len(xi), -1))

    def settled(self, axis: int) -> float:
        """Frequency beyond which the density moves nothing."""
        highest = self.problem.end(axis)
        reach = min(highest, max(self.problem.equation.density.radius(1e-3), 1e-300))
        while reach < highest:
            ahead = reach * np.linspace(1.0, 1.5, 16)
            if np.all(self.strength * self.across(axis, ahead) <= 0.1 * self.rtol):
                break
            reach *= 1.1
        return float(min(reach, highest))

    @cached_property
    def window(self) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Frequencies along each axis, and the energy of the initial error on their tensor.

        The window is doubled until the energy in its last octave along both is negligible.
        """
        steps = [1.0 / extent for extent in self.extents]
        limits = [self.settled(axis) for axis in range(2)]
        counts = [_WINDOW, _WINDOW]
        while True:
            first: FloatArray = steps[0] * np.arange(counts[0], dtype=np.float64)
            second: FloatArray = steps[1] * np.arange(counts[1], dtype=np.float64)
            axes = (first, second)
            parts = self.problem.parts(self.problem.initial, first, second)
            energy = np.sum([part**2 for part in parts.values()], axis=0)
            full = [
                self._reach(axes, energy, k) > axes[k][-1] / 2 and axes[k][-1] < 2 * limits[k]
                for k in range(2)
            ]
            if not any(full) or max(counts) >= 32 * _WINDOW:
                return axes, np.asarray(energy)
            counts = [
                2 * count if more else count for count, more in zip(counts, full, strict=True)
            ]

    def _reach(self, axes: tuple[FloatArray, FloatArray], energy: FloatArray, axis: int) -> float:
        beyond = np.cumsum(energy.sum(axis=1 - axis)[::-1])[::-1]
        above = np.flatnonzero(beyond > (0.03 * self.rtol) ** 2 * max(float(energy.sum()), 1e-300))
        return float(axes[axis][1] * (above[-1] + 1 if above.size else 1))

    @cached_property
    def data_reach(self) -> tuple[float, float]:
        """Frequency along each axis beyond which the energy of the initial error is negligible."""
        first, second = (
            min(self._reach(*self.window, axis), self.settled(axis)) for axis in range(2)
        )
        return first, second

    def longest(self, axis: int) -> float:
        """Element length that resolves the data."""
        phase = _PHASE_AT_1E4 * (self.rtol / 1e-4) ** (1 / (DEGREE + 1))
        return float(phase / self.extents[axis])

    def axis(self, which: int, end: float, longest: float, mirrored: bool) -> ElementAxis:
        """Elements from 0 to `end`, or between plus and minus it, graded at kinks."""
        intervals = self._half_line(which, end, longest)
        if mirrored:
            negative = [-nodes[::-1] for nodes in intervals[::-1]]
            if intervals[0][0] == 0.0:
                negative[-1] = np.concatenate([negative[-1], intervals[0][1:]])
                intervals = intervals[1:]
            intervals = negative + intervals
        periodic = mirrored and self.problem.period(end)
        return ElementAxis(tuple(intervals), DEGREE, DEGREE + 6, periodic)

    def _half_line(self, which: int, end: float, longest: float) -> list[FloatArray]:
        marks = self.problem.landmarks(which)
        layer = self.sigma_a
        intervals = []
        for low, high in marks.support:
            if low >= end:
                continue
            stop = min(high, end)
            edges = [low, stop]
            narrow = [(c, w) for c, w in marks.scales if w < longest / 2]
            for center, width in narrow:
                edges += [center + sign * k * width for k in (0, 2, 4, 8) for sign in (-1, 1)]
            for kink in marks.kinks:
                edges += [kink, *_graded(kink, layer, longest)]
            edges = [edge for edge in edges if low <= edge <= stop]
            # Without diffusion a jump of the density becomes a jump of the error.
            cuts = [kink for kink in marks.kinks if low < kink < stop] if layer == 0 else []
            for left, right in pairwise([low, *cuts, stop]):
                inside = _apart([edge for edge in edges if left <= edge <= right])
                intervals.append(subdivide(inside, longest))
        if not intervals:
            low, high = marks.support[0]
            intervals.append(np.array([low, min(low + longest, high)]))
        return intervals


def _graded(kink: float, layer: float, longest: float) -> list[float]:
    """Nodes at doubling distances from a kink, from the width of its diffusive layer."""
    if layer <= 0:
        return []
    sizes = layer * 2.0 ** np.arange(0, max(1, np.ceil(np.log2(longest / layer) + 1)))
    return [kink + sign * float(size) for size in sizes for sign in (-1.0, 1.0)]


def _apart(edges: list[float]) -> list[float]:
    """Sorted edges without near-coincident neighbours."""
    points = sorted(set(edges))
    gap = 1e-9 * (points[-1] - points[0])
    kept = points[:1]
    kept += [b for a, b in pairwise(points) if b - a > gap]
    kept[-1] = points[-1]
    return kept
