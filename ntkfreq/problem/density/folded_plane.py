r"""A density of two frequencies wrapped into the zone of a lattice, and what aliases contribute.

Normal, Laplace and uniform densities are products, whose aliases are added axis by axis. The
Student t is none; by Poisson's formula its sum over aliases is one of its kernel over samples,

.. math:: \rho_{\mathrm{fold}}(\xi) = \Bigl(\frac{\Delta}{2\pi}\Bigr)^2
          \sum_{n\in\mathbb Z^2} k(\Delta n)\cos(\Delta n\cdot\xi),

which decays exponentially where the density does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density, Laplace, Mixture, Normal, StudentT, Uniform
from ntkfreq.problem.rectangle import tensor_points

# Aliases added one by one beyond kinks and locations; those further off are smooth over the zone.
_NEAR, _NODES = 4, 12
_MOST_ALIASES, _MOST_SAMPLES, _MOST_SUMMED = 200, 2000, 40_000_000
# Periods after which the squares of a heavy tail add nothing (the sum falls with the sixth power
# at least).
_HEAVY = 64
_TAIL = 1e-17
_CHUNK = 500_000

# How factors along the two axes, with a matrix between them or none, make values.
Combine = Callable[[FloatArray, FloatArray | None, FloatArray], FloatArray]


Family = Normal | Laplace | Uniform | StudentT


def components(density: Density) -> Iterator[tuple[float, Family]]:
    """A density as a weighted sum of densities that are no mixtures."""
    if isinstance(density, Mixture):
        for share, part in zip(density.weights, density.components, strict=True):
            yield from ((share * inner, leaf) for inner, leaf in components(part))
    elif isinstance(density, Family):
        yield 1.0, density
    else:
        raise ValueError(
            f"rho_w={type(density).__name__} cannot be folded in two dimensions; use Normal, "
            "Laplace, Uniform, StudentT or a Mixture of them, or measure=Points(x)"
        )


def with_gradient(density: Density, points: FloatArray) -> FloatArray:
    r"""Density and its partial derivatives at (n, d) frequencies, not symmetrized, (1 + d, n).

    On a kink the two sides are averaged.
    """
    total = np.zeros((1 + density.dim, len(points)))
    for share, part in components(density):
        value = part.pdf(points)
        away = points - np.asarray(part.loc)
        if isinstance(part, Normal):
            slope = -away / part.scale**2
        elif isinstance(part, Laplace):
            slope = -np.sign(away) / part.scale
        elif isinstance(part, StudentT):
            squared = np.sum(away**2, axis=1, keepdims=True)
            slope = -(part.df + part.dim) * away / (part.df * part.scale**2 + squared)
        else:
            slope = np.zeros_like(away)
        total[0] += share * value
        total[1:] += share * value * slope.T
    return total


def even_with_gradient(density: Density, points: FloatArray) -> FloatArray:
    """Even part of a density and its partial derivatives at (n, d) frequencies, (1 + d, n)."""
    mirrored = with_gradient(density, -points)
    mirrored[1:] *= -1
    return 0.5 * (with_gradient(density, points) + mirrored)


@dataclass(frozen=True, eq=False)
class PlaneFold:
    """Sums over the aliases of a density of two frequencies.

    Parameters
    ----------
    density : Density
        In two dimensions; a family or a mixture of families.
    spacing : float
        Spacing of the lattice, in units of x.

    Examples
    --------
    >>> import numpy as np
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

        return np.stack(self._sums(points[:, 0], points[:, 1], combine))

    def on(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """The same on a tensor of frequencies, shape (3, len(xi), len(eta))."""

        def combine(first: FloatArray, middle: FloatArray | None, second: FloatArray) -> FloatArray:
            left = first if middle is None else first @ middle
            return np.asarray(left @ second.T)

        return np.stack(self._sums(xi, eta, combine))

    def _sums(self, xi: FloatArray, eta: FloatArray, combine: Combine) -> list[FloatArray]:
        totals = [np.zeros(()), np.zeros(()), np.zeros(())]
        for share, part in components(self.density):
            if isinstance(part, StudentT):
                found = self._by_samples(part, xi, eta, combine)
            else:
                found = self._by_aliases(part, xi, eta, combine)
            totals = [total + share * term for total, term in zip(totals, found, strict=True)]
        return totals

    def _by_aliases(
        self, part: Family, xi: FloatArray, eta: FloatArray, combine: Combine
    ) -> list[FloatArray]:
        center = np.broadcast_to(part.loc, (2,))
        plain = replace(part, loc=0.0, dim=1)
        found = [np.zeros(()), np.zeros(()), np.zeros(())]
        for sign in (-1.0, 1.0) if center.any() else (1.0,):
            (f, df), (g, dg) = (
                self._along(plain, points, sign * float(place))
                for points, place in zip((xi, eta), center, strict=True)
            )
            terms = [combine(a, None, b) for a, b in ((f, g), (df, g), (f, dg))]
            share = 0.5 if center.any() else 1.0
            found = [total + share * term for total, term in zip(found, terms, strict=True)]
        return found

    def _along(
        self, plain: Density, xi: FloatArray, center: float
    ) -> tuple[FloatArray, FloatArray]:
        """Sum over aliases of a density of one variable and of its slope, shape (n, 1) each."""
        reach = plain.radius(_TAIL) + abs(center) + float(np.abs(xi).max(initial=0.0))
        count = np.ceil(reach / self.period) + 2
        self._refuse_many(count, len(xi))
        aliases = self.period * np.arange(-count, count + 1)
        points = np.add.outer(xi - center, aliases)
        terms = with_gradient(plain, points.reshape(-1, 1)).reshape(2, *points.shape).sum(axis=2)
        return terms[0][:, None], terms[1][:, None]

    def _refuse_many(self, count: float, frequencies: int) -> None:
        if count * frequencies > _MOST_SUMMED:
            raise ValueError(
                f"rho_w={self.density!r} spans {count:.3g} periods 2 pi / spacing of measure="
                f"Grid({self.spacing:g}), too many to add at {frequencies} frequencies; give a "
                "finer grid, or take the samples as measure=Points(x)"
            )

    def _by_samples(
        self, part: StudentT, xi: FloatArray, eta: FloatArray, combine: Combine
    ) -> list[FloatArray]:
        # The Matern function decays like exp(-sqrt(nu) s |z|), after a power.
        reach = (40 + part.df) / (np.sqrt(part.df) * part.scale)
        count = int(np.ceil(reach / self.spacing))
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
        """How many aliases each way are added one by one."""
        places = [np.abs(part.loc).max() for _, part in components(self.density)]
        kinks = [
            np.abs(part.loc).max() + part.scale
            for _, part in components(self.density)
            if isinstance(part, Uniform)
        ]
        return _NEAR + int(np.ceil(max([*places, *kinks]) / self.period))

    @cached_property
    def far(self) -> int:
        """How many aliases each way matter at all."""
        heavy = any(isinstance(part, StudentT) for _, part in components(self.density))
        light = [part for _, part in components(self.density) if not isinstance(part, StudentT)]
        reach = max((part.radius(_TAIL) for part in light), default=0.0)
        count = int(np.ceil(reach / self.period)) + 1
        if count > _MOST_ALIASES:
            self._refuse_many(float(count) ** 2, _NODES**2)
        return max(count, _HEAVY if heavy else 0, self.near)

    def products(self, xi: FloatArray, eta: FloatArray) -> FloatArray:
        """Sums over all aliases of products of density and gradient, shape (6, n1, n2).

        In the order rho^2, rho rho_1, rho rho_2, rho_1^2, rho_1 rho_2, rho_2^2.
        """
        if not any(isinstance(part, StudentT) for _, part in components(self.density)):
            return self._by_axes(xi, eta)
        every = np.arange(-self.far, self.far + 1)
        turns = np.stack(np.meshgrid(every, every, indexing="ij"), axis=-1).reshape(-1, 2)
        # Kinks lie on lines, along which no alias is far off.
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
        # Which factors are slopes: of the first and second along one axis, and along the other.
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

        Of the factors themselves (0) or their slopes (1), for each pair of the L places where the
        even density has one, whose shares (L,) come second.
        """
        factors, shares = [], []
        for share, part in components(self.density):
            center = np.broadcast_to(part.loc, (2,))
            plain = replace(part, loc=0.0, dim=1)
            for sign in (-1.0, 1.0) if center.any() else (1.0,):
                factors.append((plain, sign * float(center[axis])))
                shares.append(0.5 * share if center.any() else share)
        reach = max(plain.radius(_TAIL) + abs(place) for plain, place in factors)
        count = np.ceil((reach + float(np.abs(xi).max(initial=0.0))) / self.period) + 2
        self._refuse_many(count, len(xi) * len(factors))
        total = np.zeros((2, 2, len(factors), len(factors), len(xi)))
        aliases = self.period * np.arange(-count, count + 1)
        step = max(1, _CHUNK // (len(xi) * len(factors)))
        for start in range(0, len(aliases), step):
            points = np.add.outer(xi, aliases[start : start + step])
            values = np.stack(
                [with_gradient(one, (points - place).reshape(-1, 1)) for one, place in factors]
            ).reshape(len(factors), 2, *points.shape)
            total += np.einsum("laxs,mbxs->ablmx", values, values, optimize=True)
        return total, np.array(shares)

    @property
    def _kinked(self) -> bool:
        return any(isinstance(part, Laplace | Uniform) for _, part in components(self.density))

    def _added(self, xi: FloatArray, eta: FloatArray, turns: FloatArray) -> FloatArray:
        """The same over the aliases of these turns (A, 2)."""
        total = np.zeros((6, len(xi), len(eta)))
        pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
        plain = tensor_points(xi, eta)
        step = max(1, _CHUNK // len(plain))
        for start in range(0, len(turns), step):
            some = self.period * turns[start : start + step]
            points = (some[:, None, :] + plain).reshape(-1, 2)
            terms = even_with_gradient(self.density, points).reshape(3, len(some), *total.shape[1:])
            total += np.stack([np.einsum("gxy,gxy->xy", terms[a], terms[b]) for a, b in pairs])
        return total
