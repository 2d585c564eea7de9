r"""Deep networks grok by the decay of their output weights, as the equation has it.

With hidden layers the output is not linear in the weights, and what decay of all of them does
follows from no equation. Decay of the output weights alone does: they fade like
:math:`e^{-\gamma t}`, and with them the gradients of all below, so that the two parts of the kernel
of infinite width, that of the output weights and the rest, take the place of the two of the network
without hidden layers.

Ten undersampled problems (one or two tones, 8 to 24 samples, four densities, ReLU and tanh, one to
three hidden layers) are trained from a random initial output until eight times one over the decay.
The prediction knows the network's initial output and nothing else of it. Stated are how often the
phase (comprehension, grokking, memorization, confusion) is the predicted one, by problem, and how
far the times are off at which losses fall below a tenth of the target's mean square. No tolerance
is known for single networks; the claim is that phases agree in four of five cases.

Late, some three times one over the decay and on, networks of this width fall below the prediction:
where the initial output weights are gone those learned are what moves the layers below, which the
limit of infinite width leaves out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from validation.claims.deep_onset.problem import (
    LONG,
    PROBLEMS,
    SHARE,
    THRESHOLD,
    readout_cell,
)
from validation.engine import (
    Execution,
    Result,
    intervals,
    mean_interval,
    median_interval,
    size_of,
    verdicts,
)

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"width": 96, "seeds": 2, "problems": [4, 8]},
    "full": {"width": 512, "seeds": 6, "problems": list(range(len(PROBLEMS)))},
}
_LEAST = 0.8


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Phases and times of all problems and seeds, and what they say together."""
    config, execution = size_of(SIZES, size), execution or Execution()
    seeds = list(range(config["seeds"]))
    rows, agreed = [], []
    ratios: dict[str, list[float]] = {"train": [], "test": []}
    for problem in config["problems"]:
        grid = {"problem": [problem], "seed": seeds}
        data = execution.cells("deep_onset", readout_cell, grid, {"width": config["width"]})
        one = data.isel(problem=0)
        phases = one["predicted_phase"].values, one["trained_phase"].values
        agreed.append(float(np.mean(phases[0] == phases[1])))
        for side, found in ratios.items():
            pairs = zip(
                *(one[f"{name}_{side}"].values for name in ("trained", "predicted")), strict=False
            )
            found += [float(a / b) for a, b in pairs if np.isfinite(a) and np.isfinite(b)]
        rows.append(
            {
                "name": PROBLEMS[problem].name,
                "predicted": phases[0].tolist(),
                "trained": phases[1].tolist(),
                "t": one["t"].values[0],
                "predicted losses": one["predicted_losses"].values[0],
                "trained losses": one["trained_losses"].values[0],
            }
        )
    claims = {
        "share of networks in the predicted phase": (float(np.mean(agreed)), _LEAST, 1.0),
    }
    measured: dict[str, Any] = {}
    if len(agreed) > 1:
        measured["share in the predicted phase, mean over problems"] = mean_interval(agreed)
    for side, found in ratios.items():
        if len(found) > 5:
            middle, low, high, _ = median_interval(found)
            measured[f"t_{side}, trained over predicted: median"] = (middle, low, high)
            off = np.exp(np.abs(np.log(found))) - 1
            middle, low, high, _ = median_interval(off)
            measured[f"t_{side}, how far off: median"] = (middle, low, high)
    return Result(
        verdicts(claims),
        {
            "width": config["width"],
            "seeds": config["seeds"],
            "problems": len(config["problems"]),
            "threshold": THRESHOLD,
            "end": f"{LONG:g} over the decay",
            "step size": f"{SHARE:g} of the largest stable one",
            "rng": "default_rng([width, problem, seed])",
        },
        intervals(measured),
        {"problems": rows},
    )
