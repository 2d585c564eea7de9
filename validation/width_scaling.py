"""A trained network approaches the prediction like width^(-1/2).

Points: 64 regular samples of a sum of tones on [-1, 1]. Each network starts from its own f_0, the
prediction from the same f_0; both take the same gradient descent steps. The relative L2 distance
of the outputs on the samples is recorded at log-spaced steps; its largest value over time, root
mean square over seeds, is the error of a width.

Claims: at the largest width below 2 %; slope of log error against log width -1/2 within 0.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tqdm import tqdm

from ntkfreq import FourierFeatureNet, Normal, compare, solve_frequency_pde, train
from validation._common import command, verdicts

SIZES = {
    "quick": {"widths": [256, 512, 1024, 2048, 4096], "seeds": 5, "steps": 300},
    "full": {"widths": [1024, 2048, 4096, 8192, 16384, 32768, 65536], "seeds": 10, "steps": 2000},
}
DENSITY = Normal(scale=12.0)
SIGMA_A = 1.0
SAMPLES = 64


def target(x: np.ndarray) -> np.ndarray:
    """Three tones across the density, and a slope."""
    return np.sin(3 * x) + 0.7 * np.cos(13 * x) + 0.4 * np.sin(24 * x) + 0.3 * x


def error(width: int, seed: int, steps: int) -> float:
    """Largest relative L2 distance over the recorded steps of one run."""
    x = np.linspace(-1.0, 1.0, SAMPLES)
    net = FourierFeatureNet.sample(DENSITY, width, sigma_a=SIGMA_A, rng=seed)
    prediction = solve_frequency_pde(
        DENSITY, (x, target(x)), sigma_a=SIGMA_A, initial_output=net, t=[0.0, 1.0]
    )
    history = train(
        net, x, target(x), step_size=0.1 * prediction.max_step_size, steps=steps, record=48
    )
    return float(compare(prediction, history).output_error.max())


def run(size: str = "full") -> dict[str, Any]:
    """Errors of every width and seed, the fitted slope, and the verdicts."""
    config = SIZES[size]
    errors = np.array(
        [
            [error(width, seed, config["steps"]) for seed in range(config["seeds"])]
            for width in tqdm(config["widths"], desc="width_scaling", disable=size == "quick")
        ]
    )
    rms = np.sqrt(np.mean(errors**2, axis=1))
    slope = float(np.polyfit(np.log(config["widths"]), np.log(rms), 1)[0])
    largest = 0.02 * np.sqrt(65536 / config["widths"][-1])
    return {
        "claims": verdicts(
            {
                f"relative L2 error at width {config['widths'][-1]}": (rms[-1], 0.0, largest),
                "slope of log error against log width": (slope, -0.7, -0.3),
            }
        ),
        "config": config
        | {
            "density": repr(DENSITY),
            "sigma_a": SIGMA_A,
            "samples": SAMPLES,
            "optimizer": "gradient descent, step 0.1 of the largest stable one",
        },
        "errors": errors,
        "rms": rms,
        "slope": slope,
    }


if __name__ == "__main__":
    command(run, "width_scaling")
