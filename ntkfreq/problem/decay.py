"""Weight decay in the equation: damping, contraction and rates of the memories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import FloatArray


@dataclass(frozen=True)
class Decay:
    r"""Decay of the output weights and of the frequencies, and what follows from the two rates.

    With decay the output is the sum of the rest of the initial output and of what is learned,

    .. math:: f(x, t) = e^{-\gamma_a t} f_0(e^{-\gamma_w t} x) + f_1 + f_2,

    :math:`f_1` through the output weights and :math:`f_2` through the frequencies, whose
    gradient carries the initial output weights and fades with them as :math:`e^{-2\gamma_a t}`.

    Parameters
    ----------
    weight : float
        Rate :math:`\gamma_a` of the output weights, per unit of time.
    frequency : float
        Rate :math:`\gamma_w` of the frequencies.
    towards : {"zero", "start"}
        What the frequencies decay towards. Towards their start nothing contracts: only their
        learned displacement decays.

    Examples
    --------
    >>> Decay(0.1, 0.2, "start").rates
    (0.1, 0.30000000000000004)
    """

    weight: float = 0.0
    frequency: float = 0.0
    towards: str = "zero"

    @property
    def active(self) -> bool:
        """Whether anything decays."""
        return self.weight > 0 or self.frequency > 0

    @property
    def contracts(self) -> bool:
        """Whether the frequencies shrink towards zero, which moves the learned spectrum."""
        return self.frequency > 0 and self.towards == "zero"

    @property
    def rates(self) -> tuple[float, float]:
        """Decay rates of what was learned through output weights and through frequencies."""
        moving = self.weight + (self.frequency if self.towards == "start" else 0.0)
        return self.weight, moving

    def damping(self, t: FloatArray) -> FloatArray:
        """Share of the initial output weights left, at times of any shape."""
        return np.asarray(np.exp(-self.weight * t))

    def contraction(self, t: FloatArray) -> FloatArray:
        """Factor by which the frequencies have shrunk."""
        return np.asarray(np.exp(-(self.frequency if self.contracts else 0.0) * t))
