"""Tries of predictions that are followed step by step: Adam and its relatives, batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import stepped
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
)
from .awkward import awkward
from .nodes import f, m, t
from .scalars import flag, option, scalar, whole
from .values import REFUSE, UNKNOWN, Arg, Draw, Unknown, known, plain

NAMES = (
    "rho_w", "target", "x", "y", "sigma_a", "measure", "initial_output", "initial", "weight_decay",
    "frequency_decay", "decay_towards", "t", "frequencies", "test", "step_size", "optimizer",
    "momentum", "nesterov", "width", "parametrization", "steps", "batch_size", "order", "seed",
    "rtol", "method", "fraction", "most", "draws", "rng", "loc", "scale", "df", "dim", "components",
    "weights", "atoms", "beta1", "beta2", "alpha", "epsilon", "clip", "schedule", "band",
    "spectrum", "final", "ratio", "batches", "units",
)  # fmt: skip
# Hostile more often than other arguments: what has a meaning in numbers.
NUMBERS = ("x", "y", "rho_w", "sigma_a", "step_size", "optimizer", "steps")


def mostly_sensible(rng: Draw) -> None:
    """In a quarter of the tries nothing is hostile: there are many ways to combine options."""
    if rng.chance(0.25):
        rng.bad = frozenset()


def drawn_rule(
    rng: Draw, args: dict[str, Arg], names: tuple[str, ...]
) -> tuple[str, dict[str, float]]:
    """The argument optimizer, and what it means."""
    name = rng.choice(names)
    kind, defaults = stepped.RULES[name]
    if "optimizer" in rng.bad:
        what = rng.random()
        if what < 0.3:
            args["optimizer"] = Arg((arg := option(rng)).node, UNKNOWN, arg.kind)
            return name, {}
        if what < 0.4:
            node = f(f"h.{kind}", clip=rng.choice([1.0, 1e-3]))
            args["optimizer"] = Arg(node, REFUSE, "clip")
            return name, {}
        if what < 0.55 or not defaults:
            schedule, length = rng.choice(["Warmup", "Cosine"]), rng.choice([1, 3, 50])
            node = f(f"h.{kind}", schedule=f(f"h.{schedule}", length))
            args["optimizer"] = Arg(node, 0.0, "schedule")
            return name, {schedule: float(length)}
        key = rng.choice(sorted(defaults))
        arg = scalar(rng, rng.choice(stepped.GOOD[key]) or 0.5)
        meaning = arg.meaning
        if key != "epsilon" and isinstance(meaning, float) and not 0 <= meaning < 1:
            meaning = REFUSE
        known_value = isinstance(meaning, float)
        args["optimizer"] = Arg(
            f(f"h.{kind}", **{key: arg.node}),
            0.0 if known_value else meaning,
            f"{key}: {arg.kind}",
        )
        return name, {key: meaning} if known_value else {}
    if rng.chance(0.4) or not defaults:
        args["optimizer"] = Arg(name, 0.0)
        return name, {}
    chosen = {key: rng.choice(stepped.GOOD[key]) for key in defaults if rng.chance(0.5)}
    args["optimizer"] = Arg(f(f"h.{kind}", **chosen), 0.0)
    return name, chosen


def rates_asked(rng: Draw, args: dict[str, Arg], normalized: bool) -> None:
    """Step size, width and parametrization."""
    args["step_size"] = number(rng, "step_size", rng.choice([1e-3, 3e-3] if normalized else [0.3]))
    good = rng.choice([64, 256])
    args["width"] = whole(rng, good) if "width" in rng.bad else Arg(good, good)
    if "parametrization" in rng.bad:
        args["parametrization"] = option(rng)
    elif rng.chance(0.2):
        args["parametrization"] = Arg(rng.choice(["ntk", "standard"]), 0.0)


def steps_asked(rng: Draw, args: dict[str, Arg]) -> None:
    """Either the last step, steps to record, or times."""
    if "steps" in rng.bad:
        if rng.chance(0.5):
            args["steps"] = whole(rng, 6)
            if args["steps"].kind == "list":  # the steps to record
                args["steps"] = Arg(args["steps"].node, UNKNOWN, "list")
        else:
            arg = awkward(rng, np.array([0.0, 2.0, 5.0]), "other")
            meaning = arg.meaning
            if isinstance(meaning, np.ndarray):
                flat = meaning.ravel()
                odd = np.any(flat != np.rint(flat)) or np.any(np.diff(flat) <= 0) or flat[0] < 0
                meaning = REFUSE if odd else UNKNOWN if flat[-1] > 40 else flat
            if isinstance(meaning, Unknown) and known(arg) and arg.meaning.ravel()[-1] > 1e4:
                arg, meaning = Arg(7, 7.0), 7.0  # a run of minutes is sensible, and not for here
            args["steps"] = Arg(arg.node, meaning, arg.kind)
    elif "t" in rng.bad:
        args["t"] = times(rng)
        args["t"] = Arg(args["t"].node, UNKNOWN if known(args["t"]) else REFUSE, args["t"].kind)
    elif rng.chance(0.5):
        args["steps"] = Arg(count := rng.choice([1, 4, 9]), count)
    else:
        args["steps"] = plain(np.array(rng.choice([[0.0, 3.0, 7.0], [2.0, 5.0], [6.0]])))


def batches_asked(rng: Draw, args: dict[str, Arg], n: int) -> None:
    if "batch_size" in rng.bad:
        args["batch_size"] = whole(rng, min(2, n))
    if "seed" in rng.bad:
        args["seed"] = whole(rng, 3)
        if args["seed"].node == 0:
            args["seed"] = Arg(0, UNKNOWN, "zero")
        args["batch_size"] = args.get("batch_size", Arg(1, 1))
    if "order" not in rng.bad:
        return
    base = np.array([[rng.randrange(n) for _ in range(2)] for _ in range(12)], dtype=float)
    what = rng.random()
    if what < 0.25:
        args["order"] = Arg((arg := option(rng)).node, UNKNOWN, arg.kind)
    elif what < 0.6:
        arg = awkward(rng, base, "other")
        refused = not known(arg) or arg.kind.startswith("dtype float")
        args["order"] = Arg(arg.node, REFUSE if refused else UNKNOWN, arg.kind)
        if arg.meaning is UNKNOWN:
            args["order"] = Arg(arg.node, UNKNOWN, arg.kind)
    else:
        kind, change = rng.choice([
            ("good", 0), ("beyond", n), ("negative", -5), ("uint64", 0), ("masked", 0),
            ("int8", 0), ("shorter", 0),
        ])  # fmt: skip
        whole_numbers = (base + change).astype(int)
        if kind == "shorter":
            whole_numbers[:, 1] = -1
        node = f("np.array", whole_numbers.tolist(), "int64")
        if kind in ("uint64", "int8"):
            node = m(node, "astype", kind)
        if kind == "masked":
            mask = np.zeros(base.shape, dtype=bool)
            mask[0, 0] = True
            node = f("np.ma.masked_array", whole_numbers.tolist(), mask=mask.tolist())
        bad = kind in ("beyond", "negative", "masked")
        args["order"] = Arg(node, REFUSE if bad else whole_numbers, f"order: {kind}")


def solved(rng: Draw) -> Try:
    """solve_frequency_pde by a rule that is followed step by step."""
    dim, n = rng.choice([1, 1, 1, 2, 3]), rng.choice([1, 2, 5, 8])
    rng.hostile(
        "rho_w", "x", "y", "sigma_a", "frequencies", "rtol", "optimizer", "step_size", "width",
        "parametrization", "steps", "t", "batch_size", "seed", "order", "initial", "decay", "test",
        "momentum", "towards", *NUMBERS,
    )  # fmt: skip
    mostly_sensible(rng)
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", n, dim), "y": samples(rng, "y", n)}
    args["sigma_a"] = number(rng, "sigma_a", rng.choice([0.0, 0.0, 0.7, 1.0]))
    name, options = drawn_rule(rng, args, tuple(stepped.RULES))
    rates_asked(rng, args, name not in ("gd", "heavy_ball", "nesterov"))
    steps_asked(rng, args)
    batches_asked(rng, args, n)
    if "frequencies" in rng.bad:
        args["frequencies"] = bandwidths(rng, dim)
    if "rtol" in rng.bad:
        args["rtol"] = number(rng, "rtol", 1e-2)
        value = args["rtol"].meaning
        if isinstance(value, float) and not 1e-13 <= value < 1:
            args["rtol"] = Arg(args["rtol"].node, REFUSE, args["rtol"].kind)
    _more(rng, args, dim)
    words = {key: arg.node for key, arg in args.items() if key not in ("rho_w", "x", "y")}
    test = {key: words.pop(key) for key in ("test x", "test y") if key in words}
    if test:
        words["test"] = t(*test.values())
    node = f(
        "ntkfreq.solve_frequency_pde", args["rho_w"].node, t(args["x"].node, args["y"].node),
        **words,
    )  # fmt: skip
    return Try("solve_frequency_pde", node, args, NAMES, _judge(args, dim, name, options), _sane)


def _more(rng: Draw, args: dict[str, Arg], dim: int) -> None:
    if "decay" in rng.bad:
        which = rng.choice(["weight_decay", "frequency_decay"])
        rng.bad |= {which}
        args[which] = number(rng, which, 0.3)
    elif rng.chance(0.1):
        args["weight_decay"] = plain(0.2)
    if "towards" in rng.bad:
        args["decay_towards"] = option(rng)
    if rng.chance(0.1):
        _own_network(rng, args, dim)
    elif "initial" in rng.bad:
        args["initial"] = rng.choice([
            Arg(3.0, REFUSE, "number"), Arg("net", REFUSE, "string"),
            Arg(f("ntkfreq.Normal", scale=2.0), REFUSE, "density"),
            Arg(f("h.smooth", "wave", 3.0), REFUSE, "function"),
        ])  # fmt: skip
    if "momentum" in rng.bad:
        args["momentum"] = number(rng, "momentum", 0.5)
        value = args["momentum"].meaning
        args["momentum"] = Arg(
            args["momentum"].node, UNKNOWN if value == 0 else REFUSE, args["momentum"].kind
        )
        if rng.chance(0.3):
            args["nesterov"] = flag(rng)
    if "test" in rng.bad:
        tested_on(rng, args, dim)


def tested_on(rng: Draw, args: dict[str, Arg], dim: int) -> None:
    """A pair of test data, one of them hostile."""
    rng.bad |= {rng.choice(["test x", "test y"])}
    args["test x"] = second_dates(args["x"], places(rng, "test x", 4, dim))
    args["test y"] = samples(rng, "test y", 4)
    if known(args["test x"], args["test y"]) and (
        rows(args["test x"].meaning, dim) is None
        or column(args["test y"].meaning, len(args["test x"].meaning)) is None
    ):
        args["test y"] = Arg(args["test y"].node, REFUSE, args["test y"].kind or "mismatch")


def _own_network(rng: Draw, args: dict[str, Arg], dim: int) -> None:
    """A network whose own frequencies are followed, from its own output."""
    w = np.round(4 * np.reshape(rng.normal(5 * dim), (5, dim)), 3)
    a, b = 0.3 * rng.normal(5), 0.3 * rng.normal(5)
    places_of_w = w[:, 0] if dim == 1 else w
    node = f("ntkfreq.FourierFeatureNet", places_of_w.tolist(), a.tolist(), b.tolist())
    args["initial"] = Arg(node, (w, a, b))
    if rng.chance(0.8):
        args.pop("width", None)
    else:
        args["width"] = rng.choice([Arg(5, 5), Arg(64, REFUSE, "another width")])


def _sane(result: Any) -> str:
    told = str(result.status).startswith(("converged", "tolerance not met"))
    return losses_sane(result) or ("" if told else f"status {result.status!r}")


def setting(
    args: dict[str, Arg], name: str, options: dict[str, float], steps: int
) -> stepped.Setting:
    one = stepped.rule(name, options)
    step = float(args["step_size"].meaning)
    width = float(args["width"].meaning) if "width" in args else 5.0
    standard = "parametrization" in args and args["parametrization"].node == "standard"
    root, linear = np.sqrt(width), one.kind == "linear"
    rates = (step, step) if linear else (step * root, step * root)
    epsilons = (one.epsilon * root, one.epsilon * root)
    if standard:
        rates = (step * width, step if linear else step * root)
        epsilons = (one.epsilon, one.epsilon * root)
    decay = tuple(
        step * float(args[key].meaning) if key in args else 0.0
        for key in ("weight_decay", "frequency_decay")
    )
    sigma = float(args["sigma_a"].meaning) if "sigma_a" in args else 0.0
    batches = args["order"].meaning if "order" in args else None
    if batches is None and "batch_size" in args:
        seed = int(args["seed"].meaning) if "seed" in args else 0
        points = len(np.atleast_1d(args["y"].meaning))
        batches = stepped.epochs(points, int(args["batch_size"].meaning), steps, seed)
    factors, first = stepped.factors(options, steps), None
    if "initial" in args:
        w, a, b = args["initial"].meaning

        def first(x: np.ndarray) -> np.ndarray:
            return (np.cos(x @ w.T) @ a + np.sin(x @ w.T) @ b) / np.sqrt(len(a))

    return stepped.Setting(one, rates, epsilons, sigma, factors, decay, batches, first)


def _judge(
    args: dict[str, Arg], dim: int, name: str, options: dict[str, float]
) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        x = rows(args["x"].meaning, dim)
        y = None if x is None else column(args["y"].meaning, len(x))
        family = args["rho_w"].meaning
        if x is None or y is None or family.dim != dim:
            return must_refuse("rho_w, x and y do not fit together")
        wanted_steps = args["steps"].meaning
        asked = np.atleast_1d(np.asarray(wanted_steps, dtype=float)).ravel()
        told = str(result.status)
        other = np.ndim(wanted_steps) and not np.array_equal(result.step, asked)
        if other and "grows without bound" not in told:
            return Verdict("wrong", f"step is {result.step}, asked for {asked}")
        found = stepped.nodes_of(family)
        if "initial" in args:
            w = args["initial"].meaning[0]
            found = w, np.full(len(w), 1 / len(w))
        if found is None or asked[-1] > 40:
            return ANSWERED
        if "order of magnitude" in told or "grows without bound" in told:
            return ANSWERED
        w, shares = found
        phase = float(np.abs(x).max() * np.abs(w).max())
        how = setting(args, name, options, int(asked[-1]))
        weights = np.full(len(x), 1 / len(x))
        with np.errstate(all="ignore"):
            wanted = stepped.losses(w, shares, x, y, weights, how)
            near = stepped.losses(w, shares, x * (1 + 3e-15), y * (1 - 2e-15), weights, how)
        if phase > 1e6 or wanted is None or near is None or not np.all(np.isfinite(wanted + near)):
            return ANSWERED
        records = np.asarray(result.step)
        spread = 1e4 * np.maximum.accumulate(np.abs(wanted - near))
        rtol = 0.0
        if family.name != "empirical" and "initial" not in args:
            coarse = stepped.nodes_of(family, 1400)
            with np.errstate(all="ignore"):
                other = None if coarse is None else stepped.losses(*coarse, x, y, weights, how)
            if other is None:
                return ANSWERED
            spread = spread + 3 * np.maximum.accumulate(np.abs(wanted - other))
            claimed = float(result.stats["estimated_error"])
            asked_for = float(args["rtol"].meaning) if "rtol" in args else 1e-3
            rtol = 10 * max(claimed, asked_for) * np.sqrt(len(records))
        wanted, spread = wanted[records], spread[records]
        size = rtol * np.sqrt(float(np.mean(y**2)))
        slack = 2 * size * np.sqrt(wanted) + size**2 + 1e-9 * (wanted + wanted[0]) + spread
        return compare(np.asarray(result.train_loss), wanted, slack + 1e-300, "train_loss")

    return judge


def methods(rng: Draw) -> Try:
    """Methods of a prediction that was followed step by step."""
    rng.hostile("x2", "steps", "t", "band", "fraction", "spectrum", "frequencies", "units")
    made = f(
        "ntkfreq.solve_frequency_pde", f("ntkfreq.Normal", scale=3.0),
        t([-0.9, -0.2, 0.3, 0.5, 1.0], [0.3, 1.0, -0.5, 0.8, 0.2]), optimizer="adam",
        step_size=2.0**-8, width=16, steps=8,
    )  # fmt: skip
    args: dict[str, Arg] = {}
    if "x2" in rng.bad:
        args["x2"] = awkward(rng, np.array([-0.5, 0.1, 0.7]), "x")
        if args["x2"].kind.startswith(("date", "timedelta")):
            args["x2"] = Arg(args["x2"].node, REFUSE, args["x2"].kind)
        names = (*NAMES, "x2")
        node = m(made, rng.choice(["output", "error"]), args["x2"].node)
        return Try("SteppedSolution", node, args, names, no_reference)
    if rng.bad & {"band", "fraction", "spectrum", "units"}:
        good = np.array([0.0, 5.0])
        args["band"] = awkward(rng, good, "other") if "band" in rng.bad else plain(good)
        args["fraction"] = number(rng, "fraction", 0.5)
        value = args["fraction"].meaning
        if isinstance(value, float) and not 0 < value < 1:
            args["fraction"] = Arg(args["fraction"].node, REFUSE, args["fraction"].kind)
        for key, usual in (("spectrum", "auto"), ("units", "rad")):
            args[key] = option(rng) if key in rng.bad else Arg(usual, 0.0)
        words = {key: args[key].node for key in ("spectrum", "units")}
        node = m(made, "learning_step", args["band"].node, args["fraction"].node, **words)
        return Try("SteppedSolution", node, args, NAMES, no_reference)
    if "frequencies" in rng.bad:
        args["frequencies"] = bandwidths(rng, 1)
    if "steps" in rng.bad:
        steps_asked(rng, args)
    elif "t" in rng.bad:
        args["t"] = times(rng)
        args["t"] = Arg(args["t"].node, UNKNOWN if known(args["t"]) else REFUSE, args["t"].kind)
    node = m(made, "at", **{key: arg.node for key, arg in args.items()})
    return Try("SteppedSolution", node, args, NAMES, no_reference, _sane)


SCENARIOS: dict[str, tuple[int, Callable[[Draw], Try]]] = {
    "stepped": (8, solved),
    "stepped solution": (2, methods),
}
