"""The figure of the main job: the bias, its removal by the wide density, and the agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq.plotting import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    band_learning_times,
    draw_remaining,
    even_bands,
    subplots,
)
from ntkfreq.report.cases import Case
from ntkfreq.report.report import Report
from ntkfreq.report.settings import BAND_REACH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {"narrow": ORANGE, "wide": BLUE}
_STEPS = "gradient descent steps"
_RULES = {"descent": ("gradient descent", ORANGE), "adam": ("Adam", PURPLE)}


def plot_report(report: Report, *, cycles: bool = False) -> Figure:
    """Draw a report.

    Upper row: share of the error left over frequency and steps, for the narrow and the wide
    density, and the time to halve the error in each band. Second row: the profile as predicted
    and as trained part of the way, and the losses. Last row: Adam under the narrow density, its
    share of the error left, and times and losses beside those of gradient descent.

    Parameters
    ----------
    report : Report
    cycles : bool, default False
        Tell the unit of frequencies in cycles per unit of x (Hz over seconds), not in radians.

    Returns
    -------
    matplotlib.figure.Figure
    """
    adam = report.find("narrow", "adam")
    rows = 2 if adam is None else 3
    fig, axes = subplots(rows, 3, figsize=(12.6, 3.7 * rows))
    frequency = _frequency(report, cycles)
    for column, name in enumerate(("narrow", "wide")):
        case = _drawn(report, name)
        if case is None:
            for ax in axes[:, column]:
                ax.set_axis_off()
                ax.set_title(f"{name} density: left out")
            continue
        image = _draw_share(axes[0, column], report, case, frequency)
        _draw_profile(axes[1, column], report, case)
        if not axes[0, 0].child_axes and not axes[0, 1].child_axes:
            scale = axes[0, column].inset_axes((0.5, 0.16, 0.45, 0.045))
            fig.colorbar(image, cax=scale, orientation="horizontal", ticks=[0, 0.5, 1])
            scale.set_title("share of the error left", fontsize="small")
    _draw_times(axes[0, 2], report, frequency)
    _draw_losses(axes[1, 2], report)
    if adam is not None:
        _draw_share(axes[2, 0], report, adam, frequency)
        _draw_rules(axes[2, 1], axes[2, 2], report, frequency)
    name = _plain(report.profile.name)
    fig.suptitle(f"{name}: which frequencies are learned when, predicted before training", size=13)
    return fig


def _frequency(report: Report, cycles: bool) -> str:
    """Label of a frequency axis, which runs in radians per half-length, with the file's unit."""
    profile = report.profile
    own = f"{profile.frequency(1.0, cycles=cycles):.3g} {profile.frequency_unit(cycles=cycles)}"
    return r"frequency $|\xi|$ (rad per half-length)" + f"\n1 rad per half-length is {_plain(own)}"


def _axis(label: str, unit: str, otherwise: str) -> str:
    """Label of an axis with a unit: that of the file, or words that it has none."""
    return _plain(label if unit or "(" in label else f"{label} ({otherwise})")


def _plain(text: str) -> str:
    """A text from a file, where dollar signs are no formula."""
    return text.replace("$", r"\$")


def _drawn(report: Report, name: str) -> Case | None:
    """The case of a density to draw: (a), or (b) where (a) was left out."""
    return report.find(name, "line") or report.find(name, "points")


def _where(case: Case) -> str:
    return {"line": "", "points": ", samples alone"}.get(case.data, ", Adam")


def _step_size(case: Case) -> float:
    return case.comparison.history.descent.step_size


def _draw_share(ax: Axes, report: Report, case: Case, label: str) -> Any:
    steps = case.comparison.t / _step_size(case)
    bands = even_bands(BAND_REACH * report.settings.narrow, 16)
    predicted, measured = case.comparison.remaining(bands)
    image = draw_remaining(ax, steps, bands, predicted)
    centres, times = band_learning_times(steps, bands, predicted)
    ax.plot(centres, times, "-", color="white", label="half left: predicted")
    centres, times = band_learning_times(steps, bands, measured)
    ax.plot(centres, times, "o", color="white", markerfacecolor="none", label="half left: network")
    ax.set(
        title=f"{case.density} density: std {case.scale:g}" + _where(case),
        xlabel=label,
        ylabel="Adam steps" if case.data == "adam" else _STEPS,
    )
    legend = ax.legend(loc="upper left", frameon=False)
    for text in legend.get_texts():
        text.set_color("white")
    return image


