"""Figure of `width_scaling`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.claims.width_scaling.claim import TONES
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Distance against width, and the ratios that tend to one."""
    data, widths = result.data, np.array(result.config["widths"], dtype=float)
    fig, ((left, right),) = panels(1, 2, (10.5, 4.2))
    distance = np.array(data["distance"])
    left.loglog(np.repeat(widths, distance.shape[1]), distance.ravel(), ".", color=GREY, ms=4)
    left.loglog(widths, data["rms"], "o-", color=BLUE, label=f"slope {data['slope']:.3f}")
    guide = data["rms"][0] * (widths / widths[0]) ** -0.5
    left.loglog(widths, guide, "--", color=GREY, label="slope -1/2")
    left.set(
        xlabel="width of the network",
        ylabel="relative L2 distance of the outputs\n(largest over time; dots: seeds, line: RMS)",
        title="Networks approach the prediction",
    )
    left.legend(frameon=False)
    for color, (name, fit) in zip(
        (BLUE, ORANGE, GREEN), list(data["limits"].items())[: len(TONES)], strict=False
    ):
        label = name.split(",")[0] + f": limit {fit['limit']:.4f} ± {fit['standard_error']:.4f}"
        right.semilogx(widths, fit["mean"], "o", color=color, label=label)
        close = np.geomspace(widths[0], widths[-1], 100)
        right.semilogx(close, fit["limit"] + fit["per_inverse_width"] / close, color=color)
    right.axhline(1.0, color=GREY, lw=0.8)
    right.set(
        xlabel="width of the network",
        ylabel="learning time, trained over predicted\n(mean over seeds)",
        title="and reach it: limit + constant / width",
    )
    right.legend(frameon=False, fontsize="small")
    return fig
