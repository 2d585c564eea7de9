"""Command line of the suite: `ntkfreq validate`, and each script by itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Annotated

import typer

from ntkfreq.files.results import make_folder
from ntkfreq.validation import suite


def validate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Scripts. Default: all.")
    ] = None,
    size: Annotated[str, typer.Option(help="quick (seconds), full or paper.")] = "quick",
    scripts: Annotated[
        Path | None, typer.Option(help="Folder of the scripts. Default: that of the checkout.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results and figures. Default: results/validate-SIZE."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Local processes. Default: one a core; quick takes none.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, instead of processes.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the scripts and stop.")] = False,
) -> None:
    """Check the package's claims on trained networks; exit status 1 if one fails.

    A run that was stopped goes on where it stopped. The project's own results come from --size full
    --out validation.
    """
    try:
        chosen = suite.choose(scripts, names or [])
        if listed:
            typer.echo("\n".join(f"{script.name:20}  {script.title}" for script in chosen))
            return
        out = Path("results") / f"validate-{size}" if out is None else out
        suite.refuse_mixture(chosen, size, out)
        make_folder(out)
        execution = suite.execution(size, workers, scheduler)
        failed = suite.run_all(chosen, size, execution, out, echo=typer.echo)
    except (ValueError, TypeError, OSError, ImportError) as error:
        typer.echo(f"ntkfreq validate: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("\nntkfreq validate: stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    raise typer.Exit(1 if failed else 0)


def command(file: str) -> None:
    """Command line of one script: `python validation/NAME.py`, by default at full size.

    The same as `ntkfreq validate NAME --size full --out validation`.
    """
    path = Path(file).resolve()
    # Read by a parser, since --size=quick is an option as well as --size quick.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--size", default="full")
    parser.add_argument("--out")
    known, rest = parser.parse_known_args()
    given = ["--scripts", str(path.parent), "--size", known.size]
    if known.out is not None or known.size == "full":
        given += ["--out", known.out or str(path.parent)]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(validate)
    app([path.stem, *given, *rest])
