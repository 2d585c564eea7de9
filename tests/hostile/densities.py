"""Densities as arguments: sensible ones, and ones at the ends of their parameters."""

from __future__ import annotations

import numpy as np

from .awkward import awkward
from .kernels import Family
from .nodes import f, named, number, numbers
from .scalars import scalar, whole
from .values import REFUSE, UNKNOWN, Arg, Draw, Refuse, Unknown, known, plain

_NAMES = {"normal": "Normal", "laplace": "Laplace", "uniform": "Uniform", "student": "StudentT"}


def _single(rng: Draw, dim: int, families: tuple[str, ...]) -> Arg:
    name = rng.choice(families)
    scale = round(rng.uniform(1.0, 12.0), 2)
    options: dict[str, object] = {"scale": scale}
    loc = 0.0
    if rng.chance(0.25):
        loc = options["loc"] = round(rng.uniform(-5.0, 5.0), 2)
    if dim > 1:
        options["dim"] = dim
    df = rng.choice([1.0, 2.0, 2.5, 3.0, 5.0, 30.0])
    if name == "student":
        options["df"] = df
    family = Family(name, dim, (loc,) * dim, scale, df)
    return Arg(f(f"ntkfreq.{_NAMES[name]}", **options), family)


def density(
    rng: Draw,
    dim: int,
    families: tuple[str, ...] = ("normal", "normal", "laplace", "uniform", "student"),
    *,
    atoms: bool = True,
) -> Arg:
    """A sensible density."""
    kind = rng.random()
    if kind < 0.8:
        return _single(rng, dim, families)
    if kind < 0.9 or not atoms:
        parts = [_single(rng, dim, families) for _ in range(2)]
        weights = (0.25, 0.75)
        family = Family(
            "mixture", dim, parts=tuple(part.meaning for part in parts), weights=weights
        )
        node = f("ntkfreq.Mixture", [part.node for part in parts], weights=list(weights))
        return Arg(node, family)
    places = 5 * np.reshape(rng.normal(6 * dim), (6, dim))
    values = places[:, 0] if dim == 1 else places
    family = Family("empirical", dim, weights=(1 / 6,) * 6, atoms=places)
    return Arg(f("ntkfreq.Empirical", numbers(values)), family)


def _family(name: str, dim: int, options: dict[str, Arg]) -> object:
    """What the parameters mean together."""
    if any(isinstance(arg.meaning, Refuse) for arg in options.values()):
        return REFUSE
    if any(isinstance(arg.meaning, Unknown) for arg in options.values()):
        return UNKNOWN
    values = {key: arg.meaning for key, arg in options.items()}
    scale, df = float(values.get("scale", 1.0)), float(values.get("df", 3.0))
    loc = np.asarray(values.get("loc", 0.0), dtype=float).ravel()
    if scale <= 0 or (name == "student" and not 0 < df <= 200) or loc.size not in (1, dim):
        return REFUSE
    return Family(name, dim, tuple(np.broadcast_to(loc, dim).tolist()), scale, df)


def _parameters(rng: Draw, dim: int) -> Arg:
    name = rng.choice(["normal", "laplace", "uniform", "student", "student"])
    options = {"scale": plain(4.0)}
    if name == "student":
        options["df"] = plain(3.0)
    if dim > 1:
        options["dim"] = Arg(dim, float(dim))
    bad = rng.choice([*options, "loc", "scale"])
    if bad == "dim":
        options["dim"] = whole(rng, dim)
        if not known(options["dim"]) or options["dim"].meaning != dim:
            options["dim"] = Arg(options["dim"].node, UNKNOWN, options["dim"].kind)
    elif bad == "loc" and rng.chance(0.5):
        count = rng.choice([dim, dim, dim + 1])
        options["loc"] = awkward(rng, rng.normal(count), "other")
        if np.size(options["loc"].meaning) != count and known(options["loc"]):
            options["loc"] = Arg(options["loc"].node, UNKNOWN, options["loc"].kind)
    else:
        good = {"scale": 4.0, "df": 3.0, "loc": 1.0}[bad]
        options[bad] = scalar(rng, good, signed=bad == "loc")
        if bad == "scale" and options[bad].kind == "list":
            # One number an axis, which is right for as many axes.
            options[bad] = Arg(options[bad].node, UNKNOWN, "list")
    node = f(f"ntkfreq.{_NAMES[name]}", **{key: arg.node for key, arg in options.items()})
    kind = f"{name} {bad}: {options[bad].kind}"
    return Arg(node, _family(name, dim, options), kind)


