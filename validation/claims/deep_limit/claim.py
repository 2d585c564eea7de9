r"""Deep Fourier-feature networks obey the same equation with a kernel of their own.

Behind hidden layers of infinite width the tangent kernel is :math:`F(k) + x\cdot x'\,G(k)`, k the
kernel of the features. No network is drawn for it.

- The kernel of drawn networks approaches it: distance against the width, of ReLU, tanh and sine, at
  depths 1 to 5, in one and two dimensions.
- Learning times of the trained networks of `multilayer` (width 512, eight tones, three densities,
  depths 1 to 5), which are read and not repeated: median over networks and tones of measured over
  predicted, and the time of the two highest tones over that of the two lowest. Of the intervals for
  one network, by the kernels of drawn ones, how often the trained ones are inside.
- Wider networks, trained for this: as many units in each hidden layer as frequencies.
- Off the data: twelve undersampled tones (two densities, ReLU and tanh, depths 1 to 3) until a
  hundredth of the training loss is left. Test loss, and the shares of the tone and of its alias in
  what the network writes between the samples, beside the limit; no tolerance is known for one
  network, so intervals are stated.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq import solve_frequency_pde
from ntkfreq.pde.solution.intervals import of_logarithms
from validation.claims.deep_limit.off_data import (
    ALIAS,
    LEFT,
    LEVEL,
    PROBLEMS,
    SAMPLES,
    TONE,
    limit,
    trained_off,
)
from validation.claims.deep_limit.problem import (
    ACTIVATIONS,
    drawn_times,
    kernel_distance,
    predicted_times,
    trained_times,
)
from validation.claims.multilayer.claim import DENSITIES, TONES, signal
from validation.engine import Execution, Result, intervals, mean_interval, size_of, verdicts

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "widths": [64, 512], "depths": [1], "dims": [1], "wide": 96, "wide_depths": [1],
        "off_width": 96, "problems": 2, "draws": 8,
        "seeds": {"kernels": 4, "trained": 1, "off the data": 2},
    },
    "full": {
        "widths": [128, 256, 512, 1024, 2048], "depths": [1, 2, 3, 4, 5], "dims": [1, 2],
        "wide": 1024, "wide_depths": [1, 2, 5], "off_width": 512, "problems": 12, "draws": 40,
        "seeds": {"kernels": 8, "trained": 5, "off the data": 8},
    },
}  # fmt: skip
Claims = dict[str, tuple[float, float, float]]
Measured = dict[str, tuple[float, float, float]]
STORED = Path(__file__).parents[1] / "multilayer" / "result.json"
# How far the median of wide ones may be off, by depth; a single narrow network scatters further.
_WIDE, _ONE_NARROW = {1: 0.05, 2: 0.05, 5: 0.1}, 0.5


def tolerance(activation: str, depth: int) -> float:
    """Of the median of measured over predicted times of the stored networks."""
    return 0.25 if activation == "relu" and depth > 3 else 0.15


def stored() -> tuple[dict[str, Any], np.ndarray]:
    """Configuration, and measured times by density, activation, depth, seed and tone."""
    known = json.loads(STORED.read_text(encoding="utf-8"))
    return known["config"], np.array(known["curves"]["measured"], dtype=np.float64)


def bias(times: np.ndarray) -> np.ndarray:
    """Time of the two highest over the two lowest tones, the last axis; geometric means."""
    return np.asarray(np.sqrt(times[..., -1] * times[..., -2] / (times[..., 0] * times[..., 1])))


def of_stored(draws: int) -> tuple[Claims, dict[str, Any]]:
    """Claims about the stored networks, and the times that are drawn."""
    config, measured = stored()
    claims: Claims = {}
    drawn: dict[str, Any] = {}
    inside = []
    places = product(enumerate(DENSITIES), enumerate(config["activations"]), config["depths"])
    for (i, density), (j, activation), depth in places:
        expected = predicted_times(density, activation, depth)
        times = measured[i, j, depth]
        name = f"{density}, {activation}, depth {depth}"
        drawn[name] = {"predicted": expected, "measured": np.exp(np.log(times).mean(axis=0))}
        if depth == 0:
            continue
        sizes = config["width"], config["width"] // 2
        draw = drawn_times(density, activation, depth, sizes, draws)
        low, _, high = of_logarithms(expected, draw, LEVEL)
        inside.append((low <= times) & (times <= high))
        drawn[name]["inside"] = float(inside[-1].mean())
        within = tolerance(activation, depth)
        claims[f"{name}: median of measured over predicted time"] = (
            float(np.median(times / expected)), 1 - within, 1 + within,
        )  # fmt: skip
        ratio = float(bias(drawn[name]["measured"]) / bias(expected))
        claims[f"{name}: highest over lowest tones, measured over predicted"] = (ratio, 0.8, 1.2)
    share = "stored networks, all cases: share inside intervals of 90 %"
    claims[share] = (float(np.mean(inside)), 0.85, 0.95)
    return claims, drawn


def unchanged() -> float:
    """Largest difference that depth 0 makes to the losses of two layers."""
    rho, data = DENSITIES["narrow"], signal()
    plain = solve_frequency_pde(rho, data, frequencies=TONES)
    layered = solve_frequency_pde(rho, data, frequencies=TONES, depth=0)
    return float(np.abs(plain.train_loss - layered.train_loss).max())


def of_kernels(config: dict[str, Any], execution: Execution) -> tuple[Claims, dict[str, Any]]:
    """The power of the width by which kernels approach the limit, and their distances."""
    grid = {
        "activation": list(ACTIVATIONS),
        "depth": config["depths"],
        "dim": config["dims"],
        "width": config["widths"],
        "seed": list(range(config["seeds"]["kernels"])),
    }
    data = execution.cells("deep_limit_kernels", kernel_distance, grid)["distance"]
    kernels = data.transpose("activation", "depth", "dim", "width", "seed").values
    claims: Claims = {}
    distances = {}
    # Two widths and few seeds know the power less well.
    slack = 0.1 if len(config["widths"]) > 2 else 0.3
    for a, activation in enumerate(ACTIVATIONS):
        for (d, depth), (k, dim) in product(enumerate(config["depths"]), enumerate(config["dims"])):
            mean = np.sqrt(np.mean(kernels[a, d, k] ** 2, axis=-1))
            slope = float(np.polyfit(np.log(config["widths"]), np.log(mean), 1)[0])
            name = f"{activation}, depth {depth}, {dim} dimension(s)"
            distances[name] = mean
            claims[f"{name}: power of the width in the distance of kernels"] = (
                slope, -0.5 - slack, -0.5 + slack,
            )  # fmt: skip
    return claims, distances


def of_wide(config: dict[str, Any], execution: Execution) -> tuple[Claims, Measured, np.ndarray]:
    """Measured over predicted times of networks as wide as they are deep layers."""
    grid = {
        "activation": ["relu", "tanh"],
        "depth": config["wide_depths"],
        "seed": list(range(config["seeds"]["trained"])),
    }
    data = execution.cells("deep_limit_trained", trained_times, grid, {"width": config["wide"]})
    wide = data["ratio"].transpose("activation", "depth", "seed", ...).values
    claims: Claims = {}
    measured: Measured = {}
    for (a, activation), (d, depth) in product(
        enumerate(grid["activation"]), enumerate(config["wide_depths"])
    ):
        name = f"{activation}, depth {depth}, width {config['wide']}"
        within = _WIDE[depth] if len(grid["seed"]) > 1 else _ONE_NARROW
        claims[f"{name}: median of measured over predicted time"] = (
            float(np.median(wide[a, d])), 1 - within, 1 + within,
        )  # fmt: skip
        if len(grid["seed"]) > 1:
            each = np.median(wide[a, d], axis=-1)
            measured[f"{name}: median over tones, by network"] = mean_interval(each)
    return claims, measured, wide


def of_off_data(config: dict[str, Any], execution: Execution) -> tuple[Measured, dict[str, Any]]:
    """Test losses and shares of tone and alias, measured beside the limit."""
    width, count = config["off_width"], config["problems"]
    grid = {"problem": list(range(count)), "seed": list(range(config["seeds"]["off the data"]))}
    measured: Measured = {}
    rows, ratios, apart, inside = [], [], [], []
    for problem in grid["problem"]:
        only = {"problem": [problem], "seed": grid["seed"]}
        cells = execution.cells("deep_limit_off", trained_off, only, {"width": width})
        data = cells.isel(problem=0)
        expected = limit(problem, width)
        test, shares = data["test"].values, data["shares"].values
        ratio, gap = test[:, -1] / expected["test"][1][-1], shares - expected["shares"][1]
        within = [
            (low <= found) & (found <= high)
            for found, (low, _, high) in ((test[:, 1:], [end[1:] for end in expected["test"]]),
                                          (shares, expected["shares"]))
        ]  # fmt: skip
        name = "N(0, {:g}^2), {}, depth {}".format(*PROBLEMS[problem])
        measured[f"{name}: test loss at the end, measured over predicted"] = mean_interval(ratio)
        measured[f"{name}: share of the alias, measured less predicted"] = mean_interval(gap[:, 1])
        rows.append(
            {"name": name, "test": test[:, -1], "shares": shares,
             "limit": {key: expected[key] for key in ("test", "shares", "left")}}
        )  # fmt: skip
        ratios.append(np.log(ratio).mean())
        apart.append(np.sqrt(np.mean(gap**2)))
        inside.append([float(np.mean(one)) for one in within])
    middle, low, high = mean_interval(ratios)
    measured["off the data, all problems: test loss, measured over predicted"] = (
        float(np.exp(middle)), float(np.exp(low)), float(np.exp(high)),
    )  # fmt: skip
    measured["off the data, all problems: RMS of shares less predicted"] = mean_interval(apart)
    for number, what in enumerate(("test losses", "shares of tone and alias")):
        each = [pair[number] for pair in inside]
        measured[f"off the data: {what} inside intervals of 90 %"] = mean_interval(each)
    return measured, {"problems": rows}


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Kernels against the width, stored and wide networks, what they write off the data."""
    config, execution = size_of(SIZES, size), execution or Execution()
    claims, distances = of_kernels(config, execution)
    of_time, times = of_stored(config["draws"])
    of_width, measured, wide = of_wide(config, execution)
    off_measured, off = of_off_data(config, execution)
    claims |= of_time | of_width
    claims["depth 0: largest difference to two layers"] = (unchanged(), 0.0, 0.0)
    return Result(
        verdicts(claims),
        config
        | {
            "densities": {name: repr(one) for name, one in DENSITIES.items()},
            "tones": TONES,
            "stored": "result of multilayer",
            "rng": "default_rng([width, depth, dimension, activation, seed])",
            "off the data": {"samples": SAMPLES, "tone": TONE, "alias": ALIAS, "left": LEFT},
        },
        intervals(measured | off_measured),
        {"times": times, "kernels": distances, "wide": wide} | off,
    )
