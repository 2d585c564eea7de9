"""What a training step changes, and the constants it needs: the data every backend works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._types import FloatArray


@dataclass(frozen=True)
class Descent:
    """Constants of one plain gradient-descent step.

    The update is ``theta <- theta - step_size * (gradient + decay * (theta - anchor))``, with
    `weight_decay` and anchor 0 for a and b, `frequency_decay` and the state's anchor for w.
    """

    step_size: float
    weight_decay: float = 0.0
    frequency_decay: float = 0.0
    freeze_frequencies: bool = False


@dataclass
class NetworkState:
    """Parameters in training and the output they give at the training points.

    `output` always belongs to the current parameters: a step starts from it, so nothing is
    evaluated twice and a checkpoint that holds it continues bit for bit.
    """

    w: FloatArray
    a: FloatArray
    b: FloatArray
    anchor: FloatArray
    output: FloatArray

    def is_finite(self) -> bool:
        """Whether every number is finite."""
        return all(bool(np.isfinite(part).all()) for part in (self.w, self.a, self.b, self.output))

    def parameters(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Copies of w, a, b."""
        return self.w.copy(), self.a.copy(), self.b.copy()
