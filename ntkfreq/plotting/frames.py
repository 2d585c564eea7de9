"""Where to draw: axes that the caller gives, or a figure of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    figsize: tuple[float, float] | None = None,
    layout: Any = "constrained",
    **options: Any,
) -> tuple[Figure, Any]:
    """A figure that pyplot does not know, with its axes.

    As ``matplotlib.pyplot.subplots``, but nothing keeps the figure open: it need not be closed, and
    a notebook shows it where it is the value of a cell, once. ``plt.show()`` does not show it; for
    that give the functions of this module axes from ``plt.subplots``.

    Parameters
    ----------
    rows, columns : int
        Of axes.
    figsize : (float, float), optional
        Width and height in inches; default Matplotlib's.
    layout : str, default "constrained"
        Of the figure, as ``matplotlib.figure.Figure`` takes it.
    **options
        What ``matplotlib.figure.Figure.subplots`` takes: `sharex`, `sharey`, `squeeze`,
        `width_ratios`, `height_ratios`, `subplot_kw`, `gridspec_kw`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes or ndarray of them
        One, or an array of shape (rows, columns) without dimensions of length one.

    Examples
    --------
    >>> figure, axes = subplots(1, 3, figsize=(13, 3.8), sharey=True)
    >>> axes.shape
    (3,)
    >>> import matplotlib.pyplot as plt
    >>> plt.get_fignums()
    []
    """
    from ntkfreq.plotting.shown import Picture

    figure = Picture(figsize=figsize, layout=layout)
    return figure, figure.subplots(rows, columns, **options)


def single(ax: Any, figsize: tuple[float, float]) -> Axes:
    """The axes given, or those of a new figure of this size.

    Examples
    --------
    >>> single("here", (4, 3))
    Traceback (most recent call last):
    TypeError: ax='here' must be one matplotlib Axes, such as plt.subplots()[1]; or leave it out
    """
    from matplotlib.axes import Axes

    if ax is None:
        from ntkfreq.plotting.shown import Panel, Picture

        return Picture(figsize=figsize, layout="constrained").add_subplot(axes_class=Panel)
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax={checks.show(ax)} must be one matplotlib Axes, such as plt.subplots()[1]; or "
            "leave it out"
        )
    return ax


def several(ax: Any, names: list[str]) -> list[Axes]:
    """The axes given for pictures of these names, one each.

    Examples
    --------
    >>> several(subplots(1, 2)[1], ["shares", "times", "losses"])
    Traceback (most recent call last):
    ValueError: ax has 2 Axes for 3 pictures (shares, times, losses); give one for each, ...
    """
    from matplotlib.axes import Axes

    listed = isinstance(ax, list | tuple | np.ndarray)
    found = np.ravel(np.asarray(ax, dtype=object)).tolist() if listed else [ax]
    wrong = [item for item in found if not isinstance(item, Axes)]
    advice = f"give one for each, such as plt.subplots(1, {len(names)})[1], or leave ax out"
    if wrong:
        raise TypeError(
            f"ax={checks.show(ax)} holds {checks.show(wrong[0])}, which is no matplotlib Axes; "
            + advice
        )
    if len(found) != len(names):
        raise ValueError(
            f"ax has {len(found)} Axes for {len(names)} pictures ({', '.join(names)}); {advice}"
        )
    return found


def root_figure(ax: Axes) -> Any:
    """The whole figure of axes, which may be in a part of it."""
    return ax.get_figure(root=True)
