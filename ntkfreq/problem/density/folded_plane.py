r"""A density of two frequencies folded into the zone of a lattice, and sums over its aliases.

The aliases of a density that is a product of two are added axis by axis, of even factors with
heavy tails as in one dimension (:mod:`ntkfreq.problem.density.folded`). Those of others are added
one by one if few are not negligible. Where the tail is heavy, as that of the Student t, the sum
over aliases is by Poisson's formula a sum of the kernel over samples,

.. math:: \rho_{\mathrm{fold}}(\xi) = \Bigl(\frac{\Delta}{2\pi}\Bigr)^2
          \sum_{n\in\mathbb Z^2} k(\Delta n)\cos(\Delta n\cdot\xi),

which decays exponentially where the density does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.folded import AliasSums, FoldedDensity
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.rectangle import tensor_points

# Aliases added one by one beyond kinks and locations; those further off are smooth over the zone.
_NEAR, _NODES = 4, 12
_MOST_ALIASES, _MOST_SAMPLES, _MOST_SUMMED = 200, 2000, 40_000_000
# After this many periods the squares of a heavy tail are negligible (their sum falls at least with
# the sixth power).
_HEAVY = 64
_TAIL = 1e-17
# Most aliases along each axis of a density that is not a product, added one by one; and the largest
# value of a kernel that is neglected in a sum over samples.
_FEW, _RESIDUE = 24.0, 1e-17
# A tail is light if its probability beyond this multiple of the radius of the bulk is below _TAIL.
_LIGHT = 100.0
_CHUNK = 500_000

# Values from factors along the two axes, with a matrix between them or without.
Combine = Callable[[FloatArray, FloatArray | None, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class PlaneFold(Portable):
    """Sums over the aliases of a density of two frequencies.

    Parameters
    ----------
    density : Density
        In two dimensions, with a pdf.
    spacing : float
        Spacing of the lattice, in units of x.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import StudentT
    >>> fold = PlaneFold(StudentT(3.0, scale=1.5, dim=2), 0.8)
    >>> aliases = 2 * np.pi / 0.8 * np.arange(-300, 301)
    >>> plain = fold.density.pdf(tensor_points(0.3 + aliases, 1.0 + aliases)).sum()
    >>> round(float(fold.at(np.array([[0.3, 1.0]]))[0, 0] / plain), 6)
    1.0
    """

    density: Density
    spacing: float

    @property
    def period(self) -> float:
        """Width of the zone along each axis."""
        return 2 * np.pi / self.spacing

    @property
    def nyquist(self) -> float:
        """Half the period."""
        return np.pi / self.spacing

    def at(self, points: FloatArray) -> FloatArray:
        """Folded density and its partial derivatives at (n, 2) frequencies, shape (3, n)."""

        def combine(first: FloatArray, middle: FloatArray | None, second: FloatArray) -> FloatArray:
            left = first if middle is None else first @ middle
            return np.asarray(np.sum(left * second, axis=1))

        return np.stack(self._sums(points[:, 0], points[:, 1], combine, lambda: points))

    def on(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """The same on a tensor of frequencies, shape (3, len(xi), len(eta))."""

        def combine(first: FloatArray, middle: FloatArray | None, second: FloatArray) -> FloatArray:
            left = first if middle is None else first @ middle
            return np.asarray(left @ second.T)

        def tensor() -> FloatArray:
            return tensor_points(xi, eta).reshape(len(xi), len(eta), 2)

        return np.stack(self._sums(xi, eta, combine, tensor))

    def _sums(
        self, xi: FloatArray, eta: FloatArray, combine: Combine, points: Callable[[], FloatArray]
    ) -> list[FloatArray]:
        """Density and slopes, from factors along both axes or at all points (..., 2)."""
        totals = [np.zeros(()), np.zeros(()), np.zeros(())]
        for share, part in self.density.parts:
            if part.factors is not None:
                found = self._by_aliases(part.factors, xi, eta, combine)
            elif self._light(part):
                found = list(self._one_by_one(part, points()))
            else:
                found = self._by_samples(part, xi, eta, combine)
            totals = [total + share * term for total, term in zip(totals, found, strict=True)]
        return totals

    def _light(self, part: Density) -> bool:
        """Whether the aliases of a density that is no product are few enough to be added."""
        reach = part.radius(_TAIL)
        # Under a power law even far aliases matter where the density in the middle is tiny.
        return 2 * reach / self.period < _FEW and reach <= _LIGHT * part.radius(0.1)

    def _by_aliases(
        self, factors: tuple[Density, ...], xi: FloatArray, eta: FloatArray, combine: Combine
    ) -> list[FloatArray]:
        """Sums of a product and of its slopes, axis by axis."""
        found = [np.zeros(()), np.zeros(()), np.zeros(())]
        signs = _signs(factors)
        for sign in signs:
            (f, df), (g, dg) = (
                self._along(factor, points, sign)
                for factor, points in zip(factors, (xi, eta), strict=True)
            )
            terms = [combine(a, None, b) for a, b in ((f, g), (df, g), (f, dg))]
            found = [total + term / len(signs) for total, term in zip(found, terms, strict=True)]
        return found

    def _along(self, factor: Density, xi: FloatArray, sign: float) -> tuple[FloatArray, FloatArray]:
        """Sum over aliases of a density of one variable and of its slope, shape (n, 1) each."""
        if self._summed_by_integrals(factor):
            sums = self._folded(factor, xi)
            return sums.density[:, None], sums.slope[:, None]
        reach = factor.radius(_TAIL) + float(np.abs(xi).max(initial=0.0))
        count = np.ceil(reach / self.period) + 2
        self._refuse_many(count, len(xi))
        aliases = self.period * np.arange(-count, count + 1)
        points = np.add.outer(xi, aliases)
        terms = _signed(factor, points, sign).sum(axis=2)
        return terms[0][:, None], terms[1][:, None]

    def _summed_by_integrals(self, factor: Density) -> bool:
        """Whether far aliases of a factor, an even one with a heavy tail, end in an integral."""
        return factor.even and factor.radius(_TAIL) > _LIGHT * factor.radius(0.1)

    def _folded(self, factor: Density, xi: FloatArray) -> AliasSums:
        """Sums over all aliases of one factor at frequencies (n,)."""
        folded = FoldedDensity(factor, self.spacing)
        return folded.sums(folded.reduce(xi)[0])

    def _one_by_one(self, part: Density, points: FloatArray) -> FloatArray:
        """Sums of a density that is not a product over its aliases, at (..., 2) points."""
        count = int(np.ceil(part.radius(_TAIL) / self.period)) + 1
        turns: FloatArray = self.period * np.arange(-count, count + 1, dtype=np.float64)
        flat = points.reshape(-1, 2)
        total = np.zeros((3, len(flat)))
        for alias in tensor_points(turns, turns):
            total += part.even_value_and_gradient(flat + alias)
        return total.reshape(3, *points.shape[:-1])

    def _refuse_many(self, count: float, frequencies: int) -> None:
        if count * frequencies > _MOST_SUMMED:
            raise ValueError(
                f"rho_w={self.density!r} spans {count:.3g} periods 2 pi / spacing of measure="
                f"Grid({self.spacing:g}), too many to add at {frequencies} frequencies; give a "
                "finer grid, or take the samples as measure=Points(x)"
            )

    def _by_samples(
        self, part: Density, xi: FloatArray, eta: FloatArray, combine: Combine
    ) -> list[FloatArray]:
        count = int(np.ceil(kernel_extent(part) / self.spacing))
        if count > _MOST_SAMPLES:
            raise ValueError(
                f"spacing={self.spacing:g} is so fine for {part!r} that its kernel spans "
                f"{count} samples; samples so dense are a measure=Line(), or give Points(x)"
            )
        z: FloatArray = self.spacing * np.arange(-count, count + 1, dtype=np.float64)
        kernel = part.kernel_values(tensor_points(z, z).reshape(len(z), len(z), 2))
        kernel = kernel * (self.spacing / (2 * np.pi)) ** 2
        (c, s), (d, r) = (
            (np.cos(phase), np.sin(phase)) for phase in (np.outer(xi, z), np.outer(eta, z))
        )
        value = combine(c, kernel, d) - combine(s, kernel, r)
        first = -combine(s * z, kernel, d) - combine(c * z, kernel, r)
        second = -combine(s, kernel, d * z) - combine(c, kernel, r * z)
        return [value, first, second]

    @cached_property
    def near(self) -> int:
        """Number of aliases in each direction that are added one by one."""
        places = [place for marks in self._landmarks for place, _ in marks.scales]
        kinks = [kink for marks in self._landmarks for kink in marks.kinks]
        return _NEAR + int(np.ceil(max([0.0, *places, *kinks]) / self.period))

    @cached_property
    def _landmarks(self) -> list[Landmarks]:
        """Those of all parts along both axes."""
        return [part.along(axis).landmarks() for _, part in self.density.parts for axis in range(2)]

    @cached_property
    def far(self) -> int:
        """Number of aliases in each direction that are not negligible."""
        light = [part for _, part in self.density.parts if part.factors or self._light(part)]
        heavy = len(light) < len(self.density.parts)
        reach = max((part.radius(_TAIL) for part in light), default=0.0)
        count = int(np.ceil(reach / self.period)) + 1
        if count > _MOST_ALIASES:
            self._refuse_many(float(count) ** 2, _NODES**2)
        return max(count, _HEAVY if heavy else 0, self.near)

    def products(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """Sums over all aliases of products of density and gradient, shape (6, n1, n2).

        In the order rho^2, rho rho_1, rho rho_2, rho_1^2, rho_1 rho_2, rho_2^2.
        """
        if all(part.factors is not None for _, part in self.density.parts):
            return self._by_axes(xi, eta)
        every = np.arange(-self.far, self.far + 1)
        turns = np.stack(np.meshgrid(every, every, indexing="ij"), axis=-1).reshape(-1, 2)
        # Kinks lie on lines, so that aliases along these lines are never far away.
        reduce = np.min if self._kinked else np.max
        close = reduce(np.abs(turns), axis=1) <= self.near
        total = self._added(xi, eta, turns[close])
        if not close.all():
            unit = chebyshev.chebpts1(_NODES)
            nodes = self.nyquist * unit
            rest = self._added(nodes, nodes, turns[~close])
            inverse = np.linalg.inv(chebyshev.chebvander(unit, _NODES - 1))
            first, second = (
                chebyshev.chebvander(points / self.nyquist, _NODES - 1) @ inverse
                for points in (xi, eta)
            )
            total += first @ rest @ second.T
        return total

    def _by_axes(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """The same of densities that are products, axis by axis."""
        (f, shares), (g, _) = (self._pairs(points, k) for k, points in enumerate((xi, eta)))
        # Whether factors are slopes (1): the first and second along one axis, and along the other.
        orders = [
            (0, 0, 0, 0),
            (0, 1, 0, 0),
            (0, 0, 0, 1),
            (1, 1, 0, 0),
            (1, 0, 0, 1),
            (0, 0, 1, 1),
        ]
        weights = np.outer(shares, shares)
        return np.stack(
            [
                np.einsum("lm,lmx,lmy->xy", weights, f[a, b], g[c, d], optimize=True)
                for a, b, c, d in orders
            ]
        )

    def _pairs(self, xi: FloatArray, axis: int) -> tuple[FloatArray, FloatArray]:
        """Sums over aliases of products of factors along an axis, (2, 2, L, L, n).

        They are sums of the factors themselves (0) or of their slopes (1), for each pair of the L
        terms of the even density, whose shares (L,) come second.
        """
        factors, shares = [], []
        for share, part in self.density.parts:
            assert part.factors is not None
            signs = _signs(part.factors)
            factors += [(part.factors[axis], sign) for sign in signs]
            shares += [share / len(signs)] * len(signs)
        if len(factors) == 1 and self._summed_by_integrals(factors[0][0]):
            sums = self._folded(factors[0][0], xi)
            pairs = [[sums.square, sums.cross], [sums.cross, sums.slope_square]]
            return np.array(pairs)[:, :, None, None], np.array(shares)
        reach = max(factor.radius(_TAIL) for factor, _ in factors)
        count = np.ceil((reach + float(np.abs(xi).max(initial=0.0))) / self.period) + 2
        self._refuse_many(count, len(xi) * len(factors))
        total = np.zeros((2, 2, len(factors), len(factors), len(xi)))
        aliases = self.period * np.arange(-count, count + 1)
        step = max(1, _CHUNK // (len(xi) * len(factors)))
        for start in range(0, len(aliases), step):
            points = np.add.outer(xi, aliases[start : start + step])
            values = np.stack([_signed(factor, points, sign) for factor, sign in factors])
            total += np.einsum("laxs,mbxs->ablmx", values, values, optimize=True)
        return total, np.array(shares)

    @property
    def _kinked(self) -> bool:
        return any(marks.kinks for marks in self._landmarks)

    def _added(self, xi: FloatArray, eta: FloatArray, turns: FloatArray) -> FloatArray:
        """The same over the aliases of these turns (A, 2)."""
        total = np.zeros((6, len(xi), len(eta)))
        pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
        plain = tensor_points(xi, eta)
        step = max(1, _CHUNK // len(plain))
        for start in range(0, len(turns), step):
            some = self.period * turns[start : start + step]
            points = (some[:, None, :] + plain).reshape(-1, 2)
            terms = self.density.even_value_and_gradient(points).reshape(
                3, len(some), *total.shape[1:]
            )
            total += np.stack([np.einsum("gxy,gxy->xy", terms[a], terms[b]) for a, b in pairs])
        return total


def _signs(factors: tuple[Density, ...]) -> tuple[float, ...]:
    """Signs of the frequencies in the terms of the even part of a product."""
    return (1.0,) if all(factor.even for factor in factors) else (1.0, -1.0)


def _signed(factor: Density, points: FloatArray, sign: float) -> FloatArray:
    """A density of one variable and its slope at (n, A) points, mirrored or not, (2, n, A)."""
    found = factor.value_and_gradient(sign * points.reshape(-1, 1)).reshape(2, *points.shape)
    found[1] *= sign
    return found


def kernel_extent(density: Density) -> float:
    """Distance beyond which the kernel is zero to rounding, for one that decays.

    Examples
    --------
    >>> from ntkfreq import StudentT
    >>> 30 < kernel_extent(StudentT(1.0, dim=2)) < 60
    True
    """
    directions = np.eye(density.dim)
    reach, slowest = 1 / density.radius(0.5), 1e5 / density.radius(0.5)
    while True:
        away = reach * np.linspace(1.0, 2.0, 33)
        if np.all(np.abs(density.kernel_values(np.multiply.outer(away, directions))) <= _RESIDUE):
            return reach
        reach *= 1.25
        if reach > slowest:
            raise ValueError(
                f"rho_w={type(density).__name__} has a heavy tail and a kernel that does not "
                "decay, so its aliases cannot be added; use measure=Points(x)"
            )
