r"""The base of the named families: a location, a scale or one an axis, a dimension.

Scales :math:`s_j` belong to the axes: :math:`\rho_w` is the density of :math:`c_j + s_j u_j`, u of
the family with scale 1, and has the characteristic function of u at :math:`s_j z_j`. With a
location c the even part has the characteristic function :math:`\cos(c\cdot z)\,k_0(z)`, k_0
that of the centred family.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ntkfreq._support import checks
from ntkfreq._support.old_calls import location_and_scale_by_keyword
from ntkfreq._support.types import ComplexArray, FloatArray, PerAxis
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


@dataclass(frozen=True, init=False)
class LocationScale(Density):
    """Shared parameters of the families: a location, a scale or one an axis, a dimension."""

    loc: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    dim: int = 1
    _center: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _scales: tuple[float, ...] = field(init=False, repr=False, compare=False)

    @location_and_scale_by_keyword(leading=0)
    def __init__(
        self, *, loc: ArrayLike = 0.0, scale: PerAxis = 1.0, dim: int | None = None
    ) -> None:
        self._set(loc, scale, dim)

    def _set(self, loc: ArrayLike, scale: PerAxis, dim: int | None) -> None:
        """Check and store the parameters that all families have."""
        dim = None if dim is None else checks.integer("dim", dim, 1)
        scales, dim = _one_an_axis(scale, dim)
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "scale", scales[0] if len(set(scales)) == 1 else scales)
        center = location("loc", loc, dim)
        object.__setattr__(self, "loc", center[0] if len(set(center)) == 1 else center)
        object.__setattr__(self, "_center", center)
        object.__setattr__(self, "_scales", scales)

    @property
    def _alike(self) -> bool:
        """Whether the scale is the same along all axes."""
        return not isinstance(self.scale, tuple)

    @property
    def _log_volume(self) -> float:
        """Logarithm of the product of the scales."""
        if isinstance(self.scale, tuple):
            return float(np.sum(np.log(self._scales)))
        return self.dim * float(np.log(self.scale))

    def _stretched(self, z: FloatArray) -> FloatArray:
        """Displacements (..., d) in units of one over the scales."""
        return np.asarray(np.asarray(self.scale) * z)

    def _standard(self, w: FloatArray) -> FloatArray:
        # All densities are 0 so far out, and squares of larger steps would overflow.
        steps = (w - np.asarray(self._center)) / np.asarray(self.scale)
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
        return self.waves_between(x, x2).real

    def waves_between(self, x: FloatArray, x2: FloatArray) -> ComplexArray:
        r""":math:`E e^{iw\cdot(x-x')}` of points (n, d) and (n2, d), shape (n, n2)."""
        center = np.array(self._center)[None]
        centred = replace(self, loc=0.0).kernel_between(x, x2)
        # e^{i c.(x - x')} from exact phases of both, since c would amplify the rounding of x - x'.
        waves, others = exact_waves(x, center)[:, 0], exact_waves(x2, center)[:, 0]
        return np.asarray(centred * np.outer(waves, others.conj()))

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        centred = replace(self, loc=0.0)
        if self._alike:
            axes, places = np.full((1, self.dim), self.dim**-0.5), [self._offset()]
        else:
            # |cos c.z| changes by no more than along the axes together, each with its own decay.
            axes, places = np.eye(self.dim), [abs(place) for place in self._center]
        changes = [
            carrier_rounding(place, extent, partial(_along, centred, axis))
            for place, axis in zip(places, axes, strict=True)
        ]
        return min(1.0, float(sum(changes)))

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
        """The scales, each once."""
        return tuple(dict.fromkeys(self._scales))

    @property
    def modes(self) -> FloatArray:
        """The centre, shape (1, d)."""
        return np.array([self._center])

    def along(self, axis: int) -> Density:
        """The marginal density of one coordinate, of the same family."""
        return replace(self, loc=self._center[axis], scale=self._scales[axis], dim=1)

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
        return Landmarks(((0.0, np.inf),), (), ((abs(self._center[0]), self._scales[0]),))


def _along(density: Density, axis: FloatArray, z: FloatArray) -> FloatArray:
    """Kernel at distances (n,) along an axis (d,)."""
    return density.kernel_values(z[:, None] * axis)


def _one_an_axis(scale: Any, dim: int | None) -> tuple[tuple[float, ...], int]:
    """A scale as one number for each axis, and the dimension, by default that of the scales."""
    single = isinstance(scale, str) or not hasattr(scale, "__len__")
    single = single or getattr(scale, "ndim", 1) == 0
    entries = None if single else checks.real_array("scale", scale, 1)
    if entries is not None and dim not in (None, len(entries)):
        raise ValueError(
            f"scale={checks.show(scale)} holds {len(entries)} number(s) for dim={dim}; give one "
            "number for all axes, or one an axis"
        )
    dim = dim or (1 if entries is None else len(entries))
    if dim > _MOST_AXES:
        raise ValueError(
            f"dim={dim} is above {_MOST_AXES}, the most coordinates that x may have; give the "
            "number of columns of x"
        )
    if entries is None:
        return (checks.positive("scale", scale),) * dim, dim
    outside = np.flatnonzero((entries < checks.SMALLEST) | (entries > checks.LARGEST))
    for axis in outside[:1]:
        checks.positive(f"scale[{axis}]", float(entries[axis]))
    return tuple(map(float, entries)), dim
