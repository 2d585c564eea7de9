"""Pictures side by side on one scale of brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.plotting.frames import several, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A = TypeVar("A")

# Grey levels are those of the first picture; pixels that are missing are of this colour.
_MISSING = "#9ecae1"


@overload
def plot_pictures(
    pictures: Sequence[FloatArray], titles: Sequence[str], *, ax: None = None
) -> Figure: ...


@overload
def plot_pictures(pictures: Sequence[FloatArray], titles: Sequence[str], *, ax: A) -> A: ...


def plot_pictures(pictures: Sequence[FloatArray], titles: Sequence[str], *, ax: Any = None) -> Any:
    """Pictures (H, W) or (H, W, C) with titles, on the range of brightness of the first.

    Parameters
    ----------
    pictures : sequence of ndarray
        Missing pixels are NaN.
    titles : sequence of str
        As many.
    ax : sequence of matplotlib.axes.Axes, optional
        Where to draw, one for each; default a new figure.

    Returns
    -------
    matplotlib.figure.Figure, or what was given as `ax`
        A new figure is one that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        For an `ax` that is not as many Axes.

    Examples
    --------
    >>> figure = plot_pictures([np.eye(3), np.zeros((3, 3))], ["samples", "predicted"])
    >>> [ax.get_title() for ax in figure.axes]
    ['samples', 'predicted']
    """
    figure = None
    if ax is None:
        count = len(pictures)
        figure, ax = subplots(1, count, figsize=(3.1 * count, 3.3), squeeze=False)
    low, high = float(np.nanmin(pictures[0])), float(np.nanmax(pictures[0]))
    for axis, picture, title in zip(several(ax, list(titles)), pictures, titles, strict=True):
        scaled = np.clip((picture - low) / ((high - low) or 1.0), 0.0, 1.0)
        axis.set_facecolor(_MISSING)
        axis.imshow(_shown(scaled), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        axis.set(title=title, xlabel="column", ylabel="row")
        axis.locator_params(nbins=4)
    return ax if figure is None else figure


def _shown(picture: FloatArray) -> FloatArray:
    """Grey levels, or red, green, blue and whether the pixel is known."""
    if picture.ndim == 2:
        return picture
    if picture.shape[-1] < 3:
        return np.asarray(picture[..., 0])
    known = np.isfinite(picture).all(axis=-1)
    return np.dstack([np.nan_to_num(picture[..., :3]), known])
