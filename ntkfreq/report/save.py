"""The files of a report, which appear together."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ntkfreq.files import whole_set
from ntkfreq.files.results import save_zarr
from ntkfreq.report.figure import plot_report
from ntkfreq.report.report import Report


def refuse_others(target: Path) -> None:
    """Refuse to replace what no report wrote, before the work.

    Raises
    ------
    ValueError
        When a folder is where a file goes, or something else where the store goes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "compare.png").mkdir()
    ...     refuse_others(Path(folder, "compare"))
    Traceback (most recent call last):
    ValueError: out='...' holds compare.png, which is no file; name another folder
    """
    for suffix in (".png", ".txt"):
        path = target.with_suffix(suffix)
        if os.path.lexists(path) and not path.is_file():
            raise ValueError(
                f"out={str(target.parent)!r} holds {path.name}, which is no file; name another "
                "folder"
            )
    store = target.with_suffix(".zarr")
    if os.path.lexists(store) and not (store / "zarr.json").is_file():
        raise ValueError(
            f"out={str(target.parent)!r} holds {store.name}, which is no Zarr store; name another "
            "folder"
        )


def save_report(report: Report, target: Path, *, cycles: bool = False) -> None:
    """Write `target` with the suffixes .zarr, .txt and .png, all three or none of them.

    The caller holds the lock of `target`. A reader finds three files of one report. While they are
    exchanged some are missing, for about a millisecond; a kill in that moment leaves it so, until
    the next writer, which brings the new ones before it does anything else.
    """
    with whole_set(target, locked=True) as scratch:
        place = scratch / target.name
        save_zarr(report.to_xarray(), place.with_suffix(".zarr"))
        place.with_suffix(".txt").write_text(report.table(cycles=cycles) + "\n", encoding="utf-8")
        with warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes.
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            plot_report(report, cycles=cycles).savefig(place.with_suffix(".png"), dpi=110)
