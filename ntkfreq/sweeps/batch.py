"""A batch of finished cells as one file, which exists whole or not; zip checksums show damage.

Text, names and attributes are JSON in one array of bytes, numbers are arrays beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.files import whole_file
from ntkfreq.files.storable import TEXT
from ntkfreq.sweeps.cell import Arrays, Outcome


@dataclass(frozen=True)
class Batch:
    """Cells of one layout, and the sweep that they belong to."""

    identity: Mapping[str, str]
    cells: dict[str, Outcome]

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        first = next(iter(self.cells.values()))
        rows = list(self.cells.values())
        values = {
            name: (dims, np.stack([row.values[name][1] for row in rows]), attrs)
            for name, (dims, _, attrs) in first.values.items()
        }
        numbers: dict[str, Any] = {}
        about = {
            "identity": dict(self.identity),
            "layout": first.layout,
            "keys": list(self.cells),
            "errors": [row.error for row in rows],
            "seconds": [row.seconds for row in rows],
            "values": _packed("values", values, numbers),
            "coords": _packed("coords", first.coords, numbers),
        }
        text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        with whole_file(path, locked=True) as scratch, scratch.open("wb") as file:
            np.savez(file, about=text, **numbers)

    @classmethod
    def read(cls, path: Path) -> Batch | None:
        """The batch in a file; None for a damaged one."""
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                about = json.loads(file["about"].tobytes())
                values = _unpacked("values", about["values"], file)
                coords = _unpacked("coords", about["coords"], file)
            facts = zip(about["keys"], about["errors"], about["seconds"], strict=True)
            cells = {
                key: Outcome(_row(values, k), coords, about["layout"], error, seconds)
                for k, (key, error, seconds) in enumerate(facts)
            }
            return cls(about["identity"], cells)
        except (OSError, MemoryError):
            raise
        except Exception:  # whatever a damaged zip, header or text may give
            return None


def _packed(kind: str, arrays: Arrays, numbers: dict[str, Any]) -> list[Any]:
    """Descriptions of arrays for JSON, without their numbers."""
    described = []
    for k, (name, (dims, array, attrs)) in enumerate(arrays.items()):
        text = array.dtype.kind == "T"
        if not text:
            numbers[f"{kind}{k}"] = array
        described.append([name, dims, attrs, array.tolist() if text else None, array.shape])
    return described


def _unpacked(kind: str, described: list[Any], numbers: Mapping[str, Any]) -> Arrays:
    return {
        name: (
            tuple(dims),
            numbers[f"{kind}{k}"] if text is None else np.array(text, TEXT).reshape(shape),
            attrs,
        )
        for k, (name, dims, attrs, text, shape) in enumerate(described)
    }


def _row(values: Arrays, k: int) -> Arrays:
    return {
        name: (dims, np.asarray(rows[k], dtype=rows.dtype), dict(attrs))
        for name, (dims, rows, attrs) in values.items()
    }
