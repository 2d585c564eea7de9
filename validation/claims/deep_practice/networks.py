"""Rectifier networks on frozen Fourier features, their training, and kernels of infinite width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.spectra.bands import first_passage


def features(w: np.ndarray, x: np.ndarray) -> Any:
    """Cosines and sines (n, 2 m) at points (n, d), in single precision."""
    phase = x.reshape(len(x), -1) @ w.T
    return torch.as_tensor(np.concatenate([np.cos(phase), np.sin(phase)], axis=1)).float()


class Unscaled(torch.nn.Module):  # type: ignore[misc]
    """The NTK parametrization, without biases in the output: as `FourierFeatureMLP`."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        sizes = [(width, width)] * depth + [(1, width)]
        self.weights = torch.nn.ParameterList([torch.randn(size) for size in sizes])
        self.biases = torch.nn.ParameterList([torch.zeros(width) for _ in range(depth)])

    def forward(self, h: Any) -> Any:
        """Output (n, 1) of features (n, width)."""
        h, root = 2**0.5 * h, h.shape[1] ** 0.5
        for weights, bias in zip(self.weights, self.biases, strict=False):
            h = 2**0.5 * torch.relu(h @ weights.T / root + bias)
        return h @ self.weights[-1].T / root


class OnFeatures(torch.nn.Module):  # type: ignore[misc]
    """A network behind its features, of frozen frequencies (m, d)."""

    def __init__(self, net: Any, w: np.ndarray) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("w", torch.as_tensor(w).float())

    def forward(self, x: Any) -> Any:
        """Output (n, 1) at points (n, d)."""
        phase = x @ self.w.T
        return self.net(torch.cat([phase.cos(), phase.sin()], dim=1))


def network(parametrization: str, width: int, depth: int, seed: int) -> Any:
    """A network on as many features as it has units a layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if parametrization == "ntk":
            return Unscaled(width, depth)
        layers: list[Any] = []
        for _ in range(depth):
            layers += [torch.nn.Linear(width, width), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1))


def trained(
    net: Any,
    h: Any,
    y: np.ndarray,
    optimizer: Any,
    records: np.ndarray,
    look: Callable[[int, np.ndarray], bool],
) -> None:
    """Full-batch steps; `look` sees each recorded step's error, and says whether to go on."""
    values = torch.as_tensor(y).float()
    recorded = set(records.tolist())
    for step in range(int(records[-1]) + 1):
        error = net(h)[:, 0] - values
        if step in recorded and not look(step, error.detach().double().numpy()):
            return
        optimizer.zero_grad()
        (error**2).mean().mul(0.5).backward()
        optimizer.step()


def half_times(t: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Times at which each column (T, B) is half of its start; infinite where it never is."""
    return np.array([first_passage(t, column, 0.5 * column[0]) for column in sizes.T])


def default_kernel(k: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Tangent kernel of PyTorch's defaults, hidden layers wide, of the features' kernel k.

    Weights and biases are uniform up to the root of 1 / width, with a variance of a third of that;
    each weight and each bias steps by the learning rate. That of one bias in `width` is not
    neglected: every layer halves the signal twice and more, so that biases count in deep ones.
    """
    shared, third = np.asarray(k) / 2, 1 / (3 * width)
    full, back = 0.5, np.zeros_like(shared)
    for _ in range(depth):
        variance, covariance = full / 3 + third, shared / 3 + third
        angle = np.arccos(np.clip(covariance / variance, -1.0, 1.0))
        back = (np.pi - angle) / (6 * np.pi) * (width * shared + 1 + back)
        shared = variance / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))
        full = variance / 2
    return np.asarray(width * shared + 1 + back)


def limit_kernel(parametrization: str, k: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Tangent kernel of a parametrization, its hidden layers wide."""
    if parametrization == "default":
        return default_kernel(k, depth, width)
    return HiddenLayers(depth, "relu", train_frequencies=False).kernel_values(k)[0]


def drawn_kernel(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Kernel (n, n) of the features of drawn frequencies (m, d)."""
    phase = x.reshape(len(x), -1) @ w.T
    return np.asarray(np.cos(phase) @ np.cos(phase).T + np.sin(phase) @ np.sin(phase).T) / len(w)
