r"""The base of the named families: a location, a scale, a dimension.

With a location c the even part has the characteristic function :math:`\cos(c\cdot z)\,k_0(z)`, k_0
that of the centred family.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ntkfreq._support import checks
from ntkfreq._support.old_calls import location_and_scale_by_keyword
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density, carrier_rounding, location
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.spectra.phases import exact_wave, exact_waves
from ntkfreq.spectra.waves import largest_phase

# Phases below this have a rounding error of at most 1e-14, and one cosine a pair is faster.
_ROUNDED = 100.0
# Most coordinates of x, since a location of as many numbers is stored.
_MOST_AXES = 1_000_000
# Distances from the centre are cut off at this many scales, or their squares would overflow.
_FARTHEST = 1e120
_LARGEST = float(np.log(np.finfo(np.float64).max))


def sobol_points(dim: int) -> str:
    """Python code for points that fill the unit cube evenly, for messages."""
    return f"scipy.stats.qmc.Sobol({dim}, seed=0).random(2**14)"


@dataclass(frozen=True, init=False)
class LocationScale(Density):
    """Shared parameters of the families: a location, a scale, a dimension."""

    loc: float | tuple[float, ...] = 0.0
    scale: float = 1.0
    dim: int = 1
    _center: tuple[float, ...] = field(init=False, repr=False, compare=False)

    @location_and_scale_by_keyword(leading=0)
    def __init__(self, *, loc: ArrayLike = 0.0, scale: float = 1.0, dim: int = 1) -> None:
        self._set(loc, scale, dim)

    def _set(self, loc: ArrayLike, scale: float, dim: int) -> None:
        """Check and store the parameters that all families have."""
        dim = checks.integer("dim", dim, 1)
        if dim > _MOST_AXES:
            raise ValueError(
                f"dim={dim} is above {_MOST_AXES}, the most coordinates that x may have; give the "
                "number of columns of x"
            )
        object.__setattr__(self, "dim", dim)
        self._refuse_scales(loc, scale)
        object.__setattr__(self, "scale", checks.positive("scale", scale))
        center = location("loc", loc, dim)
        object.__setattr__(self, "loc", center[0] if len(set(center)) == 1 else center)
        object.__setattr__(self, "_center", center)

    def _draws(self, dim: int) -> str:
        """Words and Python code for draws of scale 1 about 0, for messages."""
        return f"draws, Empirical({type(self).__name__}(dim={dim}).sample(2**16, rng=0)"

    def _refuse_scales(self, loc: Any, given: Any) -> None:
        """Refuse one scale for each axis, for which there is no formula, and name the remedy."""
        if not isinstance(given, list | tuple | np.ndarray) or np.ndim(given) == 0:
            return
        scales = checks.show(given)
        moved = f" + {checks.show(loc)}" if np.any(loc) else ""
        raise TypeError(
            f"scale={scales} must be one number; for a scale an axis pass "
            f"{self._draws(max(self.dim, np.size(given)))} * {scales}{moved}), on Points or "
            "Box; rescaled inputs x are the same for sigma_a=0 only"
        )

    def _standard(self, w: FloatArray) -> FloatArray:
        # All densities are 0 so far out, and squares of larger steps would overflow.
        steps = (w - np.asarray(self._center)) / self.scale
        return np.asarray(np.clip(steps, -_FARTHEST, _FARTHEST))

    def _phase(self, z: FloatArray) -> FloatArray:
        if not any(self._center):
            return np.ones(z.shape[:-1])
        wave = np.ones(z.shape[:-1], dtype=np.complex128)
        for k, place in enumerate(self._center):
            if place != 0:
                wave *= exact_wave(z[..., k], np.array(place))
        return np.asarray(wave.real)

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        center = np.array(self._center)[None]
        if largest_phase(np.concatenate([x, x2]), center) < _ROUNDED:
            return super().kernel_between(x, x2)
        centred = replace(self, loc=0.0).kernel_between(x, x2)
        # cos(c.(x - x')) from exact phases of both, since c would amplify the rounding of x - x'.
        waves, others = exact_waves(x, center)[:, 0], exact_waves(x2, center)[:, 0]
        return np.asarray(centred * np.outer(waves, others.conj()).real)

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        along = np.full(self.dim, self.dim**-0.5)
        centred = replace(self, loc=0.0)
        return carrier_rounding(
            self._offset(), extent, lambda z: centred.kernel_values(z[:, None] * along)
        )

    def _exp(self, logarithm: FloatArray) -> FloatArray:
        """Density from its logarithm, which in many dimensions may exceed double precision."""
        if np.max(logarithm, initial=-np.inf) > _LARGEST:
            raise ValueError(
                f"rho_w={checks.show(self)} has a pdf above 1e308 in dimension {self.dim}; its "
                "kernel and samples are of use all the same: measure=Points(x) takes no pdf"
            )
        return np.exp(logarithm)

    @property
    def even(self) -> bool:
        """Whether the density is about 0."""
        return not any(self._center)

    @property
    def widths(self) -> tuple[float, ...]:
        """The scale."""
        return (self.scale,)

    @property
    def modes(self) -> FloatArray:
        """The centre, shape (1, d)."""
        return np.array([self._center])

    def along(self, axis: int) -> Density:
        """The marginal density of one coordinate, of the same family."""
        return replace(self, loc=self._center[axis], dim=1)

    def _away(self, w: FloatArray) -> FloatArray:
        """Displacements from the centre, (n, d)."""
        return np.asarray(w - np.asarray(self._center))

    def value_and_gradient(self, w: FloatArray) -> FloatArray:
        """Density and its partial derivatives at (n, d) frequencies, shape (1 + d, n)."""
        value = self._pdf(w)
        return np.concatenate([value[None], value * self._log_slope(w).T])

    @abc.abstractmethod
    def _log_slope(self, w: FloatArray) -> FloatArray:
        """Gradient of the logarithm of the density at (n, d) frequencies, (n, d)."""

    def _offset(self) -> float:
        return float(np.linalg.norm(self._center))

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return Landmarks(((0.0, np.inf),), (), ((abs(self._center[0]), self.scale),))
