"""Figure of `spurious_frequencies`."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE
from validation.claims.spurious_frequencies.prediction import OWN
from validation.engine import Result, mean_interval
from validation.engine.figure import panels


def draw(result: Result) -> Figure:
    """Shares against the formula; their deviation and the spurious energy against sigma_a."""
    fig, (axes,) = panels(1, 3, (13.2, 4.4))
    _draw_frozen(axes[0], result)
    _draw_trained(axes[1], result)
    _draw_energy(axes[2], result)
    for ax in axes[1:]:
        ax.set_xlabel(r"$\sigma_a$ (scale of the output weights)")
    return fig


def _draw_frozen(ax: Axes, result: Result) -> None:
    for spacing, color in zip(result.config["spacings"], (ORANGE, BLUE, "black"), strict=False):
        label: str | None = f"spacing {spacing:g}"
        for one in result.data["frozen"]["rows"]:
            if one["spacing"] == spacing:
                shares = np.array(one["measured"])
                at = np.broadcast_to(one["formula"], shares.shape)
                ax.plot(at.ravel(), shares.ravel(), "o", ms=4, mfc="none", color=color, label=label)
                label = None
    ax.axline((0, 0), slope=1, color=GREY, lw=1, label="equal")
    ax.set(
        title=f"frozen frequencies, {result.config['seeds']} networks a setting",
        xlabel=r"$s_g=\rho_w(\xi_0+g)\,/\,\rho_{fold}(\xi_0)$",
        ylabel="amplitude over the tone's",
    )
    ax.legend(frameon=False)


def _draw_trained(ax: Axes, result: Result) -> None:
    rows, formula = result.data["trained"]["rows"], np.array(result.data["trained"]["formula"])
    sigma_a = np.array([one["sigma_a"] for one in rows])
    for k, color, name in ((OWN, BLUE, "the tone"), (OWN - 1, ORANGE, "its low alias")):
        lattice = np.array([one["lattice"]["shares"][k] for one in rows]) - formula[k]
        ax.plot([0.0, *sigma_a], [0.0, *lattice], color=color, label=f"{name}, equation")
        shares = np.array([np.array(one["measured"])[:, k] for one in rows]) - formula[k]
        _with_errors(ax, sigma_a, shares, color, f"{name}, networks")
    ax.axhline(0.0, color=GREY, ls="--", lw=1)
    here = result.config["trained_setting"]
    ax.set(
        title=f"trained frequencies, spacing {here['spacing']:g}, "
        rf"$\sigma_w$ = {here['scale']:g}",
        ylabel=r"amplitude over the tone's, minus $s_g$",
    )
    ax.legend(frameon=False, fontsize="small", loc="upper left")


def _draw_energy(ax: Axes, result: Result) -> None:
    here = result.config["trained_setting"]
    formula, label = np.nan, "equation, other settings"
    for one in result.data["equation"]:
        curve = np.array([one["formula"], *one["spurious"]]) - one["formula"]
        sigma_a = [0.0, *result.config["sigmas_a"]]
        if (one["spacing"], one["scale"]) == (here["spacing"], here["scale"]):
            formula = one["formula"]
            ax.plot(sigma_a, curve, color=ORANGE, lw=2, label="equation")
        else:
            ax.plot(sigma_a, curve, color=GREY, lw=1, label=label)
            label = "_"  # once in the legend
    rows = result.data["trained"]["rows"]
    energy = np.array([one["spurious"] for one in rows]) - formula
    sigma_a = [one["sigma_a"] for one in rows]
    _with_errors(ax, np.array(sigma_a), energy, ORANGE, "networks")
    ax.axhline(0.0, color=GREY, ls="--", lw=1, label="formula of frozen ones")
    ax.set(
        title="spurious energy, minus that by the formula",
        ylabel="energy over the target's, difference",
    )
    ax.legend(frameon=False, fontsize="small")


def _with_errors(ax: Axes, x: np.ndarray, rows: np.ndarray, color: str, label: str) -> None:
    """Means of rows (S, seeds) over seeds, with their 95 % intervals."""
    ends = np.array([mean_interval(one) for one in rows])
    error = [ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 0]]
    ax.errorbar(x, ends[:, 0], error, fmt="o", ms=5, color=color, mfc="none", label=label)
