r"""Where Adam's training comes to the edge of stability: predicted and trained.

With its mean squares as they are, Adam is stable while its step size times the largest
preconditioned curvature is below 2 (1 + beta1)/(1 - beta1). As gradients fall, mean squares fade
and the sharpness grows until it crosses that edge. Three targets on 32 points, five settings of
Adam; frequencies normal with standard deviation 10, all parameters trained, zero initial output.
Networks are trained by PyTorch's own Adam, and their sharpness is that of their own Jacobian and
Adam's own memory, at every step. A crossing is one that lasts 20 steps, after step 50.

- The predicted step of the crossing is that of networks within 20 %, in the median over runs.
- Networks then stay at the edge: the median sharpness from the crossing on is within 15 % of it.

Spikes of the loss (to more than four times its lowest so far) before and after the crossing are
counted, predicted and trained.
"""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np

from ntkfreq import FourierFeatureNet, SteppedSolution, solve_frequency_pde
from validation.claims.adam_edge.networks import crossing, spikes, train_and_measure
from validation.claims.adam_edge.problem import DENSITY, SETTINGS, TARGETS, samples, values
from validation.engine import Execution, Result, intervals, mean_interval, size_of, verdicts

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "width": 4096, "seeds": 1, "targets": list(TARGETS)[:2],
        "settings": ["beta2 0.99, eta_0 0.25"],
    },
    "full": {
        "width": 4096, "seeds": 5, "targets": list(TARGETS), "settings": list(SETTINGS),
    },
}  # fmt: skip
# A crossing counts that lasts so many steps, after so many.
LASTS, AFTER = 20, 50


def predicted(setting: str, target: str, width: int) -> dict[str, Any]:
    """Step of the crossing, losses and sharpness (steps + 1,) of an infinitely wide network."""
    rule, eta0, steps = SETTINGS[setting]
    with warnings.catch_warnings():
        # Of steps that are too large for learning times.
        warnings.simplefilter("ignore", UserWarning)
        solution = solve_frequency_pde(
            DENSITY,
            (samples(), values(target)),
            optimizer=rule,
            step_size=eta0 / np.sqrt(width),
            width=width,
            steps=np.arange(steps + 1),
            frequencies=[np.pi],
        )
    assert isinstance(solution, SteppedSolution)
    assert solution.path.sharpness is not None
    return {
        "step": float(solution.stats["edge_step"] or np.inf),
        "loss": filled(solution.train_loss),
        "sharpness": filled(solution.path.sharpness),
    }


def filled(row: np.ndarray) -> np.ndarray:
    """A row of a run with NaN to the length of the longest: cells have the same shape."""
    longest = 1 + max(steps for _, _, steps in SETTINGS.values())
    return np.append(row, np.full(longest - len(row), np.nan))


def trained(setting: str, target: str, seed: int, width: int) -> dict[str, Any]:
    """The same of a network."""
    rule, eta0, steps = SETTINGS[setting]
    rng = np.random.default_rng([width, list(TARGETS).index(target), seed])
    net = FourierFeatureNet.sample(DENSITY, width, zero_output=True, rng=rng)
    losses, sharp = train_and_measure(
        net.w[:, 0],
        net.a,
        net.b,
        samples(),
        values(target),
        step_size=eta0 / np.sqrt(width),
        betas=(rule.beta1, rule.beta2),
        epsilon=rule.epsilon,
        steps=steps,
    )
    step = crossing(sharp, edge(setting), AFTER, LASTS)
    return {"step": step, "loss": filled(losses), "sharpness": filled(np.append(0.0, sharp))}


def edge(setting: str) -> float:
    """Largest stable sharpness of a setting."""
    beta = SETTINGS[setting][0].beta1
    return 2 * (1 + beta) / (1 - beta)


def settled(setting: str, step: float, sharp: np.ndarray) -> float:
    """Median sharpness from a crossing on, over the edge; NaN without one."""
    after = sharp[int(step) :] if np.isfinite(step) else sharp[:0]
    after = after[np.isfinite(after)]
    return float(np.median(after)) / edge(setting) if len(after) else np.nan


def counted(step: np.ndarray, loss: np.ndarray, where: np.ndarray) -> dict[str, Any]:
    """Spikes per run up to the crossing `where`, and after it; step (runs,), loss (runs, T)."""
    before = [spikes(one[np.isfinite(one)], end) for one, end in zip(loss, where, strict=True)]
    whole = [spikes(one[np.isfinite(one)], np.inf) for one in loss]
    return {"before": before, "after": np.subtract(whole, before), "crossing": step}


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Crossings, predicted and trained; where the sharpness settles; spikes; the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    grid = {"setting": config["settings"], "target": config["targets"]}
    width = {"width": config["width"]}
    limit = execution.cells("adam_edge_predicted", predicted, grid, width)
    seeds = {"seed": list(range(config["seeds"]))}
    runs = execution.cells("adam_edge_trained", trained, grid | seeds, width)
    ratio = runs["step"].values / limit["step"].values[..., None]
    claims: dict[str, tuple[float, float, float]] = {
        f"crossing of {ratio.size} runs: median |trained over predicted - 1|": (
            float(np.median(np.abs(ratio - 1))), 0.0, 0.2,
        ),
        "crossing: median of trained over predicted": (float(np.median(ratio)), 0.8, 1.2),
    }  # fmt: skip
    names = list(product(range(len(config["settings"])), range(len(config["targets"]))))
    stays = np.array([
        settled(config["settings"][s], one, sharp)
        for s, t in names
        for one, sharp in zip(
            runs["step"].values[s, t], runs["sharpness"].values[s, t], strict=True
        )
    ])  # fmt: skip
    claims["sharpness from the crossing on over the edge: median over runs, trained"] = (
        float(np.nanmedian(stays)), 0.85, 1.15,
    )  # fmt: skip
    flat = limit["loss"].values.reshape(len(names), -1)
    many = runs["loss"].values.reshape(ratio.size, -1)
    where = limit["step"].values.ravel()
    found = {
        "predicted": counted(where, flat, where),
        "trained": counted(runs["step"].values.ravel(), many, runs["step"].values.ravel()),
    }
    measured = {
        f"spikes {when} the crossing, {side}, a run": mean_interval(found[side][when])
        for side, when in product(("predicted", "trained"), ("before", "after"))
    }
    first = (0, 0)
    return Result(
        verdicts(claims),
        config | {"density": repr(DENSITY), "samples": len(samples()),
                  "optimizer": {name: repr(SETTINGS[name][0]) for name in config["settings"]},
                  "step_size": {name: f"{SETTINGS[name][1]} / sqrt(width)"
                                for name in config["settings"]},
                  "rng": "default_rng([width, number of the target, seed])"},
        intervals(measured) if config["seeds"] > 1 else {},
        {
            "predicted": limit["step"].values,
            "trained": runs["step"].values,
            "spikes": found,
            "edge": [edge(name) for name in config["settings"]],
            "shown": {
                "predicted": {k: thin(limit[k].values[first]) for k in ("loss", "sharpness")},
                "trained": {k: thin(runs[k].values[*first, 0]) for k in ("loss", "sharpness")},
            },
        },
    )  # fmt: skip


def thin(row: np.ndarray) -> np.ndarray:
    """A row without what was filled in, to four digits."""
    kept = row[np.isfinite(row)]
    return np.array([float(f"{value:.4g}") for value in kept])
