"""Write one file, or several things together, whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from ntkfreq.files.locks import lock
from ntkfreq.files.scratch import drop, exchange, scratch_folder, take_back

_WAIT = 10.0  # seconds for which another writer is waited for


@contextmanager
def whole_file(path: Path, *, locked: bool = False) -> Iterator[Path]:
    """A scratch path of the same name; the file there replaces `path` if the block succeeds.

    Parameters
    ----------
    path : Path
        The file.
    locked : bool
        Whether the caller holds its lock, or one that stands for it.

    Raises
    ------
    OSError
        When the disk refuses; the file that was there is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "table.txt") as scratch:
    ...         _ = scratch.write_text("done")
    ...     (Path(folder) / "table.txt").read_text(), os.listdir(folder)
    ('done', ['table.txt'])
    """
    if not locked:
        with lock(path, wait=_WAIT) as full, whole_file(full, locked=True) as scratch:
            yield scratch
        return
    with naming_target(path):
        folder = scratch_folder(path)
        try:
            yield folder / path.name
            _sync(folder / path.name)
            (folder / path.name).replace(path)
        finally:
            drop(folder)


@contextmanager
def whole_set(path: Path, *, locked: bool = False) -> Iterator[Path]:
    """A scratch folder; all that the block puts into it appears beside `path` if it succeeds.

    Things of the same names are replaced. They all go before the first new one comes: a reader
    finds the old things, or the new ones, or some are missing for a moment; never a mixture. After
    a kill in that moment the next writer brings the new ones first.

    Parameters
    ----------
    path : Path
        Gives the folder, and the name of the lock.
    locked : bool
        Whether the caller holds that lock.

    Raises
    ------
    OSError
        When the disk refuses; what was there is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_set(Path(folder) / "run") as scratch:
    ...         _ = (scratch / "a.txt").write_text("1"), (scratch / "b.txt").write_text("2")
    ...     sorted(os.listdir(folder))
    ['a.txt', 'b.txt']
    """
    if not locked:
        with lock(path, kind="any", wait=_WAIT) as full, whole_set(full, locked=True) as scratch:
            yield scratch
        return
    with naming_target(path):
        folder = scratch_folder(path)
        try:
            (folder / "new").mkdir()
            yield folder / "new"
            # Side by side the disk takes many small files in a tenth of the time.
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(_sync, (folder / "new").rglob("*")))
            names = sorted(path.name for path in (folder / "new").iterdir())
            try:
                exchange(folder)
            except BaseException:
                with suppress(OSError):
                    take_back(folder, names)
                raise
        finally:
            # Things that could be neither exchanged nor taken back are left to the next writer.
            if not (folder / "old").is_dir() or not any((folder / "new").iterdir()):
                drop(folder)


@contextmanager
def naming_target(path: Path) -> Iterator[None]:
    """Errors of the disk become a sentence that names the target."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        text = f"{str(path)!r} cannot be written: {reason}; what was there is kept"
        raise OSError(error.errno or errno.EIO, text) from error


def _sync(path: Path) -> None:
    """Bring a file to the disk: its new name may reach it before its content does otherwise."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
