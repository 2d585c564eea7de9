"""Properties of a density that solvers need, from its pdf, kernel and samples alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy import optimize, signal, special

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import ORDER, gauss_legendre, panel_rule, resolve
from ntkfreq.problem.density.base import Density
from ntkfreq.problem.density.landmarks import Landmarks

_DRAWS = 4096
# Least height of a peak above its surroundings, as a share of the highest peak.
_PROMINENT = 0.02
# Two evaluations of one formula differ by at most this, relative to the largest value.
_SAME = 1e-12
# Panels of a pdf are halved, at most _DEEPEST times, until its Legendre series has fallen to
# _SERIES. Those that are then narrower than the share _NARROW of the whole hold a jump or a corner.
_SERIES, _NARROW, _DEEPEST = 1e-10, 1e-4, 46
# Directions of a rule over the sphere, in two dimensions and in more.
_ANGLES, _DIRECTIONS = 256, 512
# Length of the panels of a tail in log(distance), and e-folds beyond which it is extrapolated.
_PANEL, _LAST_FOLD = 0.25, 140.0
# Coefficients of central differences of order 8, and their step as a share of the width.
_DIFFERENCES, _STEP = (4 / 5, -1 / 5, 4 / 105, -1 / 280), 0.02
_SLOWEST_KERNEL = 1e6
Scales = tuple[tuple[float, float], ...]


def draws(density: Density, count: int = _DRAWS) -> FloatArray:
    """The same samples at every call, shape (count, d)."""
    return density._sample(count, np.random.default_rng(0))


def looks_even(density: Density) -> bool:
    """Whether the pdf is the same at mirrored samples, to rounding."""
    points = draws(density, 256)
    here, there = density._pdf(points), density._pdf(-points)
    return bool(np.abs(here - there).max() <= _SAME * max(here.max(), there.max()))


def looks_isotropic(density: Density) -> bool:
    """Whether the pdf is the same at samples turned about 0 at random, to rounding."""
    if not density.has_pdf:
        return False
    if density.dim == 1:
        return density.even
    points = draws(density, 64)
    turned = np.random.default_rng(1).standard_normal((4, *points.shape))
    turned *= np.linalg.norm(points, axis=1)[:, None] / np.linalg.norm(
        turned, axis=2, keepdims=True
    )
    here = density._pdf(points)
    there = density._pdf(turned.reshape(-1, density.dim)).reshape(4, -1)
    # In the tail the slope of the logarithm amplifies the rounding of |w|.
    return bool(np.all(np.abs(there - here) <= 1e-10 * here + _SAME * here.max()))


@dataclass(frozen=True, eq=False)
class LogAlongARay:
    """Logarithm of an isotropic density at distances (n,) from 0."""

    density: Density

    def __call__(self, r: FloatArray) -> FloatArray:
        """Values at the distances; minus infinity where the density is zero."""
        points = np.zeros((len(r), self.density.dim))
        points[:, 0] = r
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.density._pdf(points)))


def likeliest(density: Density) -> FloatArray:
    """0 and the sample at which the pdf is largest, shape (2, d)."""
    points = draws(density)
    values = density._pdf(points) if density.has_pdf else np.zeros(len(points))
    return np.stack([np.zeros(density.dim), points[int(values.argmax())]])


def carrier(density: Density) -> float:
    """Distance from 0 of a density that lies more than ten widths away from it; else 0."""
    points = draws(density)
    middle = np.median(points, axis=0)
    spread = float(np.median(np.linalg.norm(points - middle, axis=1)))
    distance = float(np.linalg.norm(middle))
    return distance if distance > 10 * spread else 0.0


def value_and_differences(density: Density, w: FloatArray) -> FloatArray:
    """Density and its partial derivatives by central differences of order 8, (1 + d, n)."""
    found = np.zeros((1 + density.dim, len(w)))
    found[0] = density._pdf(w)
    step = _STEP * min(density.widths)
    for axis in range(density.dim):
        shift = np.zeros(density.dim)
        for k, coefficient in enumerate(_DIFFERENCES, start=1):
            shift[axis] = k * step
            found[1 + axis] += coefficient * (density._pdf(w + shift) - density._pdf(w - shift))
    found[1:] /= step
    return found


@dataclass(frozen=True, eq=False)
class TailMasses:
    """Probability beyond distances from 0.

    Attributes
    ----------
    edges, masses : ndarray, shape (n,)
        Increasing distances, and the probability beyond each.
    shell : callable
        Probability per distance at distances (n,), shape (n,); zero beyond the last edge but for a
        power law.
    """

    edges: FloatArray
    masses: FloatArray
    shell: Callable[[FloatArray], FloatArray]

    @property
    def total(self) -> float:
        """Integral of the pdf."""
        return float(self.masses[0])

    def beyond(self, r: float) -> float:
        """Probability beyond a distance."""
        k = int(np.searchsorted(self.edges, r, side="right"))
        if k == len(self.edges):
            return float(self.masses[-1] * (self.edges[-1] / r) ** self._power)
        nodes, weights = panel_rule(np.array([r, self.edges[k]]))
        return float(self.masses[k] + weights @ self.shell(nodes))

    def radius(self, tail: float) -> float:
        """A distance beyond which at most `tail` lies."""
        above = np.flatnonzero(self.masses > tail)
        if above.size == 0:
            return float(self.edges[0])
        k = int(above[-1])
        if k == len(self.edges) - 1:
            fall = self.masses[k] / max(tail, 1e-300)
            return float(self.edges[k] * fall ** (1 / self._power))
        low, high = float(self.edges[k]), float(self.edges[k + 1])
        if self.beyond(low * (1 + 1e-12)) <= tail:
            return low
        if self.masses[k + 1] >= tail:
            return high
        return float(optimize.brentq(lambda r: self.beyond(r) - tail, low, high, rtol=1e-9))

    @property
    def _power(self) -> float:
        """Power of the distance with which the end of a tail falls."""
        last = self.masses[-8:]
        if last[-1] <= 0 or last[0] <= last[-1]:
            return 1.0
        return float(np.log(last[0] / last[-1]) / np.log(self.edges[-1] / self.edges[-len(last)]))


def tail_masses(density: Density) -> TailMasses:
    """Tails by quadrature of the pdf over spheres; of a density without one, of its samples."""
    if not density.has_pdf:
        distance = np.sort(np.linalg.norm(draws(density), axis=1))
        left = np.asarray(1 - np.arange(1, len(distance) + 1) / len(distance))
        return TailMasses(distance, left, np.zeros_like)
    shell = _shell(density)
    middle = float(np.median(np.linalg.norm(draws(density), axis=1)))
    marks = density.landmarks()
    end = marks.support[-1][1] if density.dim == 1 else np.inf
    logs = np.log(middle) + np.arange(-40.0, 8.0, _PANEL)
    edges = np.concatenate([[0.0], np.exp(logs)])
    if density.dim == 1:
        # Edges near every location and kink as well: far from 0 a pdf is narrow in log(distance).
        edges = np.union1d(edges, marks.breaks(0.0, min(end, edges[-1])))
    edges = edges[edges <= end]
    masses = _panel_masses(shell, edges)
    total, fold = float(masses.sum()), 8.0
    while edges[-1] < end and masses[-4:].sum() > 1e-18 * total and fold < _LAST_FOLD:
        more = edges[-1] * np.exp(_PANEL * np.arange(0, 9))
        more = np.minimum(more, end)
        masses = np.concatenate([masses, _panel_masses(shell, more)])
        edges = np.concatenate([edges, more[1:]])
        fold += 2.0
    left = np.append(np.cumsum(masses[::-1])[::-1], 0.0)
    if fold >= _LAST_FOLD:
        edges, left = edges[:-1], left[:-1]
    return TailMasses(edges, left, shell)


def _panel_masses(shell: Callable[[FloatArray], FloatArray], edges: FloatArray) -> FloatArray:
    nodes, weights = panel_rule(edges)
    return np.asarray((weights * shell(nodes)).reshape(len(edges) - 1, -1).sum(axis=1))


def _shell(density: Density) -> Callable[[FloatArray], FloatArray]:
    """Probability per distance, by the mean of the pdf over directions."""
    dim = density.dim
    if dim == 1:
        return lambda r: np.asarray(2 * density.even_values(r))
    if density._looks_isotropic:
        directions = np.eye(1, dim)
    elif dim == 2:
        angle = 2 * np.pi * (np.arange(_ANGLES) + 0.5) / _ANGLES
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        directions = np.random.default_rng(2).standard_normal((_DIRECTIONS, dim))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sphere = 2 * np.pi ** (dim / 2) / float(special.gamma(dim / 2))

    def shell(r: FloatArray) -> FloatArray:
        mean = np.zeros(len(r))
        for direction in directions:
            mean += density._pdf(np.outer(r, direction))
        return np.asarray(sphere * r ** (dim - 1) * mean / len(directions))

    return shell


def found_landmarks(density: Density) -> Landmarks:
    """Landmarks of the even part of a density of one variable."""
    if density.dim > 1 or not density.has_pdf:
        return Landmarks(support=((0.0, np.inf),))
    return landmarks_of(density.even_values, draws(density)[:, 0])


def landmarks_of(value: Callable[[FloatArray], FloatArray], samples: FloatArray) -> Landmarks:
    """Landmarks of an even function on the half-line, near samples (n,) of either sign.

    Parameters
    ----------
    value : callable
        Of frequencies (n,), the density, not necessarily normalized.
    samples : ndarray, shape (n,)
        Where its mass lies.
    """
    sizes = np.abs(samples)
    peak = float(value(sizes).max(initial=0.0))
    scales = _peaks(value, sizes)
    outward = float(sizes.max()) * np.geomspace(1.0, 1e3, 400)
    end = _edge(value, outward, peak)
    inward = float(sizes.min()) * np.append(np.geomspace(1.0, 1e-6, 200), 0.0)
    low = _edge(value, inward, peak)
    start = low if np.isfinite(low) else 0.0
    reach = min(end, 1.2 * float(sizes.max()))
    kinks = [*_kinks(value, start, reach, peak), *(mark for mark in (low, end) if mark < np.inf)]
    merged: list[float] = []
    for kink in sorted(kinks):
        if not merged or kink - merged[-1] > 1e-6 * reach:
            merged.append(kink)
        elif kink in (low, end):
            merged[-1] = kink
    return Landmarks(((start, end),), tuple(merged), scales)


def _peaks(value: Callable[[FloatArray], FloatArray], sizes: FloatArray) -> Scales:
    """Places of the peaks of a function on the half-line, and their half-widths at half height."""
    places = np.unique(np.concatenate([[0.0], sizes]))
    heights = value(places)
    # A low value is added on either side, so that the ends may be peaks.
    found, _ = signal.find_peaks(
        np.concatenate([[-1.0], heights, [-1.0]]), prominence=_PROMINENT * heights.max()
    )
    scales = []
    for k in found - 1:
        half = np.flatnonzero(heights < 0.5 * heights[k])
        sides = [
            abs(places[m] - places[k]) for m in (half[half > k][:1], half[half < k][-1:]) if m.size
        ]
        width = min((float(side[0]) for side in sides), default=float(np.ptp(places)))
        scales.append((float(places[k]), max(width, 1e-9 * float(np.ptp(places)))))
    return tuple(scales)


def _edge(value: Callable[[FloatArray], FloatArray], points: FloatArray, peak: float) -> float:
    """Where a function becomes zero along a path and stays so; infinite if it does not.

    A function that decays until it underflows has no edge: just before an edge it is not tiny.
    """
    positive = np.flatnonzero(value(points) > 0)
    if positive.size and positive[-1] == len(points) - 1:
        return np.inf
    inside = points[positive[-1]] if positive.size else points[0]
    outside = points[positive[-1] + 1] if positive.size else points[1]
    for _ in range(80):
        middle = 0.5 * (inside + outside)
        if value(np.array([middle]))[0] > 0:
            inside = middle
        else:
            outside = middle
    before = inside + 1e-3 * abs(outside or 1.0) * np.sign(points[0] - points[-1])
    return float(inside) if value(np.array([before]))[0] > 1e-30 * peak else np.inf


def _kinks(
    value: Callable[[FloatArray], FloatArray], low: float, high: float, peak: float
) -> list[float]:
    """Jumps and corners between two frequencies: where halved panels become narrow."""
    unit, weight = gauss_legendre(ORDER)
    analysis = (np.arange(ORDER) + 0.5)[:, None] * legendre.legvander(unit, ORDER - 1).T * weight
    edges = np.linspace(low, high, 17)
    pending, found = np.stack([edges[:-1], edges[1:]], axis=1), []
    for _ in range(_DEEPEST):
        half = np.diff(pending, axis=1) / 2
        nodes = pending.mean(axis=1, keepdims=True) + half * unit
        values = value(nodes.ravel()).reshape(nodes.shape)
        rough = np.abs(values @ analysis[-2:].T).max(axis=1) > _SERIES * peak
        settled = pending[~rough]
        found.append(settled[np.diff(settled, axis=1)[:, 0] < _NARROW * (high - low)])
        pending = pending[rough]
        if len(pending) == 0:
            break
        middle = pending.mean(axis=1)
        pending = np.concatenate(
            [np.column_stack([pending[:, 0], middle]), np.column_stack([middle, pending[:, 1]])]
        )
    narrow = np.concatenate([*found, pending])
    narrow = narrow[np.argsort(np.diff(narrow, axis=1)[:, 0])]
    kinks: list[float] = []
    for left, right in narrow:
        # The narrowest panel of a cluster is next to the kink.
        if all(abs(left - kink) > 10 * _NARROW * (high - low) for kink in kinks):
            kinks.append(float(left + right) / 2)
    # A corner at 0 lies between panels of the even function, and is found by differences.
    if low == 0.0:
        sides = value(np.array([0.0, 1e-7, 2e-7]) * high)
        if abs(sides[1] - sides[0]) > 1e-9 * peak and not any(kink < 1e-6 * high for kink in kinks):
            kinks.append(0.0)
    return [0.0 if kink < 1e-6 * high else kink for kink in kinks]


@dataclass(frozen=True, eq=False)
class Marginal(Density):
    """Even part of the marginal of one coordinate, from the kernel along its axis."""

    density: Density
    axis: int
    dim: int = 1

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., 1) displacements, shape (...)."""
        along = np.zeros((*z.shape[:-1], self.density.dim))
        along[..., self.axis] = z[..., 0]
        return self.density.kernel_values(along)

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return self.density._sample(size, rng)[:, self.axis : self.axis + 1]

    def _pdf(self, w: FloatArray) -> FloatArray:
        reach = 1.0 / max(self.density.radius(0.5), 1e-300)
        while np.any(np.abs(self.kernel_values(reach * np.linspace(1, 2, 33)[:, None])) > 1e-13):
            reach *= 1.5
            if reach * self.density.radius(0.5) > _SLOWEST_KERNEL:
                raise ValueError(
                    f"rho_w={type(self.density).__name__} has a marginal with a jump, of which the "
                    "kernel does not decay; give the class the property `factors`, or a method "
                    "along(self, axis)"
                )
        wave = resolve(lambda z: self.kernel_values(z[:, None]), [0.0, reach], rtol=1e-13)
        values = wave.transform(np.abs(w[:, 0])).real / np.pi
        return np.asarray(np.maximum(values, 0.0))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return self.density.radius(tail)

    def landmarks(self) -> Landmarks:
        """Landmarks of the density itself along the axis, on a line through its peak."""
        peak = self.density.modes[-1]

        def section(w: FloatArray) -> FloatArray:
            points = np.repeat(peak[None], len(w), axis=0)
            points[:, self.axis] = w
            return self.density.even_values(points)

        return landmarks_of(section, draws(self.density)[:, self.axis])
