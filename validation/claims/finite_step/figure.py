"""Figure of `finite_step`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Losses against steps for every rule: trained, predicted, gradient flow."""
    data = result.data
    fig, axes = panels(2, 3, (11, 6), sharex=True, sharey=True)
    for ax, name in zip(axes.flat, data["trained"], strict=True):
        steps = np.arange(len(data["trained"][name]))
        ax.semilogy(steps, data["flow"][name], "--", color=GREY, label="gradient flow")
        ax.semilogy(steps, data["predicted"][name], color=BLUE, label="predicted in steps")
        ax.semilogy(
            steps,
            data["trained"][name],
            "o",
            color=ORANGE,
            mfc="none",
            ms=4,
            label=f"trained, mean of {result.config['seeds']} seeds",
        )
        title = name if "0.9" in name else rf"gradient descent, step {name}$/\lambda_{{max}}$"
        ax.set_title(title, fontsize="medium")
    axes[0, 0].legend(frameon=False, fontsize="small")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    for ax in axes[:, 0]:
        ax.set_ylabel("training loss (mean square)")
    return fig
