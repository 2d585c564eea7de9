r"""Deep networks as people train them: Adam, PyTorch's defaults, a photograph.

No limit of deep networks under Adam is known here. What is predicted for gradient descent, and what
Adam does on the linearization of a drawn network, is laid beside trained networks; most figures are
measured and not claimed.

Rectifier networks of 2 to 4 hidden layers of 256 units on 128 frozen frequencies, in PyTorch's
default parametrization and initialization, learn every second pixel of the photograph "camera" (64
x 64) by Adam, learning rate 1e-3, from all pixels at once. Frequencies are normal with 1, 3 or 12
cycles a picture. Bands of the training error, the other pixels as test. Predicted is gradient flow
by the two-layer equation, by wide hidden layers in the NTK parametrization (`depth=`), by wide
hidden layers with the variances and rates of PyTorch's defaults, and by these on the very features
that each network has.

Controls, on eight tones: gradient descent in the NTK parametrization follows the limit, and so does
the linearization in PyTorch's defaults; the networks themselves do not.

Adam on the linearization (`train_linearized`): where the departure stays below 0.15, as it does in
the NTK parametrization, half-times are those of the trained network.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from validation.claims.deep_practice.picture import (
    EDGES,
    METHODS,
    SCALES,
    fitted,
    predicted,
    predicted_for_draw,
)
from validation.claims.deep_practice.statistics import (
    across_seeds,
    decibels,
    medians_known,
    pairs_in_order,
    spread,
)
from validation.claims.deep_practice.tones import SPECTRA, descent, linearized
from validation.engine import Execution, Result, intervals, size_of, verdicts

Row = tuple[float, float, float]
PARAMETRIZATIONS = ("ntk", "default")
NAMES = {"ntk": "NTK parametrization", "default": "PyTorch's defaults"}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "seeds": 2, "depths": [2], "control_width": 256, "widths": [256], "rates": [1e-3],
        "scales": ["narrow", "wide"], "width": 64, "pixels": 32, "steps": 60, "linear_steps": 12,
    },
    "full": {
        "seeds": 5, "depths": [2, 3, 4], "control_width": 1024, "widths": [256, 1024],
        "rates": [1e-3, 1e-4], "scales": list(SCALES), "width": 256, "pixels": 64, "steps": 800,
        "linear_steps": 150,
    },
}  # fmt: skip
# The departure up to which Adam on the linearization is a prediction, and how good it is then.
CALM, WITHIN = 0.15, 0.15


def controls(
    config: dict[str, Any], cells: Any, slack: float
) -> tuple[dict[str, Row], dict[str, Row]]:
    """Gradient descent on tones: claims where the limit holds, measured where it does not."""
    claims: dict[str, Row] = {}
    measured: dict[str, Row] = {}
    for (p, name), (d, depth) in product(enumerate(PARAMETRIZATIONS), enumerate(config["depths"])):
        start = f"gradient descent, {NAMES[name]}, {depth} layers of {config['control_width']}"
        known, linear = (cells[kind].values[p, d] for kind in ("trained", "linear"))
        judged, what = (known, "measured") if name == "ntk" else (linear, "linearized")
        claims[f"{start}: median of {what} over predicted half-time"] = (
            float(np.median(judged)), 1 - slack, 1 + slack,
        )  # fmt: skip
        if name == "default":
            measured[f"{start}: measured over predicted half-time, median by network"] = (
                across_seeds(np.median(known, axis=-1))
            )
    return claims, measured


def by_linearization(
    config: dict[str, Any], cells: Any
) -> tuple[dict[str, Row], dict[str, Row], list[dict[str, Any]]]:
    """Adam on the linearization beside Adam: claims where it is calm, ratios by setting."""
    known, found = cells["trained"].values, cells["linear"].values
    with np.errstate(invalid="ignore"):
        ratio = np.where(np.isfinite(known), found / known, np.nan)
    calm = cells["departure"].values <= CALM
    inside = np.abs(ratio[calm] - 1) <= WITHIN
    claims: dict[str, Row] = {
        f"Adam on the linearization, departure at most {CALM:g}: share of {inside.size} half-times "
        f"within {100 * WITHIN:g} %": (float(inside.mean()), 0.9, np.inf),
    }
    measured: dict[str, Row] = {}
    rows: list[dict[str, Any]] = []
    places = product(
        enumerate(PARAMETRIZATIONS), enumerate(config["widths"]), enumerate(config["rates"]),
        enumerate(config["depths"]),
    )  # fmt: skip
    for (p, name), (w, width), (r, rate), (d, depth) in places:
        # Rows of seeds: all spectra and tones of one network's draw together.
        part = np.moveaxis(ratio[p, w, r, d], 0, 1).reshape(config["seeds"], -1)
        middle = medians_known(part)
        rows.append({
            "parametrization": name, "width": width, "rate": rate, "depth": depth,
            "median": medians_known(part.reshape(1, -1))[0],
            "median_off": medians_known(np.abs(part - 1).reshape(1, -1))[0],
            "departure": np.median(cells["departure"].values[p, w, r, d]),
            "calm": float(calm[p, w, r, d].mean()),
        })  # fmt: skip
        setting = f"{NAMES[name]}, {depth} layers of {width}, Adam {rate:g}"
        measured[f"{setting}: linearized over measured half-time, median by network"] = (
            across_seeds(middle)
        )
    for w, width in enumerate(config["widths"]):
        off = np.abs(ratio[PARAMETRIZATIONS.index("ntk"), w] - 1)
        claims[f"Adam on the linearization, {NAMES['ntk']}, width {width}: median off"] = (
            float(medians_known(off.reshape(1, -1))[0]), 0.0, 0.05,
        )  # fmt: skip
    return claims, measured, rows


def expectations(limits: Any, drawn: Any) -> dict[str, np.ndarray]:
    """Predictions by method, density, depth and seed; most are the same for all seeds."""
    found = {}
    for name in ("half", "best", "last", "stop"):
        # (S, D, M, ...) to (M, S, D, 1, ...)
        shared = np.moveaxis(limits[name].values, 2, 0)[:, :, :, None]
        own = drawn[name].values
        shape = (len(METHODS) - 1, *own.shape)
        found[name] = np.concatenate([np.broadcast_to(shared, shape), own[None]])
    return found


def of_picture(
    config: dict[str, Any], cells: Any, expected: dict[str, np.ndarray]
) -> tuple[dict[str, Row], dict[str, Any]]:
    """The photograph: order of bands, learning times, best test error, best time to stop."""
    half = np.minimum(cells["half"].values, config["steps"])
    best, last, stop = (cells[name].values for name in ("best", "last", "stop"))
    measured: dict[str, Row] = {}
    for m, method in enumerate(METHODS):
        times = expected["half"][m]
        measured[f"photograph, {method}: share of pairs of bands in the predicted order"] = (
            across_seeds(pairs_in_order(half, times).mean(axis=(0, 1)))
        )
        order = pairs_in_order(np.moveaxis(best, 0, -1), np.moveaxis(expected["best"][m], 0, -1))
        measured[f"photograph, {method}: share of pairs of densities in the predicted order"] = (
            across_seeds(order.mean(axis=0))
        )
        for s, scale in enumerate(config["scales"]):
            start = f"photograph, {scale}, {method}"
            if np.isfinite(times[s]).all():
                ratio = spread(half[s]) / spread(times[s])
                measured[f"{start}: highest over lowest band, measured over predicted"] = (
                    across_seeds(np.prod(ratio, axis=0) ** (1 / len(ratio)))
                )
    for (s, scale), (d, depth) in product(enumerate(config["scales"]), enumerate(config["depths"])):
        for m in (1, 3):
            gap = decibels(best[s, d]) - decibels(expected["best"][m, s, d])
            start = f"photograph, {scale}, {depth} layers, {METHODS[m]}"
            measured[f"{start}: best PSNR, measured less predicted (dB)"] = across_seeds(gap)
    for s, scale in enumerate(config["scales"]):
        # The time is 0 where the first output is the best.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = stop[s] / expected["stop"][3, s]
        measured[f"photograph, {scale}: time to stop, measured over predicted"] = across_seeds(
            np.prod(ratio, axis=0) ** (1 / len(ratio))
        )
        gained = (decibels(best[s]) - decibels(last[s])).mean(axis=0)
        measured[f"photograph, {scale}: gained by stopping (dB)"] = across_seeds(gained)
    linear = cells["linear"].values
    seen = np.isfinite(linear) & (half <= config["linear_steps"])
    for d, depth in enumerate(config["depths"]):
        part = np.where(seen, linear / half, np.nan)[:, d].transpose(1, 0, 2)
        measured[
            f"photograph, {depth} layers: linearized over measured half-time, bands reached"
        ] = across_seeds(medians_known(part.reshape(config["seeds"], -1)))
    level = 20 * np.log10(255 / grey_scale(config["pixels"]))
    return measured, {
        "half": half, "best_psnr": decibels(best) + level, "last_psnr": decibels(last) + level,
        "stop": stop, "departure": cells["departure"].values,
        "predicted_half": expected["half"],
        "predicted_psnr": decibels(expected["best"]) + level,
        "predicted_last_psnr": decibels(expected["last"]) + level,
        "predicted_stop": expected["stop"],
    }  # fmt: skip


def grey_scale(pixels: int) -> float:
    """Standard deviation of the photograph's grey values, of 0 to 255."""
    from skimage import data

    block = data.camera().shape[0] // pixels
    grey = data.camera().astype(float).reshape(pixels, block, pixels, block).mean(axis=(1, 3))
    return float(grey.std())


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Tones and the photograph, trained and predicted."""
    config, execution = size_of(SIZES, size), execution or Execution()
    seeds, depths = list(range(config["seeds"])), list(config["depths"])
    grid: dict[str, Any] = {"parametrization": list(PARAMETRIZATIONS), "depth": depths}
    tones = execution.cells(
        "deep_practice_descent", descent, grid | {"seed": seeds}, {"width": config["control_width"]}
    )
    grid = {"parametrization": list(PARAMETRIZATIONS), "width": list(config["widths"]),
            "rate": list(config["rates"]), "depth": depths, "spectrum": list(SPECTRA),
            "seed": seeds}  # fmt: skip
    lines = execution.cells("deep_practice_linearized", linearized, grid)
    constants = {name: config[name] for name in ("width", "pixels")}
    grid = {"scale": list(config["scales"]), "depth": depths}
    more = {"steps": config["steps"], "linear": config["linear_steps"]}
    fits = execution.cells("deep_practice_fitted", fitted, grid | {"seed": seeds}, constants | more)
    expected = expectations(
        execution.cells(
            "deep_practice_predicted", predicted, grid | {"method": list(METHODS[:-1])}, constants
        ),
        execution.cells(
            "deep_practice_drawn", predicted_for_draw, grid | {"seed": seeds}, constants
        ),
    )
    # Two narrow networks are a quarter and more off the limit.
    claims, measured = controls(config, tones, 0.1 if size != "quick" else 0.4)
    more_claims, ratios, rows = by_linearization(config, lines)
    pictured, data = of_picture(config, fits, expected)
    return Result(
        verdicts(claims | more_claims),
        config | {"data": "skimage.data.camera(), block averages, chessboard", "bands": EDGES,
                  "cycles": SCALES, "methods": METHODS, "optimizer": "torch.optim.Adam",
                  "rng": "default_rng([width, depth, number of the setting, seed])"},
        intervals(measured | ratios | pictured),
        {"linearized": rows, "picture": data},
    )  # fmt: skip
