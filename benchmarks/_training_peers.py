"""What the trainer is measured against: PyTorch as its users write it, the sine-cosine alone, JAX.

Every maker returns a call that takes one step of full-batch gradient descent on w, a, b in float64.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numba
import numpy as np
import torch
from _auto_run import problem

from ntkfreq.network import FourierFeatureNet
from ntkfreq.network.backends import Descent, NetworkState, load
from ntkfreq.spectra import sincos

__all__ = [
    "floor_step",
    "jax_step",
    "medians",
    "our_step",
    "problem",
    "sines_step",
    "torch_adam_step",
    "torch_step",
]

Call = Callable[[], object]


def our_step(name: str, net: FourierFeatureNet, x: Any, y: Any, **options: Any) -> Call:
    """One step of a backend, its output carried along."""
    engine, descent = load(name, **options), Descent(0.1)
    theta = net.packed()
    state = NetworkState.start(theta, net.dim, net(x), descent)
    return lambda: engine.advance(state, x, y, descent, 1)


def torch_step(net: FourierFeatureNet, x: Any, y: Any) -> Call:
    """Eager autograd with torch.optim.SGD, as a user would write it."""
    return _torch_step(net, x, y, lambda parts: torch.optim.SGD(parts, lr=0.1))


def torch_adam_step(net: FourierFeatureNet, x: Any, y: Any) -> Call:
    """Eager autograd with torch.optim.Adam."""
    return _torch_step(net, x, y, lambda parts: torch.optim.Adam(parts, lr=1e-3))


def _torch_step(
    net: FourierFeatureNet, x: Any, y: Any, optimizer_of: Callable[[list[Any]], Any]
) -> Call:
    w, a, b = (torch.tensor(np.array(part), requires_grad=True) for part in (net.w, net.a, net.b))
    points, values = torch.tensor(x), torch.tensor(y)
    optimizer = optimizer_of([w, a, b])

    def step() -> None:
        optimizer.zero_grad()
        phase = points @ w.T
        output = (torch.cos(phase) @ a + torch.sin(phase) @ b) / net.width**0.5
        (0.5 * torch.mean((output - values) ** 2)).backward()
        optimizer.step()

    return step


def jax_step(net: FourierFeatureNet, x: Any, y: Any) -> Call | None:
    """Compiled by jax.jit; None where JAX is not installed."""
    if find_spec("jax") is None:
        return None
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    points, values = jnp.array(x), jnp.array(y)

    def loss(parts: Any) -> Any:
        w, a, b = parts
        phase = points @ w.T
        output = (jnp.cos(phase) @ a + jnp.sin(phase) @ b) / net.width**0.5
        return 0.5 * jnp.mean((output - values) ** 2)

    def stepped(parts: Any) -> Any:
        return [part - 0.1 * slope for part, slope in zip(parts, jax.grad(loss)(parts))]  # noqa: B905

    update = jax.jit(stepped)
    held = [[jnp.array(part) for part in (net.w, net.a, net.b)]]

    def step() -> None:
        held[0] = [part.block_until_ready() for part in update(held[0])]

    return step


@sincos.jit(sums=True, parallel=True)
def _sines_and_cosines(w: Any, x: Any) -> float:
    total = 0.0
    for j in numba.prange(w.size):
        half = 0.5 * w[j]
        for i in range(x.size):
            c, s = sincos.cos_sin(half * x[i])
            total += c + s
    return total


def floor_step(net: FourierFeatureNet, x: Any) -> Call:
    """One sine and cosine a pair, which every direct sum needs."""
    return sines_step(net.w[:, 0], x[:, 0])


def sines_step(w: Any, x: Any) -> Call:
    """The same for frequencies (m,) and points (n,)."""
    frequencies, line = w.copy(), x.copy()
    return lambda: _sines_and_cosines(frequencies, line)


def medians(calls: dict[str, Call], repeats: int, seconds: float = 0.0) -> dict[str, float]:
    """Median seconds of each call, taken in turn so that a busy moment hits all of them.

    Short calls are repeated until one measurement takes `seconds`.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    counts = {}
    for name, call in calls.items():
        call()
        started = time.perf_counter()
        call()
        counts[name] = max(1, int(seconds / max(time.perf_counter() - started, 1e-7)))
    for _ in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            for _ in range(counts[name]):
                call()
            times[name].append((time.perf_counter() - started) / counts[name])
    return {name: statistics.median(taken) for name, taken in times.items()}
