"""The single pictures that figures are made of: shares left, times to halve, losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.plotting.bands import Band
from ntkfreq.plotting.palette import FREQUENCY, SKY, TIME

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Mean squares below this share of the largest loss are rounding.
_ROUNDING = 1e-16
_SHARE = "share of the error left\n(grey: nothing to learn, blue: grown)"
# Shares up to this are drawn as one.
_GROWN = 1.1


def draw_remaining(
    ax: Axes,
    t: FloatArray,
    bands: Sequence[Band],
    share: FloatArray,
    label: str = FREQUENCY,
    time: str = TIME,
) -> Any:
    """Draw a heat map of the share of the error left, over frequency and log time.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    t : ndarray, shape (T,)
        Times, at least one of them after 0.
    bands : sequence of (low, high), length B
        Increasing bands of the magnitude of the frequency, which may leave gaps.
    share : ndarray, shape (T, B)
        What is left of each; NaN where there is nothing to learn, above one where it has grown, as
        aliases of undersampled data do.
    label, time : str
        Of the axes, with units.

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar.

    Raises
    ------
    ValueError
        When no time is after 0.

    Examples
    --------
    >>> from ntkfreq.plotting import subplots
    >>> figure, ax = subplots()
    >>> mesh = draw_remaining(ax, np.array([0.0, 1.0, 4.0]), [(0, 1), (2, 3)], np.ones((3, 2)))
    >>> mesh.get_array().shape
    (2, 3)
    """
    from matplotlib import colormaps

    positive = t > 0
    if not positive.any():
        raise ValueError(
            f"t ends at {t[-1]:g}, so that there is nothing to draw over the logarithm of time; "
            "solve with times after 0"
        )
    clock, (edges, filled) = t[positive], _with_gaps(bands, share[positive])
    middle = np.sqrt(clock[1:] * clock[:-1])
    ends = clock[0] ** 2 / middle[:1], clock[-1] ** 2 / middle[-1:]
    rows = np.concatenate([ends[0], middle, ends[1]]) if len(clock) > 1 else clock * [[0.5], [2]]
    ax.set_facecolor("0.75")
    colors = colormaps["magma"].with_extremes(over=SKY)
    grown = np.where(filled > _GROWN, filled, np.minimum(filled, 1.0))
    image = ax.pcolormesh(edges, rows.ravel(), grown, cmap=colors, vmin=0, vmax=1, rasterized=True)
    ylim = (clock[0], clock[-1]) if len(clock) > 1 else rows.ravel()
    ax.set(yscale="log", xlabel=label, ylabel=time, ylim=ylim)
    return image


def _with_gaps(bands: Sequence[Band], share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Edges of columns, and columns, of NaN between bands that do not touch."""
    edges, columns = [bands[0][0]], []
    for (low, high), column in zip(bands, share.T, strict=True):
        if low > edges[-1] * (1 + 1e-9):
            edges.append(low)
            columns.append(np.full_like(column, np.nan))
        edges.append(high)
        columns.append(column)
    return np.array(edges), np.stack(columns, axis=1)


def add_share_bar(image: Any, axes: Any) -> None:
    """The colour bar of heat maps drawn by `draw_remaining`, beside these axes."""
    image.get_figure(root=True).colorbar(image, ax=axes, label=_SHARE, extend="max")


def draw_losses(
    ax: Axes,
    t: FloatArray,
    curves: dict[str, tuple[FloatArray, str, str]],
    label: str = r"loss $\int e^2\,d\mu$ (units of $y^2$)",
    time: str = TIME,
) -> None:
    """Draw losses over time, both logarithmic.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    t : ndarray, shape (T,)
        Times; what is at 0 is left out.
    curves : dict
        By their names in the legend (values (T,), style, colour).
    label, time : str
        Of the axes, with units.

    Examples
    --------
    >>> from ntkfreq.plotting import BLUE, subplots
    >>> figure, ax = subplots()
    >>> t = np.geomspace(1, 9, 5)
    >>> draw_losses(ax, t, {"training": (1 / t, "-", BLUE)})
    >>> ax.get_xscale(), ax.get_legend_handles_labels()[1]
    ('log', ['training'])
    """
    positive = t > 0
    for name, (values, style, color) in curves.items():
        hollow = color if style == "o" else "none"
        ax.loglog(
            t[positive], values[positive], style, color=color, label=name, markersize=4,
            markerfacecolor=hollow,
        )  # fmt: skip
    ax.set(xlabel=time, ylabel=label)
    end_above_rounding(ax)
    ax.legend(frameon=False)


def end_above_rounding(ax: Axes) -> None:
    """End a logarithmic axis of losses where they are rounding, if they reach so far down."""
    low, high = ax.get_ylim()
    if low < _ROUNDING * high:
        ax.set_ylim(bottom=_ROUNDING * high)
