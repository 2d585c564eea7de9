r"""From the zone of a lattice back to the line: what the network does between the samples.

Where the samples see :math:`v` and its memories :math:`q_1, q_2`, the output has learned

.. math:: \hat f(\xi) = 2\pi\left[\sigma_a^2 (\rho_w q_2')' - \rho_w q_1\right](\xi)

at every alias. With the share :math:`s = \rho_w/\rho_{\mathrm{fold}}` and the folded equation this
is, without second derivatives,

.. math:: \hat f = s\,\hat f_{\mathrm{fold}}
          + 2\pi\sigma_a^2\,(\rho_w' - s\,\rho_{\mathrm{fold}}')\,q_2'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.folded import FoldedDensity, slope
from ntkfreq.spectra.spectrum import fourier_sum

# A folded density below this has moved nothing at any time; its square does not underflow.
_NOTHING = 1e-100
# A tail is light if its probability beyond this multiple of the radius of the bulk is below _TAIL.
_TAIL, _LIGHT = 1e-15, 100.0
_MOST_FREQUENCIES = 2_000_000


def alias_factors(
    folded: FoldedDensity, xi: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Share s, slope excess :math:`\rho_w' - s\rho_{\mathrm{fold}}'`, periods subtracted, (n,)."""
    zone, turns = folded.reduce(xi)
    sums = folded.sums(zone)
    moving = sums.density > _NOTHING
    share = np.where(
        moving, folded.density.even_values(xi) / np.where(moving, sums.density, 1.0), 0.0
    )
    return share, np.where(moving, slope(folded.density, xi) - share * sums.slope, 0.0), turns


@dataclass(frozen=True, eq=False)
class AliasTable:
    r"""Shares s, slope excesses :math:`r = \rho_w' - s\rho_{\mathrm{fold}}'` at nodes of the zone.

    Attributes
    ----------
    turns : ndarray, shape (A,)
        Multiples of the period.
    share, excess : ndarray, shape (A, n)
        s and r of these aliases.
    others : ndarray, shape (3, n)
        Sums of s^2, s r and r^2 over all other aliases.
    """

    turns: FloatArray
    share: FloatArray
    excess: FloatArray
    others: FloatArray

    @classmethod
    def at(cls, folded: FoldedDensity, xi: FloatArray, more: FloatArray) -> AliasTable:
        """The table at `xi` (n,) in the zone, of the nearest aliases and `more` multiples."""
        turns = np.union1d(folded.beside, more)
        omega = np.add.outer(turns * folded.period, xi).ravel()
        sums, beyond = folded.sums(xi), folded.beyond(xi)
        moving = sums.density > _NOTHING
        total = np.where(moving, sums.density, 1.0)
        log_slope = sums.slope / total
        shape = (len(turns), len(xi))
        share = moving * folded.density.even_values(omega).reshape(shape) / total
        excess = moving * slope(folded.density, omega).reshape(shape) - share * sums.slope
        square = beyond.square / total / total
        cross = beyond.cross / total
        excess_square = beyond.slope_square - 2 * log_slope * beyond.cross + sums.slope**2 * square
        others = moving * np.stack([square, cross - sums.slope * square, excess_square])
        far = ~np.isin(turns, folded.beside)
        others = others - _products(share[far], excess[far]).sum(axis=1)
        return cls(turns, share, excess, np.maximum(others, [[0.0], [-np.inf], [0.0]]))

    def sums(self, without: FloatArray | None = None) -> FloatArray:
        """Sums of s^2, s r and r^2 over all aliases but those of the multiples `without`."""
        kept = np.ones(len(self.turns), bool) if without is None else ~np.isin(self.turns, without)
        return np.asarray(self.others + _products(self.share[kept], self.excess[kept]).sum(axis=1))

    def squares(
        self, fields: tuple[ComplexArray, ...], without: FloatArray | None = None
    ) -> FloatArray:
        """Sums of squares of what is learned at all aliases but some, shape (T, n)."""
        change, flux = fields
        return squared(self.sums(without), change, flux)

    def learned(self, row: int, fields: tuple[ComplexArray, ...]) -> ComplexArray:
        """What is learned at one alias, from the change and the flux, shape (T, n)."""
        change, flux = fields
        return np.asarray(self.share[row] * change + self.excess[row] * flux)


def _products(share: FloatArray, excess: FloatArray) -> FloatArray:
    return np.stack([share**2, share * excess, excess**2])


def squared(sums: FloatArray, change: ComplexArray, flux: ComplexArray) -> FloatArray:
    r"""Sum over aliases of :math:`|s a + r b|^2` for a (`change`) and b (`flux`), shape (T, n)."""
    cross = change.real * flux.real + change.imag * flux.imag
    return np.asarray(
        sums[0] * np.abs(change) ** 2 + 2 * sums[1] * cross + sums[2] * np.abs(flux) ** 2
    )


