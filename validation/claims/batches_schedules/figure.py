"""Figure of `batches_schedules`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Mean losses on batches and under schedules, and the distance of outputs by width."""
    data, config = result.data, result.config
    fig, axes = panels(2, 4, (14, 6.6))
    steps = np.array(config["records"])
    names = list(config["batches"])
    flat = list(axes.flat)
    for ax, name in zip(flat, names, strict=False):
        for order, color in (("shuffled", BLUE), ("independent", ORANGE)):
            row = data["batches"][f"{name}, {order}"]
            ax.plot(steps, row["predicted"], color=color, label=f"{order}, predicted")
            ax.errorbar(
                steps,
                row["trained"],
                2 * np.array(row["standard_error"]),
                fmt="o",
                color=color,
                mfc="none",
                ms=4,
                lw=1,
                label=f"{order}, {config['seeds']} networks",
            )
        ax.set(yscale="log", xlabel="step", ylabel="mean training loss")
        ax.set_title(name, fontsize="medium")
    flat[0].legend(frameon=False, fontsize="small")
    _schedules(flat[5], flat[6], flat[7], result)
    return fig


def _schedules(losses: Any, ratios: Any, distances: Any, result: Result) -> None:
    """The three panels of schedules."""
    data, config = result.data["schedules"], result.config
    widths = np.array(config["widths"], dtype=float)
    for color, (name, row) in zip((BLUE, ORANGE, GREEN, PURPLE), data.items(), strict=True):
        step, predicted = np.array(row["step"]), np.array(row["predicted"])
        trained = np.array(row["trained"])
        losses.plot(step, predicted, color=color, lw=1, label=name)
        losses.plot(step, trained, "o", color=color, mfc="none", ms=3)
        fallen = predicted / predicted[0]
        ratios.semilogx(fallen, trained / predicted, ".-", color=color, lw=0.8, ms=4)
        reach = 2 * np.array(row["standard_error"]) / predicted
        ratios.fill_between(
            fallen,
            trained / predicted - reach,
            trained / predicted + reach,
            color=color,
            alpha=0.1,
            lw=0,
        )
        distances.loglog(
            widths, row["rms"], "o-", color=color, lw=1, ms=4, label=f"slope {row['slope']:.3f}"
        )
    losses.set(yscale="log", xlabel="step", ylabel="mean training loss")
    losses.set_title(f"schedules, width {config['judged']}: line predicted", fontsize="medium")
    losses.legend(frameon=False, fontsize="x-small")
    ratios.axhspan(0.94, 1.06, color=GREY, alpha=0.2, lw=0)
    ratios.axvline(1e-3, color=GREY, lw=0.8, ls="--")
    ratios.invert_xaxis()
    ratios.set(xlabel="predicted loss over the initial one", ylabel="trained over predicted")
    ratios.set_title("schedules: ±6 %, and two standard errors", fontsize="medium")
    distances.set_xscale("log", base=2)
    distances.set(xlabel="width of the network", ylabel="relative L2 distance of the outputs")
    distances.set_title("schedules: difference by width", fontsize="medium")
    distances.legend(frameon=False, fontsize="small")
