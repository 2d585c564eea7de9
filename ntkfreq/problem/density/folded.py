r"""The density folded into the zone of a lattice: sums over aliases, and shares of each.

Samples at spacing :math:`\Delta` do not distinguish :math:`\xi` from :math:`\xi + g`,
:math:`g \in G = (2\pi/\Delta)\mathbb Z`; the error on them evolves with

.. math:: \rho_{\mathrm{fold}}(\xi) = \sum_{g\in G}\rho_w(\xi+g),

the density of the wrapped frequencies. A few aliases are added one by one. Beyond the kinks and
narrow features of the density the others are a smooth function of :math:`\xi`, which is
interpolated; there the sums end in integrals, so heavy tails take no more work than light ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.polynomial import chebyshev, legendre

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import ORDER, gauss_legendre, panel_rule
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.landmarks import Landmarks

# Aliases next to the zone that are added one by one, beyond kinks and narrow features. Those
# farther away are analytic in the frequency to 16 half-widths of the zone, so that interpolation at
# 12 nodes has an error of 1e-17.
_BESIDE = 8
_NODES = 12
# After this many more terms the rest of a sum is its integral with one correction, to which the
# next correction is 1e-9.
_SUMMED = 1000
# A density varies over its width; a quarter of it (each way) is resolved by 16 nodes to 1e-13.
_SHARE_OF_WIDTH = 0.25
_CHUNK = 1_000_000
# Periods that a density may span at most: for sums of aliases one by one, for those with slopes at
# the nodes of a mesh, and before a sum becomes an integral. Each limit is some seconds of work.
_MOST_TURNS, _MOST_SLOPES, _MOST_TERMS = 2_000_000, 20_000, 200_000


@dataclass(frozen=True)
class AliasSums:
    r"""Sums over aliases of products of :math:`\rho_w` and :math:`\rho_w'`, each of shape (n,)."""

    density: FloatArray
    slope: FloatArray
    square: FloatArray
    cross: FloatArray
    slope_square: FloatArray


def slope(density: Density, xi: FloatArray) -> FloatArray:
    r"""Derivative of the even part of a density at frequencies (n,).

    A Legendre series of degree 15 about each frequency is differentiated; it does not reach
    across a kink, and on a kink the two sides are averaged.

    Examples
    --------
    >>> from ntkfreq import Laplace
    >>> slope(Laplace(loc=1.0), np.array([-2.0, 0.0, 0.5, 1.0]))
    array([ 0.1044..., -0.    ,  0.0958..., -0.0338...])
    """
    marks = density.landmarks()
    ends = {mark for mark in (*marks.kinks, *np.ravel(marks.support)) if 0 < mark < np.inf}
    corner = {0.0} & set(marks.kinks)
    edges = np.array(sorted({-np.inf, np.inf, *corner, *ends, *(-end for end in ends)}))
    values = np.empty(len(xi))
    step = _CHUNK // ORDER
    for first in range(0, len(xi), step):
        part = np.abs(xi[first : first + step])
        at = np.searchsorted(edges, part, side="right")
        found = _slope_between(density, part, edges[at - 1], edges[np.minimum(at, len(edges) - 1)])
        for edge in edges[np.isfinite(edges)]:
            on = np.abs(part - edge) <= 1e-14 * max(edge, 1.0)
            if on.any():
                k = int(np.searchsorted(edges, edge))
                sides = [
                    _slope_between(density, np.array([edge]), edges[[m]], edges[[m + 1]])
                    for m in (k - 1, k)
                ]
                found[on] = 0.5 * (sides[0] + sides[1])[0]
        values[first : first + step] = np.sign(xi[first : first + step]) * found
    return values


def _slope_between(
    density: Density, xi: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Derivative at frequencies (n,) of the half-line, from the stretches [low, high]."""
    scales = density.landmarks().scales or ((0.0, density.radius(0.5)),)
    width = np.min([np.maximum(width, 0.2 * np.abs(xi - place)) for place, width in scales], axis=0)
    half = np.minimum(_SHARE_OF_WIDTH * width, (high - low) / 2)
    middle = np.clip(xi, low + half, high - half)
    unit, weight = gauss_legendre(ORDER)
    values = density.even_values((middle[:, None] + half[:, None] * unit).reshape(-1, 1))
    analysis = (np.arange(ORDER) + 0.5)[:, None] * legendre.legvander(unit, ORDER - 1).T * weight
    series = legendre.legder(analysis @ values.reshape(-1, ORDER).T)
    local = legendre.legvander((xi - middle) / half, ORDER - 2)
    return np.asarray(np.sum(series.T * local, axis=1) / half)


