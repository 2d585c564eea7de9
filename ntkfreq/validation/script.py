"""Validation scripts: found in a folder, run at a size, their results written whole."""

from __future__ import annotations

import ast
import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ntkfreq.files.results import json_ready, whole_file
from ntkfreq.validation.execution import SIZES, Execution
from ntkfreq.validation.provenance import environment, script_hash


@dataclass(frozen=True)
class Script:
    """One script: a module with `SIZES`, `run(size, execution) -> dict` and maybe `draw`."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the file without its suffix."""
        return self.path.stem

    @property
    def title(self) -> str:
        """First line of the script's docstring, read without running it."""
        return self._docstring().partition("\n")[0].rstrip(".")

    @property
    def text(self) -> str:
        """The rest of the script's docstring."""
        return self._docstring().partition("\n")[2].strip()

    @property
    def caption(self) -> str:
        """What `draw` says its figure shows; empty for a script without one."""
        tree = _tree(self.path)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and "draw" in [
                name.asname or name.name for name in node.names
            ]:
                tree = _tree(self.path.with_name(f"{str(node.module).rpartition('.')[2]}.py"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == "draw":
                return (ast.get_docstring(node) or "").partition("\n")[0]
        return ""

    def _docstring(self) -> str:
        return ast.get_docstring(_tree(self.path)) or ""

    def load(self) -> ModuleType:
        """Import the script as part of its folder, so that other processes find its functions."""
        root = str(self.path.parent.parent)
        if root not in sys.path:
            sys.path.insert(0, root)
        return importlib.import_module(f"{self.path.parent.name}.{self.name}")

    def run(self, size: str, execution: Execution) -> dict[str, Any]:
        """Result of a size, with what produced it.

        Raises
        ------
        ValueError
            For an unknown size.
        """
        if size not in SIZES:
            raise ValueError(f"size={size!r} must be one of {', '.join(SIZES)}")
        module, started = self.load(), time.perf_counter()
        before = len(execution.seconds)
        result = module.run(size=size, execution=execution)
        if not result["claims"]:
            raise ValueError(f"{self.name} returns no claims, so nothing could fail; state one")
        about = {
            "script": self.name,
            "size": size,
            "seconds": round(time.perf_counter() - started, 1),
            # Cells may have run side by side, or in an earlier call that was stopped.
            "cell_seconds": round(sum(execution.seconds[before:]), 1),
            "environment": environment(),
            "code": script_hash(self.path),
        }
        return dict(json_ready(about | result))

    def save(self, result: dict[str, Any], results: Path, figures: Path) -> list[Path]:
        """Write `NAME.json`, and `NAME.png` where the script draws; whole or not at all.

        An old figure goes before the new result comes, so it never stands beside one that it does
        not show.
        """
        record, figure = results / f"{self.name}.json", figures / f"{self.name}.png"
        draw = getattr(self.load(), "draw", None)
        if draw is None:
            _keep(result, record, figure)
            return [record]
        with whole_file(figure) as scratch:
            try:
                draw(result, scratch)
            except Exception:
                _keep(result, record, figure)
                raise
            _keep(result, record, figure)
        return [record, figure]


def _keep(result: dict[str, Any], record: Path, figure: Path) -> None:
    with whole_file(record) as scratch:
        scratch.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        figure.unlink(missing_ok=True)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def find_scripts(folder: Path) -> dict[str, Script]:
    """Scripts of a folder by name; files that start with an underscore are their helpers.

    Raises
    ------
    ValueError
        When there is none.
    """
    found = {path.stem: Script(path) for path in sorted(folder.glob("[!_]*.py"))}
    if not found:
        raise ValueError(
            f"scripts={str(folder)!r} holds no validation script; run in a checkout of the "
            "project, or name its validation folder with --scripts"
        )
    return found


def pick(scripts: dict[str, Script], names: Sequence[str]) -> list[Script]:
    """The named scripts, all of them without names.

    Raises
    ------
    ValueError
        For a name that is not there.
    """
    for name in names:
        if name not in scripts:
            raise ValueError(f"NAME={name!r} is none of {', '.join(scripts)}")
    return [scripts[name] for name in (names or scripts)]


def holds(result: dict[str, Any]) -> bool:
    """Whether every claim of a result holds."""
    return all(row["holds"] for row in result["claims"].values())
