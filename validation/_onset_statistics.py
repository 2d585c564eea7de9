"""How far onsets of two sides are apart: logarithms of times, phases, and their figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.grokking import PHASES

TIMES = ("t_train", "t_test")


def log_ratios(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """|ln(one / other)| where either time is finite: infinite where only one of them is."""
    either = np.isfinite(one) | np.isfinite(other)
    with np.errstate(invalid="ignore"):
        return np.abs(np.log(one[either]) - np.log(other[either]))


def percentile(values: np.ndarray, share: float) -> float:
    """Order statistic with at least that share at or below it; infinite values are the largest."""
    return float(np.sort(values)[int(np.ceil(share * values.size)) - 1])


def table(ours: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """How many problems have which predicted (rows) and trained (columns) phase."""
    counts = np.zeros((len(PHASES), len(PHASES)), dtype=int)
    np.add.at(counts, (ours, trained), 1)
    return counts


def draw_onsets(
    rows: dict[str, Any], first: str, label: str, path: Path, note: dict[str, str]
) -> None:
    """Times of one side over trained times, and a table of phases.

    `rows` holds `t_train_FIRST`, `t_test_FIRST`, `phase_FIRST` and the same of "trained"; a time
    that is never reached is None.
    """
    import matplotlib.pyplot as plt

    from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE

    colors = dict(zip(PHASES, (GREY, ORANGE, BLUE, GREEN), strict=True))
    fig, axes = plt.subplots(1, 3, figsize=(13.2, 4.6), layout="constrained")
    phases = np.array(rows["phase_trained"])
    for ax, name in zip(axes, TIMES, strict=False):
        ours = np.array(rows[f"{name}_{first}"], dtype=float)
        trained = np.array(rows[f"{name}_trained"], dtype=float)
        known = np.isfinite(ours) & np.isfinite(trained)
        ends = np.array([0.7, 1.4]) * [trained[known].min(), trained[known].max()]
        ax.plot(ends, ends, color="0.3", lw=1)
        ax.fill_between(ends, ends / np.exp(0.25), ends * np.exp(0.25), color="0.9", zorder=0)
        for code, phase in enumerate(PHASES):
            here = known & (phases == code)
            if here.any():
                ax.loglog(trained[here], ours[here], "o", ms=5, color=colors[phase], label=phase)
        ax.set(xlabel="trained network (units of t)", ylabel=f"{label} (units of t)")
        ax.set_title(f"{note[name]}\nband: a factor of exp(0.25)", fontsize=10)
        ax.legend(frameon=False, loc="upper left", title="phase of the network")
    counts = table(np.array(rows[f"phase_{first}"]), phases)
    axes[2].imshow(counts, cmap="Blues", vmax=1.4 * max(counts.max(), 1))
    for i, j in np.ndindex(counts.shape):
        axes[2].text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=12)
    axes[2].set_xticks(range(4), PHASES, fontsize=8)
    axes[2].set_yticks(range(4), PHASES, fontsize=8)
    axes[2].set(xlabel="phase of the trained network", ylabel=f"phase, {label}")
    axes[2].set_title("problems by phase", fontsize=10)
    fig.savefig(path, dpi=100)
    plt.close(fig)
