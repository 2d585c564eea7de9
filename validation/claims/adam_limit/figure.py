"""Figure of `adam_limit`."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREY, ORANGE, PURPLE, SKY
from validation.claims.adam_limit.problem import SIGNS
from validation.engine import Result
from validation.engine.figure import panels

POWER = "power of the width in the error over the steps"


def draw(result: Result) -> Figure:
    """Error against width, the largest of every rule, and a loss under decay over steps."""
    fig, ((left, middle, right),) = panels(1, 3, (14.5, 4.8))
    _widths(left, result)
    _rules(middle, result)
    _decay(right, result)
    return fig


def _widths(ax: Axes, result: Result) -> None:
    config, data = result.config, result.data
    rows = [
        (config["widths"], data["over_steps"][0], BLUE, "o", "Adam, all trained"),
        (config["widths"], data["over_steps"][1], SKY, "s", "Adam, w frozen"),
        (config["sign_widths"], data["signs"][0], ORANGE, "^", "sign descent"),
        (config["sign_widths"], data["signs"][1], PURPLE, "v", "signum"),
    ]
    ends = [result.claims[f"{rule}: {POWER}"].value for rule in ("Adam", "Adam, w frozen")]
    ends += [result.measurements[f"{rule}: {POWER}"].value for rule in SIGNS]
    for (widths, error, color, mark, rule), power in zip(rows, ends, strict=True):
        seeds, name = np.array(error), f"{rule}: slope {power:.2f}"
        ax.loglog(np.repeat(widths, seeds.shape[1]), seeds.ravel(), ".", color=color, ms=3)
        ax.loglog(widths, np.sqrt(np.mean(seeds**2, axis=1)), mark + "-", color=color, label=name)
    widths = np.array(config["widths"], dtype=float)
    first = np.sqrt(np.mean(np.array(data["over_steps"][0][0]) ** 2))
    ax.loglog(widths, 0.7 * first * (widths / widths[0]) ** -0.5, "--", color=GREY,
              label="slope -1/2")  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set(
        xlabel="width of the network",
        ylabel="error of the output, relative\n(RMS over steps; dots: seeds, lines: their RMS)",
        title="Distance from the prediction",
    )
    ax.legend(frameon=False, fontsize="small", loc="lower left")


def _rules(ax: Axes, result: Result) -> None:
    largest = result.data["largest"]
    names, values = list(largest)[::-1], 100 * np.array(list(largest.values()))[::-1]
    place = np.arange(len(names))
    colors = [ORANGE if name in SIGNS else BLUE for name in names]
    over = [*result.data["rules_over_steps"], *(rows[-1] for rows in result.data["signs"])]
    ax.scatter(values, place, c=colors)
    ax.scatter(100 * np.max(over, axis=1)[::-1], place, facecolors="white", edgecolors=colors)
    # Entries of the legend, in no rule's color.
    ax.plot([], [], "o", color=GREY, label="largest over steps and networks")
    ax.plot([], [], "o", color=GREY, mfc="white", label="RMS over steps, largest over networks")
    ax.hlines(place, 0, values, color=GREY, lw=0.8, zorder=0)
    # What is claimed of each rule: of those of signs the root mean square.
    width = result.config["width"]
    for k, name in enumerate(names):
        kind = "error over the steps" if name in SIGNS else "largest error over steps"
        claim = result.claims[f"{name}: {kind}, width {width}"]
        ax.plot([100 * claim.high] * 2, [k - 0.5, k + 0.5], color="black", lw=1.5,
                label=None if k else "allowed (signs: to the RMS)")  # fmt: skip
    ax.set_yticks(place, names, fontsize="small")
    ax.set(
        xlim=(0, None),
        ylim=(-0.7, len(names) - 0.3),
        xlabel="error of the output, relative (%)",
        title=f"Every rule at width {width}",
    )
    ax.legend(frameon=False, fontsize="small", loc="center right")


def _decay(ax: Axes, result: Result) -> None:
    data = result.data["decaying"]
    for k, (name, color) in enumerate((("at the samples", BLUE), ("between them", ORANGE))):
        ax.plot(data["step"], data["predicted"][k], color=color, label=f"{name}, predicted")
        ax.plot(data["step"], data["trained"][k], "o", color=color, mfc="none", ms=4,
                label=f"{name}, trained")  # fmt: skip
    ax.set(
        xscale="symlog",
        yscale="log",
        xlim=(0, None),
        xlabel="step",
        ylabel=f"mean squared error, mean of {result.config['rule_seeds']} networks",
        title="16 samples, AdamW,\nfrom the networks' own initial outputs",
    )
    ax.legend(frameon=False, fontsize="small")
