"""Many scripts in turn: progress, table, what failed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ntkfreq._support import checks
from ntkfreq.files.results import make_folder
from validation.engine.committed import HOME
from validation.engine.execution import SIZES, Execution
from validation.engine.script import CLAIMS, Script, find_scripts, pick
from validation.engine.table import table

# Not under version control, and left alone by `make clean`.
_KEPT = Path("results") / "validation"


def choose(home: Path | None, names: Sequence[str]) -> list[Script]:
    """Scripts by name from a folder, by default those beside this engine.

    Raises
    ------
    ValueError
        When there are no scripts, or none of a name.
    """
    return pick(find_scripts((home or HOME).resolve()), names)


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
        When `out` is the folder of the scripts and the size is not full.
    """
    if size != "full" and any(out.resolve() == script.home for script in scripts):
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
    # Loaded here so that it also runs by itself, as python -m validation.engine.readme.
    from validation.engine.readme import update_readme

    make_folder(out / CLAIMS)
    failed: list[str] = []
    for count, script in enumerate(scripts, start=1):
        echo(f"[{count}/{len(scripts)}] {script.name}: {script.title}")
        try:
            result = script.run(size, how)
            script.save(result, out / CLAIMS / script.name)
            if out.resolve() == script.home:
                update_readme(script.home)
            kept = result.holds
            echo(table([result]) + "\n")
        except Exception as error:
            echo(f"{script.name}: {type(error).__name__}: {error}\n")
            kept = False
        if not kept:
            failed.append(script.name)
    done = f"{len(scripts) - len(failed)} of {len(scripts)} scripts hold"
    echo(f"{done}; results and figures in {out / CLAIMS}")
    if failed:
        echo(f"failed: {', '.join(failed)}")
    return failed
