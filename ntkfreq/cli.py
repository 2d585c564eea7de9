"""Command line: `ntkfreq compare` proves a prediction on a profile, `ntkfreq validate` them all."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from ntkfreq import __version__
from ntkfreq.files import lock
from ntkfreq.files.results import make_folder
from ntkfreq.validate import validate

app = typer.Typer(
    help="Which frequencies a network learns when: predicted before training, proven after.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_READING = "How the file is read"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ntkfreq {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Which frequencies a network learns when: predicted before training, proven after."""
    # A name in a file must not end the command on a terminal that cannot show its letters.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@app.command()
def compare(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A table of x and y: .csv, .txt, .tsv, .dat or .npz. Default: real terrain."
        ),
    ] = None,
    row: Annotated[int, typer.Option(help="Row of the terrain, 0 to 343.")] = 172,
    narrow: Annotated[float, typer.Option(help="Narrow std, rad per half-length.")] = 20.0,
    wide: Annotated[float, typer.Option(help="Wide std, rad per half-length.")] = 100.0,
    sigma_a: Annotated[float, typer.Option(help="Std of the output weights.")] = 1.0,
    width: Annotated[int, typer.Option(help="Hidden units (even).")] = 131072,
    steps: Annotated[int, typer.Option(help="Steps of training.")] = 320,
    seed: Annotated[int, typer.Option(help="Seed of the networks.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for figure, table and data.")] = Path("results"),
    cycles: Annotated[bool, typer.Option("--cycles", help="Bands in cycles (Hz over s).")] = False,
    average: Annotated[
        float | None, typer.Option(help="Take means over intervals of this length, in x's unit.")
    ] = None,
    x: Annotated[
        str | None,
        typer.Option("--x", help="Column of x: name or number.", rich_help_panel=_READING),
    ] = None,
    y: Annotated[
        str | None,
        typer.Option("--y", help="Column of y: name or number.", rich_help_panel=_READING),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="First row names.", rich_help_panel=_READING),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="comma, semicolon, tab, bar or blank.", rich_help_panel=_READING),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="Decimal mark: . or ,", rich_help_panel=_READING)
    ] = None,
    dayfirst: Annotated[
        bool | None,
        typer.Option(
            "--dayfirst/--monthfirst", help="How 1/2/2021 is meant.", rich_help_panel=_READING
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            help="Number that stands for a missing value; repeatable; or none.",
            rich_help_panel=_READING,
        ),
    ] = None,
) -> None:
    """Predict which frequencies of a profile are learned when, train networks, compare the two.

    Writes compare.png, compare.txt and compare.zarr (reload with ntkfreq.load_zarr).
    """
    # Imported here so that --help and --version answer at once.
    from ntkfreq.profile import jacksboro, read_profile
    from ntkfreq.profile.options import delimiter_named, numbers_missing
    from ntkfreq.report import (
        Settings,
        refuse_others,
        run_report,
        save_report,
    )

    try:
        settings = Settings(narrow, wide, sigma_a, width, steps, seed=seed)
        profile = jacksboro(row) if data is None else read_profile(
            data, x=x, y=y, header=header, decimal=decimal, dayfirst=dayfirst,
            delimiter=delimiter_named(delimiter), missing=numbers_missing(missing),
        )  # fmt: skip
        profile = profile if average is None else profile.averaged(average)
        make_folder(out)
        with lock(out / "compare", "out", kind="any") as target:
            refuse_others(target)
            typer.echo(profile.understood)
            report = run_report(profile, settings, progress=sys.stderr.isatty())
            typer.echo("\n" + report.table(cycles=cycles) + "\n")
            save_report(report, target, cycles=cycles)
    except (ValueError, TypeError, OSError) as error:
        typer.echo(f"ntkfreq compare: {error}", err=True)
        raise typer.Exit(2) from None
    except MemoryError:
        typer.echo("ntkfreq compare: memory ran out; take means by --average LENGTH", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("\nntkfreq compare: stopped; no file was changed", err=True)
        raise typer.Exit(130) from None
    typer.echo(
        f"{report.verdict(cycles=cycles)}; {report.seconds:.0f} s\n"
        f"wrote {out}/compare.png, {out}/compare.txt, {out}/compare.zarr"
    )


app.command()(validate)
