"""Where a sweep keeps finished cells: batches beside the final store until all are there."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq.results import load_zarr, save_zarr, whole_file
from ntkfreq.sweeps.assemble import TEXT
from ntkfreq.sweeps.cell import Arrays, Outcome
from ntkfreq.sweeps.identity import check_same

if TYPE_CHECKING:
    import xarray as xr

FLUSH_SECONDS = 1.0  # finished cells wait at most this long to be written
SLOW_SECONDS = 0.5  # a cell that took longer is written at once


class Store:
    """Batches of finished cells in `<path>.parts`, and the assembled result at `path`."""

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self.path = path
        self.parts = path.with_name(path.name + ".parts")
        self.identity = dict(identity)
        self._pending: dict[str, Outcome] = {}
        self._flushed, self._pause = time.monotonic(), FLUSH_SECONDS
        self._next = 0

    def open(self) -> xr.Dataset | None:
        """The assembled result if there is one; a store of something else is refused."""
        result = None
        if self.path.exists():
            result = load_zarr(self.path) if (self.path / "zarr.json").is_file() else None
            if result is None or "label names" not in result.attrs:
                raise ValueError(
                    f"path={str(self.path)!r} exists and holds no sweep; choose another path"
                )
            check_same(self.path, result.attrs, self.identity)
        file = self.parts / "identity.json"
        if file.is_file():
            check_same(self.path, json.loads(file.read_text(encoding="utf-8")), self.identity)
        return result

    def load(self) -> dict[str, Outcome]:
        """Cells in the batches; where one is in several, the last counts."""
        found: dict[str, Outcome] = {}
        coords: dict[str, Arrays] = {}
        batches = self._batches()
        for batch in batches:
            found |= _cells_of(load_zarr(batch), coords)
        if batches:
            self._next = 1 + int(batches[-1].name.split("-")[1])
        if len(batches) > 8:  # as one they are read faster next time
            self._write(found)
            for batch in batches:
                shutil.rmtree(batch)
        return found

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep a finished cell, on disk within about a second."""
        self._pending[key] = outcome
        if outcome.seconds > SLOW_SECONDS:
            self.flush()
        else:
            self.tick()

    def tick(self) -> None:
        """Write what has waited long enough."""
        if self._pending and time.monotonic() - self._flushed > self._pause:
            self.flush()

    def flush(self) -> None:
        """Write all that waits."""
        if not self._pending:
            return
        start = time.monotonic()
        self._write(self._pending)
        self._pending = {}
        self._flushed = time.monotonic()
        # A slow disk takes no more than a tenth of the time.
        self._pause = max(FLUSH_SECONDS, 10 * (self._flushed - start))

    def finish(
        self, result: xr.Dataset, cells: Mapping[str, Outcome], others: Mapping[str, Outcome]
    ) -> None:
        """Write the assembled result, then drop the batches, but for `others`.

        Where it replaces another one, `cells` are all of them: they are among the batches for the
        moment between two renames, in which there is no result. `others` are finished cells that
        are not in its grid.
        """
        if cells:
            self._write(cells)
        save_zarr(result, self.path)
        batches = self._batches()
        if others:
            self._write(others)
            for batch in batches:
                shutil.rmtree(batch)
        else:
            shutil.rmtree(self.parts)

    def _batches(self) -> list[Path]:
        return sorted(part for part in self.parts.glob("part-*") if (part / "zarr.json").is_file())

    def _write(self, cells: Mapping[str, Outcome]) -> None:
        file = self.parts / "identity.json"
        if not file.is_file():
            self.parts.mkdir(parents=True, exist_ok=True)
            with whole_file(file) as scratch:
                scratch.write_text(json.dumps(self.identity, indent=1), encoding="utf-8")
        # Cells of one layout fit into one store.
        for layout in {outcome.layout: None for outcome in cells.values()}:
            batch = {key: one for key, one in cells.items() if one.layout == layout}
            # The random end keeps two sweeps at one path from overwriting each other.
            name = f"part-{self._next:06d}-{uuid.uuid4().hex[:8]}"
            save_zarr(_dataset_of(batch, layout), self.parts / name)
            self._next += 1


def _dataset_of(cells: Mapping[str, Outcome], layout: str) -> xr.Dataset:
    import xarray as xr

    rows = list(cells.values())
    variables: dict[str, Any] = {
        "__key": ("__cell", np.array(list(cells), dtype=TEXT)),
        "__error": ("__cell", np.array([row.error for row in rows], dtype=TEXT)),
        "__seconds": ("__cell", np.array([row.seconds for row in rows])),
    }
    for name, (dims, _, attrs) in rows[0].values.items():
        stacked = np.stack([row.values[name][1] for row in rows])
        variables[name] = (("__cell", *dims), stacked, attrs)
    return xr.Dataset(variables, rows[0].coords, {"layout": layout})


def _cells_of(part: xr.Dataset, coords: dict[str, Arrays]) -> dict[str, Outcome]:
    layout = part.attrs["layout"]
    shared = coords.setdefault(
        layout,
        {
            str(name): (tuple(map(str, array.dims)), array.values, dict(array.attrs))
            for name, array in part.coords.items()
        },
    )
    values = {
        str(name): (tuple(map(str, array.dims[1:])), array.values, dict(array.attrs))
        for name, array in part.data_vars.items()
        if not str(name).startswith("__")
    }
    errors, seconds = part["__error"].values.tolist(), part["__seconds"].values.tolist()
    return {
        key: Outcome(
            {
                name: (dims, np.asarray(rows[k], dtype=rows.dtype), attrs)
                for name, (dims, rows, attrs) in values.items()
            },
            shared,
            layout,
            errors[k],
            seconds[k],
        )
        for k, key in enumerate(part["__key"].values.tolist())
    }
