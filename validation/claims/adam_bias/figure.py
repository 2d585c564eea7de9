"""Figure of `adam_bias`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.claims.adam_bias.line import HALF
from validation.claims.adam_bias.problem import TONES, density
from validation.claims.adam_bias.times import highest_over_lowest
from validation.engine import Result
from validation.engine.figure import panels

COLORS = {"Adam": ORANGE, "gradient descent": BLUE}
LOOKS = {"sines": ("-", "o"), "random phases": ("--", "^")}
SHORT = {1: "k", 0: "equal", -1: "1/k", -2: "1/k²"}


def draw(result: Result) -> Figure:
    """Bias against the fall of the amplitudes, and steps against amplitude over density."""
    stds = result.config["stds"]
    fig, (axes,) = panels(1, len(stds) + 1, (4.4 * (len(stds) + 1), 4.6))
    for ax in axes[1 : len(stds)]:
        ax.sharey(axes[0])
    for s, std in enumerate(stds):
        _bias(axes[s], result, s, std)
    axes[0].set_ylabel("time of the two highest tones\nover that of the two lowest")
    axes[len(stds) - 1].legend(frameon=False, fontsize="small", loc="upper right")
    _times(axes[-1], result)
    fig.suptitle(
        f"Lines: predicted; marks: trained, width {result.config['width']}, geometric mean of "
        f"{result.config['seeds']} networks"
    )
    return fig


def _bias(ax: Axes, result: Result, s: int, std: float) -> None:
    """Biases by amplitude for one density."""
    bias = {
        side: np.exp(np.mean(np.log(highest_over_lowest(np.array(result.data[side]))), axis=-1))
        for side in ("predicted", "trained")
    }
    where = np.array(result.data["amplitude_ratio"])
    law = where / highest_over_lowest(density(std).even_pdf(TONES))
    ax.loglog(where, law, ":", color=GREY, lw=2, label="amplitude over density")
    ax.axhline(1.0, color=GREY, lw=0.6)
    for r, (rule, color) in enumerate(COLORS.items()):
        for p, phases in enumerate(result.config["phases"]):
            line, mark = LOOKS[phases]
            ax.loglog(where, bias["predicted"][r, s, :, p], line, color=color)
            ax.loglog(where, bias["trained"][r, s, :, p], mark, color=color, mfc="none")
            # Entries of the legend hold line and mark together.
            ax.loglog([], [], line, marker=mark, color=color, mfc="none", label=f"{rule}, {phases}")
    ax.set_xticks(where, [SHORT[power] for power in result.config["powers"]])
    ax.minorticks_off()
    ax.invert_xaxis()
    ax.set(xlabel="amplitudes of the tones k = 1...8", title=f"Density N(0, {std:g}²)")


def _times(ax: Axes, result: Result) -> None:
    """Steps of every tone under Adam, trained, against amplitude over density."""
    steps, grid = np.array(result.data["trained"])[0, :, :, 0], result.config
    for s, (std, mark) in enumerate(zip(grid["stds"], "os", strict=False)):
        a = [result.data["amplitude_over_density"][f"{std:g}"][f"{p}"] for p in grid["powers"]]
        mean = np.exp(np.mean(np.log(steps[s]), axis=1))
        ax.loglog(np.ravel(a), mean.ravel(), mark, color=ORANGE, mfc=["none", ORANGE][s],
                  label=f"N(0, {std:g}²)")  # fmt: skip
    span: Any = np.array(ax.get_xlim())
    ax.loglog(
        span, HALF * span, ":", color=GREY, lw=2, label=f"{HALF} times that: the law on a line"
    )
    ax.set(
        xlabel=r"amplitude / ($\eta_0\,2\pi$ density) of the tone",
        ylabel="steps until half of the tone is learned",
        title=f"Adam, trained: every tone, {grid['phases'][0]}",
        xlim=span,
    )
    ax.legend(frameon=False, fontsize="small")
