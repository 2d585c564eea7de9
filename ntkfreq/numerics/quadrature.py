"""Composite Gauss-Legendre rules: on given panels, and on panels found by resolving a function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import ComplexArray, FloatArray, Function
from ntkfreq.spectra.spectrum import fourier_sum

ORDER = 16
# A 16-point rule integrates e^{ikx} times a resolved function to about 1e-13
# while k * (panel length) stays below this.
_PHASE_PER_PANEL = 8.0
# Coefficients below the share _ROUGH of the largest value that stay above _UNCHANGED of themselves
# when a panel is halved, _PATIENCE times in a row, are roughness of the values.
_ROUGH, _UNCHANGED, _PATIENCE = 1e-5, 0.75, 2
# Most panels of one rule: with their nodes and values they take half a gigabyte.
MOST_PANELS = 200_000
# Number of probes between the nodes while a function is resolved, and the largest error there of a
# resolved function, relative to its largest magnitude: far above rounding, far below a pulse.
_PROBES = 16_384
_SEEN = 1e-6


@lru_cache(maxsize=8)
def gauss_legendre(order: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1]."""
    nodes, weights = legendre.leggauss(order)
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


def panel_rule(breaks: FloatArray, order: int = ORDER) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on each panel between neighbouring `breaks`.

    Examples
    --------
    >>> import numpy as np
    >>> nodes, weights = panel_rule(np.array([0.0, 1.0, 3.0]))
    >>> round(float(weights @ nodes**3), 12)
    20.25
    """
    unit, weight = gauss_legendre(order)
    half = np.diff(breaks)[:, None] / 2
    middle = (breaks[1:] + breaks[:-1])[:, None] / 2
    return (middle + half * unit).ravel(), (half * weight).ravel()


def refuse_panels(count: float) -> None:
    """Refuse a number of panels that neither memory nor time allow."""
    if not count <= MOST_PANELS:
        raise SizeError(
            f"{count:.3g} panels or elements would be needed, above {MOST_PANELS}, because phases, "
            "the extents of x and of frequencies multiplied, are large: use a smaller box or "
            "support, x nearer to 0, a narrower density, lower frequencies or a shorter t"
        )


def subdivide(breaks: Iterable[float], longest: float) -> FloatArray:
    """Sorted, distinct `breaks` with each panel split evenly until none exceeds `longest`.

    Examples
    --------
    >>> subdivide([0.0, 1.0, 1.5], 0.5)
    array([0. , 0.5, 1. , 1.5])
    """
    points = np.unique(np.fromiter(breaks, dtype=np.float64))
    gaps = np.diff(points)
    with np.errstate(over="ignore"):
        wanted = np.maximum(np.ceil(gaps / longest - 1e-9), 1)
    refuse_panels(float(wanted.sum()))
    counts = wanted.astype(np.int64)
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    nodes = np.repeat(points[:-1], counts) + inside * np.repeat(gaps / counts, counts)
    return np.append(nodes, points[-1])


@dataclass(frozen=True)
class ResolvedFunction(Portable):
    """A function of one variable known on panels that resolve it.

    Attributes
    ----------
    breaks : ndarray, shape (P + 1,)
        Panel edges; on each panel the Legendre series of degree 15 has converged.
    converged : bool
        False where the panel limit was reached first (a jump off the breaks, noise).
    noise : float
        Roughness of the values that does not fall with smaller panels, as of single precision: a
        mean over the panels, relative to the largest value.
    """

    function: Function
    breaks: FloatArray
    converged: bool
    noise: float = 0.0

    def within(self, tolerance: float) -> bool:
        """Whether the function is resolved to a tolerance relative to its largest value."""
        return self.converged and self.noise <= tolerance

    def rule(self, frequency: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Nodes, weights and values to integrate the function against e^{ikx}, |k| <= frequency."""
        longest = _PHASE_PER_PANEL / frequency if frequency > 0 else np.inf
        if longest >= self._widest:
            return self._plain_rule
        return self._rule(subdivide(self.breaks, longest))

    def _rule(self, breaks: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        nodes, weights = panel_rule(breaks)
        return nodes, weights, np.asarray(self.function(nodes), dtype=np.float64)

    @cached_property
    def _plain_rule(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The rule on the panels themselves, kept because it is used many times."""
        return self._rule(self.breaks)

    @cached_property
    def _widest(self) -> float:
        return float(np.diff(self.breaks).max())

    def transform(self, frequencies: FloatArray) -> ComplexArray:
        r"""The integral of :math:`u(x) e^{-i\xi x}` over the panels, shape (F,)."""
        highest = float(np.abs(frequencies).max(initial=0.0))
        nodes, weights, values = self.rule(highest)
        return fourier_sum(nodes[:, None], weights * values, frequencies[:, None])


def _overlooked(function: Function, panels: FloatArray, series: FloatArray) -> FloatArray:
    """Largest error of the Legendre series of each panel at probes between the nodes.

    The coefficients do not show a pulse narrower than the distance of the nodes.
    """
    count = _PROBES // len(panels)
    if count < ORDER:
        return np.zeros(len(panels))
    unit = 2 * ((np.arange(count) + 0.5) / count) - 1
    points = panels.mean(axis=1, keepdims=True) + np.diff(panels, axis=1) / 2 * unit
    values = np.asarray(function(points.ravel()), dtype=np.float64).reshape(points.shape)
    expected = series @ legendre.legvander(unit, ORDER - 1).T
    return np.asarray(np.abs(values - expected).max(axis=1))


def resolve(
    function: Function,
    breaks: Iterable[float],
    *,
    rtol: float = 1e-13,
    initial_panels: int = 64,
    max_panels: int = 20_000,
) -> ResolvedFunction:
    """Bisect panels until the Legendre coefficients of `function` have decayed on each.

    A panel is accepted when its last two coefficients fall below `rtol` times
    the largest magnitude found anywhere, and the series equals the function at probes between the
    nodes, of which there are about 16 000 in all; kinks belong among the `breaks`.

    Examples
    --------
    >>> import numpy as np
    >>> bump = resolve(lambda x: np.exp(-(x**2)), [-8.0, 8.0])
    >>> value = bump.transform(np.array([2.0]))[0]
    >>> bool(abs(value - np.sqrt(np.pi) * np.exp(-1.0)) < 1e-13), bump.converged
    (True, True)
    """
    start = np.unique(np.fromiter(breaks, dtype=np.float64))
    edges = subdivide(start, float(start[-1] - start[0]) / initial_panels)
    pending = np.stack([edges[:-1], edges[1:]], axis=1)
    unit, weight = gauss_legendre(ORDER)
    # Legendre analysis at the Gauss nodes: c_k = (k + 1/2) sum_q w_q P_k(s_q) u(s_q).
    analysis = (np.arange(ORDER) + 0.5)[:, None] * legendre.legvander(unit, ORDER - 1).T * weight
    accepted: list[FloatArray] = []
    total, peak, noise = 0, 0.0, 0.0
    converged = True
    before, stuck = np.full(len(pending), np.inf), np.zeros(len(pending), dtype=np.int64)
    while pending.size:
        half = np.diff(pending, axis=1) / 2
        nodes = pending.mean(axis=1, keepdims=True) + half * unit
        values = np.asarray(function(nodes.ravel()), dtype=np.float64).reshape(nodes.shape)
        peak = max(peak, float(np.abs(values).max()))
        tail = np.abs(values @ analysis[-2:].T).max(axis=1)
        overlooked = _overlooked(function, pending, values @ analysis.T)
        peak = max(peak, float(overlooked.max()))
        seen = overlooked <= _SEEN * peak
        fine = (tail <= rtol * peak) & seen
        # Halving a panel reduces coefficients of smooth functions and of corners, not roughness.
        stuck = np.where(tail > _UNCHANGED * before, stuck + 1, 0)
        rough = ~fine & seen & (tail <= _ROUGH * peak) & (stuck >= _PATIENCE)
        noise += float(tail[rough] @ np.diff(pending[rough], axis=1).ravel())
        fine |= rough
        if total + 2 * len(pending) > max_panels:
            converged = bool(fine.all())
            fine[:] = True
        accepted.append(pending[fine])
        total += int(fine.sum())
        left = pending[~fine]
        middle = left.mean(axis=1)
        pending = np.concatenate(
            [np.stack([left[:, 0], middle], axis=1), np.stack([middle, left[:, 1]], axis=1)]
        )
        before, stuck = np.tile(tail[~fine], 2), np.tile(stuck[~fine], 2)
    lows = np.concatenate([panel[:, 0] for panel in accepted])
    found = np.append(np.sort(lows), start[-1])
    share = noise / (peak * float(np.ptp(found))) if peak > 0 else 0.0
    return ResolvedFunction(function, found, converged, share)
