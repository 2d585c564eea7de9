r"""Random initial outputs of a kernel that is a sum of waves: one draw for each feature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy import linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.points.in_frequency import FrequencyPoints
from ntkfreq.pde.time.system import Evolution

# Numbers of the features at test points that are held; of more points, inner products.
_HELD = 8_000_000


@dataclass(frozen=True, eq=False)
class WavePrior(Portable):
    """Initial outputs as features times independent standard normals.

    Parameters
    ----------
    system : FrequencyPoints
        The data.
    outputs : ndarray, shape (n, d), or None
        Test points.
    """

    system: FrequencyPoints
    outputs: FloatArray | None
    groups: ClassVar[tuple[Any, ...]] = (slice(None),)
    unrepresented: ClassVar[float] = 0.0
    spans_outputs: ClassVar[bool] = True
    variance: ClassVar[float] = 1.0

    def covariance(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """That of the initial output for sigma_a = 1, between points (n, d) and (m, d), (n, m)."""
        return stationary_gram(self.system.equation.density, x, x2)

    def refuse_outside(self, name: str, x: FloatArray) -> None:
        """Nothing is refused."""

    def _size(self, t: float) -> float:
        equation = self.system.equation
        return equation.sigma_a * float(equation.decay.damping(np.array(t)))

    def output(self, t: float, x: FloatArray) -> FloatArray:
        """Initial output at points (n, d), faded to time t, shape (n, r)."""
        count = 2 * self.system.basis.nodes.count
        return self._size(t) * self.system.basis.features(x)[:, :count]

    def unknowns(self, t: float) -> FloatArray:
        """The same as unknowns of the system, shape (N, r)."""
        return self._size(t) * self.system.basis.stationary

    @cached_property
    def _known(self) -> list[tuple[TestSet, tuple[FloatArray, FloatArray]]]:
        return []

    def _judged(self, points: TestSet) -> tuple[FloatArray, FloatArray]:
        # The same test points at every time.
        if not self._known or self._known[0][0] is not points:
            self._known[:] = [(points, judges(self.system.basis, points))]
        return self._known[0][1]

    def tested(self, evolution: Evolution, points: TestSet) -> FloatArray:
        """Draws and minus the target, as rows whose inner products are those at test points."""
        features, target = self._judged(points)
        rows = self.system.learned(evolution) @ features.T
        count = 2 * self.system.basis.nodes.count
        rows[:-1] += self._size(float(evolution.t[0])) * features[:, :count].T
        rows[-1] -= target
        return np.asarray(rows)


def judges(basis: WaveBasis, points: TestSet) -> tuple[FloatArray, FloatArray]:
    """Features (p, m 2 J) and target (p,) with the inner products that they have at test points.

    Those of the points themselves, or, of many, a square root of their inner products.
    """
    if len(points.x) * basis.size <= _HELD or len(points.x) <= basis.size:
        root = np.sqrt(points.weights)
        return root[:, None] * basis.features(points.x), root * points.y
    other = WaveBasis(basis.nodes, points.x, points.weights, basis.sigma_a, centre=basis.origin)
    gram = np.empty((basis.size + 1, basis.size + 1))
    gram[:-1, :-1] = other.gram
    gram[-1, :-1] = gram[:-1, -1] = other.project(points.y[None])[0]
    gram[-1, -1] = points.weights @ points.y**2
    values, vectors = linalg.eigh(gram)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return root[:, :-1], root[:, -1]
