r"""The density of damping behind hidden layers, folded into the zone of a lattice.

Beside its atom at 0 it is a sum of normal densities. Of each the sum over aliases is a theta
function, which takes a few terms either as that sum or, by Poisson's formula, as one over samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.layers.compound import NormalCompound
from ntkfreq.problem.layers.effective import LayeredDensity
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.sums import even_parts, normal_sums

# Terms of the series of a mixture, one number after the other until this share of its mass is left.
_TERMS, _LEFT = (16, 32, 64, 128, 256, 512), 1e-7
# Terms of a theta function: the next is 1e-22 of the first where both sums are equally long.
_THETA = 4
# Exponentials that are computed at once, and in all.
_CHUNK, _MOST_VALUES = 4_000_000, 200_000_000


@dataclass(frozen=True, eq=False)
class NormalSum:
    """A sum of normal densities.

    Attributes
    ----------
    shares : ndarray, shape (P,)
        Masses.
    centers : ndarray, shape (P, d)
        Means; with each its mirror image, so that the sum is even.
    scales : ndarray, shape (P, d)
        Standard deviations along the axes.
    """

    shares: FloatArray
    centers: FloatArray
    scales: FloatArray

    def at(self, xi: FloatArray) -> FloatArray:
        """Its values at frequencies (n, d).

        Examples
        --------
        >>> normal = NormalSum(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)))
        >>> normal.at(np.array([[0.0], [1.0]]))
        array([0.39894, 0.24197])
        """
        dim = self.centers.shape[1]
        sizes = self._highest
        found = np.empty(len(xi))
        step = max(1, _CHUNK // len(sizes))
        for start in range(0, len(xi), step):
            part = xi[start : start + step]
            squares = np.zeros((len(part), len(sizes)))
            for axis in range(dim):
                squares += (
                    (part[:, axis, None] - self.centers[:, axis]) / self.scales[:, axis]
                ) ** 2
            found[start : start + step] = np.exp(-squares / 2) @ sizes
        return found

    @property
    def _highest(self) -> FloatArray:
        """Values of the parts at their means, (P,)."""
        return np.asarray(self.shares / np.prod(np.sqrt(2 * np.pi) * self.scales, axis=1))

    def folded(self, xi: FloatArray, spacing: float) -> float:
        """The sum over all aliases of a frequency (d,).

        Examples
        --------
        >>> normal = NormalSum(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)))
        >>> aliases = 0.3 + 2 * np.pi * np.arange(-9, 10)
        >>> round(float(normal.folded(np.array([0.3]), 1.0) / normal.at(aliases[:, None]).sum()), 9)
        1.0
        """
        product = self.shares.copy()
        for place, centers, scales in zip(xi, self.centers.T, self.scales.T, strict=True):
            product *= _theta(place - centers, scales, spacing)
        return float(product.sum())

    def radius(self, level: float) -> float:
        """A radius outside which it is below a level.

        Examples
        --------
        >>> normal = NormalSum(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)))
        >>> round(normal.radius(0.24197), 3)
        1.0
        """
        high = float(self.scales.min())
        while self._most_at(high) > level:
            high *= 2
        low = 0.0
        while high - low > 1e-6 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self._most_at(middle) > level else (low, middle)
        return high

    def _most_at(self, r: float) -> float:
        """A bound on the values at a distance from 0 and beyond."""
        nearest = np.maximum(r - np.linalg.norm(self.centers, axis=1), 0.0)
        return float(self._highest @ np.exp(-((nearest / self.scales.max(axis=1)) ** 2) / 2))

    def aliases(
        self, tone: FloatArray, zone: FloatArray, spacing: float, level: float
    ) -> FloatArray:
        """Those of a tone where the sum may exceed a level, (n, d), the tone among them.

        As far as they can be computed in some seconds, the nearest to 0 first.
        """
        period, dim = 2 * np.pi / spacing, len(tone)
        most = (_MOST_VALUES / len(self.shares)) ** (1 / dim) / 2
        away = float(np.abs(self.centers).max()) / period
        if away > most:
            raise ValueError(
                f"rho_w behind hidden layers lies up to {away:.3g} periods 2 pi / spacing = "
                f"{period:.3g} of the grid away from 0, above {most:.3g}, the most that are "
                "searched for aliases; give a density nearer to 0 or a finer grid"
            )
        count = int(min(self.radius(level) / period, most)) + 1
        steps = np.arange(-count, count + 1)
        turns = np.stack(np.meshgrid(*[steps] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
        itself = np.all(turns == np.rint((tone - zone) / period), axis=1)
        return np.concatenate([tone[None], zone + period * turns[~itself]])


def _theta(x: FloatArray, scales: FloatArray, spacing: float) -> FloatArray:
    """Normal densities (P,) of these standard deviations, summed over the aliases of x."""
    period = 2 * np.pi / spacing
    near = (x - np.rint(x / period) * period)[:, None]
    terms = np.arange(-_THETA, _THETA + 1)
    with np.errstate(under="ignore"):
        aliases = np.exp(-(((near + period * terms) / scales[:, None]) ** 2) / 2)
        waves = np.exp(-((spacing * scales[:, None] * terms) ** 2) / 2)
    narrow = aliases.sum(axis=1) / (np.sqrt(2 * np.pi) * scales)
    wide = np.sum(waves * np.cos(spacing * near * terms), axis=1) / period
    return np.asarray(np.where(spacing * scales < np.sqrt(2 * np.pi), narrow, wide))


def damping_normals(density: Density, layers: HiddenLayers) -> NormalSum:
    """The density of damping without its atom, divided by the mass of all.

    Raises
    ------
    ValueError
        For densities of which it is not known as a sum of normal ones.
    """
    layered = LayeredDensity(density, layers, 0)
    rest, parts = layered.rest, density.normal_parts
    if isinstance(rest, NormalCompound):
        n, shares = rest.draws
        share = (layered.mass - layered.atom) / layered.mass
        centers = np.zeros((len(n), density.dim))
        assert parts is not None, "a compound of normal densities has one"
        return NormalSum(share * shares, centers, np.sqrt(n)[:, None] * parts[0].scales)
    if parts is not None and layers.smooth:
        for terms in _TERMS:
            series = layered.coefficients(terms + 1)[1:] / layered.mass
            left = 1 - layered.atom / layered.mass - float(series.sum())
            found = normal_sums(even_parts(parts), series, 1e-14)
            if left <= _LEFT and found is not None:
                return NormalSum(
                    np.array([part.share for part in found]),
                    np.array([part.center for part in found]),
                    np.array([part.scales for part in found]),
                )
    raise ValueError(
        f"rho_w={checks.show(density)} with depth={layers.depth}, activation={layers.named}: what "
        "hidden layers make of it is known at single frequencies for a Normal about 0, and behind "
        "tanh and sine for a Normal off 0 and small mixtures; give one of these, or solve on "
        "samples with solve_frequency_pde(..., train_frequencies=False)"
    )
