"""Figure of `deep_practice`."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.claims.deep_practice.claim import CALM, WITHIN
from validation.engine import Result
from validation.engine.figure import panels

COLORS = (GREEN, ORANGE, BLUE)


def draw(result: Result) -> Figure:
    """Adam on the linearization by its departure; bands of a photograph; best test error."""
    fig, (axes,) = panels(1, 3, (13.5, 4.4))
    _linearized(axes[0], result)
    _bands(axes[1], result)
    _best(axes[2], result)
    return fig


def _linearized(ax: Axes, result: Result) -> None:
    for name, mark, color in (("ntk", "o", BLUE), ("default", "s", ORANGE)):
        rows = [row for row in result.data["linearized"] if row["parametrization"] == name]
        places = [row["departure"] for row in rows]
        label = "NTK parametrization" if name == "ntk" else "PyTorch's defaults"
        ax.loglog(places, [row["median"] for row in rows], mark, color=color, label=label)
    ax.axvline(CALM, color=GREY, lw=1)
    ax.axhspan(1 - WITHIN, 1 + WITHIN, color=GREY, alpha=0.2, lw=0)
    ax.set(
        xlabel="departure of the network from its linearization",
        ylabel="half-time, linearized over trained",
        title="Adam on the linearization (medians)",
    )
    ax.legend(frameon=False)


def _bands(ax: Axes, result: Result) -> None:
    data, edges = result.data["picture"], np.array(result.config["bands"])
    middle = (edges[1:] + edges[:-1]) / 2
    trained = np.array(data["half"], dtype=float).mean(axis=2)
    limits = np.array(data["predicted_half"], dtype=float)[:, :, :, 0]
    for s, scale in enumerate(result.config["scales"]):
        color = COLORS[s]
        known, expected = trained[s, 0], limits[:, s, 0]
        ax.loglog(middle, known / known[0], "o", color=color, label=f"{scale}, trained")
        for m, look in ((2, "-"), (0, ":")):
            ax.loglog(middle, expected[m] / expected[m, 0], look, color=color)
    ax.set(
        xlabel="cycles a picture",
        ylabel="half-time over that of the lowest band",
        title=f"photograph, {result.config['depths'][0]} layers, Adam",
        ylim=(0.3, 3e3),
    )
    ax.plot([], [], "-", color=GREY, label="wide layers, PyTorch's defaults")
    ax.plot([], [], ":", color=GREY, label="two-layer equation")
    ax.legend(frameon=False, fontsize="x-small")


def _best(ax: Axes, result: Result) -> None:
    data = result.data["picture"]
    known = np.array(data["best_psnr"], dtype=float)
    limits = np.array(data["predicted_psnr"], dtype=float)[3]
    for s, scale in enumerate(result.config["scales"]):
        for d, (depth, look) in enumerate(zip(result.config["depths"], "o^s", strict=False)):
            label = f"{scale}, {depth} layers"
            ax.plot(limits[s, d], known[s, d], look, color=COLORS[s], mfc="none", label=label)
    ends = [min(known.min(), limits.min()), max(known.max(), limits.max())]
    ax.plot(ends, ends, color=GREY, lw=1)
    ax.set(
        xlabel="best PSNR of gradient flow, wide layers on the same features (dB)",
        ylabel="best PSNR of trained networks (dB)",
        title="pixels that were left out",
    )
    ax.legend(frameon=False, fontsize="x-small")
