"""Checkpoints: written whole or not at all, read without pickle, tied to one run."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq import _checks, results


def fingerprint(arrays: dict[str, Any], settings: dict[str, Any]) -> str:
    """SHA-256 of everything that decides what a run computes.

    Parameters
    ----------
    arrays : dict
        Input arrays; None stands for an absent one.
    settings : dict
        Settings with JSON-ready values; floats enter by their shortest exact representation.

    Examples
    --------
    >>> one = fingerprint({"x": np.zeros(2)}, {"steps": 1})
    >>> one == fingerprint({"x": np.zeros(2)}, {"steps": 2})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = arrays[name]
        array = np.zeros(0) if value is None else np.ascontiguousarray(value)
        digest.update(f"{name}:{value is None}:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.tobytes())
    digest.update(json.dumps(results.json_ready(settings), sort_keys=True).encode())
    return digest.hexdigest()


def checked_path(path: Any) -> Path | None:
    """A checkpoint's path, whose folder exists from here on and can be written to."""
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"checkpoint={_checks.show(path)} must be None or a path")
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{file.name}.", dir=file.parent):
            pass
        if file.is_dir():
            raise IsADirectoryError("it is a folder")
    except OSError as error:
        raise ValueError(
            f"checkpoint={str(path)!r} cannot be written ({error}); name a file in a folder that "
            "can be written to"
        ) from None
    return file


def write(path: str | os.PathLike[str], mark: str, arrays: dict[str, Any]) -> None:
    """Write arrays and the fingerprint `mark`; an interrupted write leaves the old file.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder + "/run.npz", "mark", {"step": np.int64(7)})
    ...     int(read(folder + "/run.npz", "mark")["step"])
    7
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, fingerprint=np.array(mark), **arrays)
            file.flush()
            # A rename may reach the disk before the data of a file that was not synced.
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def read(path: str | os.PathLike[str], mark: str) -> dict[str, Any] | None:
    """Arrays of a checkpoint that carries the fingerprint `mark`; None where there is no file.

    Raises
    ------
    ValueError
        When the file is truncated, is no checkpoint, or belongs to another run. It is left as is.

    Examples
    --------
    >>> read("missing.npz", "mark") is None
    True
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = str(arrays.pop("fingerprint"))
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        raise ValueError(
            f"checkpoint={str(path)!r} is truncated or no checkpoint of train; delete it to start "
            "again, or choose another name"
        ) from None
    if found != mark:
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to a run with other data, settings or versions; "
            "repeat that call to resume it, or choose another name"
        )
    return arrays
