"""Tries of what reads and writes files: stores, profiles, the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attempts import Try, Verdict, no_reference
from .awkward import awkward
from .nodes import f
from .paths import any_path
from .try_records import NAMES
from .values import REFUSE, UNKNOWN, Arg, Draw, plain


def stored(rng: Draw) -> Try:
    """save_zarr and load_zarr: names that cannot be, and content that cannot be written."""
    rng.hostile("path", "data")
    path = any_path(rng) if "path" in rng.bad else Arg("store.zarr", 0.0)
    args = {"path": path}
    what = rng.choice(_CONTENTS) if "data" in rng.bad else "plain"
    if "data" in rng.bad:
        args["data"] = Arg(what, UNKNOWN, f"content: {what}")
    node = f("h.stored", what, path.node)

    def judge(result: Any) -> Verdict:
        return Verdict("right") if result is True else Verdict("wrong", "reads back as another")

    return Try("save_zarr", node, args, NAMES, judge)


_CONTENTS = (
    "objects", "attributes", "none attribute", "dates", "strings", "complex", "empty", "tree",
    "array", "None", "bad name", "slash", "mixed", "set attribute", "bools", "masked",
    "number name",
)  # fmt: skip


def profile(rng: Draw) -> Try:
    """read_profile of text files as programs write them."""
    what = rng.choice(sorted(_FILES))
    text, meaning = _FILES[what](rng)
    name = rng.choice(["data.csv"] * 5 + ["data.txt", "data.tsv", "data.dat", "data.CSV"])
    sep = {"data.tsv": "\t"}.get(name)
    if sep:
        text = text.replace(",", sep)
    args = {"path": Arg(name, meaning, f"file: {what}")}
    node = f("h.profile", name, text)

    def judge(result: Any) -> Verdict:
        x, y = meaning
        if len(result.x) != len(x):
            return Verdict("wrong", f"{len(result.x)} samples were read, {len(x)} are in the file")
        if np.abs(result.x - x).max() > 1e-9 * np.abs(x).max() or np.abs(result.y - y).max() > 1e-9:
            return Verdict("wrong", f"read {result.x[:2]}, {result.y[:2]}; right {x[:2]}, {y[:2]}")
        return Verdict("right")

    return Try("read_profile", node, args, (*NAMES, name, "line"), judge)


def _table(rng: Draw, count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(1.0, count + 1), np.round(rng.normal(count), 3)


def _csv(x: Any, y: Any, sep: str = ",", head: str = "") -> str:
    lines = [f"{a}{sep}{b}" for a, b in zip(x, y, strict=True)]
    return "\n".join(([head] if head else []) + lines) + "\n"


def _plain_file(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(x, y, head=rng.choice(["", "time,value", "# comment"])), (x, y)


def _digits_header(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(x, y, head="0,1"), (x, y)


def _one_column_decimal_commas(rng: Draw) -> tuple[str, Any]:
    _, y = _table(rng)
    return "\n".join(f"{value:.3f}".replace(".", ",") for value in y) + "\n", REFUSE


def _decimal_commas(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    text = "\n".join(f"{a:.1f};{b:.3f}".replace(".", ",") for a, b in zip(x, y, strict=True))
    return text + "\n", (x, y)


def _underscore(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    cells = [str(a) for a in x]
    cells[7] = "1_0"
    return _csv(cells, y), REFUSE


def _missing_first(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(["", *x[1:]], y), (x[1:], y[1:])


def _missing(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    cells: list[object] = list(y)
    cells[9] = rng.choice(["", "NaN", "nan", "NA", "null", "-", "inf", "1e999", "--", "#N/A", "?"])
    if cells[9] in ("inf", "1e999"):
        return _csv(x, cells), REFUSE
    return _csv(x, cells), (np.delete(x, 9), np.delete(y, 9))


def _index_column(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    rows = [f"{k},{a},{b}" for k, (a, b) in enumerate(zip(x, y, strict=True))]
    return ",x,y\n" + "\n".join(rows) + "\n", (x, y)


def _blanks(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(x, y, sep=rng.choice(["  ", " ", "\t"])), (x, y)


def _header_separator(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(x, y, head="time; in days,value"), (x, y)


def _quotes(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv([f'"{a}"' for a in x], [f'"{b}"' for b in y], head='"x","y"'), (x, y)


def _dates_file(rng: Draw) -> tuple[str, Any]:
    _, y = _table(rng)
    stamps = [f"2024-03-{1 + k:02d}" for k in range(len(y))]
    return _csv(stamps, y, head="date,value"), (np.arange(float(len(y))), y)


def _thousands(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv([f'"1,{100 + int(a)}"' for a in x], y), (1100 + x, y)


def _unsorted(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    order = list(range(len(x)))
    rng.shuffle(order)
    return _csv(x[order], y[order]), (x, y)


def _windows(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return "\ufeff" + _csv(x, y, head="x,y").replace("\n", "\r\n"), (x, y)


_JUNK = (
    "",
    "\n\n",
    "x,y\n",
    "a\n" * 30,
    "1\n" * 30,
    "\0" * 50,
    "1,2\n1,2,3\n" * 20,
    '{"x": 1}',
    "1,2\n" * 30 + "total,3\n",
    "0x10,1\n" * 20,
)


def _junk(rng: Draw) -> tuple[str, Any]:
    return rng.choice(_JUNK), REFUSE


_FILES: dict[str, Callable[[Draw], tuple[str, Any]]] = {
    "plain": _plain_file,
    "header of digits": _digits_header,
    "decimal commas, one column": _one_column_decimal_commas,
    "decimal commas": _decimal_commas,
    "underscore": _underscore,
    "missing first x": _missing_first,
    "missing y": _missing,
    "index column": _index_column,
    "blanks": _blanks,
    "separator in header": _header_separator,
    "quotes": _quotes,
    "dates": _dates_file,
    "thousands": _thousands,
    "unsorted": _unsorted,
    "windows": _windows,
    "junk": _junk,
}


def archive(rng: Draw) -> Try:
    """read_profile of an .npz of awkward arrays, and paths that are no files."""
    rng.hostile("x", "y", "path")
    x, y = _table(rng)
    args = {
        "x": awkward(rng, x, "other") if "x" in rng.bad else plain(x),
        "y": awkward(rng, y, "y") if "y" in rng.bad else plain(y),
    }
    # What numpy.savez makes of a container is the file's content: only the plain ones are judged.
    args = {name: Arg(a.node, UNKNOWN if a.kind else a.meaning, a.kind) for name, a in args.items()}
    if "path" in rng.bad:
        path = any_path(rng)
        node = f("h.read", path.node)
        return Try(
            "read_profile", node, {"path": Arg(path.node, REFUSE, path.kind)}, NAMES, no_reference
        )
    node = f("h.archive", args["x"].node, args["y"].node)
    return Try("read_profile", node, args, (*NAMES, "data.npz"), no_reference)


def command(rng: Draw) -> Try:
    """The command `compare` with awkward options."""
    rng.hostile("one")
    name = rng.choice(["row", "narrow", "wide", "sigma-a", "width", "steps", "seed", "out", "data"])
    values = [
        "0",
        "-1",
        "nan",
        "inf",
        "1e300",
        "1e-300",
        "abc",
        "",
        "2.5",
        "99999999999999999999",
        "1_0",
        "３",
    ]
    value = rng.choice(values)
    options = {"width": "64", "steps": "3", "out": "out"}
    words = []
    if name == "out":
        value = rng.choice(["/dev/null/x", "x" * 300, "", "/proc/x", "a\0b" if False else "ok"])
    if name == "data":
        words = [
            rng.choice(["missing.csv", "/dev/null", ".", "x" * 300, "/proc/self/mem", "a.npz"])
        ]
    else:
        options[name] = value
    for key, word in options.items():
        words += [f"--{key}", word]
    args = {
        "option": Arg(
            words, UNKNOWN, f"command {name}={value[:20] if name != 'data' else words[0][:20]}"
        )
    }
    return Try("ntkfreq compare", f("h.command", words), args, NAMES, no_reference)
