"""Tones: gradient descent beside the limit, and Adam beside Adam on the linearization."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from ntkfreq import LinearizedRun, train_linearized
from ntkfreq.network.backends.torch_threads import at_most
from validation.claims.deep_practice.networks import (
    OnFeatures,
    drawn_kernel,
    features,
    half_times,
    limit_kernel,
    network,
    trained,
)

TONES = np.pi * np.arange(1, 9)
SPECTRA = {"equal": np.ones(8), "1/k": 1 / np.arange(1.0, 9.0)}
STD = 10.0
# Share of the largest stable step, and times the last predicted half-time, of gradient descent.
_SHARE, _LENGTH = 0.2, 1.6
# Steps of Adam at most, by learning rate; times its last half-time the linearization is followed.
_MOST = {1e-3: 200, 1e-4: 1500}
_FURTHER = 4.0


def signal(spectrum: str) -> tuple[np.ndarray, np.ndarray]:
    """Eight tones of random phases on 64 points, with a mean square of one."""
    x = np.linspace(-1.0, 1.0, 64, endpoint=False)
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, 8)
    y = np.cos(x[:, None] * TONES + phases) @ SPECTRA[spectrum]
    return x, y / np.sqrt(np.mean(y**2))


def sizes(errors: np.ndarray) -> np.ndarray:
    """Magnitude of each tone in errors (T, 64); the points make them orthogonal."""
    x = signal("equal")[0]
    return np.asarray(np.abs(errors @ np.exp(-1j * x[:, None] * TONES)) / len(x))


def drawn(parametrization: str, width: int, depth: int, seed: int) -> tuple[Any, np.ndarray]:
    """A network, and the frequencies of its features."""
    place = ("default", "ntk").index(parametrization)
    rng = np.random.default_rng([width, depth, place, seed])
    w = STD * rng.standard_normal((width // 2, 1))
    return network(parametrization, width, depth, int(rng.integers(2**31))), w


def start_of(net: Any, h: Any) -> np.ndarray:
    """Output at the start, which is added to the target: its error is then the target."""
    with torch.no_grad():
        return np.asarray(net(h)[:, 0].double().numpy())


def descent(parametrization: str, width: int, depth: int, seed: int) -> dict[str, Any]:
    """Half-times of gradient descent over those of infinite width, (8,).

    Of the network itself, and of its linearization, whose kernel is that of the start.
    """
    x, y = signal("equal")
    net, w = drawn(parametrization, width, depth, seed)
    h = features(w, x)
    kernel = limit_kernel(parametrization, drawn_kernel(w, x), depth, width)
    rates, modes = np.linalg.eigh(kernel / len(x))
    t = np.append(0.0, np.geomspace(1e-3, 1e5, 4000) / rates[-1])
    flow = (np.exp(-np.outer(t, np.maximum(rates, 0.0))) * (modes.T @ y)) @ modes.T
    expected = half_times(t, sizes(flow))
    step_size = _SHARE * 2 / float(rates[-1])
    steps = int(np.ceil(_LENGTH * expected.max() / step_size))
    y = y + start_of(net, h)
    with at_most(1):
        linear = quiet(net, w, x, y, steps, step_size, "gd")
        rule = torch.optim.SGD(net.parameters(), lr=step_size)
        errors = followed(net, h, y, rule, steps)
    return {
        "trained": step_size * halved(errors) / expected,
        "linear": step_size * halved(linear.train_output - linear.y) / expected,
        "steps": steps,
    }


def quiet(
    net: Any, w: np.ndarray, x: np.ndarray, y: np.ndarray, steps: int, rate: float, rule: str
) -> LinearizedRun:
    """The linearized run of all steps; departures are measured, and no cause for a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return train_linearized(
            OnFeatures(net, w),
            x,
            y,
            optimizer=rule,
            step_size=rate,
            steps=steps,
            record=np.arange(steps + 1),
            dtype="float32",
            frequencies=np.zeros(x.shape[1:])[None],
        )


def linearized(
    parametrization: str, width: int, rate: float, depth: int, spectrum: str, seed: int
) -> dict[str, Any]:
    """Half-times under Adam, and under Adam on the linearization, with its departure then."""
    x, y = signal(spectrum)
    net, w = drawn(parametrization, width, depth, seed)
    h = features(w, x)
    y = y + start_of(net, h)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    with at_most(1):
        rule = torch.optim.Adam(net.parameters(), lr=rate)
        known = halved(followed(net, h, y, rule, _MOST[rate]))
        net.load_state_dict(start)
        last = np.where(np.isfinite(known), known, _MOST[rate]).max()
        steps = int(np.clip(np.ceil(_FURTHER * last), 12, _MOST[rate]))
        run = quiet(net, w, x, y, steps, rate, "adam")
    found = halved(run.train_output - run.y)
    then = int(np.where(np.isfinite(found), np.ceil(found), steps).max())
    return {"trained": known, "linear": found, "departure": float(run.departure[: then + 1].max())}


def followed(net: Any, h: Any, y: np.ndarray, rule: Any, most: int) -> np.ndarray:
    """Errors of every step, up to where all tones are halved (T, 64)."""
    errors: list[np.ndarray] = []

    def look(step: int, error: np.ndarray) -> bool:
        errors.append(error)
        return step % 10 > 0 or bool(np.isinf(halved(errors)).any())

    trained(net, h, y, rule, np.arange(most + 1), look)
    return np.array(errors)


def halved(errors: Any) -> np.ndarray:
    """Steps to halve each tone of the errors of all steps (T, 64)."""
    found = sizes(np.array(errors))
    return half_times(np.arange(float(len(found))), found)
