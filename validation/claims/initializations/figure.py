"""Figure of `initializations`: effective densities, and learning times."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE
from validation.engine import Result
from validation.engine.figure import canvas
from validation.engine.result import numbers


def _style(name: str) -> tuple[str, str]:
    """Colour by rule, line by what is done to the input."""
    if name.startswith("He"):
        return ORANGE, ":" if "biases" in name else "-"
    if name.startswith("Xavier"):
        return GREEN, "-"
    if name.startswith("PyTorch"):
        return (BLUE if "ReLU" in name else PURPLE), "--" if "x 10" in name else "-"
    return "black", "-"


# The same network as one beside it, with the same density.
_TWIN = "hardly moving"


def draw(result: Result) -> Figure:
    """Effective densities, and learning times of the tones by the NTK and trained, by network."""
    names = list(result.data["networks"])
    fig = canvas((13, 7.4), dpi=100)
    ((left, right),) = fig.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.6))
    _draw_densities(left.subplots(), result)
    axes = right.subplots(3, -(-len(names) // 3), sharex=True, sharey=True)
    for ax, name in zip(axes.flat, names, strict=False):
        _draw_times(ax, name, result)
    right.supxlabel("frequency of the tone (rad per unit of x)", fontsize="medium")
    right.supylabel(r"time to halve its error (units of $2/\lambda_{\max}$)", fontsize="medium")
    axes[0, 0].legend(frameon=False, fontsize="small", loc="lower right")
    right.suptitle("Learning times by the NTK of the start and of trained networks")
    return fig


def _draw_densities(ax: Axes, result: Result) -> None:
    xi = np.array(result.config["frequencies"])
    for name, parts in result.data["networks"].items():
        if _TWIN in name:
            continue
        density = np.median(np.array(parts["density"]) / np.array(parts["top"])[:, None], axis=0)
        color, style = _style(name)
        ax.loglog(xi, density, style, color=color, label=name, lw=2 if color == "black" else 1.5)
    # What a kink amounts to, and what the window of the density lets through at least.
    for power, level, text in ((2, 2e-3, r"$\xi^{-2}$"), (10, 1e-5, r"window, $\xi^{-10}$")):
        line = level * (xi / xi[0]) ** -power
        ax.loglog(xi, line, color=GREY, lw=0.8)
        ax.annotate(text, (xi[5], line[5]), color=GREY, ha="right", va="top", fontsize="small")
    ax.set(
        xlabel="frequency (rad per unit of x)",
        ylabel=r"effective density $\rho_{\rm eff}/\lambda_{\max}$ (unit of $x$)",
        title="Seen through the empirical NTK",
        ylim=(1e-13, None),
    )
    ax.set_xticks([10, 20, 40], ["10", "20", "40"])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize="small", loc="lower left")


def _draw_times(ax: Axes, name: str, result: Result) -> None:
    config, parts = result.config, result.data["networks"][name]
    tones, color = np.array(config["tones"]), _style(name)[0]
    predicted, measured = (
        np.array([numbers(row) for row in parts[side]]) for side in ("predicted", "measured")
    )
    ax.fill_between(
        tones, *np.minimum([predicted.min(0), predicted.max(0)], 1e12), color=color, alpha=0.2, lw=0
    )
    ax.semilogy(tones, np.minimum(np.median(predicted, axis=0), 1e12), color=color, label="NTK")
    for k, times in enumerate(measured):
        label = "trained" if k == 0 else None
        ax.semilogy(tones, times, "o", color="black", mfc="none", ms=4, label=label)
    ax.axhline(config["end"][name], color=GREY, ls=":", lw=1)
    ax.text(tones[0], 1.3 * config["end"][name], "end of run", color=GREY, fontsize="x-small")
    ax.set_title(name, fontsize="small")
    ax.set(ylim=(0.3, 1e6), xticks=[5, 15, 25])
