"""Tries of networks and their training, on all engines, and of laying predictions over runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import descent
from .attempts import (
    ANSWERED,
    Try,
    Verdict,
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
)
from .awkward import awkward
from .nodes import f, m, t
from .paths import any_path
from .scalars import flag, option, scalar, whole
from .values import REFUSE, UNKNOWN, Arg, Draw, known, plain

NAMES = (
    "net", "nets", "x", "y", "step_size", "steps", "optimizer", "weight_decay", "frequency_decay",
    "decay_towards", "freeze_frequencies", "batch_size", "test", "frequencies", "record",
    "backend", "dtype", "rng", "checkpoint", "progress", "device", "tolerance", "threads",
    "kernel_probe", "width", "sigma_a", "zero_output", "w", "a", "b", "depth", "hidden",
    "activation", "sigma_w", "sigma_b", "layers", "readout", "branches", "workers", "rho_w",
    "loc", "scale", "df", "dim", "components", "weights", "atoms", "clip", "sigma-a", "momentum",
    "beta1", "beta2", "alpha", "epsilon", "schedule", "option", "path", "solution", "history",
    "discrete", "parametrization", "order", "x2", "checkpoint_seconds", "fraction", "band",
    "target",
)  # fmt: skip
_BACKENDS = ("reference", "direct", "nufft", "torch", "auto")
_RULES = ("gd", "heavy_ball", "nesterov", "adam", "adamw", "rmsprop")


def _net(rng: Draw, dim: int, width: int) -> tuple[dict[str, Arg], Any]:
    """A network by its arrays."""
    parts = {
        "w": np.round(4 * np.reshape(rng.normal(width * dim), (width, dim)), 3),
        "a": rng.normal(width),
        "b": rng.normal(width),
    }
    if dim == 1:
        parts["w"] = parts["w"][:, 0]
    args = {
        name: awkward(rng, values, "other") if name in rng.bad else plain(values)
        for name, values in parts.items()
    }
    return args, f("ntkfreq.FourierFeatureNet", *(args[name].node for name in "wab"))


def _arrays(args: dict[str, Arg], dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    w = rows(args["w"].meaning, dim)
    if w is None:
        return None
    a, b = column(args["a"].meaning, len(w)), column(args["b"].meaning, len(w))
    return None if a is None or b is None else (w, a, b)


def _steps(rng: Draw) -> Arg:
    """A number of steps; a billion of them is a sensible run of hours, which is not for here."""
    arg = whole(rng, 20)
    return Arg(2**53 + 1, UNKNOWN, arg.kind) if arg.node in (2**31, 10**9) else arg


def _decays(rng: Draw, args: dict[str, Arg]) -> None:
    for name in ("weight_decay", "frequency_decay"):
        if name in rng.bad or rng.chance(0.15):
            args[name] = number(rng, name, rng.choice([0.01, 0.3]))


def training(rng: Draw) -> Try:
    """train, against plain loops."""
    dim, width = rng.choice([1, 1, 2, 3]), rng.choice([1, 2, 8, 32])
    n = rng.choice([1, 4, 12])
    rng.hostile(
        "x", "y", "w", "a", "step_size", "step_size", "weight_decay", "frequency_decay", "steps",
        "optimizer", "batch_size", "record", "options", "test", "frequencies", "tolerance",
    )  # fmt: skip
    args, net = _net(rng, dim, width)
    args |= {"x": places(rng, "x", n, dim), "y": samples(rng, "y", n)}
    args["step_size"] = number(rng, "step_size", rng.choice([0.1, 0.5, 3.0, 30.0]))
    args["steps"] = (
        _steps(rng) if "steps" in rng.bad else Arg(count := rng.choice([1, 5, 30]), count)
    )
    _decays(rng, args)
    args["backend"] = Arg(rng.choice(_BACKENDS), 0.0)
    args["optimizer"] = option(rng) if "optimizer" in rng.bad else Arg(rng.choice(_RULES), 0.0)
    args["decay_towards"] = Arg(rng.choice(["zero", "start"]), 0.0)
    _more_options(rng, args, n, dim)
    options = {name: arg.node for name, arg in args.items() if name not in "wabxy"}
    if "test" in rng.bad:
        rng.bad |= {rng.choice(["test x", "test y"])}
        args["test x"] = second_dates(args["x"], places(rng, "test x", 3, dim))
        args["test y"] = samples(rng, "test y", 3)
        options["test"] = t(args["test x"].node, args["test y"].node)
        if known(args["test x"], args["test y"]) and (
            rows(args["test x"].meaning, dim) is None
            or column(args["test y"].meaning, len(args["test x"].meaning)) is None
        ):
            args["test y"] = Arg(args["test y"].node, REFUSE, args["test y"].kind or "mismatch")
    node = f("ntkfreq.train", net, args["x"].node, args["y"].node, **options)
    return Try("train", node, args, NAMES, _training_judge(args, dim), losses_sane)


def _more_options(rng: Draw, args: dict[str, Arg], n: int, dim: int) -> None:
    if "batch_size" in rng.bad:
        args["batch_size"], args["rng"] = whole(rng, 2), Arg(0, 0.0)
        if rng.chance(0.3):
            args["order"] = rng.choice([option(rng), awkward(rng, np.zeros((30, 2)), "other")])
            args["order"] = Arg(args["order"].node, UNKNOWN, args["order"].kind)
    if "record" in rng.bad:
        args["record"] = rng.choice([whole(rng, 4), awkward(rng, np.array([0.0, 3.0]), "other")])
        args["record"] = Arg(args["record"].node, UNKNOWN, args["record"].kind)
    if "frequencies" in rng.bad:
        base = np.round(4 * np.reshape(rng.normal(3 * dim), (3, dim)), 3)
        args["frequencies"] = awkward(rng, base[:, 0] if dim == 1 else base, "other")
        if known(args["frequencies"]) and rows(args["frequencies"].meaning, dim) is None:
            args["frequencies"] = Arg(args["frequencies"].node, REFUSE, args["frequencies"].kind)
    if "tolerance" in rng.bad:
        args["tolerance"] = scalar(rng, 1e-9)
        args["backend"] = Arg("nufft", 0.0)
    if "options" in rng.bad:
        name = rng.choice(
            [
                "dtype",
                "device",
                "threads",
                "kernel_probe",
                "freeze_frequencies",
                "rng",
                "decay_towards",
                "parametrization",
                "backend",
                "progress",
                "checkpoint",
            ]
        )
        if name in ("threads", "kernel_probe", "rng"):
            args[name] = whole(rng, 1)
        elif name in ("freeze_frequencies", "progress"):
            args[name] = flag(rng)
        elif name == "checkpoint":
            args[name] = any_path(rng)
        else:
            args[name] = option(rng)
        args[name] = Arg(args[name].node, UNKNOWN, args[name].kind)


def _training_judge(args: dict[str, Arg], dim: int) -> Callable[[Any], Verdict]:
    def judge(result: Any) -> Verdict:
        net, x = _arrays(args, dim), rows(args["x"].meaning, dim)
        y = None if x is None else column(args["y"].meaning, len(x))
        if net is None or x is None or y is None:
            return must_refuse("arrays do not fit together")
        if "batch_size" in args or (args["backend"].node == "nufft" and "tolerance" in args):
            return ANSWERED
        steps, step_size = int(args["steps"].meaning), float(args["step_size"].meaning)
        decay = tuple(
            float(args[name].meaning) if name in args else 0.0
            for name in ("weight_decay", "frequency_decay")
        )
        towards = args["decay_towards"].node == "start"
        rule = args["optimizer"].node
        settings = (step_size, steps, rule, decay, towards, False)
        with np.errstate(all="ignore"):
            wanted = descent.losses(net, x, y, *settings)
            # What a change in the last digits of the points makes of it.
            near = descent.losses(net, x * (1 + 3e-15), y * (1 - 2e-15), *settings)
        records = np.asarray(result.step)
        found = np.asarray(result.train_loss)
        wanted, near = wanted[records], near[records]
        phase = float(np.abs(x).max() * np.abs(net[0]).max())
        if phase > 1e7 or not np.all(np.isfinite(wanted + near)):
            return ANSWERED
        spread = np.maximum.accumulate(np.abs(wanted - near))
        # Fast transforms err by 1e-9 rather than by rounding, and a run may amplify that too.
        fast = args["backend"].node in ("nufft", "auto")
        loose = 1e-7 if fast else 1e-11
        slack = loose * (wanted + np.maximum.accumulate(wanted)) + (1e9 if fast else 1e3) * spread
        magnitude = (np.abs(net[1]).sum() + np.abs(net[2]).sum()) ** 2 / len(net[1])
        return compare(
            found, wanted, slack + 1e-13 * (magnitude + wanted[0]) + 1e-300, "train_loss"
        )

    return judge


def wild_training(rng: Draw) -> Try:
    """train where frequencies or points are huge, or the run grows: to be told in time."""
    rng.hostile("size")
    n, width = rng.choice([1, 12, 40]), rng.choice([8, 32, 64])
    backend = rng.choice(["nufft", "nufft", "direct", "reference", "torch", "auto"])
    factor = rng.choice([1.0, 5e-324, 1e-310, 1e-150, 1e4, 1e8, 1e16, 1e150, 1e200])
    scale = rng.choice([5.0, 5.0, 1e-100, 1e4, 1e8, 1e12, 1e100])
    x = np.round(np.linspace(-1, 1, n), 4) * factor
    options: dict[str, Any] = {"step_size": rng.choice([0.1, 3.0, 30.0, 1e3, 1e4, 1e8, 1e300])}
    options["steps"] = rng.choice([30, 400])
    options["backend"] = backend
    options["optimizer"] = rng.choice(["gd", "gd", "adam", "adamw", "heavy_ball"])
    if rng.chance(0.3):
        options["frequency_decay"] = rng.choice([30.0, 300.0, 1e300])
    if rng.chance(0.2):
        options["weight_decay"] = rng.choice([30.0, 300.0, 1e300])
    net = f("ntkfreq.FourierFeatureNet.sample", f("ntkfreq.Normal", scale=scale), width, rng=0)
    y = np.round(np.sin(3 * np.linspace(-1, 1, n)), 4)
    data = Arg(x.tolist(), x, f"x times {factor:g}, scale {scale:g}, {backend}")
    node = f("ntkfreq.train", net, data.node, y.tolist(), **options)
    return Try("train", node, {"x": data}, NAMES, no_reference, losses_sane)


def network(rng: Draw) -> Try:
    """FourierFeatureNet: made of arrays, called, and its empirical kernel."""
    dim, width = rng.choice([1, 1, 2]), rng.choice([1, 4, 32])
    rng.hostile("w", "a", "b", "x")
    args, net = _net(rng, dim, width)
    args["x"] = places(rng, "x", 6, dim)
    kernel = rng.chance(0.4)
    node = (
        f("ntkfreq.empirical_ntk_gram", net, args["x"].node)
        if kernel
        else m(net, "__call__", args["x"].node)
    )

    def judge(result: Any) -> Verdict:
        arrays, x = _arrays(args, dim), rows(args["x"].meaning, dim)
        if arrays is None or x is None:
            return must_refuse("arrays do not fit together")
        w, a, b = arrays
        phase = float(np.abs(x).max() * np.abs(w).max())
        with np.errstate(all="ignore"):
            wanted = descent.tangent_gram(w, a, b, x) if kernel else descent.output(w, a, b, x)
            size = (np.abs(a).max() + np.abs(b).max()) ** (2 if kernel else 1) * len(a) + 1
            size *= 1 + np.abs(x).max() ** 2 if kernel else 1
        if phase > 1e7 or not np.all(np.isfinite(wanted)):
            return ANSWERED
        return compare(result, wanted, (1e-11 + 1e-15 * phase) * size, "output")

    return Try("empirical_ntk_gram" if kernel else "FourierFeatureNet", node, args, NAMES, judge)


def sampled(rng: Draw) -> Try:
    """Networks drawn with awkward settings, and deep ones, evaluated."""
    dim = rng.choice([1, 1, 2])
    rng.hostile("rho_w", "width", "sigma_a", "rng", "zero", "depth", "hidden", "sigma_w", "x")
    args = {"rho_w": rho(rng, dim), "width": whole(rng, 8) if "width" in rng.bad else Arg(8, 8)}
    deep = bool(rng.bad & {"depth", "hidden", "sigma_w"}) or rng.chance(0.3)
    args["sigma_a"] = number(rng, "sigma_a", 1.0)
    args["rng"] = whole(rng, 3) if "rng" in rng.bad else Arg(3, 3)
    if args["rng"].kind in ("int 10**400", "size of int"):  # seeds may be 0, and of any length
        args["rng"] = Arg(args["rng"].node, UNKNOWN, "size of seed")
    if "zero" in rng.bad:
        args["zero_output"] = flag(rng)
    if deep:
        args["depth"] = whole(rng, 2) if "depth" in rng.bad else Arg(1, 1)
        if args["depth"].node == 0:  # a network without hidden layers
            args["depth"] = Arg(0, UNKNOWN, "size of int")
        if "hidden" in rng.bad:
            args["hidden"] = whole(rng, 4)
        for name in ("sigma_w", "sigma_b"):
            args[name] = number(rng, "sigma_w", 1.0) if name == "sigma_w" else plain(0.1)
        args["activation"] = Arg(rng.choice(["tanh", "relu", "sine"]), 0.0)
    options = {name: arg.node for name, arg in args.items() if name not in ("rho_w", "width")}
    args["x"] = places(rng, "x", 5, dim)
    name = "FourierFeatureMLP" if deep else "FourierFeatureNet"
    made = f(f"ntkfreq.{name}.sample", args["rho_w"].node, args["width"].node, **options)
    return Try(name, m(made, "__call__", args["x"].node), args, NAMES, no_reference)


def layers(rng: Draw) -> Try:
    """FourierFeatureMLP of given arrays."""
    rng.hostile("w", "weights", "biases", "readout", "x", "activation", "branches")
    base = {
        "w": 3 * rng.normal(3),
        "weights": np.reshape(rng.normal(24), (4, 6)),
        "biases": rng.normal(4),
        "readout": rng.normal(4),
        "x": np.linspace(-1, 1, 5),
    }
    args = {
        name: awkward(rng, values, "x" if name == "x" else "other")
        if name in rng.bad
        else plain(values)
        for name, values in base.items()
    }
    args["activation"] = option(rng) if "activation" in rng.bad else Arg("tanh", 0.0)
    options = {}
    if "branches" in rng.bad:
        args["branches"] = whole(rng, 1)
        options["branches"] = args["branches"].node
    pair = t(args["weights"].node, args["biases"].node)
    net = f(
        "ntkfreq.FourierFeatureMLP",
        args["w"].node,
        [pair],
        args["readout"].node,
        args["activation"].node,
        **options,
    )
    return Try("FourierFeatureMLP", m(net, "__call__", args["x"].node), args, NAMES, no_reference)


def many(rng: Draw) -> Try:
    """train_many with one setting a run."""
    rng.hostile("step_size", "weight_decay", "rng", "nets", "x", "y", "workers")
    net = f("ntkfreq.FourierFeatureNet", [1.0, 2.0], [0.5, 0.1], [0.2, 0.3])
    args = {"x": places(rng, "x", 4, 1), "y": samples(rng, "y", 4)}
    steps = np.array([0.1, 0.2])
    args["step_size"] = awkward(rng, steps, "other") if "step_size" in rng.bad else plain(steps)
    if args["step_size"].kind:
        args["step_size"] = Arg(
            args["step_size"].node,
            # Each is a number of its own, which needs no difference from the others.
            UNKNOWN if "beyond" in args["step_size"].kind or known(args["step_size"]) else REFUSE,
            args["step_size"].kind,
        )
    args["weight_decay"] = number(rng, "weight_decay", 0.1)
    if args["weight_decay"].kind == "list":  # one of two runs, as documented
        args["weight_decay"] = Arg(args["weight_decay"].node, UNKNOWN, "list")
    args["rng"] = rng.choice([whole(rng, 1), option(rng)]) if "rng" in rng.bad else Arg(0, 0)
    args["rng"] = (
        Arg(args["rng"].node, UNKNOWN, args["rng"].kind) if args["rng"].kind else args["rng"]
    )
    args["workers"] = whole(rng, 1) if "workers" in rng.bad else Arg(1, 1)
    nets: Any = [net, net]
    if "nets" in rng.bad:
        nets = rng.choice([[], net, [net, 3], t(net), None, {"d": {"a": net}}, f("iter", [net])])
        args["nets"] = Arg(nets, UNKNOWN, "nets")
    options = {name: arg.node for name, arg in args.items() if name not in ("x", "y", "nets")}
    node = f(
        "ntkfreq.train_many",
        nets,
        args["x"].node,
        args["y"].node,
        steps=3,
        backend="reference",
        **options,
    )
    return Try("train_many", node, args, NAMES, no_reference)


def laid_over(rng: Draw) -> Try:
    """compare of a prediction and a run that belong together, or do not."""
    rng.hostile("what")
    net = f("ntkfreq.FourierFeatureNet.sample", f("ntkfreq.Normal", scale=4.0), 16, rng=0)
    x, y = np.linspace(-1, 1, 6).tolist(), [0.1, 0.5, -0.2, 0.3, 0.9, -0.4]
    what = rng.choice(
        [
            "same",
            "other y",
            "other x",
            "weights",
            "None",
            "swapped",
            "sigma",
            "adam",
            "repeated",
            "column",
            "decay",
            "float32",
        ]
    )
    data: Any = y
    at: Any = x
    if what == "repeated":
        at = [*x[:5], x[0]]
    run_y = f("np.array", [[value] for value in y]) if what == "column" else y
    run = f(
        "ntkfreq.train", net, at, run_y, step_size=0.1, steps=10, backend="reference",
        optimizer="adam" if what == "adam" else "gd",
        weight_decay=0.1 if what == "decay" else 0.0,
    )  # fmt: skip
    if what == "other y":
        data = [1.1 * value for value in y]
    place = [2 * value for value in x] if what == "other x" else at
    target: Any = t(place, data)
    options: dict[str, Any] = {"initial_output": net, "t": [0.0, 1.0]}
    if what == "weights":
        options["measure"] = f("ntkfreq.Points", x, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0])
        target = f("h.smooth", "wave", 3.0)
        options["test"] = t([0.0], [0.0])
    if what == "sigma":
        options["sigma_a"] = 2.0
    solution = f("ntkfreq.solve_frequency_pde", f("ntkfreq.Normal", scale=4.0), target, **options)
    pair = (
        (solution, None)
        if what == "None"
        else (run, solution)
        if what == "swapped"
        else (solution, run)
    )
    args = {
        "pair": Arg(
            what, UNKNOWN if what in ("same", "repeated", "column", "float32") else REFUSE, what
        )
    }
    if what == "decay":
        args = {"pair": Arg(what, REFUSE, what)}
    return Try("compare", f("ntkfreq.compare", *pair), args, NAMES, no_reference)
