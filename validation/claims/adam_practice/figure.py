"""Figure of `adam_practice`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE
from validation.claims.adam_practice.claim import FEWEST
from validation.engine import Result
from validation.engine.figure import panels

COLORS = {256: GREEN, 1024: ORANGE, 4096: BLUE}


def draw(result: Result) -> Figure:
    """Half-times, how far they are off by width, and the map of where the prediction fails."""
    rows = {name: np.array(values, dtype=float) for name, values in result.data.items()}
    fig, axes = panels(2, 2, (11, 9))
    _half_times(axes[0, 0], rows)
    _distributions(axes[0, 1], rows)
    _rates(axes[1, 0], rows)
    _weak(axes[1, 1], rows)
    fig.suptitle(
        f"Adam, learning rates {', '.join(f'{rate:g}' for rate in result.config['rates'])}: "
        f"{len(result.config['targets'])} targets, mean of "
        f"{', '.join(f'{n}' for n in result.config['seeds'].values())} networks a width"
    )
    return fig


def _widths(rows: dict[str, Any]) -> list[int]:
    return sorted(set(rows["width"].astype(int).tolist()))


def _half_times(ax: Axes, rows: dict[str, Any]) -> None:
    for width in _widths(rows):
        some = (rows["width"] == width) & np.isfinite(rows["trained"])
        ax.loglog(
            rows["predicted"][some], rows["trained"][some], ".", ms=3, alpha=0.5,
            color=COLORS.get(width, GREY), label=f"width {width}",
        )  # fmt: skip
    known = rows["predicted"][np.isfinite(rows["predicted"])]
    span = np.array([known.min() / 1.3, known.max() * 1.3])
    ax.loglog(span, span, color=GREY, lw=1)
    ax.axvline(FEWEST, color=GREY, ls=":", lw=1)
    ax.set(
        xlabel="predicted steps until half of a band is learned",
        ylabel="trained, mean over networks",
        title=f"every band; judged are those from {FEWEST:g} steps on",
    )
    ax.legend(frameon=False, fontsize="small", markerscale=3)


def _distributions(ax: Axes, rows: dict[str, Any]) -> None:
    """Shares of the bands within a distance: of the mean, and of single ones by their own units."""
    for width in _widths(rows):
        some = (rows["width"] == width) & rows["judged"].astype(bool)
        off = np.abs(rows["trained"][some] / rows["predicted"][some] - 1)
        own = rows["own_off"][some]
        for values, look, what in ((off, "-", "mean of networks"), (own, "--", "own units")):
            values = np.sort(np.where(np.isfinite(values), values, np.inf))
            share = (np.arange(len(values)) + 1) / len(values)
            ax.semilogx(np.maximum(values, 1e-5), share, look, color=COLORS.get(width, GREY),
                        label=f"width {width}, {what}")  # fmt: skip
    ax.axhline(0.9, color=GREY, ls=":", lw=1)
    ax.set(
        xlabel="|trained half-time over predicted - 1|",
        ylabel="share of judged bands",
        xlim=(1e-4, 2),
        title="how far off",
    )
    ax.legend(frameon=False, fontsize="x-small")


def _binned(ax: Axes, x: np.ndarray, off: np.ndarray, color: str, label: str) -> None:
    """Median and the middle 80 % in bins of equal counts."""
    order = np.argsort(x)
    parts = np.array_split(order, max(2, min(12, len(order) // 30)))
    parts = [part for part in parts if len(part)]
    middle = [np.median(x[part]) for part in parts]
    low, mid, high = (
        np.array([np.quantile(off[part], q) for part in parts]) for q in (0.1, 0.5, 0.9)
    )
    ax.semilogx(middle, mid, "o-", color=color, ms=4, lw=1.2, label=label)
    ax.fill_between(middle, low, high, color=color, alpha=0.15, lw=0)


def _rates(ax: Axes, rows: dict[str, Any]) -> None:
    """Off by the size of a step, all bands."""
    for width in _widths(rows):
        some = (rows["width"] == width) & np.isfinite(rows["trained"]) & (rows["share"] > 0.1)
        off = np.log2(rows["trained"][some] / rows["predicted"][some])
        _binned(
            ax, rows["eta0"][some], np.clip(off, -2, 2), COLORS.get(width, GREY), f"width {width}"
        )
    ax.axvline(0.25, color=GREY, ls=":", lw=1)
    ax.axhline(0, color=GREY, lw=1)
    ax.set(
        xlabel=r"$\eta_0$ over rms(y); dotted: where the warning begins",
        ylabel="log2 of trained over predicted half-time",
        title="by the step; strong bands; line: median, band: 80 %",
    )
    ax.legend(frameon=False, fontsize="small")


def _weak(ax: Axes, rows: dict[str, Any]) -> None:
    """Off by the size of a band beside the strongest, judged bands."""
    for width in _widths(rows):
        some = (rows["width"] == width) & rows["judged"].astype(bool) & np.isfinite(rows["trained"])
        off = np.log2(rows["trained"][some] / rows["predicted"][some])
        _binned(
            ax, rows["share"][some], np.clip(off, -2, 2), COLORS.get(width, GREY), f"width {width}"
        )
    ax.axhline(0, color=GREY, lw=1)
    ax.set(
        xlabel="size of the band over that of the strongest",
        ylabel="log2 of trained over predicted half-time",
        title="by the strength of the band; judged bands",
    )
    ax.legend(frameon=False, fontsize="small")
