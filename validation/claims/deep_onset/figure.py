"""Figure of `deep_onset`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Losses of one network a problem, predicted and trained."""
    rows = result.data["problems"]
    columns = min(5, len(rows))
    lines = -(-len(rows) // columns)
    fig, axes = panels(lines, columns, (3.0 * columns, 2.9 * lines), sharey=True)
    for ax, row in zip(axes.ravel(), rows, strict=False):
        t = np.asarray(row["t"], dtype=float)[1:]
        for k, color, label in ((0, BLUE, "training"), (1, ORANGE, "test")):
            predicted = np.asarray(row["predicted losses"][k], dtype=float)[1:]
            trained = np.asarray(row["trained losses"][k], dtype=float)[1:]
            ax.loglog(t, predicted, color=color, label=f"{label}: predicted")
            ax.loglog(t, trained, "o", color=color, mfc="none", ms=3, label=f"{label}: trained")
        ax.axhline(result.config["threshold"], color=GREY, lw=0.8, ls=":")
        same = sum(a == b for a, b in zip(row["predicted"], row["trained"], strict=True))
        words = row["name"].split(", ")
        ax.set_title(
            f"{', '.join(words[:3])}\n{row['predicted'][0]}: {same} of {len(row['trained'])}",
            fontsize=9,
        )
        ax.set_xlabel("time (step size × steps)")
    axes[0, 0].set_ylabel("loss (1: the target's mean square)")
    axes[0, 0].legend(frameon=False, fontsize="x-small")
    return fig
