r"""Under Adam time goes as amplitude over density: the bias depends on how the spectrum falls.

Eight tones πk, k = 1...8, at 64 samples of [-1, 1]; their amplitudes are k, all equal, 1/k or
1/k^2, scaled to a mean square of one. Frequencies normal with standard deviation 10 or 40, all
parameters trained, zero initial output, Adam steps of 0.05 width^(-1/2). Each target once of sines
and once with random phases, drawn anew for every network. The bias of a problem is the time of its
two highest tones over that of its two lowest (steps until the magnitude of the error's spectrum at
the tone is half of its start; geometric means).

- Predicted step by step, the bias is that of trained networks of width 16384 within 8 %, in each of
  the 16 problems, in the geometric mean over seeds. So is that of gradient descent, by the
  equation.
- Of sines, from amplitudes k to 1/k, the bias of Adam goes like the first power of the ratio of the
  amplitudes, within 0.1, that of gradient descent like the power 0 at any phases: under the wide
  density Adam learns the weak tones first, in less than half of the time. With random phases its
  power is measured: less, since side lobes of strong tones reach the weak ones. At 1/k² they
  exceed the last tones, and the rule of thumb fails. The prediction knows.
- On a line 15 windows long each way, with frozen frequencies, the law of single frequencies gives
  the times of the recursion within 1 %, real and imaginary part apart. Half of a part is learned
  after 0.55 amplitude / (eta_0 2π density) steps within 8 %, from 10 to 10^4 of these.

Prediction and networks are computed apart, and meet where their times are divided.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ntkfreq import FourierFeatureNet, solve_frequency_pde, train
from validation.claims.adam_bias import line
from validation.claims.adam_bias.problem import (
    ETA0,
    FALLS,
    PHASES,
    POWERS,
    RULES,
    STDS,
    STEP,
    TONES,
    amplitudes,
    density,
    samples,
    target,
    training,
)
from validation.claims.adam_bias.times import half_steps, highest_over_lowest
from validation.engine import (
    Execution,
    Measurement,
    Result,
    intervals,
    mean_interval,
    size_of,
    verdicts,
)

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "width": 2048, "seeds": 1, "stds": [10.0], "powers": [0, -1], "phases": PHASES[1:],
        "draws": 1, "eta0_line": 0.02,
    },
    "full": {
        "width": 16384, "seeds": 8, "stds": STDS, "powers": POWERS, "phases": PHASES,
        "draws": 4, "eta0_line": 0.005,
    },
}  # fmt: skip


def predicted(
    rule: str, std: float, power: int, phases: str, seed: int, width: int
) -> dict[str, Any]:
    """Steps to halve each tone, of an infinitely wide network."""
    options = training(rule, std, power, width)
    steps = np.arange(options["steps"] + 1)
    if RULES[rule].normalized:
        options["width"] = width
    solution = solve_frequency_pde(
        density(std), (samples(), target(power, phases, seed)), **options | {"steps": steps}
    )
    return {"steps": half_steps(steps, solution.data_spectrum)}


def trained(
    rule: str, std: float, power: int, phases: str, seed: int, width: int
) -> dict[str, Any]:
    """The same of a trained network."""
    options = training(rule, std, power, width)
    rng = np.random.default_rng([width, int(std), power + 2, PHASES.index(phases), seed])
    net = FourierFeatureNet.sample(density(std), width, zero_output=True, rng=rng)
    history = train(
        net,
        samples(),
        target(power, phases, seed),
        record=np.arange(options["steps"] + 1),
        kernel_probe=0,
        **options,
    )
    return {"steps": half_steps(history.step, history.data_spectrum)}


def over_density(std: float, power: int) -> np.ndarray:
    """Amplitude over eta_0 2π density of each tone (8,), the a of the law on a line."""
    return np.asarray(amplitudes(power) / (ETA0 * 2 * np.pi * density(std).even_pdf(TONES)))


def ratio_of_amplitudes(power: int) -> float:
    """That of the two highest tones over that of the two lowest, geometric means."""
    return float(highest_over_lowest(amplitudes(power)))


def named(grid: dict[str, list[Any]], std: int, power: int, phases: int) -> str:
    """A problem in words, from its places in the grid."""
    return f"N(0, {grid['std'][std]:g}²), {FALLS[grid['power'][power]]}, {grid['phases'][phases]}"


def compared(
    grid: dict[str, list[Any]], bias: dict[str, np.ndarray], slack: float
) -> dict[str, tuple[float, float, float]]:
    """Claims that the biases agree, trained over predicted, in the geometric mean over seeds."""
    ratio = np.exp(np.mean(np.log(bias["trained"] / bias["predicted"]), axis=-1))
    within = 0.08 * slack
    claims = {}
    for place in np.ndindex(ratio.shape[1:]):
        name = f"Adam, {named(grid, *place)}: bias, trained over predicted"
        claims[name] = (float(ratio[0][place]), 1 - within, 1 + within)
    off = float(np.abs(ratio[1] - 1).max())
    claims["gradient descent, all problems: largest |bias, trained over predicted - 1|"] = (
        off, 0.0, within,
    )  # fmt: skip
    return claims


def powers(grid: dict[str, list[Any]], bias: np.ndarray) -> Any:
    """Powers of the ratio of amplitudes with which biases go from k to 1/k, a network each.

    Yields rule, std, kind of phases, powers (S,).
    """
    some = [k for k, power in enumerate(grid["power"]) if power >= -1]
    log_ratio = np.log([ratio_of_amplitudes(grid["power"][k]) for k in some])
    for (r, rule), (s, std) in product(enumerate(grid["rule"]), enumerate(grid["std"])):
        for p, phases in enumerate(grid["phases"]):
            yield rule, std, phases, np.polyfit(log_ratio, np.log(bias[r, s, some, p]), 1)[0]


def judged(grid: dict[str, list[Any]], bias: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Claims about trained biases: the power of the amplitudes, and that weak tones come first."""
    claims = {}
    for rule, std, phases, found in powers(grid, bias):
        # With random phases side lobes count under Adam: its power is measured.
        if rule == "Adam" and phases != "sines":
            continue
        law = 1.0 if rule == "Adam" else 0.0
        name = f"{rule}, N(0, {std:g}²), {phases}: power of the amplitudes in the bias, k to 1/k"
        claims[name] = (float(found.mean()), law - 0.1, law + 0.1)
    fallen = np.exp(np.mean(np.log(bias[0, -1, grid["power"].index(-1)]), axis=-1))
    name = f"Adam, N(0, {grid['std'][-1]:g}²), amplitudes 1/k, any phases: largest bias, trained"
    claims[name] = (float(fallen.max()), 0.0, 0.5)
    return claims


