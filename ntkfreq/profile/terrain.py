"""Real terrain that ships with Matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.profile.signal import Profile


@dataclass(frozen=True, eq=False)
class Terrain:
    """A grid of elevations.

    Attributes
    ----------
    elevation : ndarray, shape (rows, columns)
        Metres; rows from the north, columns from the west.
    spacing : tuple of float
        Distance of neighbouring rows and of neighbouring columns, kilometres.
    """

    elevation: FloatArray
    spacing: tuple[float, float]


def terrain() -> Terrain:
    """The Jacksboro fault terrain (US Geological Survey, public domain), 344 x 403 elevations.

    It ships with Matplotlib.

    Examples
    --------
    >>> found = terrain()
    >>> found.elevation.shape, [round(1000 * step) for step in found.spacing]
    ((344, 403), [93, 74])
    """
    from matplotlib import cbook

    archive: Any = cbook.get_sample_data("jacksboro_fault_dem.npz")
    with archive as grid:
        south, north, dy, dx = (float(grid[name]) for name in ("ymin", "ymax", "dy", "dx"))
        elevation = np.asarray(grid["elevation"], dtype=np.float64)
    # Degrees to kilometres, Earth radius 6371 km; of longitude at the middle of the grid.
    degree = np.pi / 180 * 6371.0
    spacing = dy * degree, dx * degree * float(np.cos(np.radians((south + north) / 2)))
    return Terrain(elevation, spacing)


def jacksboro(row: int = 172) -> Profile:
    """Elevation along one row of the Jacksboro fault terrain.

    Parameters
    ----------
    row : int, default 172
        0 to 343, counted from the north.

    Raises
    ------
    ValueError
        When there is no such row.

    Examples
    --------
    >>> profile = jacksboro()
    >>> len(profile.x), round(float(profile.x[-1]), 1)
    (403, 29.9)
    """
    found = terrain()
    row = checks.integer("row", row, 0)
    if row >= len(found.elevation):
        raise ValueError(f"row={row} must be below {len(found.elevation)}, the rows of the terrain")
    x = np.asarray(found.spacing[1] * np.arange(found.elevation.shape[1]), dtype=np.float64)
    return Profile(
        x,
        found.elevation[row],
        f"Jacksboro fault terrain, row {row}",
        "distance (km)",
        "elevation (m)",
        x_unit="km",
        y_unit="m",
    )
