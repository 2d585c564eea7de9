"""A photograph: every second pixel is learned, the others are the test; trained and predicted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ntkfreq import Normal, ntk_gram
from ntkfreq.network.backends.torch_threads import at_most
from validation.claims.deep_practice.networks import (
    default_kernel,
    drawn_kernel,
    features,
    half_times,
    network,
    trained,
)
from validation.claims.deep_practice.tones import quiet
from validation.claims.two_dimensions.claim import photograph

# Standard deviations of the frequencies, cycles a picture in each direction.
SCALES = {"narrow": 1.0, "middle": 3.0, "wide": 12.0}
# Cycles a picture; beyond the last edge the pixels of one colour of the chessboard alias.
EDGES = (0.5, 1.5, 3.0, 5.0, 8.0, 12.0, 17.0)
BANDS = len(EDGES) - 1
METHODS = (
    "two-layer equation",
    "wide layers",
    "wide layers, PyTorch's defaults",
    "wide layers on the drawn features",
)
# The test error counts as best from where it is within 1 % of that.
_BEST = 1.01


def chessboard(pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (n, 2) in [-1, 1]^2, grey values of mean square one, and which are trained on."""
    x, y = photograph(pixels)
    row, column = np.divmod(np.arange(pixels**2), pixels)
    return x, y, (row + column) % 2 == 0


def sizes(errors: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """RMS of the spectrum of errors (T, N) at the trained pixels over each band, (T, B)."""
    pixels = round(len(inside) ** 0.5)
    number = np.fft.fftfreq(pixels, 1 / pixels)
    radius = np.hypot(number[:, None], number)
    whole = np.zeros((len(errors), len(inside)))
    whole[:, inside] = errors
    power = np.abs(np.fft.fft2(whole.reshape(-1, pixels, pixels))) ** 2
    means = [
        power[:, (radius >= low) & (radius < high)].mean(axis=1) for low, high in pairwise(EDGES)
    ]
    return np.asarray(np.sqrt(np.stack(means, axis=1)))


def records(steps: int) -> np.ndarray:
    """Every step up to 40, then those 4 % apart."""
    late = np.rint(40 * 1.04 ** np.arange(1, 200)).astype(int)
    grid = np.concatenate([np.arange(41), late])
    return np.append(grid[grid < steps], steps)


def density(scale: str) -> Normal:
    """Of the frequencies, in radians per unit: the picture is two units wide."""
    return Normal(scale=np.pi * SCALES[scale], dim=2)


def draw(scale: str, depth: int, seed: int, width: int) -> tuple[np.ndarray, int]:
    """Frequencies (width / 2, 2), and the seed of the layers behind them."""
    rng = np.random.default_rng([width, depth, list(SCALES).index(scale), seed])
    w = np.asarray(density(scale).sample(width // 2, rng))
    return w, int(rng.integers(2**31))


def course(t: np.ndarray, bands: np.ndarray, test: np.ndarray, train: np.ndarray) -> dict[str, Any]:
    """What is compared: half-times, the best test error, when it is reached."""
    best = float(test.min())
    return {
        "half": half_times(t, bands),
        "best": best,
        "last": float(test[-1]),
        # From the time at which half of the error, in RMS, is left.
        "stop": float(t[np.argmax(test <= _BEST * best)] / half_times(t, train[:, None] ** 0.5)[0]),
    }


def fitted(
    scale: str, depth: int, seed: int, width: int, pixels: int, steps: int, linear: int
) -> dict[str, Any]:
    """A network under Adam, learning rate 1e-3, and the start of Adam on its linearization."""
    x, y, inside = chessboard(pixels)
    w, number = draw(scale, depth, seed, width)
    net = network("default", width, depth, number)
    with at_most(1):
        return _fitted(net, w, (x, y, inside), steps, linear)


def _fitted(
    net: Any,
    w: np.ndarray,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
    steps: int,
    linear: int,
) -> dict[str, Any]:
    x, y, inside = data
    run = quiet(net, w, x[inside], y[inside], linear, 1e-3, "adam")
    first = half_times(run.step.astype(float), sizes(run.train_output - run.y, inside))
    kept: dict[str, list[Any]] = {"step": [], "train": [], "test": [], "error": []}
    h, others = features(w, x[inside]), features(w, x[~inside])

    def look(step: int, error: np.ndarray) -> bool:
        with torch.no_grad():
            test = net(others)[:, 0].double().numpy() - y[~inside]
        kept["step"].append(step)
        kept["error"].append(error)
        kept["train"].append(np.mean(error**2))
        kept["test"].append(np.mean(test**2))
        return True

    rule = torch.optim.Adam(net.parameters(), lr=1e-3)
    trained(net, h, y[inside], rule, records(steps), look)
    t, train, test = (np.array(kept[name], dtype=float) for name in ("step", "train", "test"))
    found = course(t, sizes(np.array(kept["error"]), inside), test, train)
    return found | {"linear": first, "departure": run.departure[[10, -1]]}


def predicted(scale: str, depth: int, method: str, width: int, pixels: int) -> dict[str, Any]:
    """The same by gradient flow under a kernel that no network is drawn for."""
    x = chessboard(pixels)[0]
    rho = density(scale)
    if method == METHODS[1]:
        kernel = ntk_gram(rho, x, depth=depth, activation="relu", train_frequencies=False)
    else:
        kernel = ntk_gram(rho, x, sigma_a=0.0)
        if method == METHODS[2]:
            kernel = default_kernel(kernel, depth, width)
    return flow(kernel, pixels)


def predicted_for_draw(
    scale: str, depth: int, seed: int, width: int, pixels: int
) -> dict[str, Any]:
    """The same with the frequencies of a network that is trained: only hidden layers are wide."""
    w, _ = draw(scale, depth, seed, width)
    kernel = drawn_kernel(w, chessboard(pixels)[0])
    return flow(default_kernel(kernel, depth, width), pixels)


def flow(kernel: np.ndarray, pixels: int) -> dict[str, Any]:
    """Gradient flow from zero output under a kernel (n, n) of all pixels."""
    _, y, inside = chessboard(pixels)
    rates, modes = np.linalg.eigh(kernel[np.ix_(inside, inside)] / inside.sum())
    rates = np.maximum(rates, 1e-14 * rates[-1])
    t = np.append(0.0, np.geomspace(0.03, 1e7, 400) / rates[-1])
    left = np.exp(-np.outer(t, rates)) * (modes.T @ y[inside])
    # What the outputs of the test pixels are made of: the integral of the error over time.
    spent = -np.expm1(-np.outer(t, rates)) / rates * (modes.T @ y[inside])
    across = kernel[np.ix_(~inside, inside)] @ modes / inside.sum()
    test = np.mean((spent @ across.T - y[~inside]) ** 2, axis=1)
    error = left @ modes.T
    return course(t, sizes(error, inside), test, np.mean(error**2, axis=1))
