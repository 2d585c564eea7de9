"""Tries of the solvers: solve_frequency_pde on four measures, and the mean losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import flows, helpers
from .attempts import (
    ANSWERED,
    Try,
    Verdict,
    bandwidths,
    column,
    compare,
    losses_sane,
    must_refuse,
    no_reference,
    number,
    places,
    rho,
    rows,
    samples,
    second_dates,
    times,
    worst,
)
from .awkward import awkward
from .nodes import f, m, t
from .scalars import flag, option
from .values import REFUSE, UNKNOWN, Arg, Draw, known, plain

NAMES = (
    "rho_w", "target", "x", "y", "f", "g", "sigma_a", "measure", "initial_output",
    "weight_decay", "frequency_decay", "decay_towards", "t", "frequencies", "test", "step_size",
    "momentum", "nesterov", "rtol", "loc", "scale", "df", "dim", "components", "weights",
    "atoms", "lower", "upper", "spacing", "origin", "support", "kinks", "radius",
)  # fmt: skip
_SETTINGS = ("sigma_a", "t", "frequencies", "rtol")


def _settings(rng: Draw, dim: int) -> dict[str, Arg]:
    """Arguments common to all solves."""
    found = {
        "sigma_a": number(rng, "sigma_a", rng.choice([0.0, 0.5, 1.0, 1.0, 2.0])),
        "t": times(rng),
        "frequencies": bandwidths(rng, dim),
    }
    if "rtol" in rng.bad or rng.chance(0.2):
        good = rng.choice([1e-3, 1e-6, 1e-9])
        found["rtol"] = number(rng, "rtol", good)
        value = found["rtol"].meaning
        if isinstance(value, float) and not 1e-13 <= value < 1:
            found["rtol"] = Arg(found["rtol"].node, REFUSE, found["rtol"].kind)
    return found


def _decay(rng: Draw, found: dict[str, Arg]) -> None:
    if "decay" in rng.bad or rng.chance(0.15):
        name = rng.choice(["weight_decay", "weight_decay", "frequency_decay"])
        rng.bad |= {name} if "decay" in rng.bad else set()
        found[name] = number(rng, name, rng.choice([0.01, 0.1, 1.0]))
    if "towards" in rng.bad:
        found["decay_towards"] = Arg((arg := option(rng)).node, REFUSE, arg.kind)
    elif "frequency_decay" in found or rng.chance(0.1):
        found["decay_towards"] = Arg(rng.choice(["zero", "start"]), 0.0)
    if "step" in rng.bad:
        found["step_size"] = number(rng, "step_size", 0.5)
        rng.bad |= {"step_size"}
        found["step_size"] = number(rng, "step_size", 0.5)
        if rng.chance(0.3):
            rng.bad |= {"momentum"}
            found["momentum"] = number(rng, "momentum", 0.5)
        if rng.chance(0.2):
            found["nesterov"] = flag(rng)
            if (
                isinstance(found["nesterov"].node, dict)
                and found["nesterov"].node["f"] == "np.bool_"
            ):
                found["nesterov"] = Arg(found["nesterov"].node, 1.0, "np.bool_")


def _nodes(args: dict[str, Arg], *names: str) -> dict[str, Any]:
    return {name: arg.node for name, arg in args.items() if name not in names}


def function(rng: Draw, base: str) -> Arg:
    """A target or initial output as a function of x."""
    rate = rng.choice([2.0, 3.0, 5.0])
    if "function" not in rng.bad:
        return Arg(f("h.smooth", base, rate), helpers.smooth(base, rate))
    # What writes into its argument is the most treacherous, and the most common.
    how = rng.choice([*sorted({*helpers._MISBEHAVIOURS, "stateful"}), *["writes", "shifts"] * 5])
    node = f("h.function", how, base, rate)
    good = helpers.smooth(base, rate)
    meanings: dict[str, Any] = {
        "writes": good, "shifts": lambda x: good(x - 0.5), "slow": good, "series": good,
        "list": good, "objects": good, "column": good, "tensor": good,
        "float32": lambda x: good(x).astype(np.float32).astype(float),
        "view": lambda x: x if np.ndim(x) == 1 else x[:, 0], "scalar": lambda x: 0.5 + 0 * good(x),
        "stateful": UNKNOWN, "generator": UNKNOWN,
        "huge": lambda x: 1e200 * good(x), "tiny": lambda x: 1e-200 * good(x),
    }  # fmt: skip
    if base == "bump" and how in ("scalar", "view"):
        return Arg(node, REFUSE, f"function: {how}")
    return Arg(node, meanings.get(how, REFUSE), f"function: {how}")


def tolerance_of(result: Any, args: dict[str, Arg]) -> float:
    """Relative error that the solution claims for itself, with room for the estimate."""
    asked = float(args["rtol"].meaning) if "rtol" in args else 1e-6
    claimed = float(result.stats["estimated_error"])
    if result.status.startswith("converged"):
        return 5 * asked
    if result.status.startswith("limited by rounding"):
        return 10 * max(asked, claimed, float(result.status.split("up to ")[1].split(",")[0]))
    return 20 * max(asked, claimed)


def judged_by_flow(
    result: Any,
    reference: flows.Flow | None,
    grid: np.ndarray | None,
    relative: float,
    unit: float = 1.0,
) -> Verdict:
    """Training loss and spectrum of a solution against a dense flow of the error over `unit`."""
    if reference is None:
        return ANSWERED
    size = float(np.sqrt(reference.weights @ reference.start**2))
    bound = relative * size + reference.uncertainty
    scaled = np.asarray(result.train_loss) / unit / unit
    loss = compare(scaled, reference.loss, 3 * bound * size + 1e-300, "train_loss over y^2")
    if grid is None:
        return loss
    reach = np.sqrt(reference.weights.sum())
    spectrum = compare(
        np.asarray(result.data_spectrum) / unit,
        reference.spectrum(grid),
        3 * bound * reach + 1e-300,
        "data_spectrum over y",
    )
    return worst(loss, spectrum)


def _meaning(args: dict[str, Arg], name: str, default: Any) -> Any:
    return args[name].meaning if name in args else default


def points_judge(
    args: dict[str, Arg], dim: int, first: Callable[[Any], Any] | None = None
) -> Callable[[Any], Verdict]:
    """Judge of a solution on Points from the meanings of x and y (or a function)."""

    def judge(result: Any) -> Verdict:
        x = rows(args["x"].meaning, dim)
        if x is None:
            return must_refuse("x is of another dimension than the density")
        goal = args["y"].meaning
        y = goal(x[:, 0] if dim == 1 else x) if callable(goal) else column(goal, len(x))
        if y is None:
            return must_refuse("y is not one value for each x")
        weights = np.full(len(x), 1 / len(x))
        if "weights" in args:
            given = column(args["weights"].meaning, len(x))
            if given is None or given.min() <= 0:
                return must_refuse("weights do not fit")
            # By the largest first: the sum of large weights is no double.
            with np.errstate(under="ignore"):
                weights = given / given.max()
                weights = weights / weights.sum()
            if weights.min() < 1e-250:
                return ANSWERED
        y = np.broadcast_to(np.asarray(y, dtype=float), len(x))
        return _flow_verdict(result, args, dim, x, weights, y, first)

    return judge


def _flow_verdict(
    result: Any, args: dict[str, Arg], dim: int, x: Any, weights: Any, y: Any, first: Any
) -> Verdict:
    sigma_a, t = args["sigma_a"].meaning, np.atleast_1d(args["t"].meaning)
    grid = rows(args["frequencies"].meaning, dim) if "frequencies" in args else None
    if "frequencies" in args and grid is None:
        return must_refuse("frequencies are of another dimension than the density")
    family = args["rho_w"].meaning
    if family.dim != dim:
        return must_refuse("rho_w has another dimension")
    start = np.zeros(len(x)) if first is None else np.asarray(first(x[:, 0] if dim == 1 else x))
    relative = tolerance_of(result, args)
    decay = (
        float(_meaning(args, "weight_decay", 0.0)),
        float(_meaning(args, "frequency_decay", 0.0)),
    )
    step = _meaning(args, "step_size", None)
    with np.errstate(all="ignore"):
        # In units of the largest error, whose square may be no double.
        unit = float(np.abs(y - start).max())
        if unit > 0:
            start, y = start / unit, y / unit
        if any(decay):
            if max(decay) > 1e6 or 0 < min(d for d in decay if d) < 1e-12:
                return ANSWERED
            towards = args["decay_towards"].node if "decay_towards" in args else "zero"
            found = flows.decaying_flow(family, x, weights, y, start, sigma_a, t, decay, towards)
        elif "momentum" in args:
            rule = float(args["momentum"].meaning), bool(_meaning(args, "nesterov", False))
            found = flows.heavy_ball(family, x, weights, start - y, sigma_a, t, step, *rule)
        else:
            found = flows.flow(family, x, weights, start - y, sigma_a, t, step)
        if np.abs(grid).max(initial=0.0) * np.abs(x).max() > 1e6 if grid is not None else False:
            grid = None
        return judged_by_flow(result, found, grid, relative, unit or 1.0)


def solve_points(rng: Draw) -> Try:
    """On Points, from samples or a function, in one to three dimensions."""
    dim = rng.choice([1, 1, 1, 2, 3])
    n = rng.choice([1, 2, 5, 8, 9, 12, 12, 30])
    rng.hostile(
        "rho_w", "x", "y", *_SETTINGS, "decay", "step", "towards", "weights", "function", "test"
    )
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", n, dim), **_settings(rng, dim)}
    _decay(rng, args)
    options = _nodes(args, "rho_w", "x")
    called = "function" in rng.bad or "weights" in rng.bad or rng.chance(0.15)
    if called:
        args["y"] = function(rng, "wave")
        weights = {}
        if "weights" in rng.bad or rng.chance(0.3):
            base = np.round(1 + np.abs(rng.normal(n)), 3)
            args["weights"] = awkward(rng, base, "other") if "weights" in rng.bad else plain(base)
            weights = {"weights": args["weights"].node}
        target = args["y"].node
        options["measure"] = f("ntkfreq.Points", args["x"].node, **weights)
        options["test"] = t([0.0] if dim == 1 else [[0.0] * dim], [0.0])
    else:
        args["y"] = samples(rng, "y", n)
        target = t(args["x"].node, args["y"].node)
        if rng.chance(0.2):
            target = f("ntkfreq.Target.from_samples", args["x"].node, args["y"].node)
    if "test" in rng.bad:
        options["test"] = _hostile_test(rng, dim, args)
    node = f("ntkfreq.solve_frequency_pde", args["rho_w"].node, target, **options)
    return Try("solve_frequency_pde", node, args, NAMES, points_judge(args, dim), losses_sane)


def _hostile_test(rng: Draw, dim: int, args: dict[str, Arg]) -> Any:
    """A pair of test data; its meaning is judged by refusals only."""
    rng.bad |= {rng.choice(["test x", "test y"])}
    x, y = second_dates(args["x"], places(rng, "test x", 5, dim)), samples(rng, "test y", 5)
    args["test x"], args["test y"] = x, y
    if known(x, y):
        size = len(np.atleast_1d(x.meaning))
        if rows(x.meaning, dim) is None or column(y.meaning, size) is None:
            args["test x"] = Arg(x.node, REFUSE, x.kind or "test mismatch")
    return t(x.node, y.node)


def solve_method(rng: Draw) -> Try:
    """Methods of a solution on Points, asked for what is awkward."""
    dim = rng.choice([1, 1, 2])
    rng.hostile("x2", "t", "band", "frequencies", "fraction", "spectrum", "step")
    bad = rng.bad
    rng.bad = frozenset()
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", 7, dim), "y": samples(rng, "y", 7)}
    args["sigma_a"] = number(rng, "sigma_a", 0.7)
    args["t"] = times(rng)
    solved = f(
        "ntkfreq.solve_frequency_pde", args["rho_w"].node, t(args["x"].node, args["y"].node),
        sigma_a=args["sigma_a"].node, t=[0.0, 1.0, 50.0],
    )  # fmt: skip
    args["t"] = plain([0.0, 1.0, 50.0])
    rng.bad = bad
    if bad & {"x2"}:
        args["x2"] = second_dates(args["x"], awkward(rng, np.asarray(args["x"].meaning)[::2], "x"))
        name = rng.choice(["output", "error"])
        return Try("FrequencySolution", m(solved, name, args["x2"].node), args, NAMES, no_reference)
    if bad & {"band", "fraction", "spectrum"}:
        args["band"] = (
            awkward(rng, np.array([0.0, 5.0]), "other") if "band" in bad else plain([0.0, 5.0])
        )
        args["fraction"] = number(rng, "fraction", 0.5)
        which = option(rng) if "spectrum" in bad else Arg("auto", 0.0)
        args["spectrum"] = which
        node = m(
            solved, "learning_time", args["band"].node, args["fraction"].node, spectrum=which.node
        )
        return Try(
            "FrequencySolution", node, args, (*NAMES, "band", "fraction", "spectrum"), no_reference
        )
    options: dict[str, Any] = {}
    if "t" in bad or rng.chance(0.5):
        args["t"] = times(rng)
        options["t"] = args["t"].node
    if "frequencies" in bad:
        args["frequencies"] = bandwidths(rng, dim)
        options["frequencies"] = args["frequencies"].node
    if "step" in bad:
        rng.bad |= {"step_size"}
        args["step_size"] = number(rng, "step_size", 0.5)
        options["step_size"] = args["step_size"].node
    node = m(solved, "at", **options)
    return Try("FrequencySolution", node, args, NAMES, points_judge(args, dim), losses_sane)


def expected(rng: Draw) -> Try:
    """Mean losses over draws of the initial output, on Points."""
    dim = rng.choice([1, 1, 2])
    n = rng.choice([2, 5, 8, 9])
    many = rng.chance(0.4)
    rng.hostile("rho_w", "x", "y", "sigma_a", "t", "rtol", "decay", "test")
    settings = _settings(rng, dim)
    settings.pop("frequencies")
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", n, dim), "y": samples(rng, "y", n)}
    args |= settings
    if "decay" in rng.bad:
        rng.bad |= {"weight_decay"}
        args["weight_decay"] = number(rng, "weight_decay", 0.1)
    for key in ("sigma_a", "weight_decay") if many else ():
        if key in args and args[key].kind == "list":
            args[key] = Arg(args[key].node, UNKNOWN, "list")
    options = _nodes(args, "rho_w", "x", "y")
    if "test" in rng.bad:
        options["test"] = _hostile_test(rng, dim, args)
    name = "expected_losses_many" if many else "expected_losses"
    node = f(f"ntkfreq.{name}", args["rho_w"].node, t(args["x"].node, args["y"].node), **options)
    return Try(name, node, args, NAMES, _expected_judge(args, dim, many), losses_sane)


def _expected_judge(args: dict[str, Arg], dim: int, many: bool) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        x = rows(args["x"].meaning, dim)
        y = None if x is None else column(args["y"].meaning, len(x))
        if x is None or y is None or args["rho_w"].meaning.dim != dim:
            return must_refuse("rho_w, x and y do not fit together")
        if _meaning(args, "weight_decay", 0.0) or not 1e-140 < np.abs(y).max() < 1e140:
            return ANSWERED
        sigma_a, clock = args["sigma_a"].meaning, np.atleast_1d(args["t"].meaning)
        if float(sigma_a) > 1e12:  # so many digits that the reference takes minutes
            return ANSWERED
        weights = np.full(len(x), 1 / len(x))
        found = flows.expected_losses(args["rho_w"].meaning, x, y, weights, sigma_a, clock)
        if found is None:
            return ANSWERED
        wanted, uncertainty = found
        rtol = float(_meaning(args, "rtol", 1e-4 if many else 1e-6))
        told = getattr(result, "status", "") or getattr(result, "attrs", {}).get("status", "")
        if "up to " in str(told):  # limited by rounding, and by how much
            rtol = max(rtol, float(str(told).split("up to ")[1].split(",")[0]))
        rounding = 1e-16 * clock * (1 + sigma_a**2 * np.max(np.sum(x**2, axis=1)))
        size = sigma_a**2 + np.mean(y**2)
        mean = np.asarray(result.train_mean).ravel()
        return compare(
            mean,
            wanted,
            size * (10 * rtol + uncertainty + np.minimum(rounding * 10, 1e-3)),
            "train_mean",
        )

    return judge
