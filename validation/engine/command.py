"""What `ntkfreq validate` does in a checkout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ntkfreq.files.results import make_folder
from validation.engine import suite


def validate(
    names: Sequence[str],
    *,
    size: str,
    scripts: Path | None,
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    listed: bool,
    echo: Callable[[str], None],
) -> bool:
    """Run scripts, or list them; whether all claims hold."""
    chosen = suite.choose(scripts, names)
    if listed:
        echo("\n".join(f"{script.name:20}  {script.title}" for script in chosen))
        return True
    out = Path("results") / f"validate-{size}" if out is None else out
    suite.refuse_mixture(chosen, size, out)
    make_folder(out)
    execution = suite.execution(size, workers, scheduler)
    return not suite.run_all(chosen, size, execution, out, echo=echo)
