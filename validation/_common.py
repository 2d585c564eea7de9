"""What every validation script does with its numbers: print, judge, save whole."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import typer

import ntkfreq
from ntkfreq.results import json_ready, whole_file

RESULTS = Path(__file__).parent / "results"
FIGURES = Path(__file__).parent / "figures"


def verdicts(claims: dict[str, tuple[float, float, float]]) -> dict[str, dict[str, Any]]:
    """Claims as (value, low, high): each holds when low <= value <= high."""
    return {
        name: {"value": value, "low": low, "high": high, "holds": bool(low <= value <= high)}
        for name, (value, low, high) in claims.items()
    }


def environment() -> dict[str, str]:
    """Versions that produced a result."""
    return {
        "ntkfreq": ntkfreq.__version__,
        "numpy": np.__version__,
        "numba": version("numba"),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def short(value: Any) -> Any:
    """Nested values with the digits of arrays cut to seven: more would fill results with noise."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        rounded = [float(f"{number:.7g}") for number in value.ravel()]
        return np.array(rounded).reshape(value.shape)
    return value


def command(
    run: Callable[..., dict[str, Any]],
    name: str,
    draw: Callable[[dict[str, Any], Path], None] | None = None,
) -> None:
    """Run a script from the command line: `python -m validation.NAME [--size full]`.

    With `draw` a full run also writes `figures/NAME.png`.
    """

    def script(size: str = "full", save: bool = True) -> None:
        """Check the claim; exit status 1 past its tolerance."""
        result = run(size=size) | {"size": size, "environment": environment()}
        for claim, row in result["claims"].items():
            word = "holds" if row["holds"] else "FAILS"
            print(f"{word}  {claim}: {row['value']:.4g} in [{row['low']:.4g}, {row['high']:.4g}]")
        if save and size == "full":
            RESULTS.mkdir(exist_ok=True)
            with whole_file(RESULTS / f"{name}.json") as scratch:
                scratch.write_text(json.dumps(json_ready(result), indent=1) + "\n")
            if draw is not None:
                FIGURES.mkdir(exist_ok=True)
                with whole_file(FIGURES / f"{name}.png") as scratch:
                    draw(json_ready(result), scratch)
        if not all(row["holds"] for row in result["claims"].values()):
            sys.exit(1)

    typer.run(script)
