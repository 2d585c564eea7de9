"""Many scripts in turn: progress, table, what failed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import ntkfreq
from ntkfreq._support import checks
from ntkfreq.files.results import make_folder
from ntkfreq.validation.execution import SIZES, Execution
from ntkfreq.validation.script import Script, find_scripts, holds, pick
from ntkfreq.validation.table import table

# Not under version control, and left alone by `make clean`.
_KEPT = Path("results") / "validation"


def choose(folder: Path | None, names: Sequence[str]) -> list[Script]:
    """Scripts by name from a folder, by default that of the checkout the package is run from.

    Raises
    ------
    ValueError
        When there are no scripts, or none of a name.
    """
    if folder is None:
        beside = Path(ntkfreq.__file__).parents[1] / "validation"
        folder = beside if beside.is_dir() else Path("validation")
    return pick(find_scripts(folder.resolve()), names)


def execution(size: str, workers: int | None, scheduler: str | None) -> Execution:
    """How the cells of a size are computed: quick ones at once, others kept and spread.

    Raises
    ------
    ValueError
        For an unknown size, a negative number of workers, or both workers and a scheduler.
    """
    if size not in SIZES:
        raise ValueError(f"size={size!r} must be one of {', '.join(SIZES)}")
    if workers is not None and scheduler is not None:
        raise ValueError(
            f"workers={workers} and scheduler={scheduler!r} exclude each other; give one of them"
        )
    if workers is not None:
        checks.integer("workers", workers, 0)
    elif size == "quick":
        workers = 0
    kept = None if size == "quick" else _KEPT
    return Execution(kept, workers, scheduler, progress=size != "quick" and sys.stderr.isatty())


def refuse_mixture(scripts: Sequence[Script], size: str, out: Path) -> None:
    """Keep results of other sizes from replacing the full ones beside the scripts.

    Raises
    ------
    ValueError
        When `out` is the folder of a script and the size is not full.
    """
    if size != "full" and any(out.resolve() == script.path.parent for script in scripts):
        raise ValueError(
            f"out={str(out)!r} holds the results of full size, which size={size!r} would replace; "
            "name another folder"
        )


def run_all(
    scripts: Sequence[Script],
    size: str,
    how: Execution,
    out: Path,
    *,
    echo: Callable[[str], None] = print,
) -> list[str]:
    """Run scripts one after the other, write and print their results; names of what failed.

    A script that ends with an error does not stop the others; it counts as failed.
    """
    # Loaded here so that it also runs by itself, as python -m ntkfreq.validation.readme.
    from ntkfreq.validation.readme import update_readme

    for folder in ("results", "figures"):
        make_folder(out / folder)
    failed: list[str] = []
    for count, script in enumerate(scripts, start=1):
        echo(f"[{count}/{len(scripts)}] {script.name}: {script.title}")
        try:
            result = script.run(size, how)
            script.save(result, out / "results", out / "figures")
            if out.resolve() == script.path.parent:
                update_readme(script.path.parent)
            kept = holds(result)
            echo(table([result]) + "\n")
        except Exception as error:
            echo(f"{script.name}: {type(error).__name__}: {error}\n")
            kept = False
        if not kept:
            failed.append(script.name)
    done = f"{len(scripts) - len(failed)} of {len(scripts)} scripts hold"
    echo(f"{done}; results and figures in {out}")
    if failed:
        echo(f"failed: {', '.join(failed)}")
    return failed
