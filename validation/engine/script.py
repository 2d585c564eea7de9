"""Validation scripts: found in a folder, run at a size, their results written whole."""

from __future__ import annotations

import ast
import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from ntkfreq.files.results import make_folder, whole_file
from validation.engine.execution import SIZES, Execution
from validation.engine.provenance import environment, script_hash
from validation.engine.result import Origin, Result

# Where scripts stand below the folder of all, and their results below any output folder.
CLAIMS = "claims"


@dataclass(frozen=True)
class Script:
    """One script: a folder with `claim.py`, which holds `SIZES` and `run`, and maybe `figure.py`.

    `run(size, execution)` returns a `Result`; `draw(result)` in `figure.py` a matplotlib figure.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def home(self) -> Path:
        """The folder of all scripts, which this one is imported from."""
        return self.folder.parents[1]

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
        path = self.folder / "figure.py"
        for node in _tree(path).body if path.is_file() else ():
            if isinstance(node, ast.FunctionDef) and node.name == "draw":
                return (ast.get_docstring(node) or "").partition("\n")[0]
        return ""

    def _docstring(self) -> str:
        return ast.get_docstring(_tree(self.folder / "claim.py")) or ""

    def load(self, part: str = "claim") -> ModuleType:
        """Import a part of the script by its full name, so that other processes find it too."""
        root = str(self.home.parent)
        if root not in sys.path:
            sys.path.insert(0, root)
        return importlib.import_module(f"{self.home.name}.{CLAIMS}.{self.name}.{part}")

    def run(self, size: str, execution: Execution) -> Result:
        """Result of a size, with what produced it, as its file will have it.

        Raises
        ------
        ValueError
            For an unknown size, and for a script that claims nothing.
        """
        if size not in SIZES:
            raise ValueError(f"size={size!r} must be one of {', '.join(SIZES)}")
        module, started = self.load(), time.perf_counter()
        before = len(execution.seconds)
        result: Result = module.run(size=size, execution=execution)
        if not result.claims:
            raise ValueError(f"{self.name} returns no claims, so nothing could fail; state one")
        origin = Origin(
            script=self.name,
            size=size,
            seconds=round(time.perf_counter() - started, 1),
            # Cells may have run side by side, or in an earlier call that was stopped.
            cell_seconds=round(sum(execution.seconds[before:]), 1),
            environment=environment(),
            code=script_hash(self.folder),
        )
        return Result.from_json(replace(result, origin=origin).to_json())

    def save(self, result: Result, folder: Path) -> list[Path]:
        """Write `result.json`, and `figure.png` where the script draws; whole or not at all.

        An old figure goes before the new result comes, so it never stands beside one that it does
        not show.
        """
        make_folder(folder)
        record, picture = folder / "result.json", folder / "figure.png"
        if not (self.folder / "figure.py").is_file():
            _keep(result, record, picture)
            return [record]
        draw = self.load("figure").draw
        with whole_file(picture) as scratch:
            try:
                draw(result).savefig(scratch, format="png")
            except Exception:
                _keep(result, record, picture)
                raise
            _keep(result, record, picture)
        return [record, picture]


def _keep(result: Result, record: Path, picture: Path) -> None:
    with whole_file(record) as scratch:
        scratch.write_text(json.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
        picture.unlink(missing_ok=True)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def find_scripts(home: Path) -> dict[str, Script]:
    """Scripts by name: the folders of `home/claims` that hold a `claim.py`.

    Raises
    ------
    ValueError
        When there is none.
    """
    paths = sorted((home / CLAIMS).glob("*/claim.py"))
    if not paths:
        raise ValueError(
            f"scripts={str(home)!r} holds no validation script (claims/NAME/claim.py); run in a "
            "checkout of the project, or name its validation folder with --scripts"
        )
    return {path.parent.name: Script(path.parent) for path in paths}


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
