"""Figure of `deep_limit`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE
from validation.engine import Result
from validation.engine.figure import panels

COLORS = ("#000000", BLUE, GREEN, ORANGE, PURPLE, "#D55E00")
LOOKS = {"relu": "o-", "tanh": "s--", "sine": "^:"}


def draw(result: Result) -> Figure:
    """Learning times of trained networks at depths 0 to 5, and kernels against the width."""
    fig, (axes,) = panels(1, 3, (13.2, 4.3))
    for ax, activation in zip(axes, ("relu", "tanh"), strict=False):
        for depth, color in enumerate(COLORS):
            row = result.data["times"].get(f"narrow, {activation}, depth {depth}")
            if row is None:
                continue
            tones = np.arange(1, len(row["predicted"]) + 1)
            ax.semilogy(tones, row["predicted"], color=color, label=f"depth {depth}")
            ax.semilogy(tones, row["measured"], "o", color=color, mfc="none", ms=5)
        ax.set(
            xlabel="tone k (frequency π k)",
            ylabel="time until half is learned",
            title=f"{activation}: lines predicted, dots trained",
        )
        ax.legend(frameon=False, fontsize="small")
    ax, widths = axes[2], np.array(result.config["widths"], dtype=float)
    for name, mean in result.data["kernels"].items():
        activation, depth, dim = name.split(", ")
        if not dim.startswith("1"):
            continue
        number = int(depth.split()[1])
        ax.loglog(
            widths, mean, LOOKS[activation], color=COLORS[number], mfc="none", ms=5,
            label=f"{activation}, {depth}",
        )  # fmt: skip
    first = max(float(np.max(mean)) for mean in result.data["kernels"].values())
    ax.loglog(widths, first * (widths / widths[0]) ** -0.5, color=GREY, lw=1, label="width^-1/2")
    ax.set(
        xlabel="width",
        ylabel="distance of a network's kernel, relative",
        title="kernels of drawn networks",
    )
    ax.legend(frameon=False, fontsize="x-small")
    return fig
