"""Tries of targets, equations, optimizers, initial outputs, and methods of results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import flows
from .attempts import (
    ANSWERED,
    Try,
    Verdict,
    compare,
    dated,
    must_refuse,
    no_reference,
    number,
    rows,
)
from .awkward import awkward
from .densities import hostile_density
from .nodes import f, m, named, t
from .scalars import flag, option, scalar, whole
from .try_network import NAMES as NETWORK_NAMES
from .try_solve import NAMES as SOLVER_NAMES
from .try_solve import function, judged_by_flow, tolerance_of
from .values import REFUSE, UNKNOWN, Arg, Draw, known, plain

NAMES = tuple(dict.fromkeys((*SOLVER_NAMES, *NETWORK_NAMES, "bands", "profile", "widths")))


def transform(rng: Draw) -> Try:
    """Target.transform of a modulated Gaussian, whose transform is a formula."""
    rng.hostile("frequencies", "support", "kinks", "function")
    args: dict[str, Arg] = {"f": function(rng, "bump")}
    base = np.array([0.0, 1.0, 3.0, 6.0])
    args["frequencies"] = awkward(rng, base, "other") if "frequencies" in rng.bad else plain(base)
    options: dict[str, Any] = {"support": t(-9.0, 9.0)}
    if "support" in rng.bad:
        args["support"] = awkward(rng, np.array([-9.0, 9.0]), "other")
        args["support"] = Arg(
            args["support"].node,
            REFUSE if args["support"].meaning is REFUSE else UNKNOWN,
            args["support"].kind,
        )
        options["support"] = args["support"].node
    if "kinks" in rng.bad:
        args["kinks"] = awkward(rng, np.array([0.0, 1.0]), "other")
        args["kinks"] = Arg(args["kinks"].node, UNKNOWN, args["kinks"].kind)
        options["kinks"] = args["kinks"].node
    made = f("ntkfreq.Target.from_function", args["f"].node, **options)
    node = m(made, "transform", args["frequencies"].node)

    def judge(result: Any) -> Verdict:
        grid = rows(args["frequencies"].meaning, 1)
        if grid is None:
            return must_refuse("frequencies are no list of numbers")
        unit, weight = np.polynomial.legendre.leggauss(400)
        x = 9 * unit
        values = np.broadcast_to(np.asarray(args["f"].meaning(x), dtype=float), x.shape)
        if np.abs(grid).max() > 25:
            return ANSWERED
        wanted = (9 * weight * values) @ np.exp(-1j * np.outer(x, grid[:, 0]))
        # Outside the support, and in single precision, the function itself is not smooth.
        return compare(result, wanted, 1e-6 * (1e-300 + np.abs(values).max()), "transform")

    return Try("Target", node, args, NAMES, judge)


def sampled_target(rng: Draw) -> Try:
    """Target.from_samples called at its samples, or drawn through on a Box."""
    rng.hostile("x", "y", "at")
    x, y = np.linspace(-1, 1, 9), np.round(np.sin(3 * np.linspace(-1, 1, 9)), 4)
    args = {
        "x": awkward(rng, x, "x") if "x" in rng.bad else plain(x),
        "y": awkward(rng, y, "y") if "y" in rng.bad else plain(y),
    }
    made = f("ntkfreq.Target.from_samples", args["x"].node, args["y"].node)
    args["at"] = awkward(rng, x[2:5], "x") if "at" in rng.bad else plain(x[2:5])
    args["at"] = Arg(
        args["at"].node,
        UNKNOWN if known(args["at"]) or dated(args["x"]) else args["at"].meaning,
        args["at"].kind,
    )
    return Try("Target", m(made, "__call__", args["at"].node), args, NAMES, no_reference)


def started(rng: Draw) -> Try:
    """A solve from an initial output: a function that misbehaves, or a network."""
    rng.hostile("function", "sigma_a")
    args = {"sigma_a": number(rng, "sigma_a", 0.7), "initial_output": function(rng, "wave")}
    x = np.linspace(-1, 1, 7)
    y = np.round(np.cos(2 * x), 4)
    if "function" not in rng.bad and rng.chance(0.4):
        node = rng.choice([3.0, "f", [1.0], {"d": {}}])
        args["initial_output"] = Arg(node, REFUSE, "no function")
    node = f(
        "ntkfreq.solve_frequency_pde", f("ntkfreq.Normal", scale=4.0), t(x.tolist(), y.tolist()),
        initial_output=args["initial_output"].node, sigma_a=args["sigma_a"].node,
        t=[0.0, 1.0, 20.0], frequencies=[0.0, 2.0],
    )  # fmt: skip

    def judge(result: Any) -> Verdict:
        from .kernels import Family

        family = Family("normal", 1, (0.0,), 4.0)
        start = np.asarray(args["initial_output"].meaning(x), dtype=float) - y
        clock, weights = np.array([0.0, 1.0, 20.0]), np.full(7, 1 / 7)
        unit = float(np.abs(start).max())
        with np.errstate(all="ignore"):
            sigma_a = float(args["sigma_a"].meaning)
            found = flows.flow(family, x[:, None], weights, start / unit, sigma_a, clock)
            relative = tolerance_of(result, args)
            return judged_by_flow(result, found, np.array([[0.0], [2.0]]), relative, unit)

    return Try("solve_frequency_pde", node, args, NAMES, judge)


def _history(**options: Any) -> Any:
    net = f("ntkfreq.FourierFeatureNet", [1.0, -2.0, 4.0], [0.5, 0.1, 0.3], [0.2, -0.3, 0.1])
    x = [-1.0, -0.4, 0.1, 0.5, 0.9]
    return f(
        "ntkfreq.train", net, x, [0.3, -0.2, 0.8, 0.1, -0.5], step_size=0.5, steps=20,
        backend="reference", **options,
    )  # fmt: skip


def methods(rng: Draw) -> Try:
    """Learning times and labelled tables of runs, kernels, comparisons, fits."""
    rng.hostile("band", "fraction", "spectrum")
    args = {
        "band": awkward(rng, np.array([0.5, 5.0]), "other")
        if "band" in rng.bad
        else plain([0.5, 5.0]),
        "fraction": number(rng, "fraction", 0.5),
        "spectrum": option(rng) if "spectrum" in rng.bad else Arg("auto", 0.0),
    }
    fraction = args["fraction"].meaning
    if isinstance(fraction, float) and not 0 < fraction < 1:
        args["fraction"] = Arg(args["fraction"].node, REFUSE, args["fraction"].kind)
    owner = rng.choice(["history", "history", "kernel", "comparison"])
    if owner == "kernel":
        made = f("ntkfreq.ntk_spectrum", f("ntkfreq.Normal", scale=3.0), [0.0, 0.3, 0.9])
        args = {"fraction": args["fraction"]}
        node = f("h.finite_times", made, args["fraction"].node)
    elif owner == "comparison":
        args.pop("spectrum")
        node = f("h.compared_times", args["band"].node, args["fraction"].node)
    else:
        spectrum = args["spectrum"].node
        node = m(
            _history(), "learning_time", args["band"].node, args["fraction"].node,
            spectrum=spectrum,
        )  # fmt: skip
    return Try("methods of results", node, args, NAMES, no_reference)


def rules(rng: Draw) -> Try:
    """Optimizers and schedules with awkward settings, for a few steps."""
    rng.hostile("setting")
    kind, settings = rng.choice(
        [
            ("Adam", {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "clip": 1.0}),
            ("AdamW", {"beta1": 0.5, "epsilon": 1e-3}),
            ("RMSProp", {"alpha": 0.9, "epsilon": 1e-3, "momentum": 0.5}),
            ("SignDescent", {"momentum": 0.5}),
            ("HeavyBall", {"momentum": 0.9, "clip": 0.1}),
            ("Nesterov", {"momentum": 0.5}),
            ("GradientDescent", {"clip": 0.1}),
            ("Warmup", {"steps": 5.0}),
            ("Cosine", {"steps": 5.0, "final": 0.1}),
            ("Exponential", {"ratio": 0.9, "steps": 2.0}),
        ]
    )
    which = rng.choice(sorted(settings))
    args: dict[str, Arg] = {}
    for key, good in settings.items():
        if key == "steps":
            args[key] = whole(rng, 5) if key == which else Arg(int(good), good)
        else:
            args[key] = scalar(rng, good) if key == which else plain(good)
    words = {key: arg.node for key, arg in args.items()}
    made = f(f"h.{kind}", **words)
    if kind in ("Warmup", "Cosine", "Exponential"):
        made = f("h.GradientDescent", schedule=made)
    # A zero momentum or final factor is as good as any.
    args = {
        key: Arg(arg.node, UNKNOWN if arg.meaning == 0 else arg.meaning, arg.kind)
        for key, arg in args.items()
    }
    return Try("train", _history(optimizer=made), args, NAMES, no_reference)


def adapted(rng: Draw) -> Try:
    """as_density of what is none, or of a pdf with awkward ends and corners."""
    rng.hostile("support", "kinks", "z")
    args = {
        "support": awkward(rng, np.array([-1.0, 1.0]), "other")
        if "support" in rng.bad
        else plain([-1.0, 1.0]),
        "kinks": awkward(rng, np.array([0.0]), "other") if "kinks" in rng.bad else plain([0.0]),
        "z": awkward(rng, np.array([0.0, 0.5, 2.0]), "other")
        if "z" in rng.bad
        else plain([0.0, 0.5, 2.0]),
    }
    if args["kinks"].kind == "empty":
        args["kinks"] = Arg(args["kinks"].node, UNKNOWN, "empty")
    tent = named("h.tent")
    made = f("ntkfreq.as_density", tent, support=args["support"].node, kinks=args["kinks"].node)
    node = m(made, "kernel", args["z"].node)

    def judge(result: Any) -> Verdict:
        support = np.asarray(args["support"].meaning).ravel()
        z = rows(args["z"].meaning, 1)
        if support.size != 2 or z is None:
            return must_refuse("the support is no pair, or z no list")
        if not np.allclose(support, [-1.0, 1.0], atol=1e-9):
            return ANSWERED
        wanted = np.sinc(z[:, 0] / (2 * np.pi)) ** 2
        return compare(result, wanted, 1e-7, "kernel")

    return Try("as_density", node, args, NAMES, judge)


def problem(rng: Draw) -> Try:
    """FrequencyEquation.create, and things handed over in the wrong place."""
    rng.hostile("swap", "flag")
    density, data = f("ntkfreq.Normal", scale=3.0), t([0.0, 0.5, 1.0], [1.0, 2.0, 0.5])
    wrong = rng.choice(
        [
            ("target", density), ("target", None), ("target", "sin"), ("target", [1.0, 2.0]),
            ("target", {"d": {"x": [1.0], "y": [2.0]}}), ("target", t([1.0])),
            ("rho_w", data), ("rho_w", None), ("rho_w", f("ntkfreq.Line")),
            ("measure", density), ("measure", "line"), ("measure", f("ntkfreq.Grid", 0.5)),
            ("measure", named("ntkfreq.Line")), ("measure", [0.0, 1.0]),
            ("target", f("np.array", [[0.0, 1.0], [0.5, 2.0]])),
            ("target", [[0.0, 0.5, 1.0], [1.0, 2.0, 0.5]]),
            ("target", f("pd.DataFrame", {"d": {"x": [0.0, 1.0], "y": [1.0, 2.0]}})),
        ]
    )  # fmt: skip
    options: dict[str, Any] = {
        "rho_w": density,
        "target": data,
        "t": [0.0, 1.0],
        wrong[0]: wrong[1],
    }
    args = {wrong[0]: Arg(wrong[1], UNKNOWN, f"another thing as {wrong[0]}")}
    if "flag" in rng.bad:
        args["nesterov"] = flag(rng)
        options |= {"nesterov": args["nesterov"].node, "step_size": 0.1}
    return Try(
        "solve_frequency_pde",
        f("ntkfreq.solve_frequency_pde", **options),
        args,
        NAMES,
        no_reference,
    )


def dense(rng: Draw) -> Try:
    """Hostile densities on few points: what they mean is in their kernel."""
    dim = rng.choice([1, 1, 2])
    args = {"rho_w": hostile_density(rng, dim)}
    x = np.array([[0.0] * dim, [0.3] * dim, [0.7] * dim, [1.0] + [0.0] * (dim - 1)])
    y = np.array([1.0, -0.5, 0.3, 0.2])
    args["x"] = plain(x[:, 0] if dim == 1 else x)
    node = f(
        "ntkfreq.solve_frequency_pde", args["rho_w"].node, t(args["x"].node, y.tolist()),
        t=[0.0, 3.0], sigma_a=0.5,
    )  # fmt: skip

    def judge(result: Any) -> Verdict:
        family = args["rho_w"].meaning
        if family.dim != dim:
            return must_refuse("rho_w has another dimension")
        weights, clock = np.full(4, 0.25), np.array([0.0, 3.0])
        with np.errstate(all="ignore"):
            found = flows.flow(family, x, weights, -y, 0.5, clock)
            return judged_by_flow(result, found, None, tolerance_of(result, {}))

    return Try("solve_frequency_pde", node, args, NAMES, judge)


SCENARIOS: dict[str, tuple[int, Callable[[Draw], Try]]] = {
    "transform": (2, transform),
    "sampled target": (2, sampled_target),
    "initial output": (3, started),
    "methods of results": (3, methods),
    "optimizers": (2, rules),
    "as_density": (2, adapted),
    "problem": (2, problem),
    "density on points": (4, dense),
}
