"""Tries of spectra and of what is fitted to records: sums, bands, widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attempts import (
    ANSWERED,
    Try,
    Verdict,
    bandwidths,
    column,
    compare,
    must_refuse,
    places,
    rows,
    samples,
)
from .awkward import awkward
from .nodes import f, t
from .try_kernels import NAMES
from .values import UNKNOWN, Arg, Draw, plain


def several(arg: Arg) -> Arg:
    """Values of one time or of several: rows are fine."""
    return (
        Arg(arg.node, UNKNOWN, arg.kind)
        if arg.kind in ("shape (1, N)", "columns") or np.shape(arg.meaning) == (1, 1)
        else arg
    )


def errors(rng: Draw) -> Try:
    """error_spectrum: plain sums."""
    dim = rng.choice([1, 1, 2, 3])
    n = rng.choice([1, 4, 20])
    rng.hostile("x", "values", "frequencies", "weights")
    args = {
        "x": places(rng, "x", n, dim),
        "values": several(samples(rng, "values", n)),
        "frequencies": bandwidths(rng, dim),
    }
    options = {}
    if "weights" in rng.bad:
        args["weights"] = awkward(rng, np.round(1 + np.abs(rng.normal(n)), 3), "other")
        options["weights"] = args["weights"].node
    node = f(
        "ntkfreq.error_spectrum",
        args["x"].node,
        args["values"].node,
        args["frequencies"].node,
        **options,
    )
    return Try("error_spectrum", node, args, NAMES, _errors_judge(args))


def _errors_judge(args: dict[str, Arg]) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        x = np.asarray(args["x"].meaning)
        x = x[:, None] if x.ndim == 1 else x
        grid = rows(args["frequencies"].meaning, x.shape[1])
        if grid is None:
            return must_refuse("frequencies are of another dimension than x")
        values = np.asarray(args["values"].meaning)
        if values.ndim == 2 and values.shape == (len(x), 1) and len(x) > 1:
            values = values[:, 0]
        if values.shape[-1] != len(x):
            return must_refuse("values do not fit x")
        weights = np.full(len(x), 1 / len(x))
        if "weights" in args:
            given = column(args["weights"].meaning, len(x))
            if given is None or given.min() <= 0:
                return must_refuse("weights do not fit x")
            with np.errstate(under="ignore"):
                weights = given / given.max()
                weights = weights / weights.sum()
        phase = float(np.abs(x).max() * np.abs(grid).max())
        if phase > 1e8:
            return ANSWERED
        wanted = (values * weights) @ np.exp(-1j * (x @ grid.T))
        if len(x) == 1 and args["values"].kind == "shape (N, 1)":  # one row of one value as well
            wanted = wanted.reshape(np.shape(result))
        size = float(np.abs(values).max())
        return compare(result, wanted, (1e-12 + 1e-15 * phase) * size + 1e-300, "spectrum")

    return judge


def mismatch(rng: Draw) -> Try:
    """spectral_mismatch and band_energy."""
    rng.hostile("one", "two", "bands")
    base = [np.round(rng.normal(6) + 2, 3), rng.normal(6)]
    one = awkward(rng, base[0], "other") if "one" in rng.bad else plain(base[0])
    two = awkward(rng, base[1], "other") if "two" in rng.bad else plain(base[1])
    # Spectra are complex, and dates are no spectra.
    if "complex" in one.kind or "complex" in two.kind:
        one = Arg(one.node, UNKNOWN, one.kind)
        two = Arg(two.node, UNKNOWN, two.kind)
    if rng.chance(0.5):
        args = {"train_spectrum": one, "test_spectrum": two}
        node = f("ntkfreq.spectral_mismatch", one.node, two.node)
        return Try("spectral_mismatch", node, args, NAMES, _mismatch_judge(one, two))
    args = {"frequencies": two if "two" in rng.bad else plain(np.arange(6.0)), "spectrum": one}
    for name, arg in args.items():
        # Frequencies may be vectors, and spectra have any number of leading axes.
        if arg.kind.startswith(("columns", "shape")):
            args[name] = Arg(arg.node, UNKNOWN, arg.kind)
    band = t(0.0, 3.0)
    if "bands" in rng.bad:
        args["bands"] = awkward(rng, np.array([0.0, 3.0]), "other")
        band = args["bands"].node
    node = f("ntkfreq.band_energy", args["frequencies"].node, args["spectrum"].node, [band])
    return Try("band_energy", node, args, NAMES, _energy_judge(args))


def _mismatch_judge(one: Arg, two: Arg) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        a, b = np.asarray(one.meaning), np.asarray(two.meaning)
        if a.shape != b.shape:
            return must_refuse("the spectra have different shapes")
        top = max(np.abs(a).max(), np.abs(b).max())
        a, b = a / top, b / top
        wanted = np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))
        return compare(result, min(wanted, 1.0), 1e-12, "mismatch")

    return judge


def _energy_judge(args: dict[str, Arg]) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        grid, values = np.asarray(args["frequencies"].meaning), np.asarray(args["spectrum"].meaning)
        if grid.ndim > 1 or values.shape[-1] != grid.size:
            return ANSWERED if grid.ndim == 2 else must_refuse("spectrum does not fit frequencies")
        band = (
            np.asarray(args["bands"].meaning).ravel() if "bands" in args else np.array([0.0, 3.0])
        )
        if band.size != 2 or not band[0] < band[1]:
            return must_refuse("the band is none")
        inside = (np.abs(grid) >= band[0]) & (np.abs(grid) <= band[1])
        if not inside.any():
            return must_refuse("the band is empty")
        top = np.abs(values).max()
        if not 1e-140 < top < 1e140:
            return ANSWERED
        wanted = np.mean(values[..., inside] ** 2, axis=-1)[..., None]
        return compare(result, wanted, 1e-12 * top**2, "energy")

    return judge


def effective(rng: Draw) -> Try:
    """effective_density."""
    rng.hostile("gram", "x", "frequencies")
    x = np.linspace(-1, 1, 12)
    z = x[:, None] - x[None, :]
    matrix = np.round(np.exp(-((4 * z) ** 2) / 2), 9)
    args = {
        "gram": awkward(rng, matrix, "other") if "gram" in rng.bad else plain(matrix),
        "x": awkward(rng, x, "x") if "x" in rng.bad else plain(x),
        "frequencies": awkward(rng, np.array([1.0, 5.0, 9.0]), "other")
        if "frequencies" in rng.bad
        else plain([1.0, 5.0, 9.0]),
    }
    node = f(
        "ntkfreq.effective_density", args["gram"].node, args["x"].node, args["frequencies"].node
    )

    def judge(result: Any) -> Verdict:
        kernel, at = np.asarray(args["gram"].meaning), np.asarray(args["x"].meaning).ravel()
        grid = np.asarray(args["frequencies"].meaning).ravel()
        if kernel.shape != (at.size, at.size):
            return must_refuse("gram does not fit x")
        if np.unique(at).size < at.size:
            return must_refuse("x repeats")
        length = np.ptp(at) * at.size / (at.size - 1)
        window = np.cos(np.pi * (at - (at.min() + at.max()) / 2) / length) ** 4
        waves = np.exp(1j * np.outer(grid, at)) * window
        rate = (
            np.einsum("fi,ij,fj->f", waves.conj(), kernel, waves).real / (window @ window) / at.size
        )
        top = float(np.abs(kernel).max())
        if np.abs(at).max() * np.abs(grid).max() > 1e6:
            return ANSWERED
        return compare(
            result, length / (2 * np.pi) * rate, 1e-10 * length * top + 1e-300, "density"
        )

    return Try("effective_density", node, args, NAMES, judge)


def width_limit(rng: Draw) -> Try:
    """extrapolate_width."""
    rng.hostile("widths", "values")
    widths = np.array([64.0, 256.0, 1024.0])
    values = np.round(2 + 30 / widths[:, None] + 0.01 * np.reshape(rng.normal(12), (3, 4)), 5)
    args = {
        "widths": awkward(rng, widths, "other") if "widths" in rng.bad else plain(widths),
        "values": awkward(rng, values, "other") if "values" in rng.bad else plain(values),
    }
    if args["values"].kind == "columns":  # so many seeds
        args["values"] = Arg(args["values"].node, UNKNOWN, "columns")
    node = f("ntkfreq.extrapolate_width", args["widths"].node, args["values"].node)

    def judge(result: Any) -> Verdict:
        at, seen = np.asarray(args["widths"].meaning).ravel(), np.asarray(args["values"].meaning)
        if at.min() <= 0 or np.unique(at).size < 2 or seen.ndim != 2 or len(seen) != at.size:
            return must_refuse("widths and values do not fit")
        if at.max() / at.min() > 1e8 or not 1e-140 < np.abs(seen).max() < 1e140:
            return ANSWERED
        scale = at / at.max()
        design = np.stack([np.ones(at.size), 1 / scale], axis=1)
        weight = np.repeat(np.sqrt(scale), seen.shape[1])
        left = np.repeat(design, seen.shape[1], axis=0) * weight[:, None]
        wanted, *_ = np.linalg.lstsq(left, weight * seen.ravel(), rcond=None)
        return compare(result.limit, wanted[0], 1e-8 * np.abs(seen).max(), "limit")

    return Try("extrapolate_width", node, args, NAMES, judge)
