"""Tries of the solver on Box, Line and Grid, in one and two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import flows
from .attempts import ANSWERED, Try, Verdict, losses_sane, must_refuse, no_reference, rho, rows
from .awkward import awkward
from .nodes import f
from .scalars import scalar
from .try_solve import NAMES, _decay, _nodes, _settings, function, judged_by_flow, tolerance_of
from .values import REFUSE, UNKNOWN, Arg, Draw, known, plain

_DECAYING = ("normal", "normal", "laplace", "student")


def _sides(rng: Draw, name: str, good: float, dim: int) -> Arg:
    if name not in rng.bad:
        return plain(good if dim == 1 else [good] * dim)
    if dim == 1 and rng.chance(0.6):
        return scalar(rng, good, signed=True)
    return awkward(rng, np.full(dim, good), "other")


def box(rng: Draw) -> Try:
    """On a Box, near and far, narrow and wide."""
    dim = rng.choice([1, 1, 1, 1, 2])
    rng.hostile(
        "rho_w", "lower", "upper", "place", "sigma_a", "t", "rtol", "decay", "function", "step"
    )
    args = {"rho_w": rho(rng, dim), **_settings(rng, dim), "y": function(rng, "wave")}
    args.pop("frequencies")
    _decay(rng, args)
    centre, half = 0.0, 1.0
    if "place" in rng.bad:
        centre = rng.choice([0.0, 280.0, 1e4, 1e6, 1e9, 1e15])
        half = rng.choice([1.0, 1.0, 1e-9, 1e-3, 30.0, 1e3, 1e4, 1e8, 1e100])
    args["lower"] = _sides(rng, "lower", centre - half, dim)
    args["upper"] = _sides(rng, "upper", centre + half, dim)
    if "place" in rng.bad:
        args["upper"] = Arg(
            args["upper"].node, args["upper"].meaning, f"box of {half:g} at {centre:g}"
        )
    options = _nodes(args, "rho_w", "y", "lower", "upper")
    options["frequencies"] = [1.0, 4.0] if dim == 1 else [[1.0, 2.0], [0.0, 4.0]]
    args["frequencies"] = plain(options["frequencies"])
    options["measure"] = f("ntkfreq.Box", args["lower"].node, args["upper"].node)
    node = f("ntkfreq.solve_frequency_pde", args["rho_w"].node, args["y"].node, **options)
    return Try("solve on Box", node, args, NAMES, _box_judge(args, dim), losses_sane)


def _box_judge(args: dict[str, Arg], dim: int) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        lower = np.asarray(args["lower"].meaning, dtype=float).ravel()
        upper = np.asarray(args["upper"].meaning, dtype=float).ravel()
        if lower.size != dim or upper.size != dim or not np.all(lower < upper):
            return must_refuse("the box is none")
        family, sigma_a = args["rho_w"].meaning, float(args["sigma_a"].meaning)
        if family.dim != dim:
            return must_refuse("rho_w has another dimension")
        if "weight_decay" in args or "frequency_decay" in args or "momentum" in args:
            return ANSWERED
        half, far = float((upper - lower).max()) / 2, family.far()
        count = int(24 + 1.5 * half * max(far, 6.0))
        sharp = family.name == "student" or family.name == "laplace" or family.name == "mixture"
        if count > (150 if dim == 1 else 26) or (sharp and dim > 1):
            return ANSWERED
        x, weights = flows.box_rule(lower, upper, 200 if sharp else count)
        reach = float(np.abs(x).max())
        if half / max(reach, 1e-300) < 1e-9:
            return ANSWERED
        y = np.broadcast_to(args["y"].meaning(x[:, 0] if dim == 1 else x), len(x))
        t = np.atleast_1d(args["t"].meaning)
        step = args["step_size"].meaning if "step_size" in args else None
        found = flows.flow(family, x, weights, -np.asarray(y, float), sigma_a, t, step)
        grid = rows(args["frequencies"].meaning, dim)
        # The rule itself loses where kernels have a kink.
        slack = 1e-3 if sharp else 1e-7
        return judged_by_flow(result, found, grid, tolerance_of(result, args) + slack)

    return judge


def _spacing(rng: Draw, good: float) -> Arg:
    """The spacing of a lattice, which may be a span of time."""
    arg = scalar(rng, good)
    return Arg(arg.node, UNKNOWN, arg.kind) if arg.kind.startswith("timedelta") else arg


def _origin(rng: Draw) -> Arg:
    """A point of a lattice, which may be a date: x then counts days since it."""
    arg = scalar(rng, 0.25, signed=True)
    return Arg(arg.node, UNKNOWN, arg.kind) if arg.kind.startswith("datetime") else arg


def line(rng: Draw) -> Try:
    """On Line and Grid in one dimension: pulses here and far off, wide and narrow."""
    regular = rng.chance(0.5)
    rng.hostile(
        "rho_w",
        "place",
        "support",
        "sigma_a",
        "t",
        "rtol",
        "frequencies",
        "decay",
        "function",
        "spacing",
        "origin",
    )
    args = {"rho_w": rho(rng, 1, families=_DECAYING, atoms=False), **_settings(rng, 1)}
    _decay(rng, args)
    centre, width = 0.0, 1.0
    args["y"], target = _pulse(rng, args)
    if "place" in rng.bad:
        centre = rng.choice([3.0, 280.0, 9e3, 17e3, 1e5, 1e6, 1e8])
        width = rng.choice([1.0, 1.0, 0.01, 1e-4, 50.0])
        target = f("h.smooth", "bump", 0.0, centre=centre) if width == 1.0 else target
        kind = f"pulse at {centre:g}" if width == 1.0 else "pulse"
        args["y"] = Arg(target, UNKNOWN, kind)
        if width == 1.0:  # this target is made without them
            args.pop("low", None), args.pop("high", None)
    options = _nodes(args, "rho_w", "y", "low", "high")
    spacing = origin = None
    if regular:
        args["spacing"] = (
            _spacing(rng, 0.5) if "spacing" in rng.bad else plain(rng.choice([0.5, 0.25]))
        )
        args["origin"] = _origin(rng) if "origin" in rng.bad else plain(rng.choice([0.0, 0.1]))
        spacing, origin = args["spacing"], args["origin"]
        options["measure"] = f("ntkfreq.Grid", spacing.node, origin.node)
    node = f("ntkfreq.solve_frequency_pde", args["rho_w"].node, target, **options)
    name = "solve on Grid" if regular else "solve on Line"
    return Try(name, node, args, NAMES, _line_judge(args, spacing, origin, centre), losses_sane)


def _pulse(rng: Draw, args: dict[str, Arg]) -> tuple[Arg, Any]:
    y = function(rng, "bump")
    if "support" not in rng.bad:
        return y, y.node
    low = scalar(rng, -7.0, signed=True)
    high = scalar(rng, 7.0, signed=True) if rng.chance(0.3) else plain(7.0)
    args["low"], args["high"] = low, high
    if known(low, high) and not (
        np.size(low.meaning) == 1 and float(low.meaning) < float(high.meaning)
    ):
        args["low"] = Arg(low.node, REFUSE, low.kind)
    return y, f("ntkfreq.Target.from_function", y.node, support=[low.node, high.node])


def _line_judge(
    args: dict[str, Arg], spacing: Arg | None, origin: Arg | None, centre: float
) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        family, sigma_a = args["rho_w"].meaning, float(args["sigma_a"].meaning)
        if family.dim != 1 or not callable(args["y"].meaning):
            return ANSWERED
        if "weight_decay" in args or "frequency_decay" in args or "low" in args:
            return ANSWERED
        if "step_size" in args or sigma_a > 5:
            return ANSWERED
        far = max(family.far(), 8.0)
        narrow = family.smallest_scale()
        if spacing is None:
            step, start = min(0.2, 2.2 / far), 0.0
        else:
            step, start = float(spacing.meaning), float(origin.meaning)
            if not 1e-2 < step < 2 or abs(start) > 100:
                return ANSWERED
        sharp = family.name in ("student", "laplace", "mixture")
        if narrow < 1.0 or far > 200 or (sharp and spacing is None):
            return ANSWERED
        # A kernel like 1/z reaches beyond every finite lattice.
        if "uniform" in (family.name, *(part.name for part in family.parts)):
            return ANSWERED
        reach = 12.0 + 8 / narrow
        x, weights = flows.lattice(step, start, reach)
        if not 3 <= len(x) <= 700:
            return ANSWERED
        y = np.asarray(args["y"].meaning(x[:, 0]), dtype=float)
        t = np.atleast_1d(args["t"].meaning)
        found = flows.flow(family, x, weights, -y, sigma_a, t)
        grid = rows(args["frequencies"].meaning, 1)
        if grid is None:
            return must_refuse("frequencies do not fit")
        if np.abs(grid).max() > (np.pi / step - 10 if spacing is None else 1e5):
            grid = None
        return judged_by_flow(result, found, grid, tolerance_of(result, args) + 1e-5)

    return judge


def plane(rng: Draw) -> Try:
    """On Line and Grid in two dimensions, and Line beyond them: answered or refused in time."""
    regular = rng.chance(0.4)
    rng.hostile(
        "rho_w", "place", "sigma_a", "t", "rtol", "frequencies", "function", "spacing", "radius"
    )
    dim = 2
    args = {"sigma_a": plain(0.5), **_settings(rng, dim)}
    target: Any = f("h.smooth", "bump", 2.0)
    if "function" in rng.bad:
        args["y"] = function(rng, "bump")
        target = args["y"].node
    elif "place" in rng.bad:
        centre = rng.choice([3.0, 100.0, 900.0, 1500.0, 2000.0, 1e5])
        target = f("h.smooth", "bump", 0.0, centre=centre)
        args["y"] = Arg(target, UNKNOWN, f"pulse at {centre:g}")
    elif "radius" in rng.bad:
        dim = 2 if regular else rng.choice([2, 3, 8, 64, 65, 1000])
        radius = scalar(rng, 8.0)
        target = f("ntkfreq.Target.from_radial", f("h.smooth", "bump", 0.0), radius.node)
        args["y"] = Arg(target, REFUSE if radius.meaning is REFUSE else UNKNOWN, radius.kind)
        args.pop("frequencies")
    args["rho_w"] = rho(rng, dim, families=("normal",), atoms=False)
    options = _nodes(args, "rho_w", "y")
    if regular:
        args["spacing"] = _spacing(rng, 0.8) if "spacing" in rng.bad else plain(0.8)
        options["measure"] = f("ntkfreq.Grid", args["spacing"].node)
    else:
        options["measure"] = f("ntkfreq.Line")
    if "t" not in rng.bad:
        options["t"] = [0.0, 1.0]
    if "rtol" not in rng.bad:
        options["rtol"] = 1e-3
    node = f("ntkfreq.solve_frequency_pde", args["rho_w"].node, target, **options)
    return Try("solve in the plane", node, args, NAMES, no_reference, losses_sane)


def shares(rng: Draw) -> Try:
    """Shares of aliases: sums of the density over a lattice."""
    dim = rng.choice([1, 1, 1, 2])
    rng.hostile("rho_w", "frequency", "spacing", "least")
    args = {"rho_w": rho(rng, dim, atoms=False)}
    if "frequency" in rng.bad:
        good = np.array([8.0, 3.0])[:dim]
        args["frequency"] = (
            scalar(rng, 8.0, signed=True)
            if dim == 1 and rng.chance(0.7)
            else awkward(rng, good, "other")
        )
    else:
        args["frequency"] = plain(rng.choice([0.0, 2.0, 8.0])) if dim == 1 else plain([8.0, 3.0])
    args["spacing"] = _spacing(rng, 0.6) if "spacing" in rng.bad else plain(rng.choice([0.3, 0.6]))
    options = {}
    if "least" in rng.bad:
        args["least"] = scalar(rng, 1e-6)
        options["least"] = args["least"].node
    node = f(
        "ntkfreq.alias_shares", args["rho_w"].node, args["frequency"].node,
        f("ntkfreq.Grid", args["spacing"].node), **options,
    )  # fmt: skip
    names = (*NAMES, "frequency", "grid", "least")
    return Try("alias_shares", node, args, names, _shares_judge(args, dim), _shares_sane)


def _shares_sane(result: Any) -> str:
    total = float(np.sum(result.shares) + result.remainder)
    if np.any(result.shares < 0) or result.remainder < 0 or abs(total - 1) > 1e-6:
        return f"shares and the remainder add up to {total:.6g}"
    if not 0 <= result.own <= 1 + 1e-9 or not -1e-9 <= result.test_energy <= 2 + 1e-9:
        return f"own share {result.own:.6g}, test energy {result.test_energy:.6g}"
    return ""


def _shares_judge(args: dict[str, Arg], dim: int) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        tone = np.asarray(args["frequency"].meaning, dtype=float).ravel()
        family, spacing = args["rho_w"].meaning, float(args["spacing"].meaning)
        if tone.size != dim or family.dim != dim or spacing <= 0:
            return must_refuse("frequency, rho_w and spacing do not fit")
        least = float(args["least"].meaning) if "least" in args else 1e-6
        period = 2 * np.pi / spacing
        heavy = family.name == "student" or any(p.name == "student" for p in family.parts)
        reach = np.abs(tone).max() + (1e4 if heavy else 8) * family.far()
        count = int(min(reach / period, 1e7)) + 2
        if count > (100_000 if dim == 1 else 150) or (heavy and dim > 1) or least > 1:
            return ANSWERED
        turns = np.arange(-count, count + 1)
        zone = tone - np.rint(tone / period) * period
        steps = np.stack(np.meshgrid(*[turns] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
        aliases = zone + period * steps
        with np.errstate(under="ignore"):
            density = (family.pdf(aliases) + family.pdf(-aliases)) / 2
            own = float(family.pdf(tone[None])[0] + family.pdf(-tone[None])[0]) / 2
        if not density.sum() > 1e-280:
            return ANSWERED
        wanted = own / density.sum()
        slack = 1e-2 if heavy else 1e-8 + 1e-14 * float(np.abs(tone).max())
        if abs(result.own - wanted) > slack:
            return Verdict("wrong", f"own share is {result.own:.10g}, right is {wanted:.10g}")
        return Verdict("right")

    return judge
