"""The same for many points, in coordinates of what the waves of the kernel can learn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.pde.expected.configurations import Configurations
from ntkfreq.pde.expected.wave_prior import judges

# Modes below this share of the largest rate are not advanced.
_SMALLEST = 1e-14


@dataclass(frozen=True, eq=False)
class WaveConfigurations(Configurations):
    """Configurations of many points.

    Parameters
    ----------
    basis : WaveBasis
        The waves, with features of frequencies for ``sigma_a = 1``.
    """

    basis: WaveBasis

    @cached_property
    def _modes(self) -> IntArray:
        rates = self.basis.rates
        return np.asarray(np.flatnonzero(rates > _SMALLEST * rates.max()))

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray]:
        """Features that output weights and frequencies train, in the coordinates."""
        return self.basis.stationary[self._modes], self.basis.moving[self._modes]

    @cached_property
    def goal(self) -> FloatArray:
        """The target as unknowns, shape (n,)."""
        y = self.equation.target.at(self.system.x)
        return np.asarray(self.basis.coordinates(y[None])[0][self._modes])

    @property
    def beyond(self) -> float:
        """Mean square of the part of the target that is never learned."""
        y = self.equation.target.at(self.system.x)
        return max(float(self.system.points.weights @ y**2 - self.goal @ self.goal), 0.0)

    @cached_property
    def operators(self) -> tuple[FloatArray, FloatArray]:
        """A_1, and A_2 for sigma_a = 1, both (n, n)."""
        stationary, moving = self._parts
        return stationary @ stationary.T, moving @ moving.T

    @cached_property
    def draws(self) -> FloatArray:
        """The initial output at the data for sigma_a = 1, as unknowns, (n, r)."""
        return self._parts[0]

    @cached_property
    def test_factor(self) -> FloatArray:
        """R of a QR of the test errors' features: memory of either kind, draws, and the target."""
        assert self.points is not None
        features, target = judges(self.basis, self.points)
        count = 2 * self.basis.nodes.count
        stationary, moving = self._parts
        first, rest = features[:, :count], features[:, count:]
        every = np.column_stack([first @ stationary.T, rest @ moving.T, first, target])
        return np.asarray(linalg.qr(every, mode="r")[0][: every.shape[1]])

    @property
    def independent(self) -> float:
        """Share of the initial output's variance at the test points independent of the data."""
        return 0.0
