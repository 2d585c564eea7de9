"""Figure of `grokking_onset`, and of others that compare times of onset."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.grokking import PHASES
from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels
from validation.engine.result import numbers
from validation.onsets import TIMES, table


def draw(result: Result) -> Figure:
    """Predicted over trained onset of training and test loss, and phases."""
    note = {"t_train": "training loss falls", "t_test": "test loss falls"}
    return draw_onsets(result.data["rows"], "predicted", "predicted", note)


def draw_onsets(rows: dict[str, Any], first: str, label: str, note: dict[str, str]) -> Figure:
    """Times of one side over trained times, and a table of phases.

    `rows` holds `t_train_FIRST`, `t_test_FIRST`, `phase_FIRST` and the same of "trained"; a time
    that is never reached is None.
    """
    colors = dict(zip(PHASES, (GREY, ORANGE, BLUE, GREEN), strict=True))
    fig, (axes,) = panels(1, 3, (13.2, 4.6), dpi=100)
    codes = {side: numbers(rows[f"phase_{side}"]).astype(int) for side in (first, "trained")}
    for ax, name in zip(axes, TIMES, strict=False):
        ours, trained = (numbers(rows[f"{name}_{side}"]) for side in codes)
        known = np.isfinite(ours) & np.isfinite(trained)
        ends = np.array([0.7, 1.4]) * [trained[known].min(), trained[known].max()]
        ax.plot(ends, ends, color="0.3", lw=1)
        ax.fill_between(ends, ends / np.exp(0.25), ends * np.exp(0.25), color="0.9", zorder=0)
        for code, phase in enumerate(PHASES):
            here = known & (codes["trained"] == code)
            if here.any():
                ax.loglog(trained[here], ours[here], "o", ms=5, color=colors[phase], label=phase)
        ax.set(xlabel="trained network (units of t)", ylabel=f"{label} (units of t)")
        ax.set_title(f"{note[name]}\nband: a factor of exp(0.25)", fontsize=10)
        ax.legend(frameon=False, loc="upper left", title="phase of the network")
    counts = table(codes[first], codes["trained"])
    axes[2].imshow(counts, cmap="Blues", vmax=1.4 * max(counts.max(), 1))
    for i, j in np.ndindex(counts.shape):
        axes[2].text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=12)
    axes[2].set_xticks(range(4), PHASES, fontsize=8)
    axes[2].set_yticks(range(4), PHASES, fontsize=8)
    axes[2].set(xlabel="phase of the trained network", ylabel=f"phase, {label}")
    axes[2].set_title("problems by phase", fontsize=10)
    return fig
