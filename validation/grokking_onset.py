r"""When will it generalize? Predicted and trained onset of 120 undersampled problems.

A problem is a target (two tones, a bump, a profile or a patch of real terrain), too few points for
the frequencies that the network holds, on a regular lattice or scattered, and a network: scale of
its frequencies, scale of its output weights, decay of both. The 120 problems were drawn at random
by their *predicted* phase, 36 each of memorization, grokking and comprehension and 12 of confusion,
and the list and the thresholds were fixed before any of them was trained (`_onset_design`,
`_onset_list`).

The equation is solved for the initial output that the network will start from. Then the network is
trained by plain gradient descent until both losses have fallen to the threshold or the budget is
used up, and both say when training and test loss fell to 5 % of the mean square of the target, and
which phase that makes. A time that only one of the two sides reaches counts as infinitely wrong.

The first run was at width 16384: medians of 0.008 and 0.010, 119 of 120 phases, and a 95th
percentile for the test loss of 0.253, just over what is claimed. Where a loss crosses its threshold
on a slope that is nearly flat, a small difference of losses is a large one of times, so the claims
are judged at twice the width.

Claimed: the median of \|ln(predicted / trained)\| is below 0.05 for both times and its 95th
percentile below 0.25, the phases agree in at least 95 % of the problems, and at least a quarter of
the trained networks shows each of three phases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.grokking import PHASES
from ntkfreq.validation import Execution, command, size_of, verdicts
from validation._onset_setting import BUDGET, SMALL, STEPS, predicted, settings, trained
from validation._onset_statistics import TIMES, draw_onsets, log_ratios, percentile

SIZES = {
    # Every phase, regular and scattered, terrain; those that take few steps or few points.
    "quick": {"width": 8192, "problems": [18, 13, 19, 14]},
    "full": {"width": 32768, "problems": list(range(120))},
}
SPREAD = {"median": 0.05, "95th percentile": 0.25}


def cell(problem: int, width: int) -> dict[str, Any]:
    """Onsets of one problem, predicted and trained: times, and phases as places in `PHASES`."""
    one = settings()[problem]
    net = one.network(width)
    ours = predicted(one, net)
    theirs, steps = trained(one, net)
    found: dict[str, Any] = {"steps": steps, "mismatch": one.mismatch()}
    for side, onset in (("predicted", ours), ("trained", theirs)):
        found |= {f"{name}_{side}": getattr(onset, name) for name in TIMES}
        found |= {f"phase_{side}": PHASES.index(onset.phase), f"lost_{side}": onset.t_lost}
    return found


def cells(size: str, execution: Execution) -> Any:
    """All problems of a size; other scripts judge the same trained networks."""
    config = size_of(SIZES, size)
    grid = {"problem": config["problems"]}
    return execution.cells("grokking_onset", cell, grid, {"width": config["width"]})


def agreement(data: Any, first: str, width: int) -> dict[str, tuple[float, float, float]]:
    """Claims about one side against the trained networks."""
    claims: dict[str, tuple[float, float, float]] = {}
    # The scatter of a network's losses, and of the times read off them, is as width^(-1/2).
    slack = max(1.0, float(np.sqrt(16384 / width)))
    for name in TIMES:
        off = log_ratios(data[f"{name}_{first}"].values, data[f"{name}_trained"].values)
        for word, share in (("median", 0.5), ("95th percentile", 0.95)):
            value = percentile(off, share)
            claims[f"{name}: {word} of |ln({first} / trained)|"] = (
                value,
                0.0,
                SPREAD[word] * slack,
            )
    same = data[f"phase_{first}"].values == data["phase_trained"].values
    claims["share of problems with the same phase"] = (float(same.mean()), 0.95, 1.0)
    return claims


def run(size: str = "full", execution: Execution | None = None) -> dict[str, Any]:
    """Onsets of both sides, how far they are apart, and the verdicts."""
    config = size_of(SIZES, size)
    data = cells(size, execution or Execution())
    claims = agreement(data, "predicted", config["width"])
    phases = data["phase_trained"].values
    if size != "quick":
        claims["problems"] = (float(phases.size), 100.0, np.inf)
        shares = np.bincount(phases, minlength=len(PHASES)) / phases.size
        claims["phases that at least a quarter of the networks shows"] = (
            float(np.sum(shares >= 0.25)),
            3.0,
            4.0,
        )
    listed = [vars(settings()[problem]) for problem in config["problems"]]
    keys = [name for name in data.data_vars if name.partition("_")[2] in ("predicted", "trained")]
    keys += [f"{name}_{side}" for name in TIMES for side in ("predicted", "trained")]
    return {
        "claims": verdicts(claims),
        "config": config
        | {
            "seeds": len(listed),
            "threshold": f"{SMALL} of the mean square of the target on the test points",
            "budget": f"{BUDGET:g} / (fastest rate of the limiting kernel)",
            "optimizer": "gradient descent, full batch",
            "steps": f"(until, step size) in units of 1 / (fastest rate): {STEPS}",
            "settings": listed,
            "rng": "default_rng([seed, width]) for the network, default_rng([seed, 1]) for data",
        },
        "rows": {name: data[name].values for name in {*keys, "steps", "mismatch"}},
    }


def draw(result: dict[str, Any], path: Path) -> None:
    """Predicted over trained onset of training and test loss, and phases."""
    note = {"t_train": "training loss falls", "t_test": "test loss falls"}
    draw_onsets(result["rows"], "predicted", "predicted", path, note)


if __name__ == "__main__":
    command(__file__)
