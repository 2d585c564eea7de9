"""Figure of `classification`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import GREY
from validation.engine import Result
from validation.engine.figure import COLORS, panels


def draw(result: Result) -> Figure:
    """Measured against predicted learning times, one panel a case."""
    times, names = result.data["times"], list(result.config["densities"])
    fig, axes = panels(1, len(times), (3 * len(times), 3.9), sharex=True, sharey=True)
    for ax, (case, sides) in zip(axes.flat, times.items(), strict=True):
        best = "harmonics" if case.startswith("square") else "equation"
        for k, (color, name) in enumerate(zip(COLORS, names, strict=False)):
            predicted, measured = (np.array(sides[side][k], float) for side in (best, "measured"))
            ax.loglog(
                predicted.ravel(), measured.ravel(), "o", color=color, mfc="none", ms=4, label=name
            )
            if "logistic" in case:
                kernel = np.array(sides["kernel"][k], float)
                ax.loglog(kernel.ravel(), measured.ravel(), "x", color=color, ms=4)
        ends = np.array([5.0, 900.0])
        ax.loglog(ends, ends, color=GREY, lw=0.8)
        ax.set(title=case, xlabel="predicted learning time")
        ax.title.set_fontsize("medium")
    axes[0, 0].set_ylabel("measured learning time (step size x steps)")
    axes[0, 0].legend(frameon=False, fontsize="small", title="density")
    fig.suptitle(
        "Circles: the equation (logistic: clock slowed by four). Crosses: kernel in x",
        fontsize="medium",
    )
    return fig
