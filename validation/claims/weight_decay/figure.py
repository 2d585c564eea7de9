"""Figure of `weight_decay`: test errors over time, and their distance against the width."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE
from validation.engine import Result
from validation.engine.figure import canvas

_COLORS, _MARKERS = (BLUE, ORANGE, GREEN, PURPLE), "osD^"
_SEEDS = ("-", "--", ":")


def draw(result: Result) -> Figure:
    """Test errors over time, predicted and trained, and their distance against the width."""
    fig = canvas((12.4, 5.4))
    ((left, right),) = fig.subfigures(1, 2, squeeze=False, width_ratios=(1.55, 1))
    axes = left.subplots(2, 2, sharex=True, sharey=True)
    for ax, color, case in zip(axes.flat, _COLORS, result.data["cases"].values(), strict=True):
        _draw_curves(ax, color, case)
    for ax in axes[1]:
        ax.set_xlabel("training time $t$ (step size x steps)")
    for ax in axes[:, 0]:
        ax.set_ylabel("test error (mean square)")
    width = result.config["widths"][-1]
    left.suptitle(f"Lines: predicted from each $f_0$. Marks: trained, width {width}, three seeds")
    _draw_widths(right.subplots(), result)
    return fig


def _label(decay: dict[str, Any]) -> str:
    rates = rf"$\gamma_a={decay['weight_decay']:g}$, $\gamma_w={decay['frequency_decay']:g}$"
    return rates + (" towards start" if decay["decay_towards"] == "start" else "")


def _draw_curves(ax: Axes, color: str, case: dict[str, Any]) -> None:
    curves = case["curves"]
    for k, (line, marker) in enumerate(zip(_SEEDS, _MARKERS, strict=False)):
        ax.loglog(curves["t"], curves["predicted"][k], line, color=color, linewidth=1.4)
        ax.loglog(
            case["t"],
            case["trained"][-1][k],
            marker,
            color="black",
            markerfacecolor="none",
            markersize=4.5,
        )
    ax.set_title(_label(case["decay"]), fontsize="medium")
    ax.grid(color="0.92")


def _draw_widths(ax: Axes, result: Result) -> None:
    widths = np.array(result.config["widths"], dtype=float)
    for color, marker, case in zip(_COLORS, _MARKERS, result.data["cases"].values(), strict=True):
        label = f"{_label(case['decay'])}: slope {case['slope']:.2f}"
        ax.loglog(widths, case["rms"], marker, color=color, label=label)
        through = np.exp(np.mean(np.log(case["rms"])) - case["slope"] * np.mean(np.log(widths)))
        ax.loglog(widths, through * widths ** case["slope"], color=color, linewidth=1)
    start = 1.6 * max(case["rms"][0] for case in result.data["cases"].values())
    ax.loglog(widths, start * (widths / widths[0]) ** -0.5, "--", color=GREY, label="slope -1/2")
    ax.set(
        xlabel="width of the network",
        ylabel="log of trained over predicted test error\n(RMS over seeds and judged times)",
        title="Networks approach the prediction",
    )
    ax.grid(color="0.92", which="both")
    ax.legend(fontsize="small", frameon=False)
