r"""Density of a sum of n draws, n itself drawn: what hidden layers make of a density, normalized.

A power series :math:`\sum_n c_n k^n` with coefficients >= 0 is the characteristic function of
:math:`\sum_n c_n \rho_w^{*n}`, the densities of sums of n draws from the even part of
:math:`\rho_w`. Without the atom :math:`c_0` at 0, and divided by what is left, it is the density of
a sum of a random number of draws, a compound distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import special

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import panel_rule
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.radial_table import RadialTable

# Terms of the series that are added one by one: the first number if no more than _ROUNDING is left
# then. Beyond the last one the series follows a power law.
_TERMS, _ROUNDING = (128, 512, 2048), 1e-13
# Where the kernel of any density is looked at, over its median frequency: so near that the tail
# shows its power, and not so near that the kink of F makes rounding large.
_NEAREST, _FARTHEST, _PLACES = 1e-4, 10.0, 501
_DECADE = 100
# Times by which the law falls by e before its sum ends.
_FOLDS = 40.0
# Values of a pdf from which on it is interpolated.
_MANY = 100


@dataclass(frozen=True, eq=False)
class CompoundDensity(Density):
    """Density of the sum of a random number of draws, known by its kernel.

    Parameters
    ----------
    base : Density
        Density of a draw.
    layers : HiddenLayers
        Whose power series gives the number of draws.
    part : {0, 1}
        Whether that of F or of G.

    Examples
    --------
    >>> from ntkfreq import Laplace
    >>> from ntkfreq.problem.layers import HiddenLayers
    >>> rho = CompoundDensity(Laplace(scale=3.0), HiddenLayers(2, "tanh"), 0)
    >>> rho.kernel([0.0, 0.5, 100.0]).round(4)
    array([1.    , 0.1983, 0.    ])
    """

    has_pdf: ClassVar[bool] = False

    base: Density
    layers: HiddenLayers
    part: int
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", self.base.dim)

    @property
    def atom(self) -> float:
        """Coefficient of the constant."""
        return self.layers.atom if self.part == 0 else 0.0

    @property
    def spread(self) -> float:
        """Sum of the other coefficients."""
        return self.layers.masses[self.part] - self.atom

    def _facts(self) -> dict[str, str]:
        return {
            "base": repr(self.base),
            "depth": repr(self.layers.depth),
            "activation": self.layers.named,
        }

    def _of(self, k: FloatArray, same: FloatArray) -> FloatArray:
        """Kernel where that of the base is k; at equal points to the last digit."""
        values = self.layers.kernel_values(np.where(same, 1.0, k))[self.part]
        return np.asarray((values - self.atom) / self.spread)

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return self._of(self.base.kernel_values(z), np.all(z == 0, axis=-1))

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        return self._of(self.base.kernel_between(x, x2), equal_points(x, x2))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        raise TypeError(
            f"rho_w={self.base!r} behind hidden layers is known by its kernel alone; draws are "
            "made for a Normal about 0"
        )

    @cached_property
    def shares(self) -> FloatArray:
        """Probabilities of n = 1, 2, ... draws, as far as they are added one by one."""
        for terms in _TERMS:
            found = self.layers.coefficients(terms + 1)[self.part][1:] / self.spread
            if 1 - found.sum() <= _ROUNDING:
                break
        return np.asarray(found)

    @cached_property
    def beyond(self) -> float:
        """Probability of more draws."""
        left = 1 - float(self.shares.sum())
        return left if left > _ROUNDING else 0.0

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies, by bounds."""
        if self.beyond > tail / 2:
            return self._by_kernel(tail)
        left = np.cumsum(self.shares[::-1])[::-1]
        draws = int(np.count_nonzero(left + self.beyond > tail / 2)) + 1
        return min(draws * self.base.radius(tail / (2 * draws)), self._by_kernel(tail))

    def _by_kernel(self, tail: float) -> float:
        """The same from the kernel near 0, and from its power there for small tails."""
        radii, tails = self._outside_by_kernel
        seen = max(tail, float(tails[0]))
        near = float(radii[int(np.count_nonzero(tails <= seen)) - 1])
        power = np.log(tails[_DECADE] / tails[0]) / np.log(radii[0] / radii[_DECADE])
        return float(near * (seen / tail) ** (1 / power))

    @cached_property
    def _outside_by_kernel(self) -> tuple[FloatArray, FloatArray]:
        r"""Decreasing radii r, and bounds on the probability outside of each.

        In one dimension :math:`P(|w| \ge 2/u) \le \frac1u\int_{-u}^u (1 - K(z))\,dz`.
        """
        u = np.geomspace(_NEAREST, _FARTHEST, _PLACES) / self.base.radius(0.5)
        z = np.concatenate([u[:1] / 2, (u[1:] + u[:-1]) / 2])
        total = np.zeros(len(u))
        for axis in np.eye(self.dim):
            total += 2 * np.cumsum(
                (1 - self.kernel_values(z[:, None] * axis)) * np.diff(u, prepend=0)
            )
        return 2 * self.dim**0.5 / u, np.maximum.accumulate(total / u)


