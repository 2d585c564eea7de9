"""One training step in terms of output and gradient, for arrays of NumPy and of PyTorch alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ntkfreq.network.backends.state import Descent, NetworkState


def apply(
    descent: Descent,
    theta: Any,
    slope: Any,
    memory: Any,
    decay: Any,
    anchor: Any,
    step: int,
    scale: Any = None,
) -> None:
    r"""Clip the gradient, add decay, and move the trained rows `theta` in place.

    With a scale c the rule steps in :math:`\theta / c`, whose gradient is c times that of theta and
    whose steps are 1/c of those of theta.
    """
    optimizer, rate = descent.optimizer, descent.rate(step)
    if scale is not None:
        slope, rate = scale * slope, scale * rate
    if optimizer.clip is not None:
        # 1e-6 as in torch.nn.utils.clip_grad_norm_, so that results can be compared.
        share = optimizer.clip / (_norm(slope) + 1e-6)
        slope = slope * min(1.0, share)
    if descent.largest_decay > 0:
        pull = decay * (theta - anchor)
        if optimizer.decoupled:
            theta -= rate * pull
        else:
            slope = slope + pull
    optimizer.update(theta, slope, memory, rate, step)


def _norm(slope: Any) -> float:
    """Euclidean norm, of entries whose squares overflow too."""
    norm = math.sqrt(float((slope * slope).sum()))
    if math.isfinite(norm):
        return norm
    size = float(abs(slope).max())
    part = slope / size
    return size * math.sqrt(float((part * part).sum()))


def take_steps(
    output_at: Callable[[Any, Any], Any],
    gradient: Callable[[Any, Any, Any, int], Any],
    state: NetworkState,
    x: Any,
    y: Any,
    descent: Descent,
    steps: int,
    allowed: Callable[[NetworkState], bool] = NetworkState.within,
) -> None:
    """Take `steps` steps in place, or fewer: up to one that leaves the limits.

    Parameters
    ----------
    output_at : callable
        Output (n,) of parameters theta at points x (n, d).
    gradient : callable
        Gradient of ``sum_i r_i f(x_i)`` in theta, from (theta, x, r, first): rows from `first` on.
    state : NetworkState
        Holds arrays of the library that the callables take.
    x, y : array
        Training points (N, d) and values (N,).
    descent : Descent
        The rule.
    steps : int
        Number of steps.
    allowed : callable
        Whether a state is one that can be gone on from.
    """
    first = state.first(descent)
    decay = state.decay(descent)[first:]
    theta, memory, anchor = state.theta[first:], state.memory[:, first:], state.anchor[first:]
    scale = None if state.scale is None else state.scale[first:]
    for _ in range(steps):
        rows = descent.batch(state.step, y.shape[0], state.orders)
        seen, values = (x, y) if rows is None else (x[rows], y[rows])
        output = state.output if rows is None else output_at(state.theta, seen)
        slope = gradient(state.theta, seen, (output - values) / values.shape[0], first)
        apply(descent, theta, slope, memory, decay, anchor, state.step, scale)
        state.step += 1
        if not allowed(state):
            state.escaped = True
            return
        if rows is None:
            state.output[:] = output_at(state.theta, x)
