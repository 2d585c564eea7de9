"""Shares in which a network learns a tone at its aliases, equal to it on the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.types import ArrayLike, FloatArray, Function
from ntkfreq.pde.lattice.deep_aliases import damping_normals
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.density.folded_plane import PlaneFold
from ntkfreq.problem.given import DensityLike
from ntkfreq.problem.layers.asked import hidden_layers
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.rates import PerLayer
from ntkfreq.problem.measure import Grid, is_measure
from ntkfreq.spectra.phases import exact_wave

# Aliases are listed up to this many periods away along each axis.
_MOST_PERIODS = {1: 200_000, 2: 800}
# The bulk of the density may extend over this many periods.
_MOST_REACH = {1: 2_000_000, 2: 800}
# Share of a tone, or of the period, by which an alias at 0 may be off it.
_ROUNDING = 1e-15
# A tone beyond this many periods is reduced by its exact phase from sample to sample.
_EXACT = 1000


@dataclass(frozen=True, eq=False)
class AliasShares(Described):
    r"""How the amplitude of one tone is distributed over its aliases.

    Attributes
    ----------
    frequency : ndarray, shape (d,)
        The tone, radians per unit of x.
    frequencies : ndarray, shape (A,) or (A, d)
        Its aliases, itself included, the largest share first.
    shares : ndarray, shape (A,)
        :math:`s_g = \rho_w(\xi_0 + g)/\rho_{\mathrm{fold}}(\xi_0)` of each.
    own : float
        The share that stays at the tone itself.
    remainder : float
        Sum of the shares of all aliases that are not listed.
    """

    frequency: FloatArray
    frequencies: FloatArray
    shares: FloatArray
    own: float
    remainder: float

    @property
    def test_energy(self) -> float:
        r"""Test error that stays for ever, :math:`(1-s_0)^2 + \sum_{g\ne0}s_g^2`, relative.

        In units of the tone's energy; aliases that are not listed are left out.
        """
        # The tone is among the aliases that are listed where its share is none too small.
        listed = self.shares.size > 0 and self.own * (1 + 1e-9) >= self.shares.min()
        others = float(np.sum(self.shares**2)) - (self.own**2 if listed else 0.0)
        return (1 - self.own) ** 2 + max(others, 0.0)

    def _facts(self) -> dict[str, str]:
        rows = zip(np.atleast_1d(self.frequencies)[:4], self.shares, strict=False)
        listed = [f"{share:.3g} at {np.round(place, 3)}" for place, share in rows]
        more = [f"... {len(self.shares)} in all"] if len(self.shares) > 4 else []
        return {
            "shares": ", ".join(listed + more),
            "test_energy": f"{self.test_energy:.3g}",
            "exact": "without diffusion",
        }


def alias_shares(
    rho_w: DensityLike,
    frequency: ArrayLike,
    grid: Grid,
    *,
    least: float = 1e-6,
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    sigma_a: float = 1.0,
) -> AliasShares:
    r"""Shares of the aliases of a tone on a lattice, at the end of training.

    Samples of :math:`e^{i\xi_0\cdot x}` at spacing :math:`\Delta` are those of every
    :math:`e^{i(\xi_0+g)\cdot x}`, :math:`g \in (2\pi/\Delta)\mathbb Z^d`. The network learns the
    samples with amplitude

    .. math:: s_g = \rho_w(\xi_0+g)\Big/\sum_{h}\rho_w(\xi_0+h)

    at each alias. **Exact for** `sigma_a` = 0 or frozen frequencies, at t to infinity without
    decay; training the frequencies changes the shares, in either direction:
    ``solve_frequency_pde(..., measure=grid)`` gives them then, and at every time. Amplitudes of
    tones that share aliases add up before they are distributed. If no lattice point is at 0 the
    amplitude at g also takes the phase :math:`e^{-ig\cdot o}` of the origin o.

    Behind hidden layers and frozen frequencies the same holds, as exactly, with the density of
    damping :math:`\rho_F` (:func:`ntkfreq.deep_density`) in place of :math:`\rho_w`. Its atom
    :math:`c_0\delta_0` is at frequency 0 alone. A tone none of whose aliases is 0 does not meet
    it: the shares are those of the rest of :math:`\rho_F`. Of a tone with 0 among its aliases the
    samples are constant, and the constant gets all of it: its density is infinite, that of the
    others is not. On n samples, a finite part of the lattice, it gets :math:`1 - O(1/n)`, and
    aliases nearer to 0 than about :math:`2\pi/(n\Delta)` lie between the two cases.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the frequencies, in one or two dimensions; its even part counts.
    frequency : float or array_like, shape (d,)
        The tone :math:`\xi_0`, radians per unit of x. A cosine is two tones that mirror each other.
    grid : Grid
        The lattice.
    least : float, default 1e-6
        Smallest share that is listed.
    depth, activation, sigma_w, sigma_b, sigma_a
        Hidden layers, as for :func:`ntkfreq.deep_density`; without them no scale matters. For a
        Normal about 0, and behind tanh and sine for a Normal off 0 and small mixtures; to 1e-6,
        since long series are cut or end in a power law.

    Returns
    -------
    AliasShares
        Frequencies and shares of the aliases, and the test error that stays.

    Raises
    ------
    ValueError, TypeError
        Beyond two dimensions, for a `frequency` that does not fit the density, where the
        density is zero at every alias, which then learns nothing, and for densities of which too
        little is known behind hidden layers.

    References
    ----------
    Zhou, Zhang, Xu, arXiv 2405.17479, on the phenomenon.

    Examples
    --------
    >>> from ntkfreq import Grid, Normal, alias_shares
    >>> found = alias_shares(Normal(scale=3.0), 8.0, Grid(0.6))
    >>> found
    AliasShares(shares=0.961 at -2.472, 0.0386 at 8.0, 0.000122 at -12.944, test_energy=1.85, ...)
    >>> round(found.own, 5)
    0.03856

    Hidden layers add frequencies, so that more of a tone stays at itself:

    >>> deep = alias_shares(Normal(scale=3.0), 8.0, Grid(0.6), depth=3, activation="tanh")
    >>> round(deep.own, 3)
    0.152
    """
    density = as_density(rho_w)
    if not is_measure(grid, Grid):
        raise TypeError(
            f"grid={checks.show(grid)} must be a Grid, the lattice of the samples: Grid(spacing)"
        )
    if density.dim not in _MOST_PERIODS:
        raise ValueError(
            f"rho_w has dimension {density.dim}; shares are computed in one and two dimensions: "
            "where rho_w is a product, multiply the shares of its factors"
        )
    least = checks.positive("least", least)
    tone = np.atleast_1d(checks.real_array("frequency", frequency, (0, 1)))
    checks.magnitude("frequency", tone, checks.SMALLEST, checks.LARGEST)
    if tone.shape != (density.dim,):
        raise ValueError(
            f"frequency={checks.show(frequency)} has {tone.size} coordinates for rho_w of "
            f"dimension {density.dim}; give one for each coordinate of x"
        )
    layers = hidden_layers(depth, activation, sigma_w, sigma_b, sigma_a, True)
    if layers is None:
        checks.non_negative("sigma_a", sigma_a)
    period = 2 * np.pi / grid.spacing
    zone = _zone(tone, grid.spacing)
    if layers is None:
        _refuse_far(density, period)
        total = _folded(density, grid, zone)
        _refuse_nothing(total, frequency)
        aliases = _aliases(density, tone, zone, period, least * total)
        shares, own = (_pdf(density, xi) / total for xi in (aliases, tone[None]))
    else:
        if np.all(np.abs(zone) <= _ROUNDING * np.clip(np.abs(tone), period, _EXACT * period)):
            return _constant(tone)
        normals = damping_normals(density, layers)
        total = normals.folded(zone, grid.spacing)
        _refuse_nothing(total, frequency)
        aliases = normals.aliases(tone, zone, grid.spacing, least * total)
        shares, own = (normals.at(xi) / total for xi in (aliases, tone[None]))
    listed = np.flatnonzero(shares >= least)
    listed = listed[np.argsort(-shares[listed], kind="stable")]
    places = aliases[listed]
    return AliasShares(
        tone,
        places[:, 0] if density.dim == 1 else places,
        shares[listed],
        float(own[0]),
        float(max(1 - shares[listed].sum(), 0.0)),
    )


def _constant(tone: FloatArray) -> AliasShares:
    """All of a tone at frequency 0, where the density has an atom."""
    places = np.zeros(1) if len(tone) == 1 else np.zeros((1, len(tone)))
    return AliasShares(tone, places, np.ones(1), float(not tone.any()), 0.0)


def _refuse_nothing(total: float, frequency: ArrayLike) -> None:
    if not total > 0:
        raise ValueError(
            f"rho_w is zero at frequency={checks.show(frequency)} and at all its aliases: "
            "the tone is never learned; take a wider density"
        )


def _pdf(density: Density, xi: FloatArray) -> FloatArray:
    """Even part of the density at (n, d)."""
    return density.even_values(xi) if density.dim == 1 else density.even_value_and_gradient(xi)[0]


def _reach(density: Density) -> float:
    """Radius of the bulk of a density."""
    if density.dim > 1:
        return density.radius(0.5)
    marks = density.landmarks()
    ends = [end for end in np.ravel(marks.support) if np.isfinite(end)]
    return float(max([0.0, *ends, *marks.kinks, *(a + 8 * width for a, width in marks.scales)]))


def _refuse_far(density: Density, period: float) -> None:
    most = _MOST_REACH[density.dim]
    turns = _reach(density) / period
    if turns > most:
        raise ValueError(
            f"rho_w={checks.show(density)} spans {turns:.3g} periods 2 pi / spacing = "
            f"{period:.3g} of the grid, above {most}, the most that are searched for aliases; for "
            "a wide density about 0 each share is its pdf times the period to the power dim, for "
            "another divide the even part of its pdf at the aliases by their sum, or give a finer "
            "grid"
        )


def _zone(tone: FloatArray, spacing: float) -> FloatArray:
    """The alias of a tone of any size that lies in the zone."""
    period = 2 * np.pi / spacing
    near = tone - np.rint(tone / period) * period
    # Subtracting a large multiple of a rounded period loses all digits; the phase does not.
    exact = np.angle(exact_wave(tone, np.array(spacing))) / spacing
    return np.asarray(np.where(np.abs(tone) < _EXACT * period, near, exact))


def _folded(density: Density, grid: Grid, zone: FloatArray) -> float:
    if density.dim == 1:
        return float(FoldedDensity(density, grid.spacing).pdf(zone)[0])
    return float(PlaneFold(density, grid.spacing).at(zone[None])[0, 0])


def _aliases(
    density: Density, tone: FloatArray, zone: FloatArray, period: float, level: float
) -> FloatArray:
    """Aliases (n, d) out to where the density stays below the level, the tone among them."""
    start = np.rint((tone - zone) / period)
    reach = _reach(density) / period
    most = max(_MOST_PERIODS[density.dim], int(reach) + 3)
    wide = (min(density.radius(1e-3), 1e30) + np.abs(tone).max()) / period
    count = int(min(max(wide, reach), most)) + 3
    while True:
        count = min(count, most)
        steps = np.arange(-count, count + 1)
        turns = np.stack(np.meshgrid(*[steps] * density.dim, indexing="ij"), axis=-1)
        turns = turns.reshape(-1, density.dim)
        xi = zone + period * turns
        outer = np.abs(turns).max(axis=1) > count // 2
        if count == most or np.all(_pdf(density, xi[outer]) < level):
            itself = np.all(turns == start, axis=1)
            return np.concatenate([tone[None], xi[~itself]])
        count *= 2
