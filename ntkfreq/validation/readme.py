"""Committed results in the order in which they are told, and their table in a README."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ntkfreq.files import whole_file
from ntkfreq.validation.script import find_scripts, holds
from ntkfreq.validation.table import markdown

# From what the package is for to what it stands on; scripts that are not named here come last.
ORDER = (
    "frequency_bias",
    "two_dimensions",
    "width_scaling",
    "finite_step",
    "domain",
    "multilayer",
    "initializations",
    "classification",
    "weight_decay",
    "spurious_frequencies",
    "grokking_onset",
    "expected_onset",
    "delay_law",
    "phase_diagram",
    "zhou_1d",
    "zhou_parity",
    "zhou_digits",
    "mismatch",
    "tolerance",
    "kill_and_resume",
)
BEGIN = "<!-- results: written by `ntkfreq validate`, not by hand -->"
END = "<!-- end of results -->"
_HEAD = "| claim | script | tolerance | last value |\n| --- | --- | --- | --- |"


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Results kept in a folder of scripts, in the order of `ORDER`.

    Examples
    --------
    >>> read_results(Path("no such folder"))
    []
    """
    places = {name: place for place, name in enumerate(ORDER)}
    paths = (folder / "results").glob("*.json")
    return [
        # The oldest results do not name their script.
        {"script": path.stem} | _read(path)
        for path in sorted(paths, key=lambda path: (places.get(path.stem, len(ORDER)), path.stem))
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} holds no result ({error}); bring back a copy of it, or repeat "
            f"ntkfreq validate {path.stem} --size full --out {path.parent.parent.name}"
        ) from None


def summary(results: Sequence[dict[str, Any]]) -> str:
    """How many claims there are, and whether they hold, in one sentence.

    Examples
    --------
    >>> slope = {"value": -0.52, "low": -0.6, "high": -0.4, "holds": True}
    >>> summary([{"script": "width", "claims": {"slope": slope}}])
    '1 claim of 1 script, all hold.'
    >>> time = {"value": 2.1, "low": 1.9, "high": 2.3, "level": 0.95}
    >>> failed = {"slope": slope | {"holds": False}, "other": slope}
    >>> summary([{"script": "width", "claims": failed, "measurements": {"time": time}}])
    '2 claims of 1 script, 1 FAILS (width); 1 value measured.'
    """
    verdicts = [row["holds"] for result in results for row in result["claims"].values()]
    measured = sum(len(result.get("measurements", {})) for result in results)
    failed = [str(result["script"]) for result in results if not holds(result)]
    text = f"{_count(len(verdicts), 'claim')} of {_count(len(results), 'script')}, "
    missed = verdicts.count(False)
    text += "all hold" if not missed else f"{missed} FAIL{'S' if missed == 1 else ''}"
    text += f" ({', '.join(failed)})" if failed else ""
    return text + (f"; {_count(measured, 'value')} measured." if measured else ".")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def filled(text: str, folder: Path) -> str:
    """A README with the part between its two marks written from the results of a folder.

    Raises
    ------
    ValueError
        For a text without the marks.

    Examples
    --------
    >>> filled("no marks", Path())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: README.md lacks the lines '<!-- results: ...
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"README.md lacks the lines {BEGIN!r} and {END!r}; put them where the table belongs"
        )
    results, scripts = read_results(folder), find_scripts(folder)
    blocks = [summary(results), "\n".join([_HEAD, *map(markdown, results)])]
    for result in results:
        script = scripts.get(result["script"])
        if script and (folder / "figures" / f"{script.name}.png").is_file():
            blocks.append(f"![{script.title}: {script.caption}](figures/{script.name}.png)")
    return before + begin + "\n\n" + "\n\n".join(blocks) + "\n\n" + end + after


def update_readme(folder: Path) -> bool:
    """Write the table anew in the README of a folder of scripts; False where none has the marks."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if BEGIN not in text:
        return False
    with whole_file(path) as scratch:
        scratch.write_text(filled(text, folder), encoding="utf-8", newline="\n")
    return True


if __name__ == "__main__":  # after results were merged by hand
    update_readme(Path(*sys.argv[1:2]) if sys.argv[1:] else Path("validation"))
