"""Values of long runs kept on disk, one file each, so that a killed run starts where it stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import ntkfreq
from ntkfreq.results import json_ready, whole_file

# Not under version control, and left alone by `make clean`.
_ROOT = Path(__file__).parents[1] / "results" / "validation"


def folder_of(name: str, settings: dict[str, Any], packages: list[str]) -> Path:
    """Folder of what these settings and the sources of these subpackages of ntkfreq decide.

    Values computed with other settings or other sources are never found again.
    """
    mark = hashlib.sha256(json.dumps(json_ready(settings), sort_keys=True).encode())
    sources = Path(ntkfreq.__file__).parent
    for package in packages:
        for source in sorted((sources / package).rglob("*.py")):
            mark.update(source.read_bytes())
    folder = _ROOT / f"{name}-{mark.hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept(folder: Path | None, key: str) -> np.ndarray | None:
    """The array stored under a key, or None; without a folder nothing is kept."""
    if folder is None or not (folder / f"{key}.json").is_file():
        return None
    return np.array(json.loads((folder / f"{key}.json").read_text()))


def store(folder: Path | None, key: str, values: np.ndarray) -> np.ndarray:
    """Keep a finite array under a key, whole or not at all, and return it."""
    if folder is not None:
        with whole_file(folder / f"{key}.json") as scratch:
            scratch.write_text(json.dumps(json_ready(values)) + "\n")
    return values
