"""Figure of `zhou_1d`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def _band(ax: Axes, step: np.ndarray, rows: Any, color: str, label: str) -> None:
    low, middle, high = np.array(rows, dtype=float)[1:].T
    ax.fill_between(step, low, high, color=color, alpha=0.2, lw=0)
    ax.semilogx(step, middle, color=color, lw=1.6, label=label)


def draw(result: Result) -> Figure:
    """Losses of every setting (median and range of the trials); what the output holds; the data."""
    data = result.data
    step, curves = np.array(data["step"])[1:], data["curves"]
    settings, activations = list(data["spectra"]), result.config["activations"]
    count = len(activations)
    fig, axes = panels(count + 1, 3, (11.5, 2.7 * (count + 1)), dpi=85)
    for row, activation in enumerate(activations):
        for ax, setting in zip(axes[row], settings, strict=True):
            one = curves[f"{activation}, {setting}"]
            _band(ax, step, one["train"], BLUE, "training loss")
            _band(ax, step, one["test"], ORANGE, "test loss")
            ax.set(title=f"{activation}, {setting}", ylim=(0.0, 0.85), xlabel="step")
        axes[row, 0].set_ylabel("mean square error")
    axes[0, 0].legend(frameon=False)
    first = curves[f"{activations[0]}, {settings[0]}"]
    ax = axes[count, 0]
    _band(ax, step, first["low_train"], BLUE, "on the training points")
    _band(ax, step, first["low_test"], ORANGE, "on the test points")
    ax.set(title=f"tone k = 1 of the output ({activations[0]}, 65 uneven)", xlabel="step")
    ax.set(ylabel="amplitude", ylim=(0.0, 0.5))
    ax.legend(frameon=False, loc="upper right")
    ax = axes[count, 1]
    _band(ax, step, first["like_1"], ORANGE, "with sin x")
    _band(ax, step, first["like_6"], GREEN, "with sin 6x")
    ax.set(title="what the output looks like (same)", xlabel="step", ylabel="correlation")
    ax.legend(frameon=False)
    ax = axes[count, 2]
    colors = (ORANGE, GREEN, GREY)
    for k, (setting, color) in enumerate(zip(settings, colors, strict=True)):
        spectrum = np.array(data["spectra"][setting])
        ax.bar(
            np.arange(spectrum.size) + 0.27 * (k - 1), spectrum, 0.27, color=color, label=setting
        )
    # Room above for the names.
    ax.set(title="spectra of the training data", ylabel="amplitude", ylim=(0.0, 0.8))
    ax.set_xlabel("frequency $k$ (radians per unit of $x$)")
    ax.legend(frameon=False, loc="upper left", fontsize=8)
    return fig
