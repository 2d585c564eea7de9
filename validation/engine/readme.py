"""Committed results in the order in which they are shown, and their table in a README."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ntkfreq.files import whole_file
from validation.engine.result import Result
from validation.engine.script import CLAIMS, find_scripts
from validation.engine.table import markdown

# From what the package is for to what it stands on; scripts that are not named here come last.
ORDER = (
    "frequency_bias",
    "two_dimensions",
    "width_scaling",
    "finite_step",
    "batches_schedules",
    "adam_limit",
    "adam_bias",
    "adam_practice",
    "adam_edge",
    "domain",
    "multilayer",
    "deep_limit",
    "deep_practice",
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


def read_results(folder: Path) -> dict[str, Result]:
    """Results kept in a folder of scripts by name, in the order of `ORDER`.

    Examples
    --------
    >>> read_results(Path("no such folder"))
    {}
    """
    places = {name: place for place, name in enumerate(ORDER)}
    paths = {path.parent.name: path for path in (folder / CLAIMS).glob("*/result.json")}
    names = sorted(paths, key=lambda name: (places.get(name, len(ORDER)), name))
    return {name: Result.read(paths[name]) for name in names}


def summary(results: Mapping[str, Result]) -> str:
    """How many claims there are, and whether they hold, in one sentence.

    Examples
    --------
    >>> from validation.engine.claims import intervals, verdicts
    >>> slope = (-0.52, -0.6, -0.4)
    >>> summary({"width": Result(verdicts({"slope": slope}), {})})
    '1 claim of 1 script, all hold.'
    >>> time = intervals({"time": (2.1, 1.9, 2.3)})
    >>> claims = verdicts({"slope": (-0.7, -0.6, -0.4), "other": slope})
    >>> summary({"width": Result(claims, {}, time)})
    '2 claims of 1 script, 1 FAILS (width); 1 value measured.'
    """
    verdicts = [claim.holds for result in results.values() for claim in result.claims.values()]
    measured = sum(len(result.measurements) for result in results.values())
    failed = [name for name, result in results.items() if not result.holds]
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
    blocks = [summary(results), "\n".join([_HEAD, *map(markdown, results.values())])]
    for name in results:
        picture = f"{CLAIMS}/{name}/figure.png"
        if name in scripts and (folder / picture).is_file():
            script = scripts[name]
            blocks.append(f"![{script.title}: {script.caption}]({picture})")
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