def _nested(rng: Draw, dim: int) -> Arg:
    """Mixtures of mixtures, and mixtures of extremes."""
    arg = _single(rng, dim, ("normal", "laplace"))
    depth = rng.choice([1, 3, 30])
    for _ in range(depth):
        other = _single(rng, dim, ("normal",))
        if rng.chance(0.2):
            scale = rng.choice([1e-12, 1e-3, 1e3, 1e8])
            more = {"dim": dim} if dim > 1 else {}
            node = f("ntkfreq.Normal", scale=scale, **more)
            other = Arg(node, Family("normal", dim, (0.0,) * dim, scale))
        share = rng.choice([0.5, 0.5, 1e-6])
        family = Family(
            "mixture", dim, parts=(arg.meaning, other.meaning), weights=(1 - share, share)
        )
        node = f("ntkfreq.Mixture", [arg.node, other.node], weights=[1 - share, share])
        arg = Arg(node, family)
    return Arg(arg.node, arg.meaning, f"mixture nested {depth}")


def _weighted(rng: Draw, dim: int) -> Arg:
    parts = [_single(rng, dim, ("normal", "laplace")) for _ in range(3)]
    weights = awkward(rng, np.array([0.25, 0.25, 0.5]), "other")
    node = f("ntkfreq.Mixture", [part.node for part in parts], weights=weights.node)
    meaning: object = weights.meaning
    if known(weights):
        values = np.asarray(weights.meaning).ravel()
        if len(values) != 3 or values.min() <= 0 or abs(values.sum() - 1) > 1e-9:
            meaning = REFUSE
        else:
            family = tuple(part.meaning for part in parts)
            meaning = Family("mixture", dim, parts=family, weights=tuple(values.tolist()))
    return Arg(node, meaning, f"mixture weights: {weights.kind}")


def _atoms(rng: Draw, dim: int) -> Arg:
    places = 5 * np.reshape(rng.normal(5 * dim), (5, dim))
    weights = plain(np.full(5, 0.2))
    atoms = awkward(rng, places[:, 0] if dim == 1 else places, "other")
    bad = atoms
    if rng.chance(0.4):
        atoms = plain(places[:, 0] if dim == 1 else places)
        weights = bad = awkward(rng, np.array([0.1, 0.2, 0.3, 0.2, 0.2]), "other")
    node = f("ntkfreq.Empirical", atoms.node, weights=weights.node)
    meaning: object = atoms.meaning if not known(atoms) else weights.meaning
    if known(atoms, weights):
        values, shares = np.asarray(atoms.meaning), np.asarray(weights.meaning).ravel()
        values = values.reshape(len(values), -1)
        with np.errstate(all="ignore"):
            total = shares.sum()
        if values.shape != (5, dim) or len(shares) != 5 or not shares.min() > 0:
            meaning = REFUSE
        elif not np.isfinite(total) or total < 1e-290:
            meaning = UNKNOWN
        else:
            shares = shares / total
            meaning = Family("empirical", dim, weights=tuple(shares.tolist()), atoms=values)
    return Arg(node, meaning, f"atoms: {bad.kind}")


def _borrowed(rng: Draw, dim: int) -> Arg:
    """SciPy's frozen distributions, ends of their parameters among them, and other things."""
    scale = rng.choice([3.0, 1e-3, 1e-30, 1e30, 1e200, 1e-310])
    choices = [
        (f("stats.norm", scale=scale), Family("normal", 1, (0.0,), scale)),
        (f("stats.laplace", 1.0, scale), Family("laplace", 1, (1.0,), scale)),
        (f("stats.uniform", -scale, 2 * scale), Family("uniform", 1, (0.0,), scale)),
        (f("stats.t", 3, 0.0, scale), Family("student", 1, (0.0,), scale, 3.0)),
        (f("stats.cauchy", 0.0, scale), Family("student", 1, (0.0,), scale, 1.0)),
        (f("stats.gamma", rng.choice([0.1, 1.0, 50.0, 1e6]), scale=scale), UNKNOWN),
        (f("stats.beta", rng.choice([0.1, 2.0, 1e5]), 2.0, scale=scale), UNKNOWN),
        (f("stats.poisson", 3), REFUSE),
        (f("stats.norm", scale=f("float", "nan")), REFUSE),
        (f("stats.norm", scale=-1.0), REFUSE),
        (f("h.function", rng.choice(["nan", "none", "strings", "raises", "short"])), REFUSE),
        (named("ntkfreq.Normal"), REFUSE),
        (f("ntkfreq.Normal", 18.0), REFUSE),
        (None, REFUSE),
        (3.0, REFUSE),
        ([1.0, 2.0], REFUSE),
        (f("np.array", [1.0, 2.0]), REFUSE),
    ]
    node, meaning = rng.choice(choices)
    if dim > 1 and isinstance(meaning, Family):
        meaning = REFUSE
    return Arg(node, meaning, "borrowed density")


def hostile_density(rng: Draw, dim: int) -> Arg:
    """A hostile density."""
    kinds = [_parameters, _parameters, _parameters, _nested, _weighted, _atoms, _borrowed]
    return rng.choice(kinds)(rng, dim)


def sigma(rng: Draw) -> Arg:
    """A sensible standard deviation of the output weights."""
    return Arg(number(value := rng.choice([0.0, 0.5, 0.7, 1.0, 1.0, 2.0])), value)
