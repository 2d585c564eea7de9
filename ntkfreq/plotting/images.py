"""Pictures side by side on one scale of brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.plotting.frames import subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Grey levels are those of the first picture; pixels that are missing are of this colour.
_MISSING = "#9ecae1"


def plot_pictures(
    pictures: Sequence[FloatArray], titles: Sequence[str], *, columns: int | None = None
) -> Figure:
    """Pictures (H, W) or (H, W, C) with titles, on the range of brightness of the first.

    Parameters
    ----------
    pictures : sequence of ndarray
        Missing pixels are NaN.
    titles : sequence of str
        As many.
    columns : int, optional
        Pictures in a row; default all.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = plot_pictures([np.eye(3), np.zeros((3, 3))], ["samples", "predicted"])
    >>> [ax.get_title() for ax in figure.axes]
    ['samples', 'predicted']
    """
    count = len(pictures)
    wide = count if columns is None else min(columns, count)
    rows = -(-count // wide)
    figure, axes = subplots(rows, wide, figsize=(3.0 * wide, 3.2 * rows), squeeze=False)
    low, high = np.nanmin(pictures[0]), np.nanmax(pictures[0])
    for ax, picture, title in zip(axes.ravel(), pictures, titles, strict=False):
        scaled = np.clip((picture - low) / ((high - low) or 1.0), 0.0, 1.0)
        ax.set_facecolor(_MISSING)
        if scaled.ndim == 3:
            missing = np.isnan(scaled).any(axis=-1)
            shown = scaled[..., :3] if scaled.shape[-1] >= 3 else scaled[..., 0]
            if shown.ndim == 3:
                shown = np.dstack([np.nan_to_num(shown), ~missing])
            scaled = shown
        ax.imshow(scaled, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        ax.set_title(title)
        ax.set_xticks([])
        ax.set_yticks([])
    for ax in axes.ravel()[count:]:
        ax.set_axis_off()
    return figure
