"""Tries of linearized training: awkward points, values, rules and sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attempts import (
    ANSWERED,
    Try,
    Verdict,
    column,
    compare,
    losses_sane,
    must_refuse,
    number,
    places,
    rows,
    samples,
)
from .nodes import f
from .scalars import flag, option, whole
from .values import UNKNOWN, Arg, Draw

NAMES = (
    "net", "x", "y", "step_size", "steps", "optimizer", "freeze_frequencies", "test",
    "frequencies", "record", "dtype",
)  # fmt: skip


def linearized(rng: Draw) -> Try:
    """train_linearized of a small deep network, without a step against its output."""
    dim = rng.choice([1, 1, 2])
    n = rng.choice([1, 4, 9])
    rng.hostile("x", "y", "step_size", "steps", "optimizer", "record", "dtype", "freeze")
    args = {"x": places(rng, "x", n, dim), "y": samples(rng, "y", n)}
    args["step_size"] = number(rng, "step_size", rng.choice([1e-4, 1e-2]))
    args["steps"] = whole(rng, 5) if "steps" in rng.bad else Arg(5, 5)
    if args["steps"].node in (2**31, 10**9):  # a sensible run of hours, which is not for here
        args["steps"] = Arg(2**53 + 1, UNKNOWN, args["steps"].kind)
    good = Arg(rng.choice(["adam", "gd", "sign", "rmsprop"]), 0.0)
    args["optimizer"] = option(rng) if "optimizer" in rng.bad else good
    for name, draw in (("record", lambda: whole(rng, 4)), ("dtype", lambda: option(rng))):
        if name in rng.bad:
            args[name] = draw()
    if "freeze" in rng.bad:
        args["freeze_frequencies"] = flag(rng)
    net = f(
        "ntkfreq.FourierFeatureMLP.sample", f("ntkfreq.Normal", scale=3.0, dim=dim), 8,
        depth=rng.choice([1, 2]), activation=rng.choice(["relu", "tanh"]), rng=0,
    )  # fmt: skip
    options = {name: arg.node for name, arg in args.items() if name not in "xy"}
    node = f("ntkfreq.train_linearized", net, args["x"].node, args["y"].node, **options)
    return Try("train_linearized", node, args, NAMES, _judge(args, dim), losses_sane)


def _judge(args: dict[str, Arg], dim: int) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        x = rows(args["x"].meaning, dim)
        y = None if x is None else column(args["y"].meaning, len(x))
        if x is None or y is None:
            return must_refuse("arrays do not fit together")
        if "dtype" in args:
            return ANSWERED
        # At the start the loss is that of the output, and nothing has departed.
        with np.errstate(all="ignore"):
            wanted = float(np.mean((result.train_output[0] - y) ** 2))
        if result.departure[0] != 0:
            return Verdict("wrong", f"departs at the start by {result.departure[0]:.3g}")
        return compare(result.train_loss[:1], np.array([wanted]), 1e-9 * wanted, "train_loss")

    return judge


SCENARIOS: dict[str, tuple[int, Callable[[Draw], Try]]] = {"linearized": (1, linearized)}
