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

from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.validation import Execution, command, intervals, size_of, verdicts
from validation._kept import kept, numbers

SIZES = {"quick": {"resamples": 200}, "full": {"resamples": 2000}}
# Where only the training data differ between runs of one network: by the activation, if several.
DATA_ONLY = ("zhou_1d", "zhou_parity")
SOURCES = ("spurious_frequencies", *DATA_ONLY, "zhou_digits", "grokking_onset", "phase_diagram")
KEYS = ("t_train", "t_test", "mismatch")


def groups_of(result: dict[str, Any], script: str) -> list[tuple[str, dict[str, Any]]]:
    """Labels, and times and mismatch of the networks of each."""
    if script == "grokking_onset":
        rows = result["rows"]
        times = {name: rows[f"{name}_trained"] for name in ("t_train", "t_test")}
        return [("", times | {"mismatch": rows["mismatch"]})]
    if script == "spurious_frequencies":
        parts = (("frozen", "frozen frequencies"), ("trained", "trained frequencies"))
        return [(label, row["onset"]) for part, label in parts for row in result[part]["rows"]]
    if script == "phase_diagram":
        return [("", {key: [one[key] for one in result["networks"]] for key in KEYS})]
    return list(result["runs"].items())


def runs_of(script: str, mismatch_key: str = "mismatch") -> dict[str, np.ndarray]:
    """Delay D (inf if the test loss never falls), mismatch M and a label of each network."""
    result = kept(script)
    keys = (*KEYS[:2], mismatch_key)
    table = [
        (title, *row)
        for title, one in groups_of(result, script)
        for row in zip(*(numbers(one[key]) for key in keys), strict=True)
    ]
    label, t_train, t_test, mismatch = (np.array(column) for column in zip(*table, strict=True))
    with np.errstate(invalid="ignore"):
        delay = np.log(t_test) - np.log(t_train)
    found = {"label": label, "delay": delay, "mismatch": mismatch}
    if script == "grokking_onset":
        listed = result["config"]["settings"]
        found |= {k: np.array([o[k] for o in listed]) for k in ("weight_decay", "sigma_a")}
    known = np.isfinite(t_train)
    return {name: values[known] for name, values in found.items()}


def rank_correlation(mismatch: np.ndarray, delay: np.ndarray) -> float:
    """Spearman's, tests that never fall being the last; nan where either does not vary."""
    from scipy import stats

    ranks = [stats.rankdata(values) for values in (mismatch, delay)]
    if min(np.ptp(rank) for rank in ranks) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def explained(delay: np.ndarray, *causes: np.ndarray) -> float:
    """Share of the variance of D that a linear function of the causes explains."""
    design = np.column_stack([np.ones_like(delay), *causes])
    if np.ptp(delay) == 0:
        return float("nan")
    rest = delay - design @ np.linalg.lstsq(design, delay, rcond=None)[0]
    return float(1 - np.sum(rest**2) / np.sum((delay - delay.mean()) ** 2))


def slope(mismatch: np.ndarray, delay: np.ndarray) -> float:
    """Slope of the line, of the runs that arrive; nan where their mismatch does not vary."""
    known = np.isfinite(delay)
    away = mismatch[known] - mismatch[known].mean() if known.any() else np.zeros(1)
    return float(away @ delay[known] / (away @ away)) if away.any() else float("nan")


def share(mismatch: np.ndarray, delay: np.ndarray) -> float:
    """Share of the variance of D explained by the line, of the runs that arrive."""
    known = np.isfinite(delay)
    return explained(delay[known], mismatch[known]) if known.sum() > 2 else float("nan")


def resampled(statistic: Any, count: int, *columns: np.ndarray) -> tuple[float, float, float]:
    """A statistic and the middle 95 % of it over resampled runs."""
    rng = np.random.default_rng(0)
    size = columns[0].size
    picks = [rng.integers(size, size=size) for _ in range(count)]
    values = np.array([statistic(*(column[pick] for column in columns)) for pick in picks])
    values = values[np.isfinite(values)]
    value = statistic(*columns)
    low, high = np.quantile(values, [0.025, 0.975]) if values.size else (np.nan, np.nan)
    return value, float(low), float(high)


def run(size: str = "full", execution: Execution | None = None) -> dict[str, Any]:
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
    return {
        "claims": verdicts(claims),
        "measurements": intervals(measured),
        "config": config
        | {
            "seeds": int(pooled["delay"].size),
            "networks": "those of the committed results of " + ", ".join(SOURCES),
            "code_of_networks": {script: kept(script)["code"] for script in SOURCES},
            "intervals": "middle 95 % over resampled runs, default_rng(0)",
        },
        "runs": {
            script: {name: one[name] for name in ("label", "mismatch", "delay")}
            for script, one in runs.items()
        },
    }


def draw(result: dict[str, Any], path: Path) -> None:
    """Delay against mismatch, one panel an experiment; above the line the test loss never falls."""
    import matplotlib.pyplot as plt

    from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE

    colors = (BLUE, ORANGE, GREEN, GREY, "#CC79A7", "#F0E442", "#56B4E9", "black", "#8A2BE2")
    fig, axes = plt.subplots(2, 3, figsize=(14.0, 8.0), layout="constrained")
    for ax, (script, one) in zip(axes.flat, result["runs"].items(), strict=True):
        delay, mismatch = numbers(one["delay"]), numbers(one["mismatch"])
        known = np.isfinite(delay)
        top = 1.15 * max(delay[known].max(initial=1.0), 1.0)
        labels = np.array(one["label"])
        for k, label in enumerate(dict.fromkeys(labels)):
            here = labels == label
            color = colors[k % len(colors)]
            ax.plot(
                mismatch[here & known], delay[here & known], "o", ms=4, color=color, label=label
            )
            ax.plot(mismatch[here & ~known], np.full((here & ~known).sum(), top), "^", color=color)
        if not known.all():
            ax.axhline(0.95 * top, color="0.6", lw=0.8)
            ax.text(1.0, 1.02, "triangles: never", transform=ax.transAxes, ha="right", fontsize=8)
            ax.set_ylim(min(0.0, delay[known].min(initial=0.0)) - 0.05 * top, 1.07 * top)
        ax.set_title(script, loc="left")
        other = "all" if script == "zhou_parity" else "test"
        ax.set(xlabel=f"spectral mismatch M of the target,\ntraining and {other} points")
        ax.set_ylabel(r"delay $D = \ln(t_{test}/t_{train})$")
        if len(set(labels)) > 1:
            ax.legend(frameon=False, fontsize=7)
    fig.savefig(path, dpi=100)
    plt.close(fig)


if __name__ == "__main__":
    command(__file__)
