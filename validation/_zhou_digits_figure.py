"""Figure of the digits: accuracies and losses over steps, spectra at the snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.plotting import BLUE, GREY, ORANGE


def draw(result: dict[str, Any], path: Path) -> None:
    """Accuracies and losses of both starts, and spectra on training and whole set at snapshots."""
    import matplotlib.pyplot as plt

    names = list(result["curves"])
    fig, axes = plt.subplots(len(names), 5, figsize=(17, 3.6 * len(names)))
    for row, name in zip(axes, names, strict=True):
        _curves(row[0], row[1], result["curves"][name], name, result["config"])
        steps = [0, result["config"]["middle"], result["curves"][name]["step"][-1]]
        for place, (ax, step) in enumerate(zip(row[2:], steps, strict=True)):
            _spectra(ax, result["spectra"][name], place)
            ax.set_title(f"step {step}", fontsize="medium")
        row[2].set_ylabel("magnitude of the spectrum, ten outputs")
    for ax in axes[-1, :2]:
        ax.set_xlabel("optimizer step")
    for ax in axes[-1, 2:]:
        ax.set_xlabel("frequency $k$ (rad per unit of the\nfirst principal component)")
    axes[1, 0].legend(frameon=False, fontsize="small", loc="lower right")
    axes[0, 2].legend(frameon=False, fontsize="small", loc="upper right")
    fig.tight_layout()
    fig.savefig(path, dpi=85)
    plt.close(fig)


def _curves(left: Any, right: Any, curves: dict[str, Any], name: str, config: Any) -> None:
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


def _spectra(ax: Any, spectra: dict[str, Any], place: int) -> None:
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
