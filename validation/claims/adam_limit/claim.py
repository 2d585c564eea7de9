r"""Networks under Adam and its relatives reach their prediction like width^(-1/2).

32 samples of three tones π, 3π, 5π of amplitudes 1, 0.3, 0.1 on [-1, 1], frequencies normal with
standard deviation 10, 200 steps of size 0.05 width^(-1/2). The prediction is the closed recursion
of an infinitely wide network, without a free parameter; it is computed apart from the networks,
and they meet where their outputs are subtracted. Errors are root mean squares over the samples
relative to that of the target. Eight networks of each width from 2^8 to 2^17; four of each rule.

- Under Adam the error over all recorded steps and seeds (root mean square) falls with the width
  like a power -1/2 within 0.1, with all parameters trained and with frozen frequencies.
- At width 65536 the error of each network is below 1 % at every recorded step for every rule that
  remembers gradients: Adam, also with a shorter memory, ε sqrt(width) = 1, a schedule, batches in a
  given order, the network's own initial output; AdamW with decay of the outer and of all weights;
  RMSProp with steps of a tenth of that (its first step is ten times as long, and beyond the edge of
  stability the prediction is right in its order of magnitude only); heavy ball, Nesterov, gradient
  descent in batches.
- Rules of signs step to and fro once the loss is small, and networks do so otherwise than
  predicted: the error over the steps is at most 5 % for each network. How it goes with the width,
  and the largest at a single step, is measured.
- In two dimensions, 10 x 10 samples of plane waves, std 5: below 1.5 %, the nodes of the prediction
  leaving less than 0.3 %.
- The loss between 16 samples under AdamW, from an own initial output with σ_a = 2, is that
  predicted within 3 % until it has fallen 1000-fold, in the mean over four networks.
- With frozen frequencies a network of any width *is* the recursion on its own frequencies: 1e-10.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ntkfreq import Adam, AdamW, SteppedSolution, solve_frequency_pde, train
from validation.claims.adam_limit import decaying
from validation.claims.adam_limit.problem import (
    ADAM,
    DENSITY,
    ETA0,
    PLANE,
    REMEMBERING,
    SIGNS,
    STEPS,
    TRAININGS,
    Training,
    network,
    records,
    samples,
    square,
)
from validation.engine import (
    Execution,
    Result,
    intervals,
    mean_interval,
    size_of,
    verdicts,
)

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "widths": [2**k for k in range(8, 12)], "width": 2**11, "sign_widths": [2**8, 2**11],
        "seeds": 2, "rule_seeds": 2, "own_widths": [64], "rtol": 2e-3,
    },
    "full": {
        "widths": [2**k for k in range(8, 18)], "width": 2**16,
        "sign_widths": [2**k for k in (10, 12, 14, 16)],
        "seeds": 8, "rule_seeds": 4, "own_widths": [256, 1024], "rtol": 2e-4,
    },
}  # fmt: skip
# The distance is judged where all parameters are trained, and where w is frozen.
JUDGED = ("Adam", "Adam, w frozen")
# Frozen frequencies: a network is the recursion on its own, whatever the rule.
OWN = {
    "Adam": Training(ADAM, frozen=True),
    "Adam, epsilon 1e-8": Training(Adam(epsilon=1e-8), frozen=True),
    "Adam, batches of 8": Training(ADAM, batches=True, frozen=True),
    "AdamW, random f_0": Training(AdamW(epsilon=0.0), decay=(0.01, 0.0), started=True, frozen=True),
}


def predicted(
    training: Training, x: np.ndarray, y: np.ndarray, width: int, seed: int, **options: Any
) -> SteppedSolution:
    """The prediction: of a network it knows the width and, where that is not zero, f_0."""
    density = PLANE if x.ndim > 1 else DENSITY
    found = solve_frequency_pde(
        density,
        (x, y),
        sigma_a=0.0 if training.frozen else training.sigma_a,
        initial_output=network(training, density, width, seed) if training.started else None,
        width=width,
        steps=records(STEPS),
        frequencies=np.zeros((1, density.dim)),
        **training.options(width, STEPS, len(x)) | options,
    )
    assert isinstance(found, SteppedSolution)
    return found


@lru_cache
def limit(rule: str, width: int, seed: int, rtol: float) -> np.ndarray:
    """Predicted outputs (T, N) at the samples."""
    x, y = samples()
    return predicted(TRAININGS[rule], x, y, width, seed, rtol=rtol).output(x)


def trained(training: Training, x: np.ndarray, y: np.ndarray, width: int, seed: int) -> np.ndarray:
    """Recorded outputs (T, N) of the trained network."""
    density = PLANE if x.ndim > 1 else DENSITY
    history = train(
        network(training, density, width, seed),
        x,
        y,
        steps=STEPS,
        record=records(STEPS),
        freeze_frequencies=training.frozen,
        frequencies=np.zeros((1, density.dim)),
        kernel_probe=0,
        **training.options(width, STEPS, len(x)),
    )
    return history.train_output


def distance(rule: str, width: int, seed: int, rtol: float) -> dict[str, Any]:
    """Error at every record (T,), root mean square over samples relative to that of the target."""
    x, y = samples()
    training = TRAININGS[rule]
    # Without f_0 the limit is the same at every width and for every network.
    expected = limit(rule, *((width, seed) if training.started else (1, 0)), rtol)
    return {"off": relative(trained(training, x, y, width, seed) - expected, y)}


def distance_in_the_plane(width: int, seed: int) -> dict[str, Any]:
    """The same in two dimensions, with the error that the nodes of the prediction leave."""
    x, y = square()
    limit = predicted(TRAININGS["Adam"], x, y, width, seed)
    return {
        "off": relative(trained(TRAININGS["Adam"], x, y, width, seed) - limit.output(x), y),
        "nodes": limit.stats["estimated_error"],
    }


def distance_on_own_nodes(rule: str, width: int) -> dict[str, Any]:
    """Largest difference from the recursion on the network's own frequencies, w frozen."""
    x, y = samples()
    training = OWN[rule]
    limit = predicted(training, x, y, width, 0, initial=network(training, DENSITY, width, 0))
    return {"off": float(np.abs(trained(training, x, y, width, 0) - limit.output(x)).max())}


