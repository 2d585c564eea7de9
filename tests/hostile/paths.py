"""Names of files that cannot be, or that are easily forgotten."""

from __future__ import annotations

from .values import UNKNOWN, Arg, Draw

_PATHS = (
    ("x" * 300, "name too long"),
    ("/dev/null/here", "device folder"),
    ("/dev/null", "device"),
    ("/proc/here", "proc"),
    ("\udcff.zarr", "surrogate"),
    ("", "empty name"),
    (".", "this folder"),
    ("a\0b", "zero byte"),
    (None, "None"),
    (3, "number"),
    (True, "bool"),
    ([], "list"),
    ({"f": "bytes", "a": ["store.zarr"], "k": {}}, "bytes"),
    ("deep/er/store.zarr", "new folders"),
    ("grün ü.zarr", "unicode"),
)


def any_path(rng: Draw) -> Arg:
    """A path as an argument."""
    node, kind = rng.choice(_PATHS)
    return Arg(node, UNKNOWN, f"path: {kind}")