def measured(grid: dict[str, list[Any]], bias: np.ndarray) -> dict[str, Measurement]:
    """Trained biases and their power, mean over seeds and interval, phases drawn for each seed."""
    found = {}
    for rule, std, phases, several in powers(grid, bias):
        if rule == "Adam" and phases != "sines":
            name = (
                f"{rule}, N(0, {std:g}²), {phases}: power of the amplitudes in the bias, k to 1/k"
            )
            found[name] = mean_interval(several)
    last = len(grid["phases"]) - 1
    for (r, rule), s, p in product(
        enumerate(grid["rule"]), range(bias.shape[1]), range(bias.shape[2])
    ):
        name = f"{rule}, {named(grid, s, p, last)}: time of the highest over the lowest tones"
        found[name] = tuple(np.exp(mean_interval(np.log(bias[r, s, p, last]))))
    return intervals(found)


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Times of every problem, predicted and trained; their quotients; the law; the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    grid = {
        "rule": list(RULES),
        "std": list(config["stds"]),
        "power": list(config["powers"]),
        "phases": list(config["phases"]),
        "seed": list(range(config["seeds"])),
    }
    width = {"width": config["width"]}
    times = {
        "predicted": execution.cells("adam_bias_predicted", predicted, grid, width)["steps"],
        "trained": execution.cells("adam_bias_trained", trained, grid, width)["steps"],
    }
    # Axes: rule, std, power, phases, seed.
    bias = {side: highest_over_lowest(found.values) for side, found in times.items()}
    claims = compared(grid, bias, float(np.sqrt(SIZES["full"]["width"] / config["width"])))
    if len(config["powers"]) > 2:
        claims |= judged(grid, bias["trained"])
    law = execution.cells(
        "adam_bias_line",
        line.along_the_line,
        {"draw": list(range(config["draws"]))},
        {"eta0": config["eta0_line"]},
    )
    off = np.nanmax(np.abs(law["law"].values / law["recursion"].values - 1))
    claims["line of 15 windows: largest |time by the law over that of the recursion - 1|"] = (
        float(off), 0.0, 0.01,
    )  # fmt: skip
    half = line.half_times()
    claims["largest |half-time over 0.55 amplitude / (eta_0 2 pi density) - 1|"] = (
        float(np.abs(half / line.HALF - 1).max()), 0.0, 0.08,
    )  # fmt: skip
    return Result(
        verdicts(claims),
        config
        | {
            "optimizer": {name: repr(rule) for name, rule in RULES.items()},
            "step_size": {"Adam": f"{ETA0} / sqrt(width)", "gradient descent": STEP},
            "threshold": "magnitude of the error's spectrum at a tone at half of its start",
            "rng": "default_rng([width, std, power + 2, number of the kind of phases, seed])",
        },
        measured(grid, bias["trained"]) if config["seeds"] > 1 else {},
        {
            "axes": ["rule", "std", "power", "phases", "seed"],
            "predicted": np.round(times["predicted"].values, 3),
            "trained": np.round(times["trained"].values, 3),
            "amplitude_over_density": {
                f"{std:g}": {f"{power}": over_density(std, power) for power in grid["power"]}
                for std in grid["std"]
            },
            "amplitude_ratio": [ratio_of_amplitudes(power) for power in grid["power"]],
            "half_times": {"a": line.AMPLITUDES_OVER_DENSITY, "steps_over_a": half},
            "line": {side: law[side].values for side in ("law", "recursion")},
        },
    )
