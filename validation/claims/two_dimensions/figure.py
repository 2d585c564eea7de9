"""Figure of `two_dimensions`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from validation.claims.two_dimensions.claim import photograph
from validation.engine import Result
from validation.engine.figure import COLORS, panels


def draw(result: Result) -> Figure:
    """The photograph, and learning times against frequency for every density."""
    config = result.config
    fig, ((left, right),) = panels(1, 2, (11, 4.6), width_ratios=(1, 1.6))
    pixels = config["pixels"]
    left.imshow(photograph(pixels)[1].reshape(pixels, pixels), cmap="gray", extent=(-1, 1, -1, 1))
    left.set(title=f"what is learned: {pixels} x {pixels} samples", xlabel="$x_1$", ylabel="$x_0$")
    left.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    center = np.mean(config["bands"], axis=1)
    for color, case in zip(COLORS, config["cases"], strict=False):
        predicted, measured = (
            np.array(result.data[key][case]) for key in ("predicted", "measured")
        )
        where = center[: predicted.size]
        right.semilogy(where, predicted, color=color, label=case)
        for times in measured:
            right.semilogy(where, times, "o", color=color, mfc="none", ms=4)
    right.set(
        title=f"lines: predicted, circles: trained, {config['seeds']} seeds, "
        f"width {config['width']}",
        xlabel=r"frequency $|\xi|$ of the band (rad per unit of $x$)",
        ylabel="learning time (step size x steps)",
    )
    right.legend(frameon=False)
    return fig
