"""Figure of `deep_limit`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE
from validation.engine import Result
from validation.engine.figure import panels

COLORS = ("#000000", BLUE, GREEN, ORANGE, PURPLE, "#56B4E9")
LOOKS = {"relu": "o-", "tanh": "s--", "sine": "^:"}


def draw(result: Result) -> Figure:
    """Learning times of trained networks at depths 0 to 5, kernels, and what is off the data."""
    fig, axes = panels(2, 2, (10.4, 7.8))
    for ax, activation in zip(axes[0], ("relu", "tanh"), strict=True):
        _times(ax, activation, result.data["times"])
    _kernels(axes[1, 0], result)
    _off_data(axes[1, 1], result)
    return fig


def times_alone(result: Result) -> Figure:
    """The upper row by itself, for the page on deep networks."""
    fig, axes = panels(1, 2, (9.6, 3.9))
    for ax, activation in zip(axes[0], ("relu", "tanh"), strict=True):
        _times(ax, activation, result.data["times"])
    return fig


def _times(ax: Axes, activation: str, times: Any) -> None:
    for depth, color in enumerate(COLORS):
        row = times.get(f"narrow, {activation}, depth {depth}")
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
    ax.legend(frameon=False, fontsize="small", ncols=2)


def _kernels(ax: Axes, result: Result) -> None:
    widths = np.array(result.config["widths"], dtype=float)
    ends = {min(result.config["depths"]), max(result.config["depths"])}
    for name, mean in result.data["kernels"].items():
        activation, depth, dim = name.split(", ")
        number = int(depth.split()[1])
        if not dim.startswith("1") or number not in ends:
            continue
        ax.loglog(
            widths, mean, LOOKS[activation], color=COLORS[number], mfc="none", ms=5,
            label=f"{activation}, {depth}",
        )  # fmt: skip
    first = max(float(np.max(mean)) for mean in result.data["kernels"].values())
    ax.loglog(widths, first * (widths / widths[0]) ** -0.5, color=GREY, lw=1, label="width^-1/2")
    ax.set(
        xlabel="width",
        ylabel="distance of a network's kernel, relative",
        title="kernels of drawn networks, one dimension",
    )
    ax.legend(frameon=False, fontsize="x-small", ncols=2)


def _off_data(ax: Axes, result: Result) -> None:
    """Test losses at the end: predicted with intervals for a network, and trained ones."""
    rows = result.data["problems"]
    for place, row in enumerate(rows):
        low, middle, high = (np.asarray(end, dtype=float)[-1] for end in row["limit"]["test"])
        ax.plot([place, place], [low, high], color=GREY, lw=5, alpha=0.5, solid_capstyle="butt")
        ax.plot(place, middle, "_", color="#000000", ms=11, mew=2)
        found = np.asarray(row["test"], dtype=float)
        ax.plot(np.full(len(found), place), found, "o", color=BLUE, mfc="none", ms=4)
    ax.axhline(1.0, color=GREY, lw=0.8, ls=":")
    ax.set_xticks(range(len(rows)), [row["name"].replace(", depth", "") for row in rows])
    ax.tick_params(axis="x", labelrotation=60, labelsize="x-small")
    ax.set(
        ylabel="test loss at the end, over its start",
        title="undersampled: bars 90 % of networks, dots trained",
    )
