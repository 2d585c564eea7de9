"""Figure of `multilayer`: learning times and kernels against frequency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import FREQUENCY, GREY
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Learning times of the tones by depth, measured and two-layer, and rates by the kernel."""
    config, curves = result.config, result.data["curves"]
    densities, activations = list(config["densities"]), config["activations"]
    rows = len(activations) + 1
    size = (11, 2.7 * rows + 0.6)
    fig, axes = panels(rows, len(densities), size, dpi=90, sharex=True, sharey="row")
    measured, predicted, rate, two_layer = (
        np.array(curves[key], dtype=float)
        for key in ("measured", "predicted", "rate", "two_layer_rate")
    )
    for column, density in enumerate(densities):
        for row, activation in enumerate(activations):
            ax = axes[row, column]
            _times(ax, config, measured[column, row], predicted[column, row])
            rho = config["densities"][density].replace(", dim=1", "")
            ax.set_title(f"{density}: {rho}\n{activation}", fontsize=9)
        ax = axes[-1, column]
        _rates(ax, config, rate[column, 0], two_layer[column, 0, 0])
        ax.set_title(f"kernel at the start, {activations[0]}", fontsize=9)
        ax.set_xlabel(FREQUENCY)
    for ax in axes[:-1, 0]:
        ax.set_ylabel("time to halve the tone\n(step size x steps)")
    axes[-1, 0].set_ylabel("rate of a tone\n(1 = fastest tone)")
    axes[0, 0].legend(fontsize="x-small", frameon=False, ncols=2, loc="upper left")
    fig.suptitle(
        f"Deep networks, width {config['width']}, {config['seeds']} seeds: mean and range. "
        "Dashed: predicted for two layers"
    )
    return fig


def _colors(count: int) -> Any:
    return mpl.colormaps["viridis"](np.linspace(0.0, 0.88, count))


def _times(
    ax: Axes, config: Mapping[str, Any], measured: np.ndarray, predicted: np.ndarray
) -> None:
    """Learning times (depths, seeds, tones) and those predicted (depths, tones)."""
    tones = config["tones"]
    for color, depth, times in zip(_colors(len(measured)), config["depths"], measured, strict=True):
        mean = np.exp(np.log(times).mean(axis=0))
        ax.semilogy(tones, mean, "o-", color=color, ms=3, lw=1.2, label=f"depth {depth}")
        ax.fill_between(tones, times.min(axis=0), times.max(axis=0), color=color, alpha=0.15, lw=0)
    ax.semilogy(tones, predicted[-1], "--", color=GREY, lw=1.6, label="two layers")
    ax.grid(color="0.92")


def _rates(ax: Axes, config: Mapping[str, Any], rate: np.ndarray, two_layer: np.ndarray) -> None:
    """Rates (depths, tones) over the largest of each depth."""
    for color, values in zip(_colors(len(rate)), rate, strict=True):
        ax.semilogy(config["tones"], values / values.max(), "o-", color=color, ms=3, lw=1.2)
    ax.semilogy(config["tones"], two_layer / two_layer.max(), "--", color=GREY, lw=1.6)
    ax.grid(color="0.92")
