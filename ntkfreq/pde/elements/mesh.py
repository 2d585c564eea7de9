"""Where the finite elements in frequency lie: truncation, and element sizes before refinement."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ntkfreq._support.types import BoolArray, FloatArray
from ntkfreq.numerics.quadrature import subdivide
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.layers.pair import TwoDensities

DEGREE = 8
# Element length times extent in x at which degree 8 resolves e^{-i xi x} to 1e-4;
# the error falls with its ninth power (measured by the order test).
_PHASE_AT_1E4 = 14
# Layers thinner than this share of that without decay are left to the refinement.
_THINNEST = 0.05
# Samples of the data in x, at first and at most, from which the extent of their spectrum is found.
_SAMPLES, _MOST_SAMPLES = 1024, 1 << 20


@dataclass(frozen=True)
class FrequencyMesh:
    """Nodes of the elements, one array for each interval of the density's support."""

    intervals: tuple[FloatArray, ...]

    @property
    def elements(self) -> int:
        """Number of elements."""
        return sum(len(nodes) - 1 for nodes in self.intervals)

    def refined(self, marked: BoolArray) -> FrequencyMesh:
        """Mesh with the marked elements halved, shape (elements,)."""
        intervals, first = [], 0
        for nodes in self.intervals:
            here = marked[first : first + len(nodes) - 1]
            first += len(nodes) - 1
            middle = (nodes[1:] + nodes[:-1]) / 2
            intervals.append(np.sort(np.concatenate([nodes, middle[here]])))
        return FrequencyMesh(tuple(intervals))


def extent_in_x(equation: FrequencyEquation, both: TwoDensities, rtol: float) -> float:
    """How far from x = 0 the error reaches: the data, and the reach of the kernel beyond it."""
    x, _, values = equation.initial_error.resolved.rule()
    above = x[np.abs(values) > rtol * np.abs(values).max()]
    reach = float(np.abs(above).max(initial=0.0))
    density = both.damping
    widths = [width for _, width in density.landmarks().scales] or [density.radius(0.0)]
    return reach + 4.0 / max(widths)


def first_mesh(
    equation: FrequencyEquation, t_end: float, rtol: float, folded: TwoDensities | None = None
) -> FrequencyMesh:
    """Mesh on the half-line, from density, data and tolerance.

    Nodes lie at the kinks of the density and, geometrically graded, around them
    down to the width of the layer that diffusion makes there (of order sigma_a without hidden
    layers), and at
    multiples of each width of the density around its location. Stretches where the
    density is too small to move anything are left out: the error does not change
    there, even where a jump of the density leaves a jump of the error.

    On a lattice the densities are the `folded` ones.
    """
    both = equation.densities if folded is None else folded
    end = truncation(equation, both, t_end, rtol)
    marks = both.damping.landmarks()
    extent = extent_in_x(equation, both, rtol)
    drift = 1 / float(equation.decay.contraction(np.array(t_end)))
    strength = drift * _strength(both, extent, t_end)
    # Beyond this frequency the error has only been carried outward by shrinking frequencies and
    # stretched in proportion, and so are the elements.
    stretched = np.inf
    if drift > 1:
        core = density_core(both)
        stretched = max(_negligible_from(equation, both, extent, rtol, 10 * core), core)
    longest = _PHASE_AT_1E4 / extent * (rtol / 1e-4) ** (1 / (DEGREE + 1))
    # Under decay the diffusion fades, and the layers get thinner.
    layer = both.layer * max(float(equation.decay.damping(np.array(t_end))), _THINNEST)
    intervals = []
    for low, high in marks.support:
        if low >= end:
            continue
        edges = _apart(marks.breaks(low, min(high, end)))
        for stretch in _moving(edges, both, extent, 0.1 * rtol / strength):
            nodes = list(stretch)
            for kink in (mark for mark in (stretch[0], *marks.kinks, stretch[-1]) if mark > 0):
                nodes += _graded(kink, layer, longest, stretch[0], stretch[-1])
            # Without diffusion a jump of the density becomes a jump of the error: no element
            # may hold the two sides together, unless one is too thin to be an element.
            thin = 1e-9 * (stretch[-1] - stretch[0])
            low_cut, high_cut = stretch[0] + thin, stretch[-1] - thin
            cuts = [mark for mark in marks.kinks if low_cut < mark < high_cut]
            ends = [stretch[0], *(cuts if both.spread == 0 else []), stretch[-1]]
            for left, right in pairwise(ends):
                inside = _apart([node for node in nodes if left <= node <= right])
                intervals.append(_split(inside, longest, stretched))
    if not intervals:
        # Nothing moves within t_end: one element, so that every result is the initial state.
        low = marks.support[0][0]
        intervals.append(np.array([low, min(low + longest, marks.support[0][1])]))
    return FrequencyMesh(tuple(intervals))


def density_core(both: TwoDensities) -> float:
    """Radius of the bulk of the density."""
    return max(both.radius(1e-3), 1e-300)


