"""Committed results, for scripts that judge the same trained networks again."""

from __future__ import annotations

from pathlib import Path

from validation.engine.result import Result

HOME = Path(__file__).resolve().parents[1]


def committed(script: str, home: Path | None = None) -> Result:
    """The full result of a script, by default of those beside this engine.

    Raises
    ------
    FileNotFoundError
        When it was never run; names the command that makes it.
    """
    path = (home or HOME) / "claims" / script / "result.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"claims/{script}/result.json is not there; make it by "
            f"ntkfreq validate {script} --size full --out validation"
        )
    return Result.read(path)
