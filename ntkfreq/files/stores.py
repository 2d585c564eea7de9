"""Zarr stores on disk: written whole or not at all, sealed, and read only as they were written.

A Zarr array whose files are missing silently reads as zeros. So a store that is written here
carries a checksum of all its files, which is compared when it is read.
"""

from __future__ import annotations

import json
import os
import time
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntkfreq._support import checks
from ntkfreq.files import is_clean, lock, real_path, standing, whole_set
from ntkfreq.files.storable import storable

if TYPE_CHECKING:
    import xarray as xr

_SEAL = "ntkfreq checksum"
_WAIT = 10.0  # seconds for which another writer is waited for
_GAP = 0.3  # seconds that a store may be missing while it is replaced


def save_zarr(data: xr.Dataset | xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a dataset or tree to a Zarr store, whole or not at all.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataTree
        What to write: numbers, bools, text and times; attributes that are JSON values. Values are
        written as they are: an encoding that would pack or round them is left out.
    path : path-like
        The store, a directory. An existing Zarr store there is replaced when the new one is
        complete; anything else there is refused.

    Returns
    -------
    pathlib.Path
        The store.

    Raises
    ------
    TypeError, ValueError
        For data that would not be read back as they are; when `path` exists and is not a Zarr
        store, cannot be written, or is being written by somebody else.
    OSError
        When the disk fails or is full. A store that was there is still there.

    Examples
    --------
    >>> import tempfile, xarray as xr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = save_zarr(xr.Dataset({"a": ("t", [1.0, 2.0])}), folder + "/run.zarr")
    ...     load_zarr(store)["a"].values
    array([1., 2.])
    """
    ready = storable(data)
    with lock(path, kind="folder", wait=_WAIT) as full:
        if full.exists() and not (full / "zarr.json").is_file():
            shown = checks.show(str(path), 200)
            raise ValueError(f"path={shown} exists and is no Zarr store; choose another name")
        replace_zarr(ready, full)
    return Path(path)


def replace_zarr(data: xr.Dataset | xr.DataTree, path: Path) -> None:
    """Write a store in the place of the one at `path`, whose lock the caller holds."""
    with whole_set(path, locked=True) as scratch:
        store = scratch / path.name
        try:
            data.to_zarr(store, mode="w", consolidated=False)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise ValueError(
                f"data cannot be written as a Zarr store ({type(error).__name__}: {error})"
            ) from error
        about = _about(store)
        about["attributes"] = _attributes(about) | {_SEAL: _checksum(store, about)}
        (store / "zarr.json").write_text(json.dumps(about, indent=2), encoding="utf-8")


def load_zarr(path: str | os.PathLike[str]) -> Any:
    """Read a store written by :func:`save_zarr`, fully into memory.

    Parameters
    ----------
    path : path-like
        The store.

    Returns
    -------
    xarray.Dataset or xarray.DataTree
        A tree where the store holds groups, otherwise a dataset.

    Raises
    ------
    ValueError
        When there is no Zarr store at `path`, or its files are not those that were written.

    Examples
    --------
    >>> load_zarr("missing.zarr")
    Traceback (most recent call last):
    ValueError: path='missing.zarr' is no Zarr store; give the directory that save_zarr wrote
    """
    full, shown = real_path(path), checks.show(os.fspath(path), 200)
    start = time.monotonic()
    while True:
        # Somebody may be writing, and put another store in its place at any moment.
        alone, passed = is_clean(full), time.monotonic() - start
        place = standing(full)
        which = _which(place)
        if which is None:
            if passed < _GAP and not alone:
                time.sleep(0.002)
                continue
            raise ValueError(
                f"path={shown} is no Zarr store; give the directory that save_zarr wrote"
            )
        try:
            loaded = _read(place)
        except MemoryError:
            raise
        except Exception as error:
            if passed < _WAIT and _which(standing(full)) != which:
                continue
            raise ValueError(
                f"path={shown} is damaged ({type(error).__name__}: {error}); bring back a copy of "
                "it, or delete it and write it anew"
            ) from error
        if _which(place) == which:
            return loaded
        if passed > _WAIT:
            raise ValueError(f"path={shown} is replaced faster than it can be read; read it later")


def _which(store: Path) -> tuple[int, ...] | None:
    """Identity of the store at a path, which changes if it is replaced; None without a store."""
    try:
        if not (store / "zarr.json").is_file():
            return None
        status = store.stat()
    except (OSError, ValueError):
        return None
    # The number of a deleted folder is used again soon.
    return status.st_dev, status.st_ino, status.st_ctime_ns


def _read(store: Path) -> Any:
    import xarray as xr

    about = _about(store)
    seal = _attributes(about).pop(_SEAL, None)
    if seal is not None and seal != _checksum(store, about):
        raise ValueError("its files are not those that were written")
    with warnings.catch_warnings():
        # Zarr warns of files that programs leave in every folder that they show.
        warnings.filterwarnings("ignore", "Object at .* is not recognized as a component")
        with xr.open_datatree(store, engine="zarr", consolidated=False) as tree:
            loaded = tree.load()
    loaded.attrs.pop(_SEAL, None)
    return loaded if loaded.children else loaded.to_dataset()


def _about(store: Path) -> dict[str, Any]:
    """What stands in the root of a store about it."""
    return dict(json.loads((store / "zarr.json").read_text(encoding="utf-8")))


def _attributes(about: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = about.setdefault("attributes", {})
    return attributes


def _checksum(store: Path, about: dict[str, Any]) -> str:
    """Of all files, with what the root says apart from the checksum; hidden files do not count."""
    attributes = {key: value for key, value in _attributes(about).items() if key != _SEAL}
    mark = zlib.crc32(json.dumps(about | {"attributes": attributes}, sort_keys=True).encode())
    names = sorted(
        file.relative_to(store).as_posix()
        for file in store.rglob("*")
        if file.is_file() and not file.name.startswith(".")
    )
    for name in names:
        if name != "zarr.json":
            mark = zlib.crc32((store / name).read_bytes(), zlib.crc32(name.encode(), mark))
    return f"crc32 {mark:08x}"
