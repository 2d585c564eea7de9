"""From the outcomes of cells to one dataset over the grid, and back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import ntkfreq
from ntkfreq.files.storable import TEXT
from ntkfreq.sweeps.cell import Arrays, Outcome
from ntkfreq.sweeps.grid import LabelGrid

if TYPE_CHECKING:
    import xarray as xr

_CELL_TYPE = "dtype_of_cells"  # where a missing cell turned whole numbers into floats


def conform(
    outcomes: Mapping[str, Outcome], order: Iterable[str], prefer: str = ""
) -> dict[str, Outcome]:
    """Outcomes with one layout; those of another become failed.

    That is `prefer`, else the most common one, and of several the first in the order of the grid,
    since the order in which cells finish is a matter of chance.

    Examples
    --------
    >>> odd, even = Outcome(layout="a()"), Outcome(layout="b()")
    >>> done = conform({"0": even, "1": odd, "2": even}, "012")
    >>> done["1"].error
    'ValueError: the function returned a(), where other cells gave b()'
    """
    found = (outcomes[key].layout for key in order if key in outcomes)
    counts = Counter(layout for layout in found if layout)
    common = prefer or (counts.most_common(1)[0][0] if counts else "")
    return {
        key: outcome if outcome.layout in ("", common) else _mismatched(outcome, common)
        for key, outcome in outcomes.items()
    }


def _mismatched(outcome: Outcome, common: str) -> Outcome:
    return Outcome(
        error=f"ValueError: the function returned {outcome.layout}, where other cells gave "
        f"{common}",
        seconds=outcome.seconds,
    )


def assemble(
    grid: LabelGrid, outcomes: Mapping[str, Outcome], identity: Mapping[str, str]
) -> xr.Dataset:
    """Dataset over the labels; cells that failed are NaN, or "" where the variable is text."""
    import xarray as xr

    cells = [outcomes[key] for key in grid.cell_keys()]
    good = [outcome for outcome in cells if outcome.layout]
    labels = tuple(grid.values)
    variables: dict[str, Any] = {}
    coords = grid.coordinates() | (good[0].coords if good else {})
    for name, (dims, _, attrs) in (good[0].values if good else {}).items():
        values, extra = _stacked(name, cells, good)
        variables[name] = (labels + dims, values.reshape(grid.shape + values.shape[1:]))
        variables[name] += (attrs | extra,)
    errors = np.array([outcome.error for outcome in cells], dtype=TEXT)
    seconds = np.array([outcome.seconds for outcome in cells])
    variables["error"] = (labels, errors.reshape(grid.shape))
    variables["seconds"] = (labels, seconds.reshape(grid.shape))
    attrs = {
        **identity,
        "labels": json.dumps(labels),
        "layout": good[0].layout if good else "",
        "ntkfreq version": ntkfreq.__version__,
        "cells": len(cells),
        "failed cells": len(cells) - len(good),
    }
    return xr.Dataset(variables, coords, attrs)


def _stacked(name: str, cells: list[Outcome], good: list[Outcome]) -> tuple[Any, dict[str, str]]:
    """Values of one variable, the cells along the first axis, and an attribute on their type."""
    arrays = [outcome.values[name][1] for outcome in good]
    own = TEXT if arrays[0].dtype.kind == "T" else np.result_type(*arrays)
    if len(good) == len(cells):
        return np.stack(arrays).astype(own), {}
    extra = {}
    fill: Any = "" if own is TEXT else np.nan
    dtype = own
    if own is not TEXT and own.kind in "biu":
        dtype, extra = np.dtype(np.float64), {_CELL_TYPE: str(own)}
    stacked = np.full((len(cells), *arrays[0].shape), fill, dtype=dtype)
    stacked[[k for k, outcome in enumerate(cells) if outcome.layout]] = np.stack(arrays)
    return stacked, extra


def taken_apart(result: xr.Dataset) -> dict[str, Outcome]:
    """The outcomes that `assemble` put together."""
    grid = LabelGrid.of(result)
    count, skip = len(grid.cell_keys()), len(grid.shape)
    errors = result["error"].values.reshape(-1).tolist()
    seconds = result["seconds"].values.reshape(-1).tolist()
    values, coords = {}, {}
    for name, array in result.data_vars.items():
        if name not in ("error", "seconds"):
            flat = array.values.reshape(count, *array.shape[skip:])
            attrs = dict(array.attrs)
            own = attrs.pop(_CELL_TYPE, None)
            values[str(name)] = (tuple(map(str, array.dims[skip:])), flat, own, attrs)
    for name, array in result.coords.items():
        if name not in grid.values:
            coords[str(name)] = (tuple(map(str, array.dims)), array.values, dict(array.attrs))
    layout = result.attrs["layout"]
    return {
        key: Outcome(error=errors[k], seconds=seconds[k])
        if errors[k]
        else Outcome(_row(values, k), coords, layout, "", seconds[k])
        for k, key in enumerate(grid.cell_keys())
    }


def _row(values: Mapping[str, Any], k: int) -> Arrays:
    return {
        name: (dims, np.asarray(flat[k], dtype=_dtype(flat, own)), attrs)
        for name, (dims, flat, own, attrs) in values.items()
    }


def _dtype(flat: Any, own: str | None) -> Any:
    return flat.dtype if own is None else np.dtype(own)
