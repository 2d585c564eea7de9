"""Committed results of other scripts, for those that judge the same trained networks again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("results")


def kept(script: str) -> dict[str, Any]:
    """The full result of a script.

    Raises
    ------
    FileNotFoundError
        When it was never run; names the command that makes it.
    """
    path = FOLDER / f"{script}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"results/{path.name} is not there; make it by "
            f"ntkfreq validate {script} --size full --out validation"
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def numbers(values: Any) -> np.ndarray:
    """Array of floats from JSON, where a time that is never reached is None."""
    array = np.array(values, dtype=object).ravel()
    return np.array([np.inf if value is None else float(value) for value in array])
