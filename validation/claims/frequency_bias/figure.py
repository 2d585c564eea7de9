"""Figure of `frequency_bias`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.claims.frequency_bias.claim import CASES
from validation.engine import Result
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Learning times against frequency, one panel a density."""
    cases = result.config["cases"]
    fig, axes = panels(2, -(-len(cases) // 2), (11, 6), sharex=True, sharey=True)
    center = np.mean(result.config["bands"], axis=1)
    for ax, case in zip(axes.flat, cases, strict=False):
        predicted, measured = (
            np.array(result.data[key][case]) for key in ("predicted", "measured")
        )
        where = center[: predicted.size]
        ax.semilogy(where, predicted, color=BLUE, label="predicted")
        for k, times in enumerate(measured):
            label = f"trained, {len(measured)} seeds" if k == 0 else None
            ax.semilogy(where, times, "o", color=ORANGE, mfc="none", ms=4, label=label)
        density = CASES[case][0]
        ax.set_title(f"{case}: std {CASES[case][1]:.3g} about zero", fontsize="medium")
        shade = ax.twinx()
        xi = np.linspace(0, center[-1] + 5, 300)
        shade.fill_between(xi, density.even_pdf(xi), color=GREY, alpha=0.2, lw=0)
        shade.set(yticks=[], ylim=(0, None))
        ax.set_zorder(shade.get_zorder() + 1)
        ax.patch.set_visible(False)
    axes[0, 0].legend(frameon=False, fontsize="small")
    for ax in axes[-1]:
        ax.set_xlabel(r"frequency $|\xi|$ of the band (rad per unit of $x$)")
    for ax in axes[:, 0]:
        ax.set_ylabel("learning time (step size x steps)")
    fig.suptitle("Predicted learning times and those of trained networks; grey: the density")
    return fig
