"""Tries of what reads records, tables and files: onsets, phase maps, sweeps, stores, profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attempts import ANSWERED, Try, Verdict, must_refuse, no_reference, number, times
from .awkward import awkward
from .nodes import f, t
from .paths import any_path
from .scalars import option, whole
from .values import REFUSE, UNKNOWN, Arg, Draw, plain

NAMES = (
    "t", "train_loss", "test_loss", "threshold", "late", "curves", "function", "grid", "path",
    "constants", "workers", "retries", "version", "data", "out", "row", "narrow", "wide", "width",
    "steps", "seed", "sigma_a", "scheduler", "retry_failed", "progress", "x", "y", "accuracy",
    "train_accuracy", "name", "attribute", "values", "sigma-a", "test_accuracy",
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
    if args["threshold"].kind == "list":  # one of training, one of test
        args["threshold"] = Arg(args["threshold"].node, UNKNOWN, "list")
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


def _stands_still(curve: np.ndarray, level: float) -> bool:
    """Whether the record of the passage is a floor: it does not say how fast it was reached.

    Or a fall beyond what squares of double precision can tell from one to zero.
    """
    below = np.flatnonzero(curve <= level)
    if not below.size or below[0] == 0:
        return False
    k = below[0]
    deep = curve[k] <= np.finfo(float).eps ** 2 * curve[k - 1]
    return bool(deep or (k + 1 < curve.size and np.ptp(curve[k:][:2]) == 0))


def _onset_judge(args: dict[str, Arg]) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        clock, level = np.asarray(args["t"].meaning).ravel(), float(args["threshold"].meaning)
        curves = [np.asarray(args[f"{name}_loss"].meaning) for name in ("train", "test")]
        whole_zero = any(curve.min() == 0 for curve in curves)
        for name in ("train", "test"):
            curve = np.asarray(args[f"{name}_loss"].meaning).ravel()
            if curve.size != clock.size:
                return must_refuse(f"{name}_loss does not fit t")
            low, high, exact = _passage(clock, curve, level)
            # Shares of a count are linear between records: what they are is not asked here.
            exact = None if whole_zero or _stands_still(curve, level) else exact
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
            apart = low + max(1e-9 * (high - low), 4 * np.spacing(abs(low)))
            if exact is None and np.isfinite(value) and before.size and value <= apart < high:
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


# What a cell may be named by without being a number of double precision.
_LABELS = ("strings", "bytes", "timedelta", "date", "int64", "int beyond")


def swept(rng: Draw) -> Try:
    """sweep in this process over awkward labels."""
    rng.hostile("values", "grid", "constants", "workers", "version", "retries", "function", "path")
    values = np.array([1.0, 2.0, 3.0])
    args = {"values": awkward(rng, values, "other") if "values" in rng.bad else plain(values)}
    if args["values"].kind.startswith(_LABELS):
        args["values"] = Arg(args["values"].node, UNKNOWN, args["values"].kind)
    grid: Any = {"d": {"a": args["values"].node}}
    options: dict[str, Any] = {"workers": 0}
    if "grid" in rng.bad:
        grid = rng.choice(
            [
                None,
                [],
                {"d": {}},
                {"d": {"a": []}},
                {"d": {"a": [1, 1]}},
                {"d": {"a": "abc"}},
                {"d": {"": [1.0]}},
                {"d": {"a": [None]}},
                {"d": {"b": [1]}},
            ]
        )
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
        args["path"] = any_path(rng)
        options["path"] = args["path"].node
    node = f("ntkfreq.sweep", f("h.cell", how), grid, **options)
    return Try("sweep", node, args, NAMES, _sweep_judge(args))


_CELLS = (
    "raises", "none", "empty", "strings", "nan", "ragged", "objects", "complex", "masked",
    "dates", "reserved", "dataset", "huge name", "dimension",
)  # fmt: skip


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