@dataclass(frozen=True, eq=False)
class Memories:
    r"""Memories on half the zone, ready to be transformed to x.

    Attributes
    ----------
    xi, weights : ndarray, shape (n,)
        Nodes on half the zone and weights of :math:`\int d\xi`.
    stationary : ndarray, shape (T, n), complex
        q_1 at the nodes.
    moving : ndarray, shape (T, n), complex, or None
        :math:`i\sigma_a^2 q_2'`, the transform of sigma_a^2 x times q_2; None where sigma_a is 0.
    """

    xi: FloatArray
    weights: FloatArray
    stationary: ComplexArray
    moving: ComplexArray | None

    @property
    def fields(self) -> list[ComplexArray]:
        """Fields that the kernel is applied to; the result for the second is multiplied by x."""
        return [self.stationary] if self.moving is None else [self.stationary, self.moving]


def kernel_reach(density: Density) -> float | None:
    """Distance at which the kernel has decayed to rounding; None if the density has light tails.

    The output is a sum over aliases if these are few, else over samples within this distance: the
    kernel of a heavy tail decays fast unless the density has kinks.
    """
    light = density.radius(_TAIL) <= _LIGHT * density.radius(0.1)
    if light or not density.closed_form_kernel or density.landmarks().kinks:
        return None
    reach = 1 / density.radius(0.5)
    while np.any(np.abs(density.kernel(reach * np.linspace(1.0, 2.0, 33))) > 1e-16):
        reach *= 1.25
    return reach


def output_by_shares(
    folded: FoldedDensity,
    origin: float,
    xi: FloatArray,
    weights: FloatArray,
    change: ComplexArray,
    flux: ComplexArray | None,
    x: FloatArray,
) -> FloatArray:
    r"""Output of a density with few aliases at (n, 1) points, by their spectra, shape (T, n).

    From the change of the spectrum and the flux :math:`2\pi\sigma_a^2 q_2'` at nodes `xi` of half
    the zone.
    Far from the samples this is as accurate as near them, where memories multiplied by x are not.
    """
    end = min(folded.density.landmarks().support[-1][1], folded.density.radius(_TAIL))
    most = max(8, _MOST_FREQUENCIES // len(xi) // 2)
    count = min(np.ceil(end / folded.period + 1), most)
    table = AliasTable.at(folded, xi, np.arange(-count, count + 1))
    values = np.zeros((len(change), len(x)))
    for turns, share, excess in zip(table.turns, table.share, table.excess, strict=True):
        learned = share * change if flux is None else share * change + excess * flux
        strength = weights / np.pi * turn_phase(folded, origin, turns) * learned
        omega = xi + turns * folded.period
        values += fourier_sum(omega[:, None], strength, -x).real
    return values


def output_by_aliases(
    folded: FoldedDensity, part: Density, origin: float, memories: Memories, x: FloatArray
) -> FloatArray:
    r"""Output :math:`-\int\rho_w (q_1 + i\sigma_a^2 x q_2') e^{i\xi x} d\xi` at (n, 1) points."""
    nodes = memories.xi
    most = max(8, _MOST_FREQUENCIES // len(nodes) // 2)
    reach = min(part.landmarks().support[-1][1], part.radius(_TAIL)) / folded.period
    count = min(np.ceil(reach + 1), most)
    change = np.zeros((len(memories.stationary), len(x)))
    for turns in np.arange(-count, count + 1):
        omega = nodes + turns * folded.period
        weights = 2 * memories.weights * part.even_values(omega) * turn_phase(folded, origin, turns)
        if not weights.any():
            continue
        for power, field in enumerate(memories.fields):
            wave = fourier_sum(omega[:, None], weights * field, -x).real
            change -= wave if power == 0 else wave * x[:, 0]
    return change


def output_by_samples(
    folded: FoldedDensity,
    part: Density,
    origin: float,
    memories: Memories,
    x: FloatArray,
    reach: float,
) -> FloatArray:
    r"""Output :math:`-\Delta\sum_k k(x - x_k)(q_{1,k} + \sigma_a^2 x\,x_k q_{2,k})`, (n, 1)."""
    spacing = folded.spacing
    nearest = np.rint((x[:, 0] - origin) / spacing).astype(np.int64)
    count = int(np.ceil(reach / spacing))
    offsets = np.arange(-count, count + 1)
    needed = np.unique(np.add.outer(np.unique(nearest), offsets))
    samples = origin + spacing * needed
    weights = memories.weights / np.pi
    charges = [
        fourier_sum(memories.xi[:, None], weights * field, -samples[:, None]).real
        for field in memories.fields
    ]
    change = np.zeros((len(memories.stationary), len(x)))
    for offset in offsets:
        at = np.searchsorted(needed, nearest + offset)
        strength = charges[0][:, at]
        if len(charges) > 1:
            strength = strength + x[:, 0] * charges[1][:, at]
        change -= spacing * part.kernel(x[:, 0] - samples[at]) * strength
    return change


def turn_phase(folded: FoldedDensity, origin: float, turns: float | FloatArray) -> ComplexArray:
    r"""Factor :math:`e^{-igo}` of a spectrum of samples at an alias g = `turns` periods away."""
    angle = np.asarray(turns) * (folded.period * origin)
    return np.asarray(np.cos(angle) - 1j * np.sin(angle))
