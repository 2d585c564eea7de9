"""Figure of `zhou_digits`: accuracies and losses over steps, spectra at the snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Accuracies and losses of both starts, and spectra on training and whole set at snapshots."""
    names = list(result.data["curves"])
    fig, axes = panels(len(names), 5, (17, 3.6 * len(names)), dpi=85)
    for row, name in zip(axes, names, strict=True):
        curves = result.data["curves"][name]
        _curves(row[0], row[1], curves, name, result.config)
        steps = [0, result.config["middle"], curves["step"][-1]]
        for place, (ax, step) in enumerate(zip(row[2:], steps, strict=True)):
            _spectra(ax, result.data["spectra"][name], place)
            ax.set_title(f"step {step}", fontsize="medium")
        row[2].set_ylabel("magnitude of the spectrum, ten outputs")
    for ax in axes[-1, :2]:
        ax.set_xlabel("optimizer step")
    for ax in axes[-1, 2:]:
        ax.set_xlabel("frequency $k$ (rad per unit of the\nfirst principal component)")
    axes[1, 0].legend(frameon=False, fontsize="small", loc="lower right")
    axes[0, 2].legend(frameon=False, fontsize="small", loc="upper right")
    return fig


def _curves(
    left: Axes, right: Axes, curves: dict[str, Any], name: str, config: Mapping[str, Any]
) -> None:
    """Every seed as a line, from the first step on."""
    step = np.array(curves["step"])[1:]
    for where, label, color in (
        ("train", f"training set, {config['train']} digits", BLUE),
        ("test", f"test set, {5000 - config['train']} digits", ORANGE),
    ):
        for ax, what in ((left, "accuracy"), (right, "loss")):
            lines = ax.plot(step, np.array(curves[f"{where}_{what}"])[:, 1:].T, color=color, lw=0.9)
            lines[0].set_label(label)
    left.set(xscale="log", ylabel=f"{name}\naccuracy (share of digits)", ylim=(0, 1.02))
    right.set(xscale="log", yscale="log", ylabel="loss (half squared distance)")


def _spectra(ax: Axes, spectra: dict[str, Any], place: int) -> None:
    k = np.array(spectra["k"])
    for key, label, color, line in (
        ("data_train", "data, training set", GREY, "-"),
        ("data_whole", "data, whole set", GREY, ":"),
    ):
        ax.semilogy(k, spectra[key], line, color=color, lw=2.5, label=label)
    for key, label, color in (
        ("output_train", "output, training set", BLUE),
        ("output_whole", "output, whole set", ORANGE),
    ):
        ax.semilogy(k, spectra[key][place], color=color, lw=1.1, label=label)
