"""Figures and axes that pyplot does not know, and that notebooks show all the same.

Jupyter's inline backend shows what pyplot knows when a cell ends, and then once more if the cell
ends with it. A figure of these classes is shown where it is the value of a cell, and nowhere else;
nothing keeps it open. Matplotlib is imported here, so that this module is only to be imported where
something is drawn.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


class Picture(Figure):
    """A figure that notebooks show once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        FigureCanvasAgg(self)  # or canvas.draw() would do nothing

    def _repr_png_(self) -> bytes:
        return _png(self)


class Panel(Axes):
    """Axes that notebooks show once, with their figure."""

    def _repr_png_(self) -> bytes:
        figure = self.get_figure(root=True)
        assert figure is not None
        return _png(figure)
