"""What the scripts on undersampled data share: networks trained at once, and their times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ntkfreq.grokking import grokking_onset


class SideBySide(torch.nn.Module):
    """Perceptrons of equal widths on data of their own: points (n, networks, d) to (n, networks).

    Under a loss that sums over outputs each is trained as it would be alone, at a fraction of the
    calls.
    """

    def __init__(self, nets: Sequence[Any], activation: Any) -> None:
        super().__init__()
        self.activation = activation
        layers = [[part for part in net if hasattr(part, "weight")] for net in nets]
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for same in zip(*layers, strict=True):
            self.weights.append(torch.stack([one.weight.detach().T for one in same]))
            self.biases.append(torch.stack([one.bias.detach()[None] for one in same]))

    def forward(self, x: Any) -> Any:
        """Outputs of every network at its own points."""
        h = x.transpose(0, 1)
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, self.activation(h) if k else h, weight)
        return h[..., 0].T


def times(
    step: np.ndarray, train_loss: np.ndarray, test_loss: np.ndarray, level: float
) -> tuple[float, float]:
    """First steps at which training and test loss are at the level; inf where never."""
    onset = grokking_onset(step, train_loss, test_loss, threshold=level)
    return onset.t_train, onset.t_test
