"""Figure of the tolerance validation: how far below the tolerance the true errors lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE

COLORS = {"Line": BLUE, "Grid": ORANGE, "Box": GREEN, "Points": GREY}


def draw(result: dict[str, Any], path: Path) -> None:
    """Share of the converged solutions whose error over rtol is below x, a panel a tolerance."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    tolerances = result["config"]["tolerances"]
    fig, axes = plt.subplots(
        1,
        len(tolerances),
        figsize=(11, 3.8),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, rtol in zip(axes[0], tolerances, strict=True):
        for name, color in COLORS.items():
            found = [
                max(run["error"], run.get("test_error", 0.0)) / rtol
                for row in result["problems"]
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
    count = result["config"]["seeds"]
    fig.suptitle(f"{count} random problems against dense references: errors stay below rtol")
    fig.savefig(path, dpi=110)
    plt.close(fig)
