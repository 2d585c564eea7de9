"""The gradient flow on points by dense linear algebra: what the package is judged against.

Nothing here imports ntkfreq.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def normal_kernel(x: Any, x2: Any, scale: Any) -> Any:
    """E cos w.(x - x') for w ~ N(0, diag(scale^2)), points (n,) or (n, d)."""
    a, b = (np.asarray(z, float).reshape(len(z), -1) for z in (x, x2))
    return np.exp(-0.5 * (((a[:, None] - b[None]) * scale) ** 2).sum(-1))


def normal_ntk(x: Any, x2: Any, scale: Any, sigma_a: float = 1.0) -> Any:
    """(1 + sigma_a^2 x.x') k(x - x')."""
    a, b = (np.asarray(z, float).reshape(len(z), -1) for z in (x, x2))
    return (1 + sigma_a**2 * a @ b.T) * normal_kernel(x, x2, scale)


def flow(gram: Any, y: Any, t: Any, step_size: float | None = None) -> Any:
    """Errors (T, n) of the flow e' = -K e / n from e = -y.

    With a step size it is gradient descent, after t / step_size steps.
    """
    rates, modes = np.linalg.eigh(gram / len(y))
    start = modes.T @ -np.asarray(y, float)
    t = np.asarray(t, float)[:, None]
    if step_size is None:
        left = np.exp(-np.maximum(rates, 0) * t)
    else:
        left = (1 - step_size * rates) ** np.rint(t / step_size)
    return (left * start) @ modes.T


def losses(x: Any, y: Any, scale: Any, t: Any, sigma_a: float = 1.0) -> Any:
    """Mean squared error at times t, for the normal density."""
    return (flow(normal_ntk(x, x, scale, sigma_a), y, t) ** 2).mean(axis=1)
