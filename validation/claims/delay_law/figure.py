"""Figure of `delay_law`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Onset of both losses against weight decay, and the formula's factor."""
    rows = {name: np.array(values, dtype=float) for name, values in result.data["rows"].items()}
    rates = np.array(result.config["rates"])
    fig, (axes,) = panels(1, 2, (11.0, 4.6), dpi=100)
    axes[0].loglog(rates, np.median(rows["law"], axis=1), color=ORANGE, lw=2, label="formula")
    axes[0].loglog(
        rates, np.median(rows["t_test_predicted"], axis=1), "--", color="0.2", label="equation"
    )
    every = np.broadcast_to(rates[:, None], rows["law"].shape)
    axes[0].loglog(every, rows["t_test_trained"], "o", mfc="none", color=ORANGE, ms=6)
    axes[0].loglog(every, rows["t_train_trained"], "s", mfc="none", color=BLUE, ms=5)
    axes[0].plot([], [], "o", mfc="none", color=ORANGE, label="networks, test")
    axes[0].plot([], [], "s", mfc="none", color=BLUE, label="networks, training")
    axes[0].set(
        ylim=(10, None), ylabel="time at which the loss falls to 5 %", title="when both losses fall"
    )
    axes[1].axhspan(0.95, 1.05, color="0.92")
    axes[1].axhline(1.0, color="0.4", lw=1)
    for name, color, label in (
        ("law", ORANGE, "formula"),
        ("t_test_predicted", GREY, "equation"),
    ):
        axes[1].semilogx(
            every, rows[name] / rows["t_test_trained"], "o", mfc="none", color=color, ms=6
        )
        axes[1].plot([], [], "o", mfc="none", color=color, label=label)
    axes[1].set(ylabel="predicted over trained", title="its time, for each network by itself")
    stop = np.sqrt(rates[-2] * rates[-1])
    for ax in axes:
        ax.axvspan(stop, 1.5 * rates[-1], color=GREY, alpha=0.25, lw=0)
        ax.set(xlabel=r"weight decay $\gamma_a$ (per unit of t)", xlim=(None, 1.5 * rates[-1]))
    axes[0].legend(frameon=False, loc=(0.42, 0.68))
    axes[1].legend(frameon=False, loc="upper left")
    axes[0].text(1.4 * rates[-1], 3e3, "never", ha="right", color="0.3")
    return fig
