"""One try: a call, what may be named in its refusal, and how its result is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .awkward import awkward
from .densities import density, hostile_density
from .scalars import scalar
from .values import REFUSE, UNKNOWN, Arg, Draw, Refuse, Unknown, as_array, plain


@dataclass(frozen=True)
class Verdict:
    """How a result compares: "right", "answered" (nothing to compare with) or "wrong"."""

    outcome: str
    detail: str = ""


ANSWERED = Verdict("answered")


@dataclass(frozen=True)
class Try:
    """A call and its judge.

    Attributes
    ----------
    function : str
        Public name.
    node : JSON
        The call.
    args : mapping of str to Arg
        Its arguments by name.
    names : tuple of str
        Other words by which a refusal may name what it refuses.
    judge : callable
        Result to Verdict; called only when every argument has a meaning in numbers.
    sane : callable
        Result to a complaint, or "" if nothing is absurd about it; always called.
    """

    function: str
    node: Any
    args: Mapping[str, Arg]
    names: tuple[str, ...]
    judge: Callable[[Any], Verdict]
    sane: Callable[[Any], str] = lambda result: ""

    @property
    def kinds(self) -> list[str]:
        """What is hostile about it."""
        return [f"{name}: {arg.kind}" for name, arg in self.args.items() if arg.kind]

    @property
    def refused(self) -> list[str]:
        """Arguments that have to be refused."""
        return [name for name, arg in self.args.items() if isinstance(arg.meaning, Refuse)]

    @property
    def unknown(self) -> bool:
        """Whether some argument has no meaning that a reference could start from."""
        return any(isinstance(arg.meaning, Unknown) for arg in self.args.values())


def compare(found: Any, wanted: Any, tolerance: Any, what: str = "") -> Verdict:
    """Whether two arrays agree to an absolute tolerance."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        return Verdict("wrong", f"{what} has shape {found.shape}, right is {wanted.shape}")
    gap = np.abs(found - wanted)
    if np.all(gap <= tolerance):
        return Verdict("right")
    worst = np.unravel_index(np.argmax(gap - tolerance), gap.shape) if gap.shape else ()
    return Verdict("wrong", f"{what} is {found[worst]:.10g}, right is {wanted[worst]:.10g}")


def worst(*verdicts: Verdict | None) -> Verdict:
    """The verdict on several parts of a result; None where a part has no reference."""
    found = [verdict for verdict in verdicts if verdict is not None]
    for outcome in ("wrong", "answered", "right"):
        for verdict in found:
            if verdict.outcome == outcome:
                return verdict
    return ANSWERED


def rho(rng: Draw, dim: int, **options: Any) -> Arg:
    """The argument rho_w."""
    return hostile_density(rng, dim) if "rho_w" in rng.bad else density(rng, dim, **options)


def places(rng: Draw, name: str, count: int, dim: int, half: float = 1.0) -> Arg:
    """Distinct points (n,) or (n, d) in [-half, half]^d."""
    grid = np.round(half * np.linspace(-1, 1, count), 6) if count > 1 else np.zeros(1)
    if dim > 1:
        columns = [rng.sample(grid.tolist(), count) for _ in range(dim - 1)]
        grid = np.column_stack([grid, *columns])
    elif rng.chance(0.5) and count > 1:
        grid = np.round(grid + 0.3 * half / count * rng.normal(count).clip(-1, 1), 6)
    return awkward(rng, grid, "x") if name in rng.bad else as_array(grid)


def dated(arg: Arg) -> bool:
    """Whether an argument holds dates or spans of time."""
    return arg.kind.startswith(("date", "timedelta"))


def second_dates(first: Arg | None, second: Arg) -> Arg:
    """A second set of points: dates count from the earliest of the first, if that has dates."""
    if first is not None and dated(second) and not dated(first):
        return Arg(second.node, REFUSE, second.kind)
    if dated(second) or (first is not None and dated(first)):
        return Arg(second.node, UNKNOWN, second.kind)
    return second


def samples(rng: Draw, name: str, count: int) -> Arg:
    """Values at points."""
    base = rng.normal(count)
    return awkward(rng, base, "y") if name in rng.bad else as_array(base)


def number(rng: Draw, name: str, good: float, *, signed: bool = False) -> Arg:
    """A number that is usually good."""
    return scalar(rng, good, signed=signed) if name in rng.bad else plain(good)


def times(rng: Draw, name: str = "t") -> Arg:
    """Increasing times, from 0 or not; whatever is no such thing has to be refused."""
    base = np.array(rng.choice([[0.0, 1.0, 10.0], [0.0, 0.5, 3.0, 40.0], [2.0], [0.0, 300.0]]))
    if name not in rng.bad:
        return plain(base)
    arg = awkward(rng, base, "other")
    if arg.kind == "0-d":
        return Arg(arg.node, base[:1], arg.kind)
    return ordered(arg)


def ordered(arg: Arg) -> Arg:
    """Times that are not times have to be refused."""
    if isinstance(arg.meaning, np.ndarray):
        flat = arg.meaning.ravel()
        if np.any(np.diff(flat) <= 0) or flat[0] < 0:
            return Arg(arg.node, REFUSE, arg.kind + ", not increasing")
        return Arg(arg.node, flat, arg.kind)
    return arg


def bandwidths(rng: Draw, dim: int, name: str = "frequencies") -> Arg:
    """Frequencies (F,) or (F, d)."""
    base = np.round(5 * rng.normal(4 * dim), 3)
    base = base if dim == 1 else base.reshape(4, dim)
    return awkward(rng, base, "other") if name in rng.bad else as_array(base)


def rows(values: Any, dim: int) -> np.ndarray | None:
    """Meaning of points as (n, d); None where they are not of that dimension."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    return array if array.ndim == 2 and array.shape[1] == dim and array.size else None


def column(values: Any, count: int) -> np.ndarray | None:
    """Meaning of values as (n,); None where they are not one for each point."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((count,), (count, 1)):
        return None
    return array.ravel()


def no_reference(result: Any) -> Verdict:
    """For calls whose result can only be looked at."""
    return ANSWERED


def must_refuse(reason: str) -> Verdict:
    """For arguments that do not fit together and were answered."""
    return Verdict("wrong", f"answered although {reason}")


def losses_sane(result: Any) -> str:
    """Losses are not negative."""
    for name in ("train_loss", "test_loss", "train_mean", "test_mean"):
        values = getattr(result, name, None)
        if values is not None and np.any(np.asarray(values) < 0):
            return f"{name} has a smallest value of {float(np.min(values)):.3g}"
    return ""