def relative(errors: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Root mean square of errors (T, N) over samples, relative to that of y, (T,)."""
    return np.asarray(np.sqrt(np.mean(errors**2, axis=1) / np.mean(y**2)))


def over_steps(error: np.ndarray) -> np.ndarray:
    """Root mean square over records, the last axis, without the start."""
    return np.asarray(np.sqrt(np.mean(error[..., 1:] ** 2, axis=-1)))


def slope_of(widths: list[int], error: np.ndarray) -> float:
    """Power of the width with which errors (W,) go."""
    return float(np.polyfit(np.log(widths), np.log(error), 1)[0])


def width_claims(
    widths: list[int], error: np.ndarray, within: float
) -> dict[str, tuple[float, float, float]]:
    """Claims about the power of the width; error (rules, W, S) over the steps."""
    found = {}
    for rule, rows in zip(JUDGED, error, strict=True):
        slope = slope_of(widths, np.sqrt(np.mean(rows**2, axis=1)))
        found[f"{rule}: power of the width in the error over the steps"] = (
            slope, -0.5 - within, -0.5 + within,
        )  # fmt: skip
    return found


def of_signs(widths: list[int], error: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Of each rule of signs the power of the width and the largest error, means over networks."""
    found = {}
    for rule, rows in zip(SIGNS, error, strict=True):
        slopes = [slope_of(widths, one) for one in over_steps(rows).T]
        found[f"{rule}: power of the width in the error over the steps"] = mean_interval(slopes)
        name = f"{rule}: largest error over steps, width {widths[-1]}"
        found[name] = mean_interval(rows[-1].max(axis=-1))
    return found


def decay_claim(execution: Execution, grid: dict[str, Any], slack: float) -> tuple[Any, Any]:
    """Claim about the loss between samples, and the mean losses, predicted and trained (2, T)."""
    sides = {
        name: execution.cells(f"adam_limit_decay_{name}", function, grid)["losses"].values
        for name, function in (("predicted", decaying.predicted), ("trained", decaying.trained))
    }
    mean = {name: losses[0].mean(axis=0) for name, losses in sides.items()}
    between = mean["predicted"][1]
    ratio = (mean["trained"][1] / between)[between >= between[0] / 1000]
    name = "AdamW, 16 samples: largest |loss between them, trained over predicted - 1|"
    return {name: (float(np.abs(ratio - 1).max()), 0.0, 0.03 * slack)}, mean


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Errors against the width, of every rule, in the plane, between samples; the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    width, seeds, few = config["width"], range(config["seeds"]), range(config["rule_seeds"])
    # What the nodes of the prediction may leave, small beside what networks do.
    rtol = {"rtol": config["rtol"]}
    slack = float(np.sqrt(SIZES["full"]["width"] / width))
    widths = {"rule": list(JUDGED), "width": config["widths"], "seed": list(seeds)}
    error = execution.cells("adam_limit_widths", distance, widths, rtol)["off"].values
    claims = width_claims(config["widths"], over_steps(error), 0.1 if size != "quick" else 0.2)
    one = {"width": [width], "seed": list(few)}
    rules = execution.cells("adam_limit_rules", distance, {"rule": list(REMEMBERING), **one}, rtol)
    most = dict(zip(REMEMBERING, rules["off"].values.max(axis=(1, 2, 3)), strict=True))
    for rule, value in most.items():
        claims[f"{rule}: largest error over steps, width {width}"] = (value, 0.0, 0.01 * slack)
    grid = {"rule": list(SIGNS), "width": config["sign_widths"], "seed": list(few)}
    signs = execution.cells("adam_limit_signs", distance, grid, rtol)["off"].values
    for rule, rows in zip(SIGNS, over_steps(signs)[:, -1], strict=True):
        claims[f"{rule}: error over the steps, width {width}"] = (rows.max(), 0.0, 0.05)
    most |= dict(zip(SIGNS, signs[:, -1].max(axis=(1, 2)), strict=True))
    plane = execution.cells("adam_limit_plane", distance_in_the_plane, one)
    claims[f"Adam, two dimensions: largest error over steps, width {width}"] = (
        float(plane["off"].max()), 0.0, 0.015 * slack,
    )  # fmt: skip
    claims["Adam, two dimensions: estimated error of the nodes"] = (
        float(plane["nodes"].max()), 0.0, 0.003,
    )  # fmt: skip
    decay, losses = decay_claim(execution, one, slack)
    own = execution.cells(
        "adam_limit_own", distance_on_own_nodes, {"rule": list(OWN), "width": config["own_widths"]}
    )
    claims |= decay
    claims["w frozen, own frequencies as nodes: largest difference of outputs, any rule"] = (
        float(own["off"].max()), 0.0, 1e-10,
    )  # fmt: skip
    return Result(
        verdicts(claims),
        config | {"density": repr(DENSITY), "plane": repr(PLANE), "samples": len(samples()[0]),
                  "steps": STEPS, "optimizer": {name: repr(one) for name, one in TRAININGS.items()},
                  "step_size": f"{ETA0} / sqrt(width)",
                  "rng": "default_rng([width, dimension, seed])"},
        intervals(of_signs(config["sign_widths"], signs)),
        {"step": records(STEPS), "over_steps": over_steps(error),
         "error": np.sqrt(np.mean(rules["off"].values[:, 0] ** 2, axis=1)),
         "largest": most, "signs": over_steps(signs),
         "rules_over_steps": over_steps(rules["off"].values[:, 0]),
         "sign_error": np.sqrt(np.mean(signs[:, -1] ** 2, axis=1)),
         "decaying": {"step": records(decaying.STEPS), **losses}},
    )  # fmt: skip
