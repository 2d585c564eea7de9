"""Moments of the losses over random initial outputs, by sampling and by formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from validation.reference.decay import clock, two_fields
from validation.reference.kernels import Kernel
from validation.reference.nodes import Nodes, Values, values


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and standard deviation (T,) of a loss over random f_0, and their standard errors."""

    mean: np.ndarray
    std: np.ndarray
    mean_error: np.ndarray
    std_error: np.ndarray


def linear_maps(
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    rule: Nodes,
    y_rule: Values,
    gamma_a: float,
    gamma_w: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Errors on (nodes, rule) are maps[k] @ (f_0 on nodes, f_0 on rule) + offsets[k]; (T, m, m)."""
    n, m = len(nodes.x), len(rule.x)
    t = clock(t)
    start = np.concatenate([np.eye(n), np.zeros((n, 1))], axis=1)
    goal = np.zeros((n, n + 1))
    goal[:, -1] = values(y, nodes.x)
    rates = gamma_a, gamma_a + gamma_w
    f, p, q = two_fields(kernel, nodes, goal, start, sigma_a, t, rates, rtol=1e-10, atol=1e-12)
    weighted = kernel(rule.x[:, None, :] - nodes.x[None, :, :]) * nodes.weights
    moved = -weighted @ p - (sigma_a**2 * (rule.x @ nodes.x.T) * weighted) @ q
    maps = np.zeros((len(t), n + m, n + m))
    maps[:, :n, :n], maps[:, n:, :n] = f[:, :, :n], moved[:, :, :n]
    maps[:, n:, n:] = np.exp(-gamma_a * t)[:, None, None] * np.eye(m)
    known = values(y if y_rule is None else y_rule, rule.x)
    offsets = np.concatenate([f[:, :, n] - goal[:, -1], moved[:, :, n] - known], axis=1)
    return maps, offsets


def monte_carlo_losses(
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    rule: Nodes,
    *,
    y_rule: Values = None,
    gamma_a: float = 0.0,
    gamma_w: float = 0.0,
    draws: int = 100_000,
    seed: int = 0,
) -> tuple[Moments, Moments]:
    """Moments of the train loss and the test loss over draws of f_0 ~ GP(0, sigma_a^2 k).

    `rule` holds the test points and their weights; its targets are y there, or y_rule (m,). With
    gamma_w the frequencies decay towards their start. Errors are those of the sampling.
    """
    maps, offsets = linear_maps(kernel, nodes, y, sigma_a, t, rule, y_rule, gamma_a, gamma_w)
    x = np.concatenate([nodes.x, rule.x])
    variance, modes = linalg.eigh(sigma_a**2 * kernel(x[:, None, :] - x[None, :, :]))
    # Modes of no variance to rounding would only carry rounding errors.
    kept = variance > 1e-14 * variance[-1]
    half = modes[:, kept] * np.sqrt(variance[kept])
    normal = np.random.default_rng(seed).standard_normal((draws, half.shape[1]))
    n = len(nodes.x)
    losses = np.empty((2, len(maps), draws))
    for k, (matrix, offset) in enumerate(zip(maps, offsets, strict=True)):
        squares = (normal @ (matrix @ half).T + offset) ** 2
        losses[0, k] = squares[:, :n] @ nodes.weights
        losses[1, k] = squares[:, n:] @ rule.weights
    mean, std = losses.mean(axis=2), losses.std(axis=2, ddof=1)
    fourth = np.mean((losses - mean[:, :, None]) ** 4, axis=2)
    spread = np.sqrt(np.maximum(fourth - std**4, 0) / draws) / (2 * np.maximum(std, 1e-300))
    error = std / np.sqrt(draws)
    train, test = (Moments(mean[k], std[k], error[k], spread[k]) for k in (0, 1))
    return train, test


def exact_losses(
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    rule: Nodes,
    *,
    y_rule: Values = None,
    gamma_a: float = 0.0,
    gamma_w: float = 0.0,
) -> tuple[Moments, Moments]:
    """The same moments by formula: those of a quadratic form of a Gaussian vector.

    With e ~ N(m, C) and the weights W: mean m.Wm + tr WC, variance 2 tr (WC)^2 + 4 Wm.C Wm.
    """
    maps, offsets = linear_maps(kernel, nodes, y, sigma_a, t, rule, y_rule, gamma_a, gamma_w)
    x, n = np.concatenate([nodes.x, rule.x]), len(nodes.x)
    prior = sigma_a**2 * kernel(x[:, None, :] - x[None, :, :])
    moments = []
    for part, weights in ((slice(None, n), nodes.weights), (slice(n, None), rule.weights)):
        mean, variance = np.empty(len(maps)), np.empty(len(maps))
        for k, (matrix, offset) in enumerate(zip(maps, offsets, strict=True)):
            cover = weights[:, None] * (matrix[part] @ prior @ matrix[part].T)
            pull = weights * offset[part]
            mean[k] = offset[part] @ pull + np.trace(cover)
            variance[k] = 2 * np.sum(cover * cover.T) + 4 * offset[part] @ (cover @ pull)
        moments.append(Moments(mean, np.sqrt(variance), 0 * mean, 0 * mean))
    train, test = moments
    return train, test
