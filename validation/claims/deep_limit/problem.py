"""Kernels of drawn deep networks and their limit; learning times of trained ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import (
    DrawnKernels,
    FourierFeatureMLP,
    FrequencySolution,
    Normal,
    solve_frequency_pde,
    train,
)
from ntkfreq.ntk import empirical_ntk_gram, ntk_gram
from validation.claims.multilayer.claim import DENSITIES, TONES, signal

ACTIVATIONS, SHARE, LENGTH = ("relu", "tanh", "sine"), 0.1, 2.0
PLANE = Normal(scale=5.0, dim=2)


def points(dim: int) -> np.ndarray:
    """Places at which kernels are compared: 24 of an interval, 25 of a square."""
    if dim == 1:
        return np.linspace(-1.0, 1.0, 24)
    side = np.linspace(-1.0, 1.0, 5)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def drawn(density: Normal, activation: str, depth: int, width: int, seed: int) -> FourierFeatureMLP:
    """A network with as many frequencies as units in each hidden layer."""
    rng = np.random.default_rng([width, depth, density.dim, ACTIVATIONS.index(activation), seed])
    return FourierFeatureMLP.sample(density, width, depth=depth, activation=activation, rng=rng)


def kernel_distance(activation: str, depth: int, dim: int, width: int, seed: int) -> dict[str, Any]:
    """Relative distance (Frobenius) of a network's kernel from the limit."""
    density = DENSITIES["narrow"] if dim == 1 else PLANE
    x = points(dim)
    limit = ntk_gram(density, x, depth=depth, activation=activation)
    net = drawn(density, activation, depth, width, seed)
    own = empirical_ntk_gram(net, x)
    return {"distance": float(np.linalg.norm(own - limit) / np.linalg.norm(limit))}


def half_times(spectrum: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Times at which the magnitude of each tone (T, K) is half of its start."""
    from ntkfreq.spectra.bands import first_passage

    size = np.abs(spectrum)
    return np.array([first_passage(t, column, 0.5 * column[0]) for column in size.T])


def predicted(density: str, activation: str, depth: int) -> FrequencySolution:
    """By the kernel of infinite width."""
    return solve_frequency_pde(
        DENSITIES[density],
        signal(),
        depth=depth,
        activation=activation if depth else "relu",
        frequencies=TONES,
        t=np.append(0.0, np.geomspace(1e-3, 1e5, 4000)),
    )


def predicted_times(density: str, activation: str, depth: int) -> np.ndarray:
    """Half-times of the tones (8,)."""
    solution = predicted(density, activation, depth)
    return half_times(solution.data_spectrum, solution.t)


def drawn_times(
    density: str, activation: str, depth: int, sizes: tuple[int, int], draws: int
) -> np.ndarray:
    """The same by the kernels of drawn networks (draws, 8)."""
    networks = predicted(density, activation, depth).finite_width(
        sizes[0], hidden=sizes[1], draws=draws, zero_output=False
    )
    assert isinstance(networks, DrawnKernels)
    return np.array([half_times(one.data_spectrum, one.t) for one in networks.networks])


def trained_times(activation: str, depth: int, width: int, seed: int) -> dict[str, Any]:
    """Half-times of a trained network over the predicted ones (8,), narrow density."""
    x, y = signal()
    density = DENSITIES["narrow"]
    expected = predicted_times("narrow", activation, depth)
    net = drawn(density, activation, depth, width, seed)
    limit = ntk_gram(density, x, depth=depth, activation=activation)
    step_size = SHARE * 2 / float(np.linalg.eigvalsh(limit)[-1] / len(x))
    steps = int(np.ceil(LENGTH * expected.max() / step_size))
    history = train(
        net,
        x,
        net(x) + y,
        step_size=step_size,
        steps=steps,
        frequencies=TONES,
        record=160,
        dtype="float32",
        kernel_probe=0,
    )
    found = half_times(history.data_spectrum, history.step * step_size)
    return {"ratio": found / expected, "steps": steps}