@dataclass(frozen=True, eq=False)
class FoldedDensity(Density):
    """Density of one-dimensional frequencies wrapped into the zone of a lattice.

    Parameters
    ----------
    density : Density
        One-dimensional, with a pdf.
    spacing : float
        Spacing of the lattice, in units of x.

    Examples
    --------
    >>> from ntkfreq import StudentT
    >>> folded = FoldedDensity(StudentT(3.0, scale=3.0), 0.6)
    >>> folded.pdf([0.0, 5.0])
    array([0.13318811, 0.06348572])
    """

    closed_form_kernel: ClassVar[bool] = False
    # Parity of the terms that are added up.
    parity: ClassVar[tuple[float, ...]] = (1.0, -1.0, 1.0, -1.0, 1.0)

    density: Density
    spacing: float
    dim: int = 1

    @property
    def period(self) -> float:
        """Width of the zone, 2 pi over the spacing."""
        return 2 * np.pi / self.spacing

    @property
    def nyquist(self) -> float:
        """Half the period, where the zone ends."""
        return np.pi / self.spacing

    def reduce(self, xi: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Alias in the zone and the multiple of the period subtracted, of frequencies (n,)."""
        turns = np.rint(xi / self.period)
        return np.clip(xi - turns * self.period, -self.nyquist, self.nyquist), turns

    @cached_property
    def beside(self) -> FloatArray:
        """Multiples of the period that reach the aliases added one by one."""
        marks = self.density.landmarks()
        end = marks.support[-1][1]
        if np.isfinite(end):
            count = np.ceil(end / self.period + 0.5)
        else:
            narrow = [a + width for a, width in marks.scales if width < _BESIDE * self.period]
            count = np.ceil(max([0.0, *marks.kinks, *narrow]) / self.period + 0.5) + _BESIDE
        self._refuse_many(float(count), _MOST_TURNS)
        return np.arange(-count, count + 1)

    def refuse_slopes(self) -> None:
        """Refuse a density of too many aliases for sums with slopes at the nodes of a mesh.

        Raises
        ------
        ValueError
            With the number of periods and what works.
        """
        self._refuse_many(float(self.beside[-1]), _MOST_SLOPES)

    def _refuse_many(self, turns: float, most: int) -> None:
        """Refuse a density that spans more periods than are added in a reasonable time."""
        if turns > most:
            raise ValueError(
                f"rho_w={checks.show(self.density)} spans {turns:.3g} periods 2 pi / spacing of "
                f"measure=Grid({self.spacing:g}), above {most}; give a density nearer to 0 or a "
                "finer grid, or take the samples as measure=Points(x)"
            )

    def sums(self, xi: FloatArray) -> AliasSums:
        """Sums over all aliases of frequencies (n,) in the zone."""
        return AliasSums(*self.all_sums(xi))

    def beyond(self, xi: FloatArray) -> AliasSums:
        """The part of the sums from aliases that are not added one by one."""
        return AliasSums(*self.far_sums(xi))

    def all_sums(self, xi: FloatArray) -> FloatArray:
        """The same, one row each."""
        total = self.far_sums(xi)
        for turns in self.beside:
            total += self._terms(xi + turns * self.period)
        return total

    def far_sums(self, xi: FloatArray) -> FloatArray:
        """Those of the aliases that are not added one by one, one row each."""
        return np.asarray(chebyshev.chebval(xi / self.nyquist, self._tail.T))

    def _terms(self, xi: FloatArray) -> FloatArray:
        value, derivative = self.density.even_values(xi[:, None]), slope(self.density, xi)
        return np.stack([value, derivative, value**2, value * derivative, derivative**2])

    @cached_property
    def _tail(self) -> FloatArray:
        """Chebyshev coefficients on the zone of the sums beyond `beside`, shape (terms, nodes)."""
        if np.isfinite(self.density.landmarks().support[-1][1]):
            return np.zeros((len(self.parity), 1))
        unit = chebyshev.chebpts1(_NODES)
        # The sum to the left is, up to signs, that to the right of the mirrored frequency.
        both = self._summed(np.concatenate([unit, -unit]) * self.nyquist)
        mirror = np.array(self.parity)[:, None]
        values = both[:, :_NODES] + mirror * both[:, _NODES:]
        return np.asarray(np.linalg.solve(chebyshev.chebvander(unit, _NODES - 1), values.T).T)

    def _summed(self, xi: FloatArray) -> FloatArray:
        r"""Sums over the aliases to the right of `beside`, shape (terms, n).

        After some terms :math:`\sum_{j>m} f(j) = \int_a^\infty f + \tfrac1{24}f'(a)`, where
        :math:`a = m + \tfrac12`.
        """
        # Features wider than this are smooth enough for the correction wherever the sum ends.
        smooth = _SUMMED * self.period
        scales = self.density.landmarks().scales
        wide = max((a + 8 * min(width, smooth) for a, width in scales), default=0.0)
        first = float(self.beside[-1]) + 1
        last = max(first, np.ceil(wide / self.period)) + _SUMMED
        self._refuse_many(float(last - first), _MOST_TERMS)
        points = np.add.outer(self.period * np.arange(first, last + 2), xi)
        terms = self._terms(points.ravel()).reshape(-1, *points.shape)
        total = terms[:, :-1].sum(axis=1) + (terms[:, -1] - terms[:, -2]) / 24
        # The integral, by panels in log(frequency) that are short at first: light tails end soon.
        begin = xi + (last + 0.5) * self.period
        edge, length = 0.0, 1 / 32
        while edge < 200:
            u, weights = panel_rule(np.array([edge, edge + length]))
            points = np.multiply.outer(np.exp(u), begin)
            # A user's formula may overflow where its limit is zero.
            with np.errstate(over="ignore"):
                terms = self._terms(points.ravel()).reshape(-1, *points.shape)
            added = np.einsum("q,kqn->kn", weights, terms * points) / self.period
            total += added
            if np.all(np.abs(added) <= 1e-17 * np.abs(total)):
                break
            edge, length = edge + length, min(2 * length, 2.0)
        return np.asarray(total)

    def _pdf(self, w: FloatArray) -> FloatArray:
        xi, _ = self.reduce(w[:, 0])
        total = np.asarray(chebyshev.chebval(xi / self.nyquist, self._tail[0]))
        step = max(1, _CHUNK // max(len(xi), 1))
        for start in range(0, len(self.beside), step):
            moved = np.add.outer(self.period * self.beside[start : start + step], xi)
            total += self.density.even_values(moved.reshape(-1, 1)).reshape(moved.shape).sum(axis=0)
        return total

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., 1) displacements; the density's own on the lattice."""
        extent = 2 * float(np.abs(z).max(initial=0.0))
        nodes, weights = self.quadrature(extent, self.nyquist)
        return np.asarray(np.cos(z * nodes) @ weights)

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return self.reduce(self.density.sample(size, rng)[:, 0])[0][:, None]

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return min(self.density.radius(tail), self.nyquist)

    def landmarks(self) -> Landmarks:
        """Landmarks of the wrapped density on half the zone."""
        marks = self.density.landmarks()
        spans = sorted(self._image(*span) for span in marks.support)
        merged = spans[:1]
        for low, high in spans[1:]:
            if low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        ends = (end for span in marks.support for end in span if 0 < end < np.inf)
        kinks = sorted({self._mirrored(mark) for mark in (*marks.kinks, *ends)})
        scales = []
        for place, width in marks.scales:
            near = self._mirrored(place)
            scales += [(near, width), (-near, width), (self.period - near, width)]
        return Landmarks(tuple(merged), tuple(kinks), tuple(scales))

    @cached_property
    def shared_jumps(self) -> tuple[float, ...]:
        """Jumps of the density (on the half-line) where its share among the aliases jumps.

        Where the share does not jump, there is no flux between aliases.
        """
        marks = self.density.landmarks()
        ends = {end for span in marks.support for end in span if 0 < end < np.inf}
        found = []
        for mark in sorted({kink for kink in marks.kinks if kink > 0} | ends):
            sides = mark * (1 + 1e-12 * np.array([-1.0, 1.0]))
            value, total = self.density.even_values(sides), self.pdf(sides)
            if total.min() > 1e-12 * total.max() and abs(np.diff(value / total)[0]) > 1e-4:
                found.append(mark)
        return tuple(found)

    def _mirrored(self, mark: float) -> float:
        return float(np.abs(self.reduce(np.array([mark]))[0][0]))

    def _image(self, low: float, high: float) -> tuple[float, float]:
        """The image of the interval [low, high] in half the zone."""
        if high - low >= self.nyquist:
            return 0.0, self.nyquist
        turning = self.nyquist * np.arange(np.ceil(low / self.nyquist), 1 + high // self.nyquist)
        ends = [self._mirrored(mark) for mark in (low, high, *turning)]
        return min(ends), max(ends)
