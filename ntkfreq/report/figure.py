"""The figure of the main job: the bias, its removal by the wide density, and the agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq.plotting import (
    BLUE,
    GREY,
    ORANGE,
    band_learning_times,
    draw_remaining,
    even_bands,
)
from ntkfreq.report.cases import Case
from ntkfreq.report.report import Report
from ntkfreq.report.settings import BAND_REACH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {"narrow": ORANGE, "wide": BLUE}
_FREQUENCY = r"frequency $|\xi|$ (rad per half-length)"
_STEPS = "gradient descent steps"


def plot_report(report: Report) -> Figure:
    """Draw a report.

    Upper row: share of the error left over frequency and steps, for the narrow and the wide
    density, and the time to halve the error in each band. Lower row: the profile as predicted
    and as trained part of the way, and the losses.

    Parameters
    ----------
    report : Report

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 3, figsize=(12.6, 7.4), layout="constrained")
    for column, name in enumerate(("narrow", "wide")):
        image = _draw_share(axes[0, column], report, name)
        _draw_profile(axes[1, column], report, name)
    scale = axes[0, 0].inset_axes((0.5, 0.16, 0.45, 0.045))
    fig.colorbar(image, cax=scale, orientation="horizontal", ticks=[0, 0.5, 1])
    scale.set_title("share of the error left", fontsize="small")
    _draw_times(axes[0, 2], report)
    _draw_losses(axes[1, 2], report)
    fig.suptitle(
        f"{report.profile.name}: which frequencies are learned when, predicted before training",
        fontsize=13,
    )
    return fig


def _step_size(case: Case) -> float:
    return float(case.comparison.history.settings["step_size"])


def _draw_share(ax: Axes, report: Report, name: str) -> Any:
    case = report.case(name, "line")
    steps = case.comparison.t / _step_size(case)
    bands = even_bands(BAND_REACH * report.settings.narrow, 16)
    predicted, measured = case.comparison.remaining(bands)
    image = draw_remaining(ax, steps, bands, predicted)
    centres, times = band_learning_times(steps, bands, predicted)
    ax.plot(centres, times, "-", color="white", label="half left: PDE")
    centres, times = band_learning_times(steps, bands, measured)
    ax.plot(centres, times, "o", color="white", markerfacecolor="none", label="half left: network")
    ax.set(
        title=f"{name} density: std {case.scale:g}",
        xlabel=_FREQUENCY,
        ylabel=_STEPS,
    )
    legend = ax.legend(loc="upper left", frameon=False)
    for text in legend.get_texts():
        text.set_color("white")
    return image


def _draw_times(ax: Axes, report: Report) -> None:
    for name in ("narrow", "wide"):
        for data, line, marker, face in (
            ("line", "-", "o", _COLORS[name]),
            ("points", "--", "s", "none"),
        ):
            case = report.case(name, data)
            step = _step_size(case)
            rows = [row for row in case.bands if np.isfinite(row.predicted)]
            centres = [(row.low + row.high) / 2 for row in rows]
            predicted = [row.predicted / step for row in rows]
            measured = [row.measured / step for row in rows]
            ax.plot(centres, predicted, line, color=_COLORS[name], lw=1.5)
            ax.plot(centres, measured, marker, color=_COLORS[name], markerfacecolor=face)
            if data == "line" and centres:
                ax.annotate(
                    name,
                    (centres[-1], predicted[-1]),
                    (10 if name == "narrow" else -10, -12),
                    textcoords="offset points",
                    horizontalalignment="left" if name == "narrow" else "right",
                    color=_COLORS[name],
                )
    for style, label in (
        ("-", "line: PDE"),
        ("o", "line: network"),
        ("--", "samples: Gram flow"),
        ("s", "samples: network"),
    ):
        ax.plot(
            [], [], style, color=GREY, markerfacecolor=GREY if style == "o" else "none", label=label
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=_FREQUENCY,
        ylabel="steps to halve the error",
        title="learning time of each band",
    )
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    half = report.profile.half_length
    wavelength = ax.secondary_xaxis(
        "top",
        functions=(
            lambda xi: 2 * np.pi * half / np.maximum(xi, 1e-9),
            lambda length: 2 * np.pi * half / np.maximum(length, 1e-9),
        ),
    )
    unit = report.profile.x_label.partition("(")[2].rstrip(")") or report.profile.x_label
    wavelength.set_xlabel(f"wavelength ({unit})")


def _draw_profile(ax: Axes, report: Report, name: str) -> None:
    case = report.case(name, "line")
    history, solution = case.comparison.history, case.comparison.solution
    steps = case.comparison.t / _step_size(case)
    at = int(np.argmin(np.abs(steps - report.settings.steps / 8)))
    x = report.profile.half_length * (1 + history.x) + report.profile.x[0]
    ax.plot(x, history.y, color=GREY, lw=1, label="tapered profile")
    ax.plot(x, history.output[at], color=_COLORS[name], lw=3, alpha=0.5, label="trained network")
    ax.plot(x, solution.output(history.x)[at], color="black", lw=0.8, label="PDE")
    ax.set(
        title=f"{name} density after {steps[at]:.0f} steps",
        xlabel=report.profile.x_label,
        ylabel=f"{report.profile.y_label.partition('(')[0].strip()}, detrended (units of its rms)",
    )
    ax.legend(frameon=False, loc="upper left", ncols=3, fontsize="small", handlelength=1.2)
    ax.set_xlim(report.profile.x[0], report.profile.x[-1])
    low, high = history.y.min(), history.y.max()
    ax.set_ylim(low - 0.05 * (high - low), high + 0.25 * (high - low))


def _draw_losses(ax: Axes, report: Report) -> None:
    for name in ("narrow", "wide"):
        case = report.case(name, "points")
        steps = case.comparison.t / _step_size(case) + 1
        color = _COLORS[name]
        ax.loglog(steps, case.comparison.predicted_loss, color=color, label=f"{name}: predicted")
        ax.loglog(
            steps,
            case.comparison.measured_loss,
            "o",
            color=color,
            markersize=4,
            markerfacecolor="none",
            label=f"{name}: trained network",
        )
    ax.set(
        xlabel="1 + " + _STEPS,
        ylabel="mean squared error on the samples",
        title="training loss",
    )
    ax.legend(frameon=False)
