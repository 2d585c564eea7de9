"""Tries of the line law, and of mean losses under batches."""

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
    number,
    places,
    rho,
    rows,
    samples,
)
from .kernels import gram
from .nodes import f, t
from .scalars import option, whole
from .try_stepped import (
    NAMES,
    NUMBERS,
    batches_asked,
    drawn_rule,
    mostly_sensible,
    rates_asked,
    setting,
    steps_asked,
    tested_on,
)
from .values import REFUSE, UNKNOWN, Arg, Draw

_RULES = ("adam", "adamw", "rmsprop", "sign", "heavy_ball", "nesterov", "gd")


def law(rng: Draw) -> Try:
    """learning_steps of a single sample or a few, against one scalar recursion a frequency."""
    dim, n = rng.choice([1, 1, 2]), rng.choice([1, 2, 6])
    rng.hostile(
        "rho_w", "x", "y", "optimizer", "step_size", "width", "parametrization", "frequencies",
        "fraction", "most", *NUMBERS,
    )  # fmt: skip
    mostly_sensible(rng)
    args = {"rho_w": rho(rng, dim, atoms=False), "x": places(rng, "x", n, dim)}
    args["y"] = samples(rng, "y", n)
    name, options = drawn_rule(rng, args, _RULES)
    rates_asked(rng, args, name not in ("gd", "heavy_ball", "nesterov"))
    args["frequencies"] = bandwidths(rng, dim)
    args["fraction"] = number(rng, "fraction", rng.choice([0.5, 0.1]))
    value = args["fraction"].meaning
    if isinstance(value, float) and not 0 < value < 1:
        args["fraction"] = Arg(args["fraction"].node, REFUSE, args["fraction"].kind)
    args["most"] = whole(rng, 200) if "most" in rng.bad else Arg(200, 200)
    words = {key: arg.node for key, arg in args.items() if key not in ("rho_w", "x", "y")}
    made = f(
        "ntkfreq.learning_steps", t(args["x"].node, args["y"].node), args["rho_w"].node, **words
    )
    node = f("h.finite_steps", made)

    def judge(result: Any) -> Verdict:
        x, grid = rows(args["x"].meaning, dim), rows(args["frequencies"].meaning, dim)
        y = None if x is None else column(args["y"].meaning, len(x))
        family = args["rho_w"].meaning
        if x is None or y is None or grid is None or family.dim != dim:
            return must_refuse("arrays do not fit together")
        if len(x) < 2**dim or int(args["most"].meaning) > 5000 or family.name == "empirical":
            return ANSWERED
        how = setting(args, name, options, int(args["most"].meaning))
        spread = len(x) ** (1 / dim)
        share, most = float(args["fraction"].meaning), int(args["most"].meaning)
        with np.errstate(all="ignore"):
            volume = float(np.prod(np.ptp(x, axis=0) * spread / (spread - 1)))
            spectrum = np.exp(-1j * grid @ x.T) @ y * (-volume / len(x))
            gain = (2 * np.pi) ** dim * 0.5 * (family.pdf(grid) + family.pdf(-grid))
            # What a change in the last digits makes of it: a rule without memory may be chaotic.
            wanted, near = (
                [
                    stepped.half_steps(near * c, g, how, share, most)
                    for c, g in zip(spectrum, gain, strict=True)
                ]
                for near in (1.0, 1 + 1e-13)
            )
        some = np.abs(spectrum) > 1e-6 * np.abs(spectrum).max()
        far = np.abs(grid).max() * np.abs(x).max() > 1e5
        if far or volume <= 0 or not np.all(np.isfinite(np.abs(spectrum))):
            return ANSWERED
        limit, near = (np.where(np.isfinite(one), one, -1.0) for one in (wanted, near))
        some &= np.abs(limit - near) <= 1e-7 * np.abs(limit) + 1e-7
        shown = np.asarray(result)
        # Where a rule of signs stops at rounding a step more or less is anybody's.
        return compare(shown[some], limit[some], 1e-6 * np.abs(limit[some]) + 1e-6, "steps")

    return Try("learning_steps", node, args, NAMES, judge)


