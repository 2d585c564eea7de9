"""One-dimensional signals to learn: real terrain that ships with Matplotlib, or a user's file."""

from __future__ import annotations

import csv
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray

_FEWEST = 16


@dataclass(frozen=True, eq=False)
class Profile:
    """Samples of a signal, and how to write about them.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
        Positions, increasing, and values.
    name, x_label, y_label : str
        For titles and axes, units included.
    notes : tuple of str
        What reading it had to decide, in sentences.
    """

    x: FloatArray
    y: FloatArray
    name: str
    x_label: str
    y_label: str
    notes: tuple[str, ...] = ()

    def scaled(self) -> tuple[FloatArray, FloatArray]:
        """Positions mapped to [-1, 1]; values without linear trend, with root mean square one.

        Raises
        ------
        ValueError
            When the values are a straight line, which leaves nothing to learn.
        """
        middle, half = (self.x[0] + self.x[-1]) / 2, (self.x[-1] - self.x[0]) / 2
        slope = np.polynomial.Polynomial.fit(self.x, self.y, 1)
        rest = self.y - slope(self.x)
        with np.errstate(over="ignore"):
            size = float(np.sqrt(np.mean(rest**2)))
        if not np.isfinite(size):
            raise ValueError(f"{self.name} has values too large to square; divide y by a constant")
        if size <= 1e-12 * max(float(np.abs(self.y).max()), 1e-300):
            raise ValueError(
                f"{self.name} is constant or a straight line: nothing is left after detrending"
            )
        return (self.x - middle) / half, rest / size

    @property
    def half_length(self) -> float:
        """Half the length of the profile, in the units of `x`: the unit of the scaled positions."""
        return float(self.x[-1] - self.x[0]) / 2


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

    grid: Any = cbook.get_sample_data("jacksboro_fault_dem.npz")
    # Degrees to kilometres, Earth radius 6371 km; of longitude at the middle of the grid.
    degree = np.pi / 180 * 6371.0
    middle = np.radians((float(grid["ymin"]) + float(grid["ymax"])) / 2)
    spacing = float(grid["dy"]) * degree, float(grid["dx"]) * degree * float(np.cos(middle))
    return Terrain(np.asarray(grid["elevation"], dtype=np.float64), spacing)


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
    row = _checks.integer("row", row, 0)
    if row >= len(found.elevation):
        raise ValueError(f"row={row} must be below {len(found.elevation)}, the rows of the terrain")
    x = np.asarray(found.spacing[1] * np.arange(found.elevation.shape[1]), dtype=np.float64)
    return Profile(
        x,
        found.elevation[row],
        f"Jacksboro fault terrain, row {row}",
        "distance (km)",
        "elevation (m)",
    )


def read_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a profile from a `.csv` of two columns or an `.npz` with arrays x and y.

    Parameters
    ----------
    path : path-like
        A `.csv` (comma, semicolon, tab or blanks between x and y; lines that start with # are
        passed over, one header line names the axes) or an `.npz` (read without pickle).

    Raises
    ------
    ValueError
        When the file is missing, of another kind, has one column, a cell that is no number,
        missing values, duplicate positions, or fewer than 16 samples; the message says where.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"path={str(path)!r} is no file; give a .csv or .npz of x and y")
    kind = path.suffix.lower()
    if kind not in (".csv", ".npz"):
        raise ValueError(f"path={path.name!r} ends in {kind!r}; give a .csv or an .npz of x and y")
    x, y, header = _read_csv(path) if kind == ".csv" else _read_npz(path)
    notes: tuple[str, ...] = ()
    if header:
        notes = (f"took the header line for names: {', '.join(header)}",)
    if len(x) < _FEWEST:
        raise ValueError(f"{path.name} has {len(x)} samples; give at least {_FEWEST}")
    order = np.argsort(x, kind="stable")
    if np.any(order != np.arange(len(x))):
        notes = (*notes, "sorted by x")
    x, y = x[order], y[order]
    same = np.flatnonzero(np.diff(x) == 0)
    if same.size:
        raise ValueError(
            f"{path.name} has {same.size} duplicate x, the first {x[same[0]]:g}; average their "
            "values and keep one of each"
        )
    x_label, y_label = header[:2] or ("x", "y")
    return Profile(x, y, path.name, x_label, y_label, notes)


def _read_npz(path: Path) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = sorted(archive.files)
            arrays = {name: archive[name] for name in ("x", "y") if name in names}
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile):
        # Among them pickles, whose own message would tell the user to load them unsafely.
        raise ValueError(
            f"{path.name} cannot be read as .npz of numbers; write it with "
            "numpy.savez(path, x=x, y=y)"
        ) from None
    if len(arrays) < 2:
        raise ValueError(f"{path.name} holds {names}; it must hold arrays x and y")
    x, y = arrays["x"], arrays["y"]
    x = _checks.real_array(f"x in {path.name}", x, 1)
    return x, _checks.values_at(f"y in {path.name}", y, len(x)), ()


def _read_csv(path: Path) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text; save it as plain CSV") from None
    counted = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    head = "\n".join(line for _, line in counted[:20])
    delimiter = next((mark for mark in (";", "\t", ",") if mark in head), None)
    rows: list[tuple[float, float]] = []
    header: tuple[str, ...] = ()
    for number, line in counted:
        cells = _cells(path.name, number, line, delimiter)
        if len(cells) < 2:
            raise ValueError(
                f"{path.name}, line {number}: one column ({_checks.show(cells[0])}); give two, x "
                "and y"
            )
        if not rows and not header and not _is_number(cells[0]):
            header = tuple(cells)
            continue
        rows.append(_pair(path.name, number, cells))
    if not rows:
        raise ValueError(f"{path.name} holds no numbers; give two columns, x and y")
    table = np.array(rows)
    return table[:, 0], table[:, 1], header


def _cells(name: str, number: int, line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error as error:
        raise ValueError(f"{name}, line {number}: cannot be split into columns ({error})") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _pair(name: str, number: int, cells: list[str]) -> tuple[float, float]:
    if len(cells) > 2 and any(cells[2:]):
        raise ValueError(
            f"{name}, line {number}: {len(cells)} columns; keep two, x and y (decimal points, not "
            "decimal commas)"
        )
    values = []
    for cell in cells[:2]:
        if cell == "" or cell.lower() in ("nan", "na", "n/a", "null", "none", "-"):
            raise ValueError(f"{name}, line {number}: a missing value; remove or fill that line")
        if not _is_number(cell) or not np.isfinite(float(cell)):
            raise ValueError(
                f"{name}, line {number}: {_checks.show(cell, 40)} is no finite number; use decimal "
                "points, and one header line at most"
            )
        values.append(float(cell))
    return values[0], values[1]
