r"""What a lattice learns at every alias, where damping and diffusion have different densities.

With the memory q on the zone, :math:`\hat f = 2\pi[(\rho_G q')' - \rho_F q]` at every alias, and
the folded equation gives :math:`q''`. With the share :math:`s = \rho_G/\rho_{G,\mathrm{fold}}`,

.. math:: \hat f = s\,\hat f_{\mathrm{fold}}
          + 2\pi\,(\rho_G' - s\,\rho_{G,\mathrm{fold}}')\,q'
          - 2\pi\,(\rho_F - s\,\rho_{F,\mathrm{fold}})\,q,

of which the last term is 0 for one density.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.folded import FoldedDensity, slope

# A folded density below this has moved nothing at any time; its square does not underflow.
_NOTHING = 1e-100


@dataclass(frozen=True, eq=False)
class FoldedPair(FoldedDensity):
    r"""The density of diffusion folded, and sums of its products with that of damping.

    Rows of the sums: g, g', g^2, g g', g'^2, f, f g, f g', f^2 for :math:`g = \rho_G`,
    :math:`f = \rho_F`.
    """

    parity: ClassVar[tuple[float, ...]] = (1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0)

    damping: Density | None = None

    def _terms(self, xi: FloatArray) -> FloatArray:
        assert self.damping is not None
        own = super()._terms(xi)
        other = self.damping.even_values(xi[:, None])
        return np.concatenate([own, [other, other * own[0], other * own[1], other**2]])


def layered_factors(pair: FoldedPair, xi: FloatArray, sums: FloatArray) -> FloatArray:
    """Factors of change, flux and memory at aliases `xi` (..., n) of places with `sums` (9, n)."""
    assert pair.damping is not None
    flat = xi.ravel()
    moving = sums[0] > _NOTHING
    share = pair.density.even_values(flat).reshape(xi.shape) / np.where(moving, sums[0], 1.0)
    excess = slope(pair.density, flat).reshape(xi.shape) - share * sums[1]
    storage = share * sums[5] - pair.damping.even_values(flat).reshape(xi.shape)
    return np.asarray(moving * np.stack([share, excess, storage]))


@dataclass(frozen=True, eq=False)
class LayeredTable:
    """Factors of change, flux and memory at nodes of the zone.

    Attributes
    ----------
    turns : ndarray, shape (A,)
        Multiples of the period.
    factors : ndarray, shape (3, A, n)
        Factors at these aliases.
    others : ndarray, shape (3, 3, n)
        Sums of their products over all other aliases.
    """

    turns: FloatArray
    factors: FloatArray
    others: FloatArray

    @classmethod
    def at(cls, pair: FoldedPair, xi: FloatArray, more: FloatArray) -> LayeredTable:
        """The table at `xi` (n,) in the zone, of the nearest aliases and `more` multiples."""
        turns = np.union1d(pair.beside, more)
        sums, beyond = pair.all_sums(xi), pair.far_sums(xi)
        factors = layered_factors(pair, np.add.outer(turns * pair.period, xi), sums)
        moving = sums[0] > _NOTHING
        total = np.where(moving, sums[0], 1.0)
        steep, damped = sums[1], sums[5]
        _, _, gg, gs, ss, _, fg, fs, ff = beyond
        gg, gs, fg = gg / total / total, gs / total, fg / total
        both = np.empty((3, 3, len(xi)))
        both[0, 0] = gg
        both[0, 1] = both[1, 0] = gs - gg * steep
        both[1, 1] = ss - 2 * steep * gs + steep**2 * gg
        both[0, 2] = both[2, 0] = gg * damped - fg
        both[1, 2] = both[2, 1] = damped * gs + steep * fg - fs - steep * damped * gg
        both[2, 2] = ff - 2 * damped * fg + damped**2 * gg
        far = ~np.isin(turns, pair.beside)
        return cls(turns, factors, moving * both - _products(factors[:, far]))

    def squares(
        self, fields: tuple[ComplexArray, ...], without: FloatArray | None = None
    ) -> FloatArray:
        """Sums of squares of what is learned at all aliases but some, shape (T, n)."""
        kept = np.ones(len(self.turns), bool) if without is None else ~np.isin(self.turns, without)
        sums = self.others + _products(self.factors[:, kept])
        total = np.zeros(fields[0].shape)
        for i, one in enumerate(fields):
            for j, other in enumerate(fields):
                total += sums[i, j] * (one.real * other.real + one.imag * other.imag)
        return np.maximum(total, 0.0)

    def learned(self, row: int, fields: tuple[ComplexArray, ...]) -> ComplexArray:
        """What is learned at one alias, shape (T, n)."""
        return np.asarray(
            sum(f * field for f, field in zip(self.factors[:, row], fields, strict=True))
        )


def _products(factors: FloatArray) -> FloatArray:
    """Sums over aliases of products of factors (3, A, n), shape (3, 3, n)."""
    return np.asarray(np.einsum("ian,jan->ijn", factors, factors))
