"""A name that can be written, and the lock by which its writers take turns.

The lock is one of the operating system on the file `.NAME.lock` beside the target, so it ends with
the process that holds it, however that ends. (A library for locks would leave that file for ever.)
File systems without locks exist, some network file systems among them: there it is left out, and
that there is one writer at a time is the user's care.
"""

from __future__ import annotations

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from ntkfreq._support import checks
from ntkfreq.files.scratch import lock_file, settle

_NAME_BYTES = 220  # of 255, beside the names of lock, scratch and parts
_PATH_BYTES = 3000  # of 4096, since a store has folders of its own
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)

Kind = Literal["file", "folder", "any"]


def real_path(path: Any, argument: str = "path") -> Path:
    """Absolute path with all links followed, for a name that a file can have.

    Raises
    ------
    TypeError
        For what is no path.
    ValueError
        For a name that no file can have, or that leaves no room for the name of its scratch.

    Examples
    --------
    >>> real_path("a" * 300, "checkpoint")
    Traceback (most recent call last):
    ValueError: checkpoint='aaa... has a name of 300 bytes; use at most 220
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{argument}={checks.show(path)} must be a path, as text or pathlib.Path")
    text, shown = os.fspath(path), _shown(path)
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(
            f"{argument}={shown} holds a character that no file name can have; choose another name"
        )
    full = Path(os.path.realpath(text))
    for kind, count, most in (
        ("name", len(os.fsencode(full.name)), _NAME_BYTES),
        ("path", len(os.fsencode(full)), _PATH_BYTES),
    ):
        if count > most:
            raise ValueError(
                f"{argument}={shown} has a {kind} of {count} bytes; use at most {most}"
            )
    return full


def writable(path: Any, argument: str = "path", *, kind: Kind = "file") -> Path:
    """`real_path` of a file, or of a store that is a folder, after a try to write beside it.

    Raises
    ------
    ValueError
        When it cannot be written, somebody writes it, or something of another kind is there.

    Examples
    --------
    >>> writable("/dev/null/run.npz", "checkpoint")
    Traceback (most recent call last):
    ValueError: checkpoint='/dev/null/run.npz' cannot be written: Not a directory; name one in ...
    """
    with lock(path, argument, kind=kind) as full:
        return full


@contextmanager
def lock(
    path: Any, argument: str = "path", *, kind: Kind = "file", wait: float = 0.0
) -> Iterator[Path]:
    """Hold a target: nobody else writes it meanwhile, and remains of killed writers are settled.

    Parameters
    ----------
    path : path-like
        The target. The folder in which it stands is made where it is missing.
    argument : str
        What messages call it.
    kind : {"file", "folder", "any"}
        What the target is, where it is there already.
    wait : float
        For how many seconds another writer is waited for.

    Yields
    ------
    Path
        `real_path` of the target.

    Raises
    ------
    ValueError
        When somebody else writes it, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home, lock(home + "/a.zarr") as full:
    ...     with lock(full):
    ...         pass
    Traceback (most recent call last):
    ValueError: path='...a.zarr' is being written by process ...; wait until that is done, or ...
    """
    full, shown = real_path(path, argument), _shown(path)
    if not _fits(full, kind):
        raise ValueError(f"{argument}={shown} exists and is not a {kind}; choose another name")
    file: IO[str] | None = None
    try:
        try:
            _make(full.parent)
            file, holder = _locked(lock_file(full), time.monotonic() + wait)
            if not holder:
                settle(full, locked=file is not None)
        except OSError as error:
            raise ValueError(
                f"{argument}={shown} cannot be written: {error.strerror or error}; name one in a "
                "folder that can be written to"
            ) from None
        if holder:
            raise ValueError(
                f"{argument}={shown} is being written by {holder}; wait until that is done, or "
                "choose another path"
            )
        yield full
    finally:
        if file is not None:
            _release(file)


def _fits(path: Path, kind: Kind) -> bool:
    """Whether nothing of another kind is there."""
    if kind == "any" or not os.path.lexists(path):
        return True
    return path.is_dir() if kind == "folder" else path.is_file()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


def _locked(path: Path, deadline: float) -> tuple[IO[str] | None, str]:
    """The open, locked file, None where there are no locks; and who else has it at the deadline."""
    while True:
        file = path.open("a+", encoding="utf-8")
        taken = False
        try:
            if not _supports(file):
                path.unlink(missing_ok=True)
                return None, ""
            if _take(file):
                # Its last holder deleted the file: a lock on that one would keep nobody out.
                taken = _is_at(file, path)
                if taken:
                    file.truncate(0)
                    file.write(f"process {os.getpid()} on {platform.node()}")
                    file.flush()  # a full disk is found here, before any work
                    return file, ""
            elif time.monotonic() >= deadline:
                file.seek(0)
                return None, file.read(200) or "another process"
            else:
                time.sleep(0.02)
        except BaseException:
            taken = False
            raise
        finally:
            if not taken:
                with suppress(OSError):  # what it still wants to write on a full disk
                    file.close()


def _take(file: IO[str]) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _supports(file: IO[str]) -> bool:
    """Whether there are locks; takes none."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)
    except ImportError:  # not a Unix
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _release(file: IO[str]) -> None:
    import fcntl

    with suppress(OSError):
        Path(file.name).unlink()
    with suppress(OSError):
        # A process that was forked meanwhile has the same file open, so closing is not enough.
        fcntl.flock(file, fcntl.LOCK_UN)
    file.close()


def _shown(path: Any) -> str:
    return checks.show(os.fspath(path), 200)
