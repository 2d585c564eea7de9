r"""What the named families share: a location, a scale, a dimension.

With a location c the even part has the characteristic function :math:`\cos(c\cdot z)\,k_0(z)`, k_0
that of the centred family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.density.base import Density, Landmarks, location


@dataclass(frozen=True)
class LocationScale(Density):
    """Shared parameters of the families: a location, a scale, a dimension."""

    loc: Any = 0.0
    scale: float = 1.0
    dim: int = 1
    _center: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", _checks.integer("dim", self.dim, 1))
        object.__setattr__(self, "scale", _checks.positive("scale", self.scale))
        center = location("loc", self.loc, self.dim)
        object.__setattr__(self, "loc", center[0] if len(set(center)) == 1 else center)
        object.__setattr__(self, "_center", center)

    def _standard(self, w: FloatArray) -> FloatArray:
        return np.asarray((w - np.asarray(self._center)) / self.scale)

    def _phase(self, z: FloatArray) -> FloatArray:
        if not any(self._center):
            return np.ones(z.shape[:-1])
        return np.asarray(np.cos(z @ np.asarray(self._center)))

    def _offset(self) -> float:
        return float(np.linalg.norm(self._center))

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return Landmarks(((0.0, np.inf),), (), ((abs(self._center[0]), self.scale),))
