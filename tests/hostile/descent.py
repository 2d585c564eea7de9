"""The network of the theory and its training as plain loops in NumPy."""

from __future__ import annotations

import numpy as np


def output(w: np.ndarray, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """m^(-1/2) sum of a cos(w.x) + b sin(w.x) at points (n, d)."""
    phase = x @ w.T
    return (np.cos(phase) @ a + np.sin(phase) @ b) / np.sqrt(len(a))


def tangent_gram(w: np.ndarray, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Inner products of the gradients of the output."""
    phase = x @ w.T
    c, s = np.cos(phase), np.sin(phase)
    inner = b * c - a * s
    return (c @ c.T + s @ s.T + (x @ x.T) * (inner @ inner.T)) / len(a)


def losses(
    net: tuple[np.ndarray, np.ndarray, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    step_size: float,
    steps: int,
    optimizer: str,
    decay: tuple[float, float],
    towards_start: bool,
    frozen: bool,
) -> np.ndarray:
    """Mean squared errors before each step and after the last."""
    theta = [np.array(part, dtype=float) for part in net]
    anchor = [theta[0].copy() if towards_start else 0.0, 0.0, 0.0]
    rates = (decay[1], decay[0], decay[0])
    memory = [[np.zeros_like(part), np.zeros_like(part)] for part in theta]
    found = []
    for step in range(steps + 1):
        w, a, b = theta
        phase, root = x @ w.T, np.sqrt(len(a))
        c, s = np.cos(phase), np.sin(phase)
        e = (c @ a + s @ b) / root - y
        found.append(np.mean(e**2))
        e = e / len(y)
        slopes = [((e[:, None] * (b * c - a * s)).T @ x) / root, c.T @ e / root, s.T @ e / root]
        for k in range(1 if frozen else 0, 3):
            pull = rates[k] * (theta[k] - anchor[k])
            _update(theta, k, slopes[k], pull, memory[k], step_size, optimizer, step)
    return np.array(found)


def _update(theta, k, slope, pull, memory, rate, optimizer, step):
    if optimizer == "adamw":
        theta[k] = theta[k] - rate * pull
    else:
        slope = slope + pull
    if optimizer in ("adam", "adamw"):
        memory[0] = 0.9 * memory[0] + 0.1 * slope
        memory[1] = 0.999 * memory[1] + 0.001 * slope**2
        mean = memory[0] / (1 - 0.9 ** (step + 1))
        square = memory[1] / (1 - 0.999 ** (step + 1))
        theta[k] = theta[k] - rate * mean / (np.sqrt(square) + 1e-8)
    elif optimizer == "rmsprop":
        memory[0] = 0.99 * memory[0] + 0.01 * slope**2
        theta[k] = theta[k] - rate * slope / (np.sqrt(memory[0]) + 1e-8)
    elif optimizer in ("heavy_ball", "nesterov"):
        memory[0] = 0.9 * memory[0] + slope
        move = slope + 0.9 * memory[0] if optimizer == "nesterov" else memory[0]
        theta[k] = theta[k] - rate * move
    else:
        theta[k] = theta[k] - rate * slope
