r"""The two densities of the equation, of probabilities, with their masses, and a kept atom.

.. math:: \partial_t\hat e = (2\pi)^d\left[\nabla\cdot(\rho_G\nabla\hat v) - \rho_F\hat v\right]

Without hidden layers :math:`\rho_F = \rho_w` and :math:`\rho_G = \sigma_a^2\rho_w`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.layers.effective import LayeredDensity
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.measure import Line, Measure, is_measure

# Frequencies, over the radius of the bulk, at which the two densities are compared, and what of
# the damping still counts there.
_FARTHEST, _PLACES, _SOME = 1e6, 400, 1e-200


@dataclass(frozen=True, eq=False)
class TwoDensities(Portable):
    r"""Damping :math:`\rho_F = a\delta_0 + m\rho_1`, diffusivity :math:`\rho_G = s^2\rho_2`.

    Attributes
    ----------
    damping, diffusion : Density
        :math:`\rho_1` and :math:`\rho_2`; the same object without hidden layers, and with frozen
        frequencies.
    mass : float
        m, the integral of the damping.
    spread : float
        s, the root of the integral of the diffusivity; 0 for frozen frequencies.
    atom : float
        a, where it is kept; 0 elsewhere.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> found = TwoDensities.of(Normal(scale=3.0), HiddenLayers(2), 1.0)
    >>> round(found.mass, 4), found.spread, round(found.layer, 2)
    (3.4096, 1.0, 0.59)
    """

    damping: Density
    mass: float
    diffusion: Density
    spread: float
    atom: float = 0.0

    @classmethod
    def of(
        cls, density: Density, layers: HiddenLayers | None, sigma_a: float, keep: bool = False
    ) -> TwoDensities:
        """Those of a density of frequencies, behind hidden layers where there are some."""
        if layers is None:
            return cls(density, 1.0, density, sigma_a)
        damping = LayeredDensity(density, layers, 0)
        diffusivity = LayeredDensity(density, layers, 1)
        rest, spread = damping.rest, diffusivity.mass**0.5
        other, kept = diffusivity.rest if spread > 0 else rest, damping.atom if keep else 0.0
        return cls(rest, damping.mass - damping.atom, other, spread, kept)

    @property
    def alike(self) -> bool:
        """Whether both have the same shape."""
        return self.damping is self.diffusion

    def folded(self, spacing: float) -> TwoDensities:
        """The densities wrapped into the zone of a lattice, made once for each spacing."""
        if spacing not in self._folds:
            damping = FoldedDensity(self.damping, spacing)
            diffusion = damping if self.alike else FoldedDensity(self.diffusion, spacing)
            self._folds[spacing] = TwoDensities(damping, self.mass, diffusion, self.spread)
        return self._folds[spacing]

    @cached_property
    def _folds(self) -> dict[float, TwoDensities]:
        return {}

    def strength(self, extent: float) -> float:
        """Bound of the mass of both, for errors that reach so far from x = 0."""
        return self.mass + (self.spread * extent) ** 2

    def profile(self, xi: FloatArray, extent: float) -> FloatArray:
        """Both at frequencies (n,) for errors that reach so far, over their `strength`."""
        if self.alike:
            return self.damping.even_values(xi)
        still = self.mass * self.damping.even_values(xi)
        moving = (self.spread * extent) ** 2 * self.diffusion.even_values(xi)
        return np.asarray((still + moving) / self.strength(extent))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of either lies."""
        if self.alike:
            return self.damping.radius(tail)
        return max(self.damping.radius(tail), self.diffusion.radius(tail))

    @cached_property
    def layer(self) -> float:
        r"""Root of the largest :math:`\rho_G/\rho_F`: how far diffusion spreads an edge.

        The standard deviation of the output weights without hidden layers.
        """
        if self.alike:
            return self.spread / float(self.mass**0.5)
        core = self.radius(0.5)
        xi = np.append(0.0, core * np.geomspace(1e-2, _FARTHEST, _PLACES))
        still = self.damping.even_values(xi)
        seen = still > _SOME
        ratio = self.diffusion.even_values(xi)[seen] / still[seen]
        return float(self.spread * (ratio.max() / self.mass) ** 0.5)


def refuse_infinite(
    density: Density, layers: HiddenLayers, measure: Measure, drop_constant: bool | None
) -> None:
    """Refuse what hidden layers do not allow on a line or a lattice."""
    if density.dim > 1:
        raise ValueError(
            f"measure={measure!r} with depth={layers.depth} and dim={density.dim}: hidden layers "
            "are solved on a line or a lattice in one dimension; give samples (x, y), or "
            "measure=Points(x)"
        )
    kept = drop_constant is False and is_measure(measure, Line) and layers.masses[1] > 0
    if not (drop_constant or kept):
        raise ValueError(_without_place(layers, measure))
    if not LayeredDensity(density, layers, 0).rest.has_pdf:
        raise ValueError(
            f"rho_w={density!r} with depth={layers.depth} on {measure!r}: the pdf of sums of draws "
            "is known for a Normal about 0; use measure=Box(lower, upper) or Points(x), which need "
            "the kernel alone"
        )


def _without_place(layers: HiddenLayers, measure: Measure) -> str:
    """Why the constant that hidden layers learn is not solved for there, and what to do."""
    begin = (
        f"measure={measure!r} with depth={layers.depth}: behind hidden layers a constant is "
        f"learned with a strength of its own ({layers.atom:.3g}, an atom of the density at 0), "
    )
    end = "use measure=Box(lower, upper) or samples (x, y), or leave it out by drop_constant=True"
    if not is_measure(measure, Line):
        return f"{begin}which between the samples of an infinite lattice never decays; {end}"
    if layers.masses[1] == 0:
        return f"{begin}which with frozen frequencies has no place on an infinite line; {end}"
    return (
        f"{begin}which spreads over all of an infinite line; keep it by drop_constant=False, leave "
        "it out by drop_constant=True, which is another problem where the target has an integral, "
        "or give samples (x, y)"
    )
