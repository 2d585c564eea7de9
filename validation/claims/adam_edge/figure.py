"""Figure of `adam_edge`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE
from validation.engine import Result
from validation.engine.figure import panels

# Colours of the targets, marks of the settings.
COLORS, MARKS = (BLUE, ORANGE, GREEN, PURPLE), "os^Dv"


def draw(result: Result) -> Figure:
    """One run beside its prediction, and the crossings of all runs."""
    config, data = result.config, result.data
    fig, (axes,) = panels(1, 3, (13.2, 4.2))
    shown = data["shown"]
    for side, color in (("predicted", BLUE), ("trained", ORANGE)):
        steps = np.arange(len(shown[side]["loss"]))
        axes[0].semilogy(steps, shown[side]["loss"], color=color, lw=1.2, label=side)
        axes[1].semilogy(steps[1:], shown[side]["sharpness"][1:], color=color, lw=1.2, label=side)
        where = np.ravel(np.array(data[side], dtype=float))[0]
        if np.isfinite(where):
            for ax in axes[:2]:
                ax.axvline(where, color=color, ls="--", lw=1)
    axes[1].axhline(data["edge"][0], color=GREY, lw=1, label=f"edge, {data['edge'][0]:.3g}")
    first = f"{config['settings'][0]}, {config['targets'][0]}"
    axes[0].set(xlabel="step", ylabel="training loss", title=first)
    axes[1].set(
        xlabel="step",
        ylabel="step size times preconditioned curvature",
        title="sharpness; dashed: from here on above the edge",
        ylim=(data["edge"][0] / 30, data["edge"][0] * 4),
    )
    ax = axes[2]
    predicted, trained = (np.array(data[side], dtype=float) for side in ("predicted", "trained"))
    for s, setting in enumerate(config["settings"]):
        for t, target in enumerate(config["targets"]):
            runs = trained[s, t]
            ax.loglog(
                np.full(len(runs), predicted[s, t]), runs, MARKS[s], color=COLORS[t], mfc="none"
            )
            if s == 0:
                ax.plot([], [], "o", color=COLORS[t], label=target)
        ax.plot([], [], MARKS[s], color=GREY, mfc="none", label=setting)
    known = np.array([*predicted.ravel(), *trained.ravel()])
    span = np.array([known[np.isfinite(known)].min() / 1.2, known[np.isfinite(known)].max() * 1.2])
    ax.loglog(span, span, color=GREY, lw=1)
    ax.fill_between(span, span / 1.2, span * 1.2, color=GREY, alpha=0.2, lw=0, label="20 %")
    ax.set(xlabel="predicted step of the crossing", ylabel="trained", xlim=span, ylim=span)
    ax.legend(frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axis in axes[:2]:
        axis.legend(frameon=False, fontsize="small")
    fig.suptitle(
        f"{config['seeds']} networks of width {config['width']} for each target and setting, "
        "trained by PyTorch's Adam"
    )
    return fig
