"""Tries of what reads records, tables and files: onsets, phase maps, sweeps, stores, profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attempts import ANSWERED, Try, Verdict, must_refuse, no_reference, number, times
from .awkward import awkward
from .nodes import f, t
from .scalars import option, whole
from .values import REFUSE, UNKNOWN, Arg, Draw, plain

NAMES = (
    "t", "train_loss", "test_loss", "threshold", "late", "curves", "function", "grid", "path",
    "constants", "workers", "retries", "version", "data", "out", "row", "narrow", "wide", "width",
    "steps", "seed", "sigma_a", "scheduler", "retry_failed", "progress", "x", "y", "accuracy",
    "train_accuracy", "test_accuracy",
)  # fmt: skip


def _curve(rng: Draw, clock: np.ndarray, rate: float) -> np.ndarray:
    how = rng.choice(["smooth", "smooth", "exact zero", "steps", "constant", "bounces", "accuracy"])
    curve = np.exp(-rate * clock) + 1e-4
    if how == "exact zero":
        curve = np.where(curve < 0.3, 0.0, curve)
    elif how == "steps":
        curve = np.round(curve, 1)
    elif how == "constant":
        curve = np.full_like(curve, rng.choice([0.0, 0.5, 1.0]))
    elif how == "bounces":
        curve = curve + 0.4 * (np.arange(curve.size) % 2)
    elif how == "accuracy":
        curve = 1 - np.where(curve < 0.3, 0.0, np.round(curve, 1))
    return np.round(curve, 6)


def onset(rng: Draw) -> Try:
    """grokking_onset, against first passages found by hand."""
    rng.hostile("t", "train_loss", "test_loss", "threshold", "late")
    clock = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    curves = [_curve(rng, clock, 1.0), _curve(rng, clock, rng.choice([1.0, 0.1]))]
    args = {"t": awkward(rng, clock, "other") if "t" in rng.bad else plain(clock)}
    if isinstance(args["t"].meaning, np.ndarray):
        flat = args["t"].meaning.ravel()
        fine = flat[0] >= 0 and np.all(np.diff(flat) > 0)
        args["t"] = Arg(args["t"].node, flat if fine else REFUSE, args["t"].kind)
    for name, values in zip(("train_loss", "test_loss"), curves, strict=True):
        args[name] = awkward(rng, values, "other") if name in rng.bad else plain(values)
        meaning = args[name].meaning
        if isinstance(meaning, np.ndarray) and meaning.min() < 0:
            args[name] = Arg(args[name].node, REFUSE, args[name].kind)
    args["threshold"] = number(rng, "threshold", rng.choice([0.05, 0.35]))
    if args["threshold"].meaning == 0.0:
        args["threshold"] = Arg(args["threshold"].node, REFUSE, "zero")
    options = {"threshold": args["threshold"].node}
    if "late" in rng.bad:
        args["late"] = number(rng, "late", 3.0)
        options["late"] = args["late"].node
    node = f(
        "ntkfreq.grokking_onset",
        *(args[n].node for n in ("t", "train_loss", "test_loss")),
        **options,
    )
    return Try("grokking_onset", node, args, NAMES, _onset_judge(args))


def _onset_judge(args: dict[str, Arg]) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        clock, level = np.asarray(args["t"].meaning).ravel(), float(args["threshold"].meaning)
        for name in ("train", "test"):
            curve = np.asarray(args[f"{name}_loss"].meaning).ravel()
            if curve.size != clock.size:
                return must_refuse(f"{name}_loss does not fit t")
            low, high, exact = _passage(clock, curve, level)
            value = float(getattr(result, f"t_{name}"))
            if np.isinf(low) or np.isinf(value):
                if low != value:
                    return Verdict("wrong", f"t_{name} is {value:.6g}, right is {low:.6g}")
                continue
            room = 1e-9 * max(abs(low), 1e-300)
            if not low - room <= value <= high + room:
                return Verdict(
                    "wrong", f"t_{name} is {value:.6g}, not within [{low:.6g}, {high:.6g}]"
                )
            if exact is not None and abs(value - exact) > 1e-6 * exact + room:
                return Verdict("wrong", f"t_{name} is {value:.10g}, right is {exact:.10g}")
            # A record of exactly 0 says nothing of where within the step the curve fell.
            before = clock[clock < high]
            if exact is None and np.isfinite(value) and before.size and value <= low + room < high:
                return Verdict("wrong", f"t_{name} is {value:.10g}, the record before the passage")
        if float(args["late"].meaning) <= 1 if "late" in args else False:
            return must_refuse("late is no ratio above one")
        return Verdict("right")

    return judge


def _passage(
    clock: np.ndarray, curve: np.ndarray, level: float
) -> tuple[float, float, float | None]:
    """Bounds of the first passage, and the passage itself where both records are above zero."""
    below = np.flatnonzero(curve <= level)
    if below.size == 0:
        return np.inf, np.inf, np.inf
    k = int(below[0])
    if k == 0:
        return clock[0], clock[0], clock[0]
    low, high = clock[k - 1], clock[k]
    if curve[k] <= 1e-250 or not 1e-250 < curve[k - 1] < 1e250:
        return low, high, None
    share = np.log(curve[k - 1] / level) / np.log(curve[k - 1] / curve[k])
    return low, high, float(low + share * (high - low))


def phases(rng: Draw) -> Try:
    """phase_map of a labelled table."""
    rng.hostile("train", "test", "t", "what")
    clock = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    args: dict[str, Arg] = {}
    for name, rate in (("train", 1.0), ("test", 0.3)):
        values = np.round(np.exp(-rate * clock), 5)
        args[name] = awkward(rng, values, "other") if name in rng.bad else plain(values)
    args["t"] = times(rng) if "t" in rng.bad else plain(clock)
    variables = {"train_loss": t("t", args["train"].node), "test_loss": t("t", args["test"].node)}
    # What xarray itself makes of an odd container is not for us to judge.
    args = {
        name: Arg(arg.node, UNKNOWN if arg.kind else arg.meaning, arg.kind)
        for name, arg in args.items()
    }
    data = f("xr.Dataset", {"d": variables}, {"d": {"t": args["t"].node}})
    if "what" in rng.bad:
        data = rng.choice(
            [None, 3.0, {"d": variables}, f("xr.Dataset"), f("xr.DataArray", [1.0, 2.0])]
        )
        args = {"curves": Arg(data, REFUSE, "no dataset")}
    node = f("h.phases", data)
    return Try("phase_map", node, args, NAMES, no_reference)


def swept(rng: Draw) -> Try:
    """sweep in this process over awkward labels."""
    rng.hostile("values", "grid", "constants", "workers", "version", "retries", "function", "path")
    values = np.array([1.0, 2.0, 3.0])
    args = {"values": awkward(rng, values, "other") if "values" in rng.bad else plain(values)}
    grid: Any = {"d": {"a": args["values"].node}}
    options: dict[str, Any] = {"workers": 0}
    if "grid" in rng.bad:
        grid = rng.choice([None, [], {"d": {}}, {"d": {"a": []}}, {"d": {"a": [1, 1]}}, {"d": {"a": "abc"}},
                           {"d": {"": [1.0]}}, {"d": {"a": [None]}}, {"d": {"b": [1]}}])  # fmt: skip
        args["grid"] = Arg(grid, UNKNOWN, "grid")
    for name in ("workers", "retries"):
        if name in rng.bad:
            args[name] = whole(rng, 0)
            if args[name].meaning is UNKNOWN:
                args[name] = Arg(-1, REFUSE, "size of int")
            options[name] = args[name].node
            args[name] = Arg(args[name].node, UNKNOWN, args[name].kind)
    for name in ("version", "constants"):
        if name in rng.bad:
            args[name] = option(rng)
            options[name] = args[name].node
    how = rng.choice(_CELLS) if "function" in rng.bad else "plain"
    if "function" in rng.bad:
        args["function"] = Arg(how, UNKNOWN, f"cell: {how}")
    if "path" in rng.bad:
        args["path"] = _path(rng)
        options["path"] = args["path"].node
    node = f("ntkfreq.sweep", f("h.cell", how), grid, **options)
    return Try("sweep", node, args, NAMES, _sweep_judge(args))


_CELLS = ("raises", "none", "empty", "strings", "nan", "ragged", "objects", "complex", "masked", "dates",
          "reserved", "dataset", "huge name", "exits", "dimension")  # fmt: skip


def _sweep_judge(args: dict[str, Arg]) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        values = np.asarray(args["values"].meaning)
        if values.ndim != 1 or np.unique(values).size < values.size:
            return must_refuse("labels repeat or are no list")
        if np.any(result["error"].values != ""):
            return ANSWERED
        wanted = 2 * values
        found = result["twice"].sel(a=values).values
        return (
            Verdict("right") if np.array_equal(found, wanted) else Verdict("wrong", "cells differ")
        )

    return judge


_PATHS = (
    ("x" * 300, "name too long"),
    ("/dev/null/here", "device folder"),
    ("/dev/null", "device"),
    ("/proc/here", "proc"),
    ("\udcff.zarr", "surrogate"),
    ("", "empty name"),
    (".", "this folder"),
    ("a\0b", "zero byte"),
    (None, "None"),
    (3, "number"),
    (True, "bool"),
    ([], "list"),
    ({"f": "bytes", "a": ["store.zarr"], "k": {}}, "bytes"),
    ("deep/er/store.zarr", "new folders"),
    ("grün ü.zarr", "unicode"),
)


def _path(rng: Draw) -> Arg:
    node, kind = rng.choice(_PATHS)
    return Arg(node, UNKNOWN, f"path: {kind}")


def stored(rng: Draw) -> Try:
    """save_zarr and load_zarr: names that cannot be, and content that cannot be written."""
    rng.hostile("path", "data")
    path = _path(rng) if "path" in rng.bad else Arg("store.zarr", 0.0)
    args = {"path": path}
    what = rng.choice(_CONTENTS) if "data" in rng.bad else "plain"
    if "data" in rng.bad:
        args["data"] = Arg(what, UNKNOWN, f"content: {what}")
    node = f("h.stored", what, path.node)

    def judge(result: Any) -> Verdict:
        return Verdict("right") if result is True else Verdict("wrong", "reads back as another")

    return Try("save_zarr", node, args, NAMES, judge)


_CONTENTS = ("objects", "attributes", "none attribute", "dates", "strings", "complex", "empty", "tree",
             "array", "None", "bad name", "slash", "mixed", "set attribute", "bools", "masked", "number name")  # fmt: skip


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
    return _csv(["", *x[1:]], y), REFUSE


def _missing(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    cells: list[object] = list(y)
    cells[9] = rng.choice(["", "NaN", "nan", "NA", "null", "-", "inf", "1e999", "--", "#N/A", "?"])
    return _csv(x, cells), REFUSE


def _index_column(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    rows = [f"{k},{a},{b}" for k, (a, b) in enumerate(zip(x, y, strict=True))]
    return ",x,y\n" + "\n".join(rows) + "\n", REFUSE


def _blanks(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(x, y, sep=rng.choice(["  ", " ", "\t"])), (x, y)


def _header_separator(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv(x, y, head="time; in days,value"), REFUSE


def _quotes(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv([f'"{a}"' for a in x], [f'"{b}"' for b in y], head='"x","y"'), (x, y)


def _dates_file(rng: Draw) -> tuple[str, Any]:
    _, y = _table(rng)
    stamps = [f"2024-03-{1 + k:02d}" for k in range(len(y))]
    return _csv(stamps, y, head="date,value"), (np.arange(float(len(y))), y)


def _thousands(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return _csv([f'"1,{100 + int(a)}"' for a in x], y), REFUSE


def _unsorted(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    order = list(range(len(x)))
    rng.shuffle(order)
    return _csv(x[order], y[order]), (x, y)


def _windows(rng: Draw) -> tuple[str, Any]:
    x, y = _table(rng)
    return "\ufeff" + _csv(x, y, head="x,y").replace("\n", "\r\n"), (x, y)


def _junk(rng: Draw) -> tuple[str, Any]:
    return rng.choice(["", "\n\n", "x,y\n", "a\n" * 30, "1\n" * 30, "\0" * 50, "1,2\n1,2,3\n" * 20,
                       "{\"x\": 1}", "1,2\n" * 30 + "total,3\n", "0x10,1\n" * 20]), REFUSE  # fmt: skip


_FILES: dict[str, Callable[[Draw], tuple[str, Any]]] = {
    "plain": _plain_file, "header of digits": _digits_header, "decimal commas, one column": _one_column_decimal_commas,
    "decimal commas": _decimal_commas, "underscore": _underscore, "missing first x": _missing_first,
    "missing y": _missing, "index column": _index_column, "blanks": _blanks, "separator in header": _header_separator,
    "quotes": _quotes, "dates": _dates_file, "thousands": _thousands, "unsorted": _unsorted, "windows": _windows,
    "junk": _junk,
}  # fmt: skip


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
        path = _path(rng)
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
