r"""Points: finitely many data, the Gram flow :math:`\dot e = -K W e` in symmetric form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._types import ComplexArray, FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.measure import Points
from ntkfreq.ntk.gram import limit_gram
from ntkfreq.pde.system import Block
from ntkfreq.spectrum import fourier_sum


@dataclass(frozen=True, eq=False)
class PointsSystem:
    r"""Errors at the points, scaled by the square root of their weights.

    With :math:`s = W^{1/2} e` the flow is :math:`\dot s = -W^{1/2} K W^{1/2} s`, symmetric, and
    :math:`|s|^2` is the loss.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Points, any dimension.
    """

    equation: FrequencyEquation

    @property
    def _points(self) -> Points:
        assert isinstance(self.equation.measure, Points)
        return self.equation.measure

    @cached_property
    def _root(self) -> FloatArray:
        return np.sqrt(self._points.weights)

    @cached_property
    def _initial(self) -> FloatArray:
        return self.equation.initial_error_at(self._points.x)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One dense block."""
        x = self._points.x
        gram = limit_gram(self.equation.density, x, x, self.equation.sigma_a)
        gram *= self._root[:, None] * self._root
        return (Block(gram, None, self._root * self._initial),)

    @property
    def initial_loss(self) -> float:
        """Weighted mean of the squared initial errors."""
        return float(self._points.weights @ self._initial**2)

    def initial_spectrum(self, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the initial errors, shape (F,)."""
        return fourier_sum(self._points.x, self._points.weights * self._initial, frequencies)

    def spectrum_change(
        self, change: Sequence[FloatArray], frequencies: FloatArray
    ) -> ComplexArray:
        """Change of the data spectrum, shape (T, F)."""
        return fourier_sum(self._points.x, self._root * change[0], frequencies)

    def output_change(
        self, change: Sequence[FloatArray], integral: Sequence[FloatArray], x: FloatArray
    ) -> FloatArray:
        r"""Change of the output, :math:`-K(x, X) W \int_0^t e\,ds`, shape (T, n)."""
        gram = limit_gram(self.equation.density, self._points.x, x, self.equation.sigma_a)
        return np.asarray(-(self._root * integral[0]) @ gram)