def _draw_times(ax: Axes, report: Report, frequency: str) -> None:
    for name in ("narrow", "wide"):
        for data, line, marker, face in (
            ("line", "-", "o", _COLORS[name]),
            ("points", "--", "s", "none"),
        ):
            case = report.find(name, data)
            if case is None:
                continue
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
    parts = {case.data for case in report.cases}
    entries = (
        ("line", "-", "line: PDE"),
        ("line", "o", "line: network"),
        ("points", "--", "samples: Gram flow"),
        ("points", "s", "samples: network"),
    )
    for style, label in [(style, label) for data, style, label in entries if data in parts]:
        ax.plot(
            [], [], style, color=GREY, markerfacecolor=GREY if style == "o" else "none", label=label
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=frequency,
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
    unit = report.profile.x_unit or "unit of x"
    wavelength.set_xlabel(f"wavelength ({_plain(unit)})")


def _draw_profile(ax: Axes, report: Report, case: Case) -> None:
    name, line = case.density, case.data == "line"
    history, solution = case.comparison.history, case.comparison.solution
    steps = case.comparison.t / _step_size(case)
    at = int(np.argmin(np.abs(steps - report.settings.steps / 8)))
    x = report.profile.half_length * (1 + history.x) + report.profile.x[0]
    ax.plot(x, history.y, color=GREY, lw=1, label="tapered profile" if line else "profile")
    ax.plot(x, history.output[at], color=_COLORS[name], lw=3, alpha=0.5, label="trained network")
    ax.plot(
        x,
        solution.output(history.x)[at],
        color="black",
        lw=0.8,
        label="PDE" if line else "Gram flow",
    )
    ax.set(
        title=f"{name} density after {steps[at]:.0f} steps",
        xlabel=_axis(report.profile.x_label, report.profile.x_unit, "unit of x"),
        ylabel=f"{_plain(report.profile.y_label.partition('(')[0].strip())}, detrended (units of "
        "its rms)",
    )
    ax.legend(frameon=False, loc="upper left", ncols=3, fontsize="small", handlelength=1.2)
    ax.set_xlim(report.profile.x[0], report.profile.x[-1])
    low, high = history.y.min(), history.y.max()
    ax.set_ylim(low - 0.05 * (high - low), high + 0.25 * (high - low))


def _draw_losses(ax: Axes, report: Report) -> None:
    for name in ("narrow", "wide"):
        case = report.find(name, "points") or report.find(name, "line")
        if case is None:
            continue
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
        ylabel="mean squared error on the samples"
        if any(case.data == "points" for case in report.cases)
        else r"squared error, integrated over x (half-lengths)",
        title="training loss",
    )
    ax.legend(frameon=False)


def _draw_rules(times: Axes, losses: Axes, report: Report, frequency: str) -> None:
    """Learning times and losses under gradient descent and under Adam."""
    for part, (rule, color) in _RULES.items():
        case = report.case("narrow", part)
        step, both = _step_size(case), case.comparison
        rows = [row for row in case.bands if np.isfinite(row.predicted)]
        centres = [(row.low + row.high) / 2 for row in rows]
        empty: dict[str, Any] = {"color": color, "markersize": 4, "markerfacecolor": "none"}
        times.plot(centres, [row.predicted / step for row in rows], color=color, label=rule)
        times.plot(centres, [row.measured / step for row in rows], "o", **empty)
        losses.loglog(1 + both.t / step, both.predicted_loss, color=color, label=rule)
        losses.loglog(1 + both.t / step, both.measured_loss, "o", **empty)
    times.set(
        yscale="log",
        xlabel=frequency,
        ylabel="steps to halve the error",
        title="both rules, narrow density: learning times",
    )
    losses.set(
        xlabel="1 + steps",
        ylabel="mean squared error on the samples",
        title="both rules: training loss",
    )
    for ax in (times, losses):
        ax.plot([], [], color=GREY, label="predicted")
        ax.plot([], [], "o", color=GREY, markerfacecolor="none", markersize=4, label="network")
        ax.legend(frameon=False, fontsize="small")
