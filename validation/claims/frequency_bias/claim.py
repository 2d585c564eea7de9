r"""Which frequencies are learned when: predicted, and trained, for six densities.

A signal of 24 tones of equal amplitude on [-1, 1], half a turn apart, is learned by networks whose
frequencies were drawn from a narrow and a wide normal density, a uniform, a Laplace, a mixture of
two normals, and a density that favours high frequencies. The learning time of a band (two tones)
is the time at which the RMS of its error has halved. A prediction comes from the equation alone,
a measurement from a network of width 65536 trained by gradient descent, all its parameters.

Bands up to 2.5 standard deviations of each density are judged, every seed by itself:

- the median of predicted over measured learning time is within 3 % of one, for each density;
- 95 % of all bands and seeds are within 10 %;
- the bias is what the density makes it. The highest band takes several times longer than the
  lowest under the narrow density, as long under the wide one, and less under the one that
  favours high frequencies: *measured*, not only predicted;
- beyond the support of the uniform density nothing is learned.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Laplace,
    Mixture,
    Normal,
    Uniform,
    compare,
    solve_frequency_pde,
    train,
)
from ntkfreq.problem.density import Density
from validation.engine import Execution, Result, size_of, verdicts
from validation.learning import learned, learning_times, ratio_claims, times_by_case

EDGE_OF_UNIFORM = 50.0
# Name: density, and its standard deviation about zero (of its even part).
CASES: dict[str, tuple[Density, float]] = {
    "narrow normal": (Normal(scale=16.0), 16.0),
    "wide normal": (Normal(scale=120.0), 120.0),
    "uniform": (Uniform(scale=EDGE_OF_UNIFORM), EDGE_OF_UNIFORM / np.sqrt(3.0)),
    "Laplace": (Laplace(scale=14.0), 14.0 * np.sqrt(2.0)),
    "mixture": (Mixture([Normal(scale=6.0), Normal(scale=36.0)]), np.sqrt((36 + 1296) / 2)),
    "favours high": (Normal(loc=75.0, scale=25.0), np.sqrt(75.0**2 + 25.0**2)),
}
TONES = np.pi * np.arange(1, 25)
BANDS = [(float(low - np.pi / 2), float(low + 3 * np.pi / 2)) for low in TONES[::2]]
SIGMA_A, SAMPLES, EDGE = 1.0, 256, 2.5
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"width": 8192, "seeds": 2, "cases": ["narrow normal", "wide normal", "favours high"]},
    "full": {"width": 65536, "seeds": 10, "cases": list(CASES)},
}


def signal() -> tuple[np.ndarray, np.ndarray]:
    """Samples of the tones with phases drawn once, RMS about one."""
    phase = np.random.default_rng(24).uniform(0, 2 * np.pi, TONES.size)
    x = np.linspace(-1.0, 1.0, SAMPLES)
    return x, np.cos(np.outer(x, TONES) + phase).sum(axis=1) / np.sqrt(TONES.size / 2)


def judged(case: str) -> list[tuple[float, float]]:
    """Bands of a density that are compared: up to 2.5 standard deviations, inside its support."""
    edge = min(EDGE * CASES[case][1], EDGE_OF_UNIFORM if case == "uniform" else np.inf)
    return [band for band in BANDS if band[1] <= edge]


def cell(case: str, seed: int, width: int) -> dict[str, Any]:
    """One trained network: learning times of the twelve bands, nan where they are not judged."""
    x, y = signal()
    bands = judged(case)
    return learning_times(
        CASES[case][0],
        x,
        y,
        width=width,
        sigma_a=SIGMA_A,
        rng=np.random.default_rng([width, list(CASES).index(case), seed]),
        bands=bands,
        length=len(BANDS),
    )


def beyond(seed: int, width: int) -> dict[str, float]:
    """Share left of the bands outside the uniform density's support when all inside are learned."""
    x, y = signal()
    density = CASES["uniform"][0]
    solution = solve_frequency_pde(density, (x, y), sigma_a=SIGMA_A)
    inside = max(solution.learning_time(band) for band in judged("uniform"))
    rng = np.random.default_rng([width, len(CASES), seed])
    net = FourierFeatureNet.sample(density, width, sigma_a=SIGMA_A, zero_output=True, rng=rng)
    step_size = 0.25 * solution.max_step_size
    steps = int(np.ceil(4 * inside / step_size))
    both = compare(solution, train(net, x, y, step_size=step_size, steps=steps, kernel_probe=0))
    # One tone beyond the edge is still within reach of the resolution of the data.
    outside = (float(EDGE_OF_UNIFORM + 2 * np.pi), float(TONES[-1] + np.pi / 2))
    predicted, measured = both.remaining([outside])
    return {"predicted": predicted[-1, 0], "measured": measured[-1, 0]}


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Learning times of every density and seed, the bias they show, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    grid = {"case": config["cases"], "seed": list(range(config["seeds"]))}
    constants = {"width": config["width"]}
    data = execution.cells("frequency_bias", cell, grid, constants)
    slack = float(np.sqrt(65536 / config["width"]))
    count = {case: len(judged(case)) for case in config["cases"]}
    predicted, measured = times_by_case(data, count)
    claims = ratio_claims(measured, predicted, slack)
    bias = {case: times[:, -1] / times[:, 0] for case, times in measured.items()}
    windows = {"narrow normal": (5.0, np.inf), "wide normal": (0.8, 1.25), "favours high": (0, 0.5)}
    for case, (low, high) in windows.items():
        name = f"{case}: learning time of the highest over that of the lowest band, measured"
        claims[name] = (float(np.mean(bias[case])), low, high)
    if "uniform" in config["cases"]:
        left = execution.cells("frequency_bias_beyond", beyond, {"seed": grid["seed"]}, constants)
        name = "uniform: share left beyond its support at 4 times the last learning time inside"
        claims[name] = (float(left["measured"].min()), 0.95, np.inf)
    return Result(
        verdicts(claims),
        config
        | {
            "densities": {case: repr(CASES[case][0]) for case in config["cases"]},
            "bands": BANDS,
            "judged": count,
            "samples": SAMPLES,
            "sigma_a": SIGMA_A,
            "optimizer": "gradient descent, full batch; steps in step_size and steps",
            "threshold": "RMS of a band's error spectrum at half of its start",
            "rng": "default_rng([width, number of the density, seed])",
        },
        data=learned(data, predicted, measured),
    )