def _split(edges: list[float], longest: float, stretched: float) -> FloatArray:
    """Nodes at most `longest` apart; beyond `stretched` apart in proportion to the frequency."""
    if edges[-1] <= stretched:
        return subdivide(edges, longest)
    octaves = np.ceil(np.log2(edges[-1] / stretched))
    doubled = stretched * 2.0 ** np.arange(octaves)
    marks = [mark for mark in doubled if edges[0] < mark < edges[-1]]
    parts = []
    for low, high in pairwise([edges[0], *marks, edges[-1]]):
        inside = [low, *(edge for edge in edges if low < edge < high), high]
        parts.append(subdivide(inside, longest * max(low / stretched, 1.0)))
    return np.unique(np.concatenate(parts))


def _moving(
    edges: list[float], both: TwoDensities, extent: float, least: float
) -> list[list[float]]:
    """Runs of neighbouring segments on which the densities exceed `least` somewhere."""
    runs: list[list[float]] = []
    joined = False
    for a, b in pairwise(edges):
        inside = a + (b - a) * np.linspace(1e-6, 1 - 1e-6, 16)
        if both.profile(inside, extent).max() <= least:
            joined = False
        elif joined:
            runs[-1].append(b)
        else:
            runs.append([a, b])
            joined = True
    return runs


def _strength(both: TwoDensities, extent: float, t_end: float) -> float:
    """Bound of how far the error can move by `t_end`, for a density of one."""
    return 2 * np.pi * both.strength(extent) * max(t_end, 1e-300)


def _graded(kink: float, layer: float, longest: float, low: float, high: float) -> list[float]:
    if layer <= 0:
        return []
    sizes = layer * 0.5 * 2.0 ** np.arange(0, 1 + max(0, np.ceil(np.log2(longest / layer) + 2)))
    around = [kink + sign * size for size in sizes for sign in (-1.0, 1.0)]
    return [mark for mark in around if low < mark < high]


def _apart(edges: list[float]) -> list[float]:
    """Sorted edges without near-coincident neighbours, which would make needless slivers."""
    points = sorted(set(edges))
    gap = 1e-9 * (points[-1] - points[0])
    kept = points[:1]
    kept += [b for a, b in pairwise(points) if b - a > gap]
    kept[-1] = points[-1]
    return kept


def truncation(equation: FrequencyEquation, both: TwoDensities, t_end: float, rtol: float) -> float:
    r"""Frequency beyond which the solution is its initial state, to a tenth of the tolerance.

    The smaller of two: where :math:`2\pi(\rho_F + L^2\rho_G)\,t`, without hidden layers
    :math:`2\pi\rho_w(1+\sigma_a^2 L^2)\,t`, has become negligible, and where the data have no
    energy and diffusion, which decays like :math:`e^{-|\xi|/\ell}` away from it, brings none;
    :math:`\ell^2` is the largest :math:`\rho_G/\rho_F`, or :math:`\sigma_a^2`.
    """
    extent = extent_in_x(equation, both, rtol)
    drift = 1 / float(equation.decay.contraction(np.array(t_end)))
    strength = drift * _strength(both, extent, t_end)
    highest = both.damping.landmarks().support[-1][1]
    # Below the radius of the bulk a gap in the density is not its end.
    settled = min(highest, density_core(both))
    while settled < highest:
        ahead = settled * np.linspace(1.0, 1.5, 16)
        if np.all(strength * both.profile(ahead, extent) <= 0.1 * rtol):
            break
        settled *= 1.1
    negligible = drift * _negligible_from(equation, both, extent, rtol, settled)
    return float(min(settled, negligible, highest))


def _negligible_from(
    equation: FrequencyEquation, both: TwoDensities, extent: float, rtol: float, limit: float
) -> float:
    """Frequency beyond which neither the data have energy nor diffusion brings any."""
    reach = _data_reach(equation, 0.01 * rtol, limit, 0.5 / extent)
    return reach + both.layer * float(np.log(100 / rtol))


def _data_reach(equation: FrequencyEquation, tolerance: float, limit: float, step: float) -> float:
    """Frequency beyond which the initial spectrum stays below `tolerance` of its peak.

    It is found by fast transforms of more and more samples, until the spectrum is negligible in
    the octave below their Nyquist frequency: aliases are negligible then as well.
    """
    support = equation.initial_error.support
    assert support is not None
    length = support[1] - support[0]
    count = _SAMPLES
    while True:
        x = np.asarray(support[0] + length / count * np.arange(count), dtype=np.float64)
        error = equation.initial_error_at(x[:, None])
        # Twice the length in zeros: the spectrum is then sampled finely enough to see its peaks.
        magnitude = np.abs(np.fft.rfft(error, 4 * count))
        apart = np.pi / (2 * length)
        above = np.flatnonzero(magnitude > max(tolerance, 1e-12) * magnitude.max())
        last = apart * float(above[-1]) if above.size else 0.0
        nyquist = np.pi * count / length
        if last < nyquist / 2:
            return last + max(step, apart)
        if nyquist / 2 > limit or count >= _MOST_SAMPLES:
            return limit
        count *= 4
