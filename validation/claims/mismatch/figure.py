"""Figure of `mismatch`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from validation.engine import Result
from validation.engine.figure import COLORS, panels
from validation.engine.result import numbers


def draw(result: Result) -> Figure:
    """Delay against mismatch, one panel an experiment; above the line the test loss never falls."""
    fig, axes = panels(2, 3, (14.0, 8.0), dpi=100)
    for ax, (script, one) in zip(axes.flat, result.data["runs"].items(), strict=True):
        delay, mismatch = numbers(one["delay"]), numbers(one["mismatch"])
        known = np.isfinite(delay)
        top = 1.15 * max(delay[known].max(initial=1.0), 1.0)
        labels = np.array(one["label"])
        for k, label in enumerate(dict.fromkeys(labels)):
            here = labels == label
            color = COLORS[k % len(COLORS)]
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
    return fig
