"""A network trained by PyTorch's Adam, with the sharpness of its own preconditioned Jacobian.

It shares nothing with the package: waves, gradients and the preconditioner are written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def train_and_measure(
    w: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    step_size: float,
    betas: tuple[float, float],
    epsilon: float,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Loss (steps + 1,) and sharpness (steps,) after each step.

    Sharpness is the largest eigenvalue of :math:`\eta J P J^T/N`, with the Jacobian J of the
    outputs and P one over the root of Adam's corrected mean squares.
    """
    import torch

    width, count = len(w), len(x)
    root = np.sqrt(width)
    at, target = torch.from_numpy(x)[:, None], torch.from_numpy(y)
    parameters = [torch.from_numpy(np.array(one)) for one in (a, b, w)]
    rule = torch.optim.Adam(parameters, lr=step_size, betas=betas, eps=epsilon)

    def jacobian() -> Any:
        a_now, b_now, w_now = parameters
        c, s = torch.cos(at * w_now), torch.sin(at * w_now)
        f = (c @ a_now + s @ b_now) / root
        return torch.cat([c, s, at * (b_now * c - a_now * s)], dim=1) / root, f

    matrix, f = jacobian()
    losses, sharp = [float(((f - target) ** 2).mean())], []
    for step in range(1, steps + 1):
        gradient = matrix.T @ (f - target) / count
        for parameter, part in zip(parameters, gradient.split(width), strict=True):
            parameter.grad = part.clone()
        rule.step()
        matrix, f = jacobian()
        square = torch.cat([rule.state[one]["exp_avg_sq"] for one in parameters])
        below = (square / (1 - betas[1] ** step)).sqrt() + epsilon
        product = (matrix / below) @ matrix.T
        sharp.append(step_size * float(torch.linalg.eigvalsh(product / count)[-1]))
        losses.append(float(((f - target) ** 2).mean()))
    return np.array(losses), np.array(sharp)


def crossing(sharp: np.ndarray, edge: float, after: int, lasts: int) -> float:
    """First step after `after` from which the sharpness stays above the edge for `lasts` steps.

    Examples
    --------
    >>> crossing(np.array([3.0, 1.0, 3.0, 3.0, 3.0]), 2.0, 1, 2), crossing(np.ones(9), 2.0, 1, 2)
    (3.0, inf)
    """
    above = np.append(sharp > edge, False)
    for start in range(after - 1, len(sharp) - lasts):
        if above[start : start + lasts + 1].all():
            return float(start + 1)
    return float("inf")


def spikes(losses: np.ndarray, end: float) -> int:
    """How often, up to a step, the loss rises above four times its lowest so far.

    Examples
    --------
    >>> spikes(np.array([4.0, 1.0, 5.0, 6.0, 1.0, 0.5, 9.0]), 5), spikes(np.ones(3), np.inf)
    (1, 0)
    """
    losses = losses[: int(min(end, len(losses) - 1)) + 1]
    above = losses > 4 * np.minimum.accumulate(losses)
    return int(np.count_nonzero(above[1:] & ~above[:-1]))