def equal_points(x: FloatArray, x2: FloatArray) -> FloatArray:
    """Whether points (n, d) and (n2, d) are the same, shape (n, n2).

    Examples
    --------
    >>> equal_points(np.array([[0.0], [1.0]]), np.array([[1.0]])).ravel()
    array([False,  True])
    """
    same = np.ones((len(x), len(x2)), dtype=bool)
    for one, other in zip(x.T, x2.T, strict=True):
        same &= one[:, None] == other
    return same


@dataclass(frozen=True, eq=False)
class NormalCompound(CompoundDensity):
    r"""The same of a normal density about 0: a mixture of N(0, n s_j^2) along axis j.

    Beyond some thousand terms the coefficients follow a power law, of which the sum is an integral:
    with the rectifier the pdf falls like :math:`|\xi|^{-d-1}`.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> from ntkfreq.problem.layers import HiddenLayers
    >>> rho = NormalCompound(Normal(scale=3.0), HiddenLayers(2), 0)
    >>> rho.pdf([0.0, 10.0, 1000.0])
    array([9.29378e-02, 7.63090e-03, 5.34907e-07])
    """

    has_pdf: ClassVar[bool] = True

    @property
    def even(self) -> bool:
        """True: it is even."""
        return True

    @property
    def _scales(self) -> FloatArray:
        """Standard deviations of a draw, (d,)."""
        parts = self.base.normal_parts
        assert parts is not None, "a compound of normal densities has one"
        return np.array(parts[0].scales)

    @cached_property
    def draws(self) -> tuple[FloatArray, FloatArray]:
        """Numbers n of draws, beyond the first thousands those of a quadrature, and shares."""
        shares = self.shares
        first = np.arange(1.0, len(shares) + 1)
        if self.beyond == 0:
            return first[shares > 0], shares[shares > 0] / shares.sum()
        if self.layers.activation == "relu":
            odd, even = (self._beyond_of_kink(parity) for parity in (1, 0))
            n = np.concatenate([first, odd[0], even[0]])
            return n, np.concatenate([shares, odd[1], even[1]])
        half = len(shares) // 2
        ratio = float(shares[half:].sum() / shares[half // 2 : half].sum())
        falling = max(-float(np.log2(ratio)), 0.1)
        fold, weights = panel_rule(np.arange(0.0, _FOLDS / falling + 4, 4.0))
        law = self.beyond * falling * weights * np.exp(-falling * fold)
        n = np.concatenate([first, (len(shares) + 0.5) * np.exp(fold)])
        return n, np.concatenate([shares, law])

    def _beyond_of_kink(self, parity: int) -> tuple[FloatArray, FloatArray]:
        r"""Numbers n of draws beyond the first, even (0) or odd (1) ones, and their shares.

        A kink at k = 1, and one at -1, make coefficients :math:`n^{-3/2}(a + b/n + \dots)` of
        either parity. Their sums beyond the first ones and over the last octave give a and b.
        """
        count = len(self.shares)
        own = self.shares[1 - parity :: 2]
        one, other = (float(self._at_one(sign)) for sign in (1.0, -1.0))
        left = (one + (1 - 2 * parity) * other) / 2 - own.sum()
        # Every second number: sums are half the integrals from one before the first.
        begin = float(count + 1 - parity)
        half = count // 4
        start = begin - 2 * half
        ends = np.array([[begin**-0.5, begin**-1.5 / 3], [start**-0.5, start**-1.5 / 3]])
        ends[1] -= ends[0]
        a, b = np.linalg.solve(ends, np.array([left, own[-half:].sum()]))
        fold, weights = panel_rule(np.arange(0.0, 2 * _FOLDS + 4, 4.0))
        n = begin * np.exp(fold)
        # Of a parity with nothing beyond rounding is left, of either sign.
        return n, np.maximum(weights * (a * n**-0.5 + b * n**-1.5) / 2, 0.0)

    def _at_one(self, k: float) -> FloatArray:
        """The series at k = 1 or -1."""
        value = self.layers.kernel_values(k)[self.part]
        return np.asarray((value - self.atom) / self.spread)

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        """Logarithm of the density at distances from 0; None with several scales."""
        return self._log_at if np.ptp(self._scales) == 0 else None

    def _log_at(self, r: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self._sums(r / self._scales[0], self.dim / 2)))

    @property
    def widths(self) -> tuple[float, ...]:
        """Those of a draw."""
        return self.base.widths

    @property
    def modes(self) -> FloatArray:
        """0, shape (1, d)."""
        return np.zeros((1, self.dim))

    def landmarks(self) -> Landmarks:
        """Landmarks in one dimension."""
        scales = tuple((0.0, float(self._scales[0]) * 2.0**power) for power in range(0, 6, 2))
        return Landmarks(((0.0, np.inf),), (), scales)

    def _sums(self, r: FloatArray, power: float) -> FloatArray:
        """Sums of the normal densities at distances (n,) in scales, with a power of n below."""
        n, shares = self.draws
        weights = shares * n**-power / np.prod(np.sqrt(2 * np.pi) * self._scales)
        return np.array([weights @ np.exp(-one / n) for one in r**2 / 2])

    def _distance(self, w: FloatArray) -> FloatArray:
        """Distances of frequencies (n, d) from 0 in scales, (n,)."""
        return np.asarray(np.linalg.norm(w / self._scales, axis=-1))

    def _pdf(self, w: FloatArray) -> FloatArray:
        r = self._distance(w)
        return self._sums(r, self.dim / 2) if len(r) < _MANY else self._table(r)

    def even_values(self, w: FloatArray) -> FloatArray:
        """The density itself, at frequencies (n,) or (n, d)."""
        return self._pdf(w[:, None] if w.ndim == 1 else w)

    @cached_property
    def _table(self) -> RadialTable:
        return RadialTable(lambda r: self._sums(r, self.dim / 2), 1.0)

    def value_and_gradient(self, w: FloatArray) -> FloatArray:
        """Density and its partial derivatives at (n, d) frequencies, shape (1 + d, n)."""
        steep = self._sums(self._distance(w), self.dim / 2 + 1)
        return np.concatenate([self._pdf(w)[None], -steep * (w / self._scales**2).T])

    def _outside(self, r: float) -> float:
        """Probability outside a radius, as if all scales were the largest."""
        n, shares = self.draws
        most = r / self._scales.max()
        return float(shares @ special.gammaincc(self.dim / 2, most**2 / (2 * n)))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        start = high = float(self._scales.max())
        while self._outside(high) > tail:
            high *= 2
        low = 0.0 if high == start else high / 2
        while high - low > 1e-6 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self._outside(middle) > tail else (low, middle)
        return high

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        n, shares = self.draws
        draws = rng.choice(n, size=(size, 1), p=shares / shares.sum())
        return np.asarray(self._scales * np.sqrt(draws) * rng.standard_normal((size, self.dim)))


def compound(base: Density, layers: HiddenLayers, part: int) -> CompoundDensity:
    """The density of F or G without its atom, as much of it as is known.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> from ntkfreq.problem.layers import HiddenLayers
    >>> compound(Normal(scale=3.0), HiddenLayers(1), 0).has_pdf
    True
    """
    parts = base.normal_parts
    centred = parts is not None and len(parts) == 1 and not any(parts[0].center)
    return (NormalCompound if centred else CompoundDensity)(base, layers, part)
