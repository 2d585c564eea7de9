"""Command line: `ntkfreq compare` proves a prediction on a profile, `ntkfreq validate` them all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ntkfreq import __version__
from ntkfreq.files import lock
from ntkfreq.results import make_folder
from ntkfreq.validation.command import validate

app = typer.Typer(
    help="Which frequencies a network learns when: predicted before training, proven after.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


@app.command()
def compare(
    data: Annotated[
        Path | None,
        typer.Argument(help="A .csv or .npz of x and y. Default: a row of real terrain."),
    ] = None,
    row: Annotated[int, typer.Option(help="Row of the terrain, 0 to 343.")] = 172,
    narrow: Annotated[float, typer.Option(help="Narrow std, rad per half-length.")] = 20.0,
    wide: Annotated[float, typer.Option(help="Wide std, rad per half-length.")] = 100.0,
    sigma_a: Annotated[float, typer.Option(help="Std of the output weights.")] = 1.0,
    width: Annotated[int, typer.Option(help="Hidden units (even).")] = 131072,
    steps: Annotated[int, typer.Option(help="Gradient descent steps.")] = 320,
    seed: Annotated[int, typer.Option(help="Seed of the networks.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for figure, table and data.")] = Path("results"),
) -> None:
    """Predict which frequencies of a profile are learned when, train networks, compare the two.

    Writes compare.png, compare.txt and compare.zarr (reload with ntkfreq.load_zarr).
    """
    # Imported here so that --help and --version answer at once.
    from ntkfreq.profile import jacksboro, read_profile
    from ntkfreq.report import Settings, run_report, save_report

    try:
        settings = Settings(narrow, wide, sigma_a, width, steps, seed=seed)
        profile = jacksboro(row) if data is None else read_profile(data)
        make_folder(out)
        with lock(out / "compare", "out", kind="any") as target:
            typer.echo(profile.understood)
            report = run_report(profile, settings, progress=sys.stderr.isatty())
            typer.echo("\n" + report.table() + "\n")
            save_report(report, target)
    except (ValueError, TypeError, OSError) as error:
        typer.echo(f"ntkfreq compare: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"{report.verdict()}; {report.seconds:.0f} s\n"
        f"wrote {out}/compare.png, {out}/compare.txt, {out}/compare.zarr"
    )


app.command()(validate)
