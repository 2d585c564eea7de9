"""Finished cells of a sweep: batches beside the final store until it is complete.

The final store is trusted over the batches. A batch is one file, so it is there or not, whenever
the sweep is killed; a damaged one counts as not there.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ntkfreq._support import checks
from ntkfreq.files import is_clean, lock, lock_file, remove, settle, standing, sweep_up
from ntkfreq.files.storable import storable
from ntkfreq.files.stores import load_zarr, replace_zarr
from ntkfreq.sweeps.assemble import taken_apart
from ntkfreq.sweeps.batch import Batch
from ntkfreq.sweeps.cell import Outcome
from ntkfreq.sweeps.grid import LabelGrid
from ntkfreq.sweeps.identity import check_same

if TYPE_CHECKING:
    import xarray as xr

FLUSH_SECONDS = 1.0  # finished cells wait at most this long to be written
SLOW_SECONDS = 0.5  # a cell that took longer is written at once
MOST_SECONDS = 300.0  # after a failure to write the next try comes at most so much later


class Store:
    """Batches of finished cells in `<path>.parts`, and the assembled result at `path`."""

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self.path = path
        self.parts = path.with_name(path.name + ".parts")
        self.identity = dict(identity)
        self._pending: dict[str, Outcome] = {}
        self._flushed, self._pause = time.monotonic(), FLUSH_SECONDS
        self._next = 0
        self._trouble: OSError | None = None

    def result(self) -> tuple[xr.Dataset, dict[str, Outcome]] | None:
        """The assembled result and its cells, if there is one; one of something else is refused."""
        place, shown = standing(self.path), checks.show(str(self.path), 200)
        if not place.exists():
            return None
        result = load_zarr(self.path) if (place / "zarr.json").is_file() else None
        if result is None or "label names" not in result.attrs:
            raise ValueError(f"path={shown} exists and holds no sweep; choose another path")
        check_same(self.path, result.attrs, self.identity)
        try:
            LabelGrid.of(result)
            return result, taken_apart(result)
        except Exception as error:  # an attribute or a variable may be missing, or be another one
            raise ValueError(
                f"path={shown} was changed since a sweep wrote it ({type(error).__name__}: "
                f"{error}); bring back a copy of it, or delete it to compute its cells again"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other sweeps from this path, and clear away what dead ones left."""
        with lock(self.path, kind="folder"):
            # Without locks the scratch of another sweep, which may be alive, is not touched.
            alone = lock_file(self.path).exists()
            settle(self.parts, locked=alone)
            if alone:
                sweep_up(self.parts)
            yield

    def is_clean(self) -> bool:
        """Whether the result is all that is there."""
        return not self.parts.exists() and is_clean(self.path) and is_clean(self.parts)

    def load(self) -> dict[str, Outcome]:
        """Cells in the batches; where one is in several, the last counts."""
        found: dict[str, Outcome] = {}
        files = self._batches()
        for file in files:
            batch = self._read(file)
            if batch is None:
                with suppress(OSError):
                    file.unlink()
                continue
            check_same(self.path, batch.identity, self.identity)
            found |= batch.cells
        if files:
            self._next = 1 + int(files[-1].name.split("-")[1])
        if len(files) > 8:  # as one they are read faster next time
            self._replace(files, found)
        return found

    def _read(self, file: Path) -> Batch | None:
        try:
            return Batch.read(file)
        except OSError as error:
            raise ValueError(
                f"path={checks.show(str(self.path), 200)} has finished cells in {file.name} that "
                f"cannot be read ({error.strerror}); make {self.parts.name} readable, or delete it"
            ) from None

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep a finished cell, on disk within about a second."""
        self._pending[key] = outcome
        if outcome.seconds > SLOW_SECONDS and self._trouble is None:
            self.flush()
        else:
            self.tick()

    def tick(self) -> None:
        """Write what has waited long enough."""
        if self._pending and time.monotonic() - self._flushed > self._pause:
            self.flush()

    def flush(self) -> None:
        """Write all that waits; where the disk refuses, keep it for the next time and say so."""
        if not self._pending:
            return
        start = time.monotonic()
        try:
            self._write(self._pending)
        except OSError as error:
            if self._trouble is None:
                self._warn(error, "finished cells are kept in memory, and tried again later")
            self._trouble = error
            self._pause = min(2 * self._pause, MOST_SECONDS)
            self._flushed = time.monotonic()
            return
        self._pending, self._trouble = {}, None
        self._flushed = time.monotonic()
        # A slow disk takes no more than a tenth of the time.
        self._pause = max(FLUSH_SECONDS, 10 * (self._flushed - start))

    def finish(self, result: xr.Dataset, others: Mapping[str, Outcome]) -> None:
        """Write the assembled result, then drop the batches, but for `others`.

        These are finished cells that are not in its grid. Where the disk refuses, the batches stay.
        """
        try:
            replace_zarr(storable(result), self.path)
        except OSError as error:
            self._warn(
                error,
                "the result is returned, but not kept as a whole; make room and repeat the call, "
                "or save what it returned with save_zarr",
            )
            return
        self.tidy(others)

    def tidy(self, others: Mapping[str, Outcome]) -> None:
        """Drop the batches, but for `others`; those that cannot be deleted do no harm."""
        with suppress(OSError):
            if others:
                self._replace(self._batches(), others)
            elif self.parts.exists():
                remove(self.parts)

    def _warn(self, error: OSError, consequence: str) -> None:
        warnings.warn(f"{error.strerror or error}: {consequence}", RuntimeWarning, stacklevel=2)

    def _batches(self) -> list[Path]:
        return sorted(self.parts.glob("part-*.npz"))

    def _replace(self, files: list[Path], cells: Mapping[str, Outcome]) -> None:
        """One batch a layout in the place of several."""
        with suppress(OSError):  # the several are as good
            self._write(cells)
            for file in files:
                file.unlink(missing_ok=True)

    def _write(self, cells: Mapping[str, Outcome]) -> None:
        self.parts.mkdir(parents=True, exist_ok=True)
        # Cells of one layout fit into one batch.
        for layout in {outcome.layout: None for outcome in cells.values()}:
            batch = {key: one for key, one in cells.items() if one.layout == layout}
            # The random end is for file systems without locks, where two sweeps may meet here.
            name = f"part-{self._next:06d}-{uuid.uuid4().hex[:8]}.npz"
            Batch(self.identity, batch).write(self.parts / name)
            self._next += 1
