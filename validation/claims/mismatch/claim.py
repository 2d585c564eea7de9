r"""Does the mismatch of the data's spectra tell the delay? Over all trained networks of this step.

Zhou, Zhang and Xu see grokking where the training data have another spectrum than the test data,
and give no measure of either. Ours are `spectral_mismatch` M of the target on training and test
points (of the parity on training and *all* points, as they have it), and the delay
:math:`D = \ln(t_{\mathrm{test}}/t_{\mathrm{train}})` of the test loss behind the training loss. The
runs are those of the committed results: the tones of `spurious_frequencies`, the sine of `zhou_1d`,
the parity of `zhou_parity`, the digits of `zhou_digits`, the 120 problems of `grokking_onset`, the
networks of `phase_diagram`. Networks whose training loss never falls have no delay and are left
out; those whose test loss never falls count as later than all others in the rank correlation, and
are left out of the straight line :math:`D = a + b M`. Frequencies and thresholds are those of each
script, so figures over all runs together mix several M and D.

Claimed, before the runs: in the sine and the parity, where the training data are all that differs
between runs of one network, a larger mismatch goes with a longer delay: rank correlation of 0.5 at
least. For the parity that depends on the reference: all points hold the training points, so that M
falls with their share whatever they are, while training and test points of shares 0.2 and 0.8 are
as far apart; the correlation with test points as the reference is stated beside it. Of the problems
of `grokking_onset`, where weight decay and initialization vary as well, nothing is claimed: the
share of the variance of D that M explains is stated beside that which M, :math:`\ln\gamma_a` and
:math:`\ln\sigma_a` explain together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from validation.claims.mismatch.statistics import explained, rank_correlation, share, slope
from validation.engine import Execution, Result, intervals, size_of, verdicts
from validation.engine.committed import committed
from validation.engine.result import numbers
from validation.engine.statistics import resampled

SIZES: dict[str, dict[str, Any]] = {"quick": {"resamples": 200}, "full": {"resamples": 2000}}
# Where only the training data differ between runs of one network: by the activation, if several.
DATA_ONLY = ("zhou_1d", "zhou_parity")
SOURCES = ("spurious_frequencies", *DATA_ONLY, "zhou_digits", "grokking_onset", "phase_diagram")
KEYS = ("t_train", "t_test", "mismatch")


def groups_of(data: Mapping[str, Any], script: str) -> list[tuple[str, dict[str, Any]]]:
    """Labels, and times and mismatch of the networks of each, from the data of a result."""
    if script == "grokking_onset":
        rows = data["rows"]
        times = {name: rows[f"{name}_trained"] for name in ("t_train", "t_test")}
        return [("", times | {"mismatch": rows["mismatch"]})]
    if script == "spurious_frequencies":
        parts = (("frozen", "frozen frequencies"), ("trained", "trained frequencies"))
        return [(label, row["onset"]) for part, label in parts for row in data[part]["rows"]]
    if script == "phase_diagram":
        return [("", {key: [one[key] for one in data["networks"]] for key in KEYS})]
    return list(data["runs"].items())


def runs_of(script: str, mismatch_key: str = "mismatch") -> dict[str, np.ndarray]:
    """Delay D (inf if the test loss never falls), mismatch M and a label of each network."""
    result = committed(script)
    keys = (*KEYS[:2], mismatch_key)
    table = [
        (title, *row)
        for title, one in groups_of(result.data, script)
        for row in zip(*(numbers(one[key]) for key in keys), strict=True)
    ]
    label, t_train, t_test, mismatch = (np.array(column) for column in zip(*table, strict=True))
    with np.errstate(invalid="ignore"):
        delay = np.log(t_test) - np.log(t_train)
    found = {"label": label, "delay": delay, "mismatch": mismatch}
    if script == "grokking_onset":
        listed = result.config["settings"]
        found |= {k: np.array([o[k] for o in listed]) for k in ("weight_decay", "sigma_a")}
    known = np.isfinite(t_train)
    return {name: values[known] for name, values in found.items()}


def code_of(script: str) -> str:
    """Hash of the code that made a committed result."""
    origin = committed(script).origin
    assert origin is not None
    return origin.code


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Correlations and lines of each experiment and of all, and the verdicts."""
    del execution  # no cell: what is judged has been trained
    config = size_of(SIZES, size)
    count = config["resamples"]
    runs = {script: runs_of(script) for script in SOURCES}
    claims: dict[str, tuple[float, float, float]] = {}
    measured: dict[str, tuple[float, float, float]] = {}
    pooled = {
        name: np.concatenate([one[name] for one in runs.values()]) for name in ("mismatch", "delay")
    }
    for name, one in {**runs, "all": pooled}.items():
        pair = one["mismatch"], one["delay"]
        rank = resampled(rank_correlation, count, *pair)
        if name in DATA_ONLY:
            claims[f"{name}: rank correlation of mismatch and delay"] = (rank[0], 0.5, 1.0)
        # Nothing to correlate where no test loss ever falls.
        if np.isfinite(rank[0]):
            measured[f"{name}: rank correlation of mismatch and delay"] = rank
        if np.isfinite(slope(*pair)):
            title = f"{name}: slope of D against M, of runs that arrive"
            measured[title] = resampled(slope, count, *pair)
            title = f"{name}: share of the variance of D that M explains"
            measured[title] = resampled(share, count, *pair)
    tested = runs_of("zhou_parity", "mismatch_test")
    title = "zhou_parity: rank correlation, mismatch of training and test points"
    measured[title] = resampled(rank_correlation, count, tested["mismatch"], tested["delay"])
    onset = runs["grokking_onset"]
    fades = np.isfinite(onset["delay"]) & (onset["weight_decay"] > 0)
    causes = [onset[key][fades] for key in ("delay", "mismatch", "weight_decay", "sigma_a")]
    measured["grokking_onset, with decay: share of the variance of D, by M alone"] = resampled(
        lambda d, m, g, a: explained(d, m), count, *causes
    )
    measured["grokking_onset, with decay: share by M, ln weight_decay and ln sigma_a"] = resampled(
        lambda d, m, g, a: explained(d, m, np.log(g), np.log(a)), count, *causes
    )
    return Result(
        verdicts(claims),
        config
        | {
            "seeds": int(pooled["delay"].size),
            "networks": "those of the committed results of " + ", ".join(SOURCES),
            "code_of_networks": {script: code_of(script) for script in SOURCES},
            "intervals": "middle 95 % over resampled runs, default_rng(0)",
        },
        intervals(measured),
        {
            "runs": {
                script: {name: one[name] for name in ("label", "mismatch", "delay")}
                for script, one in runs.items()
            }
        },
    )
