"""The command `ntkfreq validate`, for the scripts of a checkout: the package does not hold them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer


def engine(scripts: Path | None) -> ModuleType:
    """The command behind this one, from the folder `validation` of a checkout.

    Of the named folder, else of the checkout that the package is run from, else of the current
    folder.

    Raises
    ------
    ValueError
        When none of them has it.
    """
    places = [Path(__file__).parents[1] / "validation", Path("validation")]
    for place in [scripts, *places] if scripts is not None else places:
        folder = place.resolve()
        if folder.name == "validation" and (folder / "engine" / "command.py").is_file():
            if str(folder.parent) not in sys.path:
                sys.path.insert(0, str(folder.parent))
            return importlib.import_module("validation.engine.command")
    here = "the current folder" if scripts is None else f"scripts={str(scripts)!r}"
    raise ValueError(
        f"{here} is not in a checkout of the project, and the installed package holds no "
        "validation scripts; run in a checkout, or name its folder validation with --scripts"
    )


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

    The scripts are in a checkout of the project, so run it there.
    A run that was stopped goes on where it stopped.
    The project's own results come from --size full --out validation.
    """
    try:
        holds: bool = engine(scripts).validate(
            names or [],
            size=size,
            scripts=scripts,
            out=out,
            workers=workers,
            scheduler=scheduler,
            listed=listed,
            echo=typer.echo,
        )
    except (ValueError, TypeError, OSError, ImportError) as error:
        typer.echo(f"ntkfreq validate: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("\nntkfreq validate: stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    raise typer.Exit(0 if holds else 1)
