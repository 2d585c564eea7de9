"""What the learning times of deep networks say: figures a seed, and their means with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from validation.engine import mean_interval

# Pairs of tones whose two-layer times differ by less have no order worth the name.
_APART = 1.2
_ENDS = 2
# Figures that are ratios: mean and interval are those of their logarithm.
_RATIOS = ("bias", "predicted bias", "speed", "own", "reach", "spread")
_BOUNDED = {"rank": -1.0, "pairs": 0.0}
_ARRAYS = ("measured", "predicted", "own", "rate", "two_layer_rate", "drift")
_TABLE = ("rank", "pairs", "rate", "own rate", "drift", *_RATIOS)
_WORDS = {
    "pairs": "share of pairs of tones learned in the two-layer order",
    "rate": "slope of log measured against log two-layer time",
    "bias": "time of the highest over the lowest tones (two layers: {:.3g})",
    "speed": "median of measured over two-layer time",
    "own": "median of measured over own-kernel time",
    "power": "power of the width by which log times leave those of the own kernel",
}

Table = dict[str, dict[str, tuple[float, float, float]]]


def lower_bounds(measured: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Measured times (..., tones), with the end of the run (...) for what was not learned."""
    return np.asarray(np.minimum(measured, end[..., None]))


def pairs_in_order(measured: np.ndarray, predicted: np.ndarray) -> float:
    """Share of pairs in the predicted order, of those predicted more than 20 % apart."""
    first, second = np.triu_indices(predicted.size, 1)
    gap, found = (np.log(times[second] / times[first]) for times in (predicted, measured))
    clear = np.abs(gap) > np.log(_APART)
    return float(np.mean(gap[clear] * found[clear] > 0)) if clear.any() else float("nan")


def end_ratio(values: np.ndarray) -> float:
    """Geometric mean over the two highest tones over that over the two lowest."""
    logs = np.log(values)
    return float(np.exp(logs[-_ENDS:].mean() - logs[:_ENDS].mean()))


def of_one_seed(cell: dict[str, np.ndarray]) -> dict[str, float]:
    """All figures of one network from its arrays (tones,)."""
    measured, predicted, own = (np.log(cell[key]) for key in ("measured", "predicted", "own"))
    ratio = measured - own
    return {
        "rank": float(stats.spearmanr(predicted, measured).statistic),
        "pairs": pairs_in_order(cell["measured"], cell["predicted"]),
        "rate": float(np.polyfit(predicted, measured, 1)[0]),
        "own rate": float(np.polyfit(own, measured, 1)[0]),
        "bias": end_ratio(cell["measured"]),
        "predicted bias": end_ratio(cell["predicted"]),
        "speed": float(np.exp(np.median(measured - predicted))),
        "own": float(np.exp(np.median(ratio))),
        "spread": float(np.sqrt(np.mean(ratio**2))),
        "reach": end_ratio(cell["rate"] / cell["two_layer_rate"]),
        "drift": float(cell["drift"]),
    }


def figures(data: Any) -> dict[str, list[dict[str, float]]]:
    """Figures of every seed, by case: "density, activation, depth, width"."""
    found: dict[str, list[dict[str, float]]] = {}
    dims = ("density", "activation", "depth", "width", "seed")
    arrays = {name: data[name].transpose(*dims, ...).values for name in _ARRAYS}
    end = (data["steps"] * data["step_size"]).transpose(*dims).values
    arrays["measured"] = lower_bounds(arrays["measured"], end)
    for place in np.ndindex(*end.shape):
        labels = (data[dim].values[k] for dim, k in zip(dims[:-1], place, strict=False))
        one = of_one_seed({name: values[place] for name, values in arrays.items()})
        found.setdefault(case_name(*labels), []).append(one)
    return found


def case_name(density: str, activation: str, depth: int, width: int) -> str:
    """Name of a case in the results."""
    return f"{density}, {activation}, depth {depth}, width {width}"


def over_seeds(found: dict[str, list[dict[str, float]]]) -> Table:
    """Mean and 95 % interval of every figure of every case."""
    return {
        case: {name: _mean([one[name] for one in seeds], name) for name in _TABLE}
        for case, seeds in found.items()
    }


