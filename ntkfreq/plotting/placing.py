"""Names that lie inside their regions, wherever and however large these are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.text import Text

from ntkfreq._support.types import BoolArray, FloatArray

# Angles and shares of the usual size of letters, tried in this order.
_LETTERS = [(angle, size) for angle in (0, 90) for size in (1.0, 0.9, 0.8)]
_LETTERS += [(angle, size) for angle in (0, 90) for size in (0.7, 0.6)]
# Room about the letters, and size of half a mark, in pixels of a figure of 100 dots per inch.
_ROOM, _MARK = 2.0, 6.0
# Places along each axis at which a box is tried, at least.
_PLACES = 160


class RegionName(Text):
    """The name of a region of a map, which looks for its place whenever it is drawn.

    Axes may be resized after they were drawn on, by a colour bar or a legend; a place that was
    chosen before would no longer be inside. Where the region has no room for the name at any size,
    it is not drawn.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes, all of which the map fills.
    name : str
        What to write.
    inside : ndarray of bool, shape (rows, columns)
        Which cells, of equal size on the axes and from the lower left, belong to the region.
    marks : ndarray, shape (k, 2)
        Places of marks in data coordinates, which the name leaves free if it can.
    """

    def __init__(self, ax: Any, name: str, inside: BoolArray, marks: FloatArray) -> None:
        super().__init__(
            0.5, 0.5, name, transform=ax.transAxes, ha="center", va="center", color="0.15",
            fontweight="bold", zorder=4,
        )  # fmt: skip
        self._inside, self._marks = inside, marks
        self._usual = float(self.get_fontsize())
        self._known: tuple[float, ...] = ()
        self.fits = False
        ax.add_artist(self)

    def place(self, renderer: Any = None) -> bool:
        """Look for a place in the axes as they are now; whether there is one."""
        axes = self.axes
        assert axes is not None
        figure = self.get_figure(root=True)
        assert figure is not None
        bounds = axes.bbox
        state = (bounds.width, bounds.height, figure.dpi)
        if state != self._known:
            self._known = state
            self.fits = self._moved(axes, bounds, figure.dpi / 100, renderer)
        return self.fits

    def _moved(self, axes: Any, bounds: Any, scale: float, renderer: Any) -> bool:
        places = axes.transAxes.inverted().transform(axes.transData.transform(self._marks))
        beside = _MARK * scale / bounds.width, _MARK * scale / bounds.height
        free = _without(self._inside, places, beside)
        room = 2 * _ROOM * scale
        for region in (free, self._inside):
            for angle, size in _LETTERS:
                self.set(fontsize=size * self._usual, rotation=angle)
                box = self.get_window_extent(renderer)
                shares = (box.width + room) / bounds.width, (box.height + room) / bounds.height
                found = inmost(region, *shares, aspect=bounds.height / bounds.width)
                if found is not None:
                    self.set_position(found)
                    return True
        return False

    def draw(self, renderer: Any) -> None:
        """Draw the name at its place."""
        if self.place(renderer):
            super().draw(renderer)


def _without(inside: BoolArray, marks: FloatArray, beside: tuple[float, float]) -> BoolArray:
    """The region without the cells next to marks (k, 2), all lengths in shares of the axes."""
    fine = _refined(inside)
    for place in marks:
        low, high = (
            np.clip(np.rint((place + sign * np.array(beside)) * fine.shape[::-1]), 0, None)
            for sign in (-1, 1)
        )
        fine[int(low[1]) : int(high[1]) + 1, int(low[0]) : int(high[0]) + 1] = False
    return fine


def _refined(inside: BoolArray) -> BoolArray:
    """The same region with so many cells along each axis that places are fine enough."""
    return np.kron(inside, np.ones([-(-_PLACES // count) for count in inside.shape], dtype=bool))


def inmost(
    inside: BoolArray, width: float, height: float, *, aspect: float = 1.0
) -> tuple[float, float] | None:
    """Centre of a box in a region, as far from its border as can be; None if none fits.

    Parameters
    ----------
    inside : ndarray of bool, shape (rows, columns)
        Cells of the region, from the lower left.
    width, height : float
        Of the box, in shares of those of the map.
    aspect : float
        Height of the map over its width.

    Returns
    -------
    (float, float) or None
        From the left and from below, in shares of width and height of the map.

    Examples
    --------
    >>> left = np.zeros((4, 6), dtype=bool)
    >>> left[:, :3] = True
    >>> inmost(left, 0.3, 0.1), inmost(left, 0.6, 0.1)
    ((0.25, 0.5), None)
    """
    from scipy import ndimage

    fine = _refined(inside)
    rows, columns = fine.shape
    high, wide = int(np.ceil(height * rows)), int(np.ceil(width * columns))
    if high > rows or wide > columns:
        return None
    sums = np.pad(np.cumsum(np.cumsum(fine, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
    held = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    free = held == high * wide
    if not free.any():
        return None
    steps = (aspect / rows, 1 / columns)
    depth = ndimage.distance_transform_edt(np.pad(free, 1), sampling=steps)[1:-1, 1:-1]
    best = np.argwhere(depth >= 0.95 * depth.max())
    # Among equally good places the one in their middle is taken, not the first.
    row, column = best[np.argmin(np.sum((best - best.mean(axis=0)) ** 2, axis=1))]
    return float((column + wide / 2) / columns), float((row + high / 2) / rows)
