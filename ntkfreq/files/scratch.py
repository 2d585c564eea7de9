"""Scratch folders: their names, the exchange with their target, and recovery after a kill.

A scratch folder `.NAME.ntkfreq-RANDOM` stands beside its target NAME. In `new` grows what is to
appear there. The folder `old` is made when `new` is complete; the things that `new` replaces are
moved there, and then the new ones to their places. So a process that dies in between leaves all
that is needed to finish the exchange, and one that dies earlier leaves the target as it was.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

_MARK = ".ntkfreq-"
_DROPPED = ".dropped"  # ends the name of a scratch folder that only waits to be deleted
_HOUR = 3600.0  # without a lock, scratch of this age is taken to be left by a dead process


def scratch_folder(path: Path) -> Path:
    """A new scratch folder beside a target."""
    return Path(tempfile.mkdtemp(prefix=f".{path.name}{_MARK}", dir=path.parent))


def exchange(folder: Path) -> None:
    """Move old things aside and new ones to their places; may be repeated where it was stopped.

    All the old ones are gone before the first new one comes: nobody ever sees a mixture.
    """
    new, old, home = folder / "new", folder / "old", folder.parent
    old.mkdir(exist_ok=True)
    names = sorted(path.name for path in new.iterdir())
    for name in names:
        if os.path.lexists(home / name) and not os.path.lexists(old / name):
            (home / name).rename(old / name)
    for name in names:
        # A file that somebody else put here after a kill is younger, and stays.
        if not os.path.lexists(home / name):
            (new / name).rename(home / name)


def take_back(folder: Path, names: Iterable[str]) -> None:
    """Undo an exchange of things that was stopped by an error."""
    new, old, home = folder / "new", folder / "old", folder.parent
    if not old.is_dir():
        return
    for name in names:
        if not os.path.lexists(new / name):
            (home / name).rename(new / name)
    for path in sorted(old.iterdir()):
        path.rename(home / path.name)
    old.rmdir()


def drop(folder: Path) -> None:
    """Delete a scratch folder as far as that can be done, under a name from which nobody reads."""
    if not folder.name.endswith(_DROPPED):
        try:
            folder = folder.rename(folder.with_name(folder.name + _DROPPED))
        except OSError:
            return
    shutil.rmtree(folder, ignore_errors=True)


def settle(path: Path, *, locked: bool = True) -> None:
    """Finish what a dead writer of `path` had begun to exchange, and delete its scratch.

    Parameters
    ----------
    path : Path
        The target.
    locked : bool
        Whether the caller holds its lock. Without it only old scratch is touched, since the writer
        may be alive.
    """
    for folder in _left(path):
        try:
            if not locked and time.time() - folder.stat().st_mtime < _HOUR:
                continue
            complete = not folder.name.endswith(_DROPPED) and (folder / "old").is_dir()
        except FileNotFoundError:
            continue
        if complete:
            exchange(folder)
        drop(folder)


def standing(path: Path) -> Path:
    """Where a folder stands: at `path`, or where a writer left it that was killed between renames.

    Examples
    --------
    >>> standing(Path("nowhere"))
    PosixPath('nowhere')
    """
    found = path
    for _ in range(3):
        if os.path.lexists(path):
            return path
        places = [folder / "new" / path.name for folder in _left(path) if (folder / "old").is_dir()]
        found = next((place for place in places if place.exists()), path)
        if found == path:
            return path
        time.sleep(0.01)  # the writer may be alive, and about to move it
    return found


def is_clean(path: Path) -> bool:
    """Whether no scratch and no lock of a target is there, of dead writers or of live ones."""
    return not _left(path) and not os.path.lexists(lock_file(path))


def lock_file(path: Path) -> Path:
    """The file that is locked for a target."""
    return path.with_name(f".{path.name}.lock")


def sweep_up(folder: Path) -> None:
    """Delete all scratch in a folder that one writer has for itself."""
    for left in _matching(folder, r".+"):
        drop(left)


def _left(path: Path) -> list[Path]:
    """Scratch folders of a target."""
    return _matching(path.parent, re.escape(path.name))


def _matching(folder: Path, name: str) -> list[Path]:
    scratch = re.compile(rf"\.{name}{re.escape(_MARK)}\w{{8}}({re.escape(_DROPPED)})?")
    try:
        return sorted(entry for entry in folder.iterdir() if scratch.fullmatch(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove(folder: Path) -> None:
    """Delete a folder that somebody may read: in one step for the reader."""
    scratch = scratch_folder(folder)
    try:
        folder.rename(scratch / folder.name)
    finally:
        drop(scratch)
