"""Figure of `phase_diagram`: both maps with the networks on them, and the delay law."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import plot_phases
from validation.engine import Result
from validation.engine.figure import panels


def unpacked(part: dict[str, Any], name: str) -> xr.Dataset:
    """The map that a result keeps as lines of digits."""
    code = np.array([[int(digit) for digit in line] for line in part["phase"]])
    coordinates = {name: part[name], "weight_decay": part["weight_decay"]}
    return xr.Dataset({"phase": ((name, "weight_decay"), code)}, coordinates)


def draw(result: Result) -> Figure:
    """Predicted phases, trained networks (marks) on them, and the delay law (dashed)."""
    config = result.config
    fig, (axes,) = panels(1, 2, (11, 5.6), width_ratios=(1.5, 1))
    for ax, (name, part) in zip(axes, result.data["maps"].items(), strict=True):
        phases = unpacked(part, name)
        marks = [
            (one["setting"]["weight_decay"], one["setting"][name], one["phase"])
            for one in result.data["networks"]
            if one["map"] == name
        ]
        plot_phases(phases, ax, y=name, networks=marks)
    _law(axes[0], result)
    legend: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        legend |= dict(zip(labels, handles, strict=True))
    order = [name for name in config["phases"] if name in legend]
    fig.legend(
        [legend[name] for name in order], order, loc="outside lower center", ncols=4, frameon=False,
        title=f"phase of trained networks of width {config['width']}",
    )  # fmt: skip
    axes[0].set_title(
        f"{config['points']} data points, training budget t = {config['budget']:g}", fontsize=11
    )
    axes[1].set_title(rf"$\sigma_a$ = {config['sigma_a of the map over points']:g}", fontsize=11)
    axes[1].axhline(config["points"], color="0.3", lw=0.8, ls=":")
    return fig


def _law(ax: Axes, result: Result) -> None:
    """Where the budget ends before the test loss is small, by the law."""
    known = result.data["maps"]["sigma_a"]["sigma_a"]
    scales = np.geomspace(known[0], known[-1], 400)
    config = result.config
    inside = np.log(scales**2 * result.data["law"]["unseen"] / config["threshold"])
    rates = inside / (2 * config["budget"])
    shown = rates > ax.get_xlim()[0]
    ax.plot(rates[shown], scales[shown], "k--", lw=1.6, zorder=2.5)
    k = int(0.72 * shown.sum())
    ax.annotate(
        r"delay law $\gamma_a = \ln(\sigma_a^2 u/\varepsilon)\,/\,2t$",
        (rates[shown][k], scales[shown][k]),
        xytext=(9, -4), textcoords="offset points", fontsize=9.5, zorder=4,
    )  # fmt: skip