def batches(rng: Draw) -> Try:
    """batch_losses, against all sequences of batches or the given one."""
    dim, n = rng.choice([1, 1, 2]), rng.choice([2, 3, 4])
    rng.hostile(
        "rho_w", "x", "y", "sigma_a", "step_size", "batch_size", "order", "optimizer", "steps",
        "method", "draws", "rng", "test", "initial_output", *NUMBERS,
    )  # fmt: skip
    mostly_sensible(rng)
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", n, dim), "y": samples(rng, "y", n)}
    args["sigma_a"] = number(rng, "sigma_a", rng.choice([0.0, 0.7]))
    args["step_size"] = number(rng, "step_size", rng.choice([0.1, 0.4]))
    name, options = drawn_rule(rng, args, ("gd", "gd", "heavy_ball", "nesterov"))
    order = rng.choice(["independent", "independent", "repeated", "shuffled"])
    if "order" in rng.bad:
        batches_asked(rng, args, n)
        order = args["order"].meaning if isinstance(args["order"].meaning, np.ndarray) else None
    else:
        args["order"] = Arg(order, 0.0)
    given = order is not None and not isinstance(order, str)
    if "batch_size" in rng.bad:
        args["batch_size"] = whole(rng, min(2, n))
    elif not given:
        args["batch_size"] = Arg(size := rng.choice([1, 2]), size)
    steps_asked(rng, args)
    args.pop("t", None)
    if "steps" not in args:
        args["steps"] = Arg(3, 3)
    for key, good in (("draws", 20), ("rng", 1)):
        if key in rng.bad or key == "draws":
            args[key] = whole(rng, good) if key in rng.bad else Arg(good, good)
            if args[key].kind and args[key].meaning is not REFUSE:
                args[key] = Arg(args[key].node, UNKNOWN, args[key].kind)
            if key == "rng" and args[key].kind in ("size of int", "int 10**400"):
                args[key] = Arg(args[key].node, UNKNOWN, "size of seed")
    for key in ("method", "initial_output"):
        if key in rng.bad:
            args[key] = option(rng)
    if "test" in rng.bad:
        tested_on(rng, args, dim)
    words = {key: arg.node for key, arg in args.items() if key not in ("rho_w", "x", "y")}
    test = {key: words.pop(key) for key in ("test x", "test y") if key in words}
    if test:
        words["test"] = t(*test.values())
    node = f("ntkfreq.batch_losses", args["rho_w"].node, t(args["x"].node, args["y"].node), **words)
    judge = _batch_judge(args, dim, name, options, order)
    return Try("batch_losses", node, args, NAMES, judge, losses_sane)


def _batch_judge(
    args: dict[str, Arg], dim: int, name: str, options: dict[str, float], order: Any
) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        x = rows(args["x"].meaning, dim)
        y = None if x is None else column(args["y"].meaning, len(x))
        if x is None or y is None or args["rho_w"].meaning.dim != dim:
            return must_refuse("rho_w, x and y do not fit together")
        asked = np.atleast_1d(np.asarray(args["steps"].meaning, dtype=float)).ravel()
        if order is None or asked[-1] > 40:
            return ANSWERED
        size = int(args["batch_size"].meaning) if "batch_size" in args else 0
        with np.errstate(all="ignore"):
            matrix = gram(args["rho_w"].meaning, x, x, float(args["sigma_a"].meaning))
            step = float(args["step_size"].meaning)
            sizes = [step * factor for factor in stepped.factors(options, int(asked[-1]))]
            wanted = stepped.mean_losses(
                matrix, -y, stepped.rule(name, options), sizes, order, size
            )
        if wanted is None or not np.all(np.isfinite(wanted)):
            return ANSWERED
        records = np.asarray(result.step)
        if np.ndim(args["steps"].meaning) and not np.array_equal(records, asked):
            return Verdict("wrong", f"step is {records}, asked for {asked}")
        wanted = wanted[records]
        slack = 1e-9 * (wanted + wanted.max()) + 1e-300
        return compare(np.asarray(result.train_mean), wanted, slack, "train_mean")

    return judge


SCENARIOS: dict[str, tuple[int, Callable[[Draw], Try]]] = {
    "line law": (3, law),
    "batch losses": (4, batches),
}
