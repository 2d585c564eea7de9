"""Figure of `tolerance`: how far below the tolerance the true errors lie."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels

MEASURES = {"Line": BLUE, "Grid": ORANGE, "Box": GREEN, "Points": GREY}


def draw(result: Result) -> Figure:
    """Share of the converged solutions whose error over rtol is below x, a panel a tolerance."""
    tolerances = result.config["tolerances"]
    fig, axes = panels(1, len(tolerances), (11, 3.8), sharex=True, sharey=True)
    for ax, rtol in zip(axes[0], tolerances, strict=True):
        for name, color in MEASURES.items():
            found = [
                max(run["error"], run.get("test_error", 0.0)) / rtol
                for row in result.data["problems"]
                if row["measure"] == name
                for run in row["runs"]
                if run["rtol"] == rtol and run["status"].startswith("converged")
            ]
            share = np.arange(1, len(found) + 1) / len(found)
            ax.step(np.sort(np.maximum(found, 1e-7)), share, color=color, label=name, where="post")
        ax.axvline(1.0, color="black", linestyle="--", linewidth=1.0)
        ax.annotate("rtol ", (1.0, 0.03), ha="right")
        ax.set(
            xscale="log",
            xlim=(1e-7, 20),
            title=f"rtol = {rtol:.0e}",
            xlabel=r"true error / rtol",
        )
        ax.grid(color="0.9")
    axes[0, 0].set_ylabel("share of problems with a smaller error")
    axes[0, 0].legend(loc="upper left", frameon=False)
    count = result.config["seeds"]
    fig.suptitle(f"{count} random problems against dense references: errors stay below rtol")
    return fig
