"""Figure of `zhou_parity`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Losses (median and range of the trials) and test points right over steps; data spectra."""
    fig, (axes,) = panels(1, 3, (12.5, 3.9), dpi=100)
    for (share, one), color in zip(
        result.data["curves"].items(), (ORANGE, GREEN, BLUE), strict=False
    ):
        step = np.array(one["step"])[1:]
        for name, style in (("train", "--"), ("test", "-")):
            low, middle, high = np.array(one[name], dtype=float)[1:].T
            label = f"{share}, {'training' if name == 'train' else 'test'}"
            axes[0].semilogx(step, middle, style, color=color, lw=1.6, label=label)
            if name == "test":
                axes[0].fill_between(step, low, high, color=color, alpha=0.2, lw=0)
        low, middle, high = np.array(one["right"], dtype=float)[1:].T
        axes[1].semilogx(step, middle, color=color, lw=1.6, label=share)
        axes[1].fill_between(step, low, high, color=color, alpha=0.2, lw=0)
        axes[2].semilogy(
            result.data["frequencies"], result.data["spectra"][share], color=color, label=share
        )
    level = result.config["threshold"]
    axes[0].axhline(level, color=GREY, lw=0.8, ls=":")
    axes[0].set(xlabel="step", ylabel="logistic loss (nats)", title="losses")
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].set(xlabel="step", ylabel="share of the test points that is right", title="test points")
    axes[1].legend(frameon=False)
    whole = result.data["spectra"]["whole"]
    axes[2].semilogy(result.data["frequencies"], whole, "k:", label="all points: $|\\sin k|^{10}$")
    axes[2].set(title="spectra of the training data", ylabel="amplitude (mean of the trials)")
    axes[2].set_ylim(3e-3, 1.3)
    axes[2].set_xlabel("frequency $k$ along $(1, \\ldots, 1)$ (radians)")
    axes[2].legend(frameon=False, loc="lower center", fontsize=8)
    return fig
