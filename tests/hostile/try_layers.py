"""Tries of hidden layers: losses over initial outputs, shares of aliases, positional encodings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attempts import (
    ANSWERED,
    Try,
    Verdict,
    losses_sane,
    must_refuse,
    no_reference,
    number,
    places,
    rho,
    rows,
    samples,
)
from .nodes import f, t
from .scalars import flag, option, scalar, whole
from .values import UNKNOWN, Arg, Draw, plain

NAMES = (
    "rho_w", "target", "x", "y", "sigma_a", "t", "depth", "activation", "sigma_w", "sigma_b",
    "train_frequencies", "frequency", "grid", "least", "levels", "dim", "base", "first", "loc",
    "scale", "df", "components", "weights", "atoms", "spacing", "support", "kinks",
)  # fmt: skip


def _layers(rng: Draw, *, flags: bool) -> dict[str, Arg]:
    """Arguments about hidden layers."""
    found = {"depth": whole(rng, 2) if "depth" in rng.bad else Arg(rng.choice([1, 2, 4]), 1)}
    if found["depth"].node == 0:  # none of them, to which the others do not apply
        found["depth"] = Arg(0, UNKNOWN, "size of int")
    good = Arg(rng.choice(["relu", "tanh", "sine"]), 0.0)
    found["activation"] = option(rng) if "activation" in rng.bad else good
    found["sigma_a"] = number(rng, "sigma_a", rng.choice([0.0, 0.7, 1.0]))
    found["sigma_w"] = number(rng, "sigma_w", rng.choice([0.8, 1.0, 1.3]))
    found["sigma_b"] = number(rng, "sigma_b", rng.choice([0.0, 0.4]))
    if flags and "trained" in rng.bad:
        found["train_frequencies"] = flag(rng)
    return found


def _nodes(args: dict[str, Arg], *but: str) -> dict[str, Any]:
    return {name: arg.node for name, arg in args.items() if name not in but}


def losses(rng: Draw) -> Try:
    """Mean losses of deep networks on Points."""
    dim = rng.choice([1, 1, 2])
    n = rng.choice([2, 5, 9])
    rng.hostile(
        "rho_w", "x", "y", "depth", "activation", "sigma_a", "sigma_w", "sigma_b", "trained"
    )
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", n, dim), "y": samples(rng, "y", n)}
    args |= _layers(rng, flags=True)
    node = f(
        "ntkfreq.expected_losses", args["rho_w"].node, t(args["x"].node, args["y"].node),
        t=[0.0, 1.0, 10.0], **_nodes(args, "rho_w", "x", "y"),
    )  # fmt: skip
    return Try("expected_losses", node, args, NAMES, _losses_judge(args, dim), losses_sane)


def _losses_judge(args: dict[str, Arg], dim: int) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        x = rows(args["x"].meaning, dim)
        if x is None or args["rho_w"].meaning.dim != dim:
            return must_refuse("rho_w and x do not fit together")
        mean = np.asarray(result.train_mean)
        # Errors decay, whatever the kernel is.
        if np.any(np.diff(mean) > 1e-6 * mean[0]):
            return Verdict("wrong", f"train_mean grows: {mean}")
        return ANSWERED

    return judge


def shares(rng: Draw) -> Try:
    """Shares of aliases behind hidden layers."""
    dim = rng.choice([1, 1, 1, 2])
    rng.hostile(
        "rho_w", "frequency", "depth", "activation", "sigma_a", "sigma_w", "sigma_b", "least"
    )
    args = {"rho_w": rho(rng, dim, families=("normal",), atoms=False)}
    good = rng.choice([0.0, 2.0, 8.0]) if dim == 1 else [8.0, 3.0]
    args["frequency"] = (
        scalar(rng, 8.0, signed=True) if dim == 1 and "frequency" in rng.bad else plain(good)
    )
    if "least" in rng.bad:
        args["least"] = scalar(rng, 1e-4)
    args |= _layers(rng, flags=False)
    node = f(
        "ntkfreq.alias_shares", args["rho_w"].node, args["frequency"].node,
        f("ntkfreq.Grid", 0.6), **_nodes(args, "rho_w", "frequency"),
    )  # fmt: skip
    return Try("alias_shares", node, args, NAMES, no_reference, _shares_sane)


def _shares_sane(result: Any) -> str:
    total = float(np.sum(result.shares) + result.remainder)
    if np.any(result.shares < 0) or result.remainder < 0 or abs(total - 1) > 1e-5:
        return f"shares and the remainder add up to {total:.6g}"
    return "" if 0 <= result.own <= 1 + 1e-5 else f"own share {result.own:.6g}"


def encodings(rng: Draw) -> Try:
    """Positional encodings of awkward sizes."""
    rng.hostile("levels", "dim", "base", "first")
    args = {
        "levels": whole(rng, 4) if "levels" in rng.bad else Arg(4, 4),
        "dim": whole(rng, 2) if "dim" in rng.bad else Arg(2, 2),
        "base": scalar(rng, 2.0) if "base" in rng.bad else plain(2.0),
        "first": scalar(rng, 3.0) if "first" in rng.bad else plain(3.0),
    }
    node = f("ntkfreq.positional_encoding", **_nodes(args))
    return Try("positional_encoding", node, args, NAMES, no_reference)


def measures(rng: Draw) -> Try:
    """Hidden layers on Box, Line and Grid, with and without the constant."""
    rng.hostile("rho_w", "depth", "activation", "sigma_a", "sigma_w", "sigma_b", "trained", "drop")
    args = {"rho_w": rho(rng, 1, families=("normal",), atoms=False)} | _layers(rng, flags=True)
    where = rng.choice(["Box", "Line", "Grid"])
    sizes = {"Box": (-1.0, 2.0), "Line": (), "Grid": (0.4,)}
    if where != "Box":
        args["drop_constant"] = flag(rng) if "drop" in rng.bad else Arg(True, 1.0)
        if rng.chance(0.3):
            args["drop_constant"] = Arg(False, UNKNOWN, "without a place on Grid")
    node = f(
        "ntkfreq.solve_frequency_pde", args["rho_w"].node, f("h.smooth", "bump", 3.0),
        measure=f(f"ntkfreq.{where}", *sizes[where]), t=[0.0, 1.0, 10.0], rtol=1e-4,
        **_nodes(args, "rho_w"),
    )  # fmt: skip
    return Try("solve_frequency_pde", node, args, (*NAMES, "drop_constant", "measure"),
               no_reference, losses_sane)  # fmt: skip


SCENARIOS: dict[str, tuple[int, Callable[[Draw], Try]]] = {
    "deep losses": (2, losses),
    "deep shares": (2, shares),
    "encoding": (1, encodings),
    "deep measures": (2, measures),
}
