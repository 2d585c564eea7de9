"""Frames of the figures: one look, and nothing that has to be closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq.plotting import AMBER, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = (BLUE, ORANGE, GREEN, PURPLE, GREY, SKY, YELLOW, AMBER, "black")


def canvas(size: tuple[float, float], dpi: int = 110) -> Figure:
    """An empty figure of a size in inches. It belongs to no window, so nobody has to close it."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=dpi, layout="constrained")


def panels(
    rows: int, columns: int, size: tuple[float, float], dpi: int = 110, **options: Any
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes (rows, columns); options are those of `Figure.subplots`.

    Examples
    --------
    >>> figure, axes = panels(2, 3, (9.0, 5.0), sharex=True)
    >>> axes.shape
    (2, 3)
    """
    figure = canvas(size, dpi)
    return figure, np.asarray(figure.subplots(rows, columns, squeeze=False, **options))
