r"""Deep Fourier-feature networks obey the same equation with a kernel of their own.

Behind hidden layers of infinite width the tangent kernel is :math:`F(k) + x\cdot x'\,G(k)`, k the
kernel of the features. No network is drawn for it.

- The kernel of drawn networks approaches it: distance against the width, of ReLU, tanh and sine, at
  depths 1, 2 and 5, in one and two dimensions.
- Learning times of the trained networks of `multilayer` (width 512, eight tones, three densities,
  depths 1 to 5), which are read and not repeated: median over networks and tones of measured over
  predicted, and the time of the two highest tones over that of the two lowest.
- Wider networks, trained for this: as many units in each hidden layer as frequencies.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq import solve_frequency_pde
from validation.claims.deep_limit.problem import (
    ACTIVATIONS,
    kernel_distance,
    predicted_times,
    trained_times,
)
from validation.claims.multilayer.claim import DENSITIES, TONES, signal
from validation.engine import Execution, Result, intervals, mean_interval, size_of, verdicts

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "widths": [64, 512], "seeds": 4, "depths": [1], "dims": [1],
        "wide": 96, "wide_depths": [1], "wide_seeds": 1,
    },
    "full": {
        "widths": [128, 256, 512, 1024, 2048], "seeds": 4, "depths": [1, 2, 5], "dims": [1, 2],
        "wide": 1024, "wide_depths": [1, 2, 5], "wide_seeds": 3,
    },
}  # fmt: skip
STORED = Path(__file__).parents[1] / "multilayer" / "result.json"
# How far the median of stored times may be off, by activation and depth; of wide ones by depth.
_WIDE = {1: 0.05, 2: 0.05, 5: 0.1}


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


def of_stored() -> tuple[dict[str, tuple[float, float, float]], dict[str, Any]]:
    """Claims about the stored networks, and the times that are drawn."""
    config, measured = stored()
    claims: dict[str, tuple[float, float, float]] = {}
    drawn: dict[str, Any] = {}
    places = product(enumerate(DENSITIES), enumerate(config["activations"]), config["depths"])
    for (i, density), (j, activation), depth in places:
        expected = predicted_times(density, activation, depth)
        times = measured[i, j, depth]
        name = f"{density}, {activation}, depth {depth}"
        drawn[name] = {"predicted": expected, "measured": np.exp(np.log(times).mean(axis=0))}
        if depth == 0:
            continue
        within = tolerance(activation, depth)
        claims[f"{name}: median of measured over predicted time"] = (
            float(np.median(times / expected)), 1 - within, 1 + within,
        )  # fmt: skip
        ratio = float(bias(drawn[name]["measured"]) / bias(expected))
        claims[f"{name}: highest over lowest tones, measured over predicted"] = (ratio, 0.8, 1.2)
    return claims, drawn


def unchanged() -> float:
    """Largest difference that depth 0 makes to the losses of two layers."""
    rho, data = DENSITIES["narrow"], signal()
    plain = solve_frequency_pde(rho, data, frequencies=TONES)
    layered = solve_frequency_pde(rho, data, frequencies=TONES, depth=0)
    return float(np.abs(plain.train_loss - layered.train_loss).max())


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Kernels against the width, stored and wide networks; the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    grid = {
        "activation": list(ACTIVATIONS),
        "depth": config["depths"],
        "dim": config["dims"],
        "width": config["widths"],
        "seed": list(range(config["seeds"])),
    }
    kernels = execution.cells("deep_limit_kernels", kernel_distance, grid)["distance"].values
    claims, times = of_stored()
    slopes = {}
    slack = 0.1 if size != "quick" else 0.3
    places = product(
        enumerate(grid["activation"]), enumerate(grid["depth"]), enumerate(grid["dim"])
    )
    for (a, activation), (d, depth), (k, dim) in places:
        mean = np.sqrt(np.mean(kernels[a, d, k] ** 2, axis=-1))
        slope = float(np.polyfit(np.log(grid["width"]), np.log(mean), 1)[0])
        name = f"{activation}, depth {depth}, {dim} dimension(s)"
        slopes[name] = mean
        claims[f"{name}: power of the width in the distance of kernels"] = (
            slope, -0.5 - slack, -0.5 + slack,
        )  # fmt: skip
    claims["depth 0: largest difference to two layers"] = (unchanged(), 0.0, 0.0)
    wide_grid = {
        "activation": ["relu", "tanh"],
        "depth": config["wide_depths"],
        "seed": list(range(config["wide_seeds"])),
    }
    wide = execution.cells(
        "deep_limit_trained", trained_times, wide_grid, {"width": config["wide"]}
    )["ratio"].values
    measured = {}
    for (a, activation), (d, depth) in product(
        enumerate(wide_grid["activation"]), enumerate(wide_grid["depth"])
    ):
        name = f"{activation}, depth {depth}, width {config['wide']}"
        within = _WIDE[depth] if size != "quick" else 0.4
        claims[f"{name}: median of measured over predicted time"] = (
            float(np.median(wide[a, d])), 1 - within, 1 + within,
        )  # fmt: skip
        if config["wide_seeds"] > 1:
            measured[f"{name}: median over tones, by network"] = mean_interval(
                np.median(wide[a, d], axis=-1)
            )
    return Result(
        verdicts(claims),
        config | {"densities": {name: repr(one) for name, one in DENSITIES.items()},
                  "tones": TONES, "stored": "result of multilayer",
                  "rng": "default_rng([width, depth, dimension, activation, seed])"},
        intervals(measured),
        {"times": times, "kernels": slopes, "wide": wide},
    )  # fmt: skip