def _mean(values: list[float], name: str) -> tuple[float, float, float]:
    if name in _RATIOS:
        middle, low, high = np.exp(mean_interval(np.log(values)))
        return float(middle), float(low), float(high)
    # The order is undefined where no two predicted times are apart.
    if not np.isfinite(values).all():
        return float("nan"), float("nan"), float("nan")
    middle, low, high = mean_interval(values)
    if name in _BOUNDED:
        return middle, max(low, _BOUNDED[name]), min(high, 1.0)
    return middle, low, high


def median_ratio(data: Any) -> float:
    """Median over everything of the measured over the two-layer time."""
    return float(np.median((data["measured"] / data["predicted"]).values))


def own_distance(data: Any) -> dict[str, Any]:
    """RMS over tones of log measured over own-kernel time, by activation and width."""
    found = figures(data)
    widths, table = data["width"].values, {}
    for activation in data["activation"].values:
        spread = np.array(
            [
                [one["spread"] for case, seeds in found.items() for one in seeds
                 if f", {activation}, " in case and case.endswith(f"width {width}")]
                for width in widths
            ]
        )  # fmt: skip
        # One slope a seed: the networks of all widths and seeds are drawn independently.
        slopes = np.polyfit(np.log(widths), np.log(spread), 1)[0]
        table[str(activation)] = {
            "width": widths,
            "spread": [np.exp(mean_interval(np.log(row))) for row in spread],
            "slope": mean_interval(slopes),
        }
    return table


def headline(
    table: Table, found: dict[str, list[dict[str, float]]], distance: dict[str, Any]
) -> dict[str, tuple[float, float, float]]:
    """The figures that a reader needs first; the first activation has two depths, others one."""
    labels = {case: case.split(", ") for case in table if ", depth 0," not in case}
    activations = list(dict.fromkeys(label[1] for label in labels.values()))
    depths = sorted({label[2] for label in labels.values()})
    chosen: dict[str, tuple[float, float, float]] = {}
    for case, (density, activation, depth, _) in labels.items():
        row = table[case]
        if depth == depths[-1] or (depth in depths[1:2] and activation == activations[0]):
            # The wide density predicts no order and no slope.
            names = ("bias", "speed") if density == "wide" else ("pairs", "rate", "bias", "speed")
            for name in names:
                chosen[f"{case}: {_WORDS[name].format(row['predicted bias'][0])}"] = row[name]
    for activation, row in distance.items():
        for depth in depths[-1:]:
            chosen[f"{activation}, {depth}, all densities: {_WORDS['own']}"] = _pooled(
                [found[case] for case in labels if labels[case][1:3] == [activation, depth]]
            )
        chosen[f"{activation}, narrow, depth 2: {_WORDS['power']}"] = row["slope"]
    return chosen


def _pooled(cases: list[list[dict[str, float]]]) -> tuple[float, float, float]:
    """Measured over own-kernel time, its logarithm averaged over cases for every seed."""
    logs = np.mean([[np.log(one["own"]) for one in seeds] for seeds in cases], axis=0)
    middle, low, high = np.exp(mean_interval(logs))
    return float(middle), float(low), float(high)


def curves(data: Any) -> dict[str, Any]:
    """What is drawn, five digits: times and rates by density, activation, depth (seeds, tones)."""
    dims = ("density", "activation", "depth", "seed")
    one_width = data.isel(width=0)
    arrays = {name: one_width[name].transpose(*dims, ...).values for name in _ARRAYS}
    end = (one_width["steps"] * one_width["step_size"]).transpose(*dims).values
    unlearned = int(np.sum(~np.isfinite(arrays["measured"])))
    arrays["measured"] = lower_bounds(arrays["measured"], end)
    # The two-layer times know the network only by its step size.
    for name in ("predicted", "two_layer_rate", "rate"):
        arrays[name] = arrays[name].mean(axis=3)
    return {name: _short(values) for name, values in arrays.items()} | {
        "unlearned": unlearned,
        "end": _short(end),
    }


def _short(values: np.ndarray) -> np.ndarray:
    return np.array([float(f"{value:.5g}") for value in values.ravel()]).reshape(values.shape)
