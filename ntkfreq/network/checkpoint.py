"""Checkpoints: written whole or not at all, read without pickle, tied to one run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.files import lock, results, whole_file


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


@contextmanager
def held(path: Any) -> Iterator[Path | None]:
    """A checkpoint's path, which nobody else writes meanwhile and which can be written to.

    Scratch of a killed run beside it is deleted.

    Raises
    ------
    TypeError, ValueError
        For what is no path, or for one that cannot be written to.

    Examples
    --------
    >>> with held(None) as nothing:
    ...     print(nothing)
    None
    """
    if path is None:
        yield None
        return
    with lock(path, "checkpoint") as file:
        yield file


def write(path: Path, mark: str, arrays: Mapping[str, Any]) -> None:
    """Write arrays and the fingerprint `mark`; an interrupted write leaves the old file.

    The caller holds the path.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, held(folder + "/run.npz") as path:
    ...     write(path, "mark", {"step": np.int64(7)})
    ...     int(read(path, "mark")["step"])
    7
    """
    with whole_file(path, locked=True) as scratch, scratch.open("wb") as file:
        np.savez(file, fingerprint=np.array(mark), **arrays)


def read(path: str | os.PathLike[str], mark: str) -> dict[str, Any] | None:
    """Arrays of a checkpoint that carries the fingerprint `mark`; None where there is no file.

    Raises
    ------
    ValueError
        When the file is damaged, is no checkpoint, or belongs to another run. It is left as is.

    Examples
    --------
    >>> read("missing.npz", "mark") is None
    True
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"checkpoint={str(path)!r} cannot be read ({error.strerror or error}); choose another "
            "name"
        ) from None
    try:
        arrays = _members(data)
        found = str(arrays.pop("fingerprint"))
    except Exception:  # whatever a damaged file makes of the readers: there is no list of it
        raise damaged(path) from None
    if found != mark:
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to a run with other data, settings or versions; "
            "repeat that call to resume it, or choose another name"
        )
    return arrays


def damaged(path: Path) -> ValueError:
    """The refusal of a file that is no whole checkpoint."""
    return ValueError(
        f"checkpoint={str(path)!r} is damaged, truncated or no checkpoint of train; delete it to "
        "start again, or choose another name"
    )


def _members(data: bytes) -> dict[str, Any]:
    """Arrays of an NPZ file as `write` leaves it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        # They are stored as they are: sizes that do not fit into the file would only take memory.
        if sum(member.file_size for member in members) > len(data):
            raise ValueError("compressed")
        # Bytes first, since their checksum is compared at the end, then what they mean.
        return {
            member.filename.removesuffix(".npy"): np.lib.format.read_array(
                io.BytesIO(archive.read(member)), allow_pickle=False
            )
            for member in members
        }
