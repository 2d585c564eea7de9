"""Figure of `domain`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Test losses over time: trained networks and four equations, one panel a setting."""
    curves = result.data["curves"]
    fig, axes = panels(1, len(curves), (4 * len(curves), 4.2))
    # Equations that say the same lie on top of each other: the widest line first.
    styles = {
        "line": (ORANGE, "-", 5.0),
        "box": (BLUE, "-", 2.0),
        "lattice": (GREEN, "--", 1.6),
        "points": (GREY, ":", 1.6),
    }
    for ax, (setting, rows) in zip(axes.flat, curves.items(), strict=True):
        t = np.array(rows["t"])
        for name, (color, line, size) in styles.items():
            loss = np.array(rows[name])[1:]
            ax.loglog(t[1:], loss, line, color=color, lw=size, label=f"{name} equation")
        for k, loss in enumerate(np.array(rows["trained"])):
            label = "trained networks" if k == 0 else None
            ax.loglog(t[1:], loss[1:], "o", color="black", mfc="none", ms=4, label=label)
        ax.set(title=setting, xlabel="training time $t$ (step size x steps)")
    axes[0, 0].set_ylabel("test loss (mean square on the interval)")
    axes[0, 0].legend(frameon=False)
    return fig
