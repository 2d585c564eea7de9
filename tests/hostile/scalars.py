"""Single numbers of every kind, at every size."""

from __future__ import annotations

import math
from fractions import Fraction

from .nodes import f, number
from .values import REFUSE, UNKNOWN, Arg, Draw

# Kinds of the same number: to be understood, or refused by a sentence.
_SAME = ("np.float64", "np.float32", "np.float16", "np.longdouble", "Decimal", "Fraction")
# What is no number.
_NONE = (
    (True, "bool"),
    (f("np.bool_", True), "NumPy bool"),
    (f("complex", 1.0, 0.0), "complex, real"),
    (f("np.complex128", f("complex", 1.0, 5.0)), "NumPy complex"),
    ("1.5", "string"),
    (f("np.str_", "2.5"), "NumPy string"),
    (f("bytes", "2.5"), "bytes"),
    (f("np.bytes_", "2.5"), "NumPy bytes"),
    (f("float", "nan"), "NaN"),
    (f("np.float64", "nan"), "NaN"),
    (f("float", "inf"), "infinity"),
    (f("float", "-inf"), "infinity"),
    (f("pow", 10, 400), "int 10**400"),
    (f("pd.NA"), "pandas NA"),
    (f("pd.NaT"), "NaT"),
    (f("np.ma.masked"), "masked"),
    (f("np.datetime64", "2024-01-01"), "datetime64"),
    (f("np.timedelta64", 3, "h"), "timedelta64"),
    (f("datetime.timedelta", hours=3), "timedelta"),
    (f("datetime.datetime", 2024, 1, 1), "datetime"),
    (f("Decimal", "nan"), "Decimal NaN"),
    (f("Decimal", "1e400"), "Decimal beyond doubles"),
    ([], "empty list"),
    ([1.0, 2.0], "list"),
    ({"d": {}}, "dict"),
    ({"t": []}, "empty tuple"),
)


def _same(rng: Draw, good: float) -> Arg:
    name = rng.choice(_SAME)
    if name in ("Decimal", "Fraction"):
        whole = math.ceil(16 * good) / 16
        return Arg(f(name, str(whole)), float(Fraction(str(whole))), name)
    if name == "np.float32":
        import numpy as np

        return Arg(f(name, good), float(np.float32(good)), name)
    if name == "np.float16":
        import numpy as np

        return Arg(f(name, good), float(np.float16(good)), name)
    return Arg(f(name, good), good, name)


def _held(rng: Draw, good: float) -> Arg:
    """The number in an array of its own: an answer has to be that of the number."""
    maker = rng.choice(["np.array", "h.tensor", "list", "pd.Series", "xr.DataArray"])
    if maker == "h.tensor":
        return Arg(f(maker, good, "float64", rng.chance(0.5)), good, "torch 0-d")
    if maker == "list":
        return Arg([good], good, "list of one")
    if maker == "pd.Series":
        return Arg(f(maker, [good]), good, "pandas of one")
    return Arg(f(maker, good), good, f"{maker} 0-d")


def scalar(rng: Draw, good: float, *, signed: bool = False) -> Arg:
    """A hostile version of a number; `signed` where negative ones have a meaning."""
    kind = rng.random()
    if kind < 0.2:
        return _same(rng, good)
    if kind < 0.3:
        return _held(rng, good)
    if kind < 0.55:
        return Arg(number(value := rng.extreme()), value, "extreme")
    if kind < 0.65:
        value = rng.choice([0.0, -0.0, -good, -1e-300, -1e300])
        meaning = value if signed or value == 0 else REFUSE
        return Arg(number(value), meaning, "negative" if value else "zero")
    node, name = rng.choice(_NONE)
    return Arg(node, REFUSE, name)


def whole(rng: Draw, good: int) -> Arg:
    """A hostile version of a whole number."""
    kind = rng.random()
    if kind < 0.3:
        name = rng.choice(["np.int8", "np.int64", "np.uint8", "np.uint64", "np.array"])
        return Arg(f(name, good), good, name)
    if kind < 0.55:
        value = rng.choice([0, -1, 2**31, 2**53 + 1, 2**63, 2**64, 10**9, -(2**63)])
        return Arg(value, REFUSE if value <= 0 else UNKNOWN, "size of int")
    if kind < 0.7:
        return Arg(number(good + rng.choice([0.0, 0.5])), UNKNOWN, "float for int")
    node, name = rng.choice(_NONE)
    return Arg(node, REFUSE, name)


def option(rng: Draw) -> Arg:
    """What is none of a few named choices."""
    node = rng.choice(
        ["", "no such choice", None, 3, True, f("bytes", "x"), ["a"], "Zero", {"d": {}}]
    )
    return Arg(node, UNKNOWN, "option")


def flag(rng: Draw) -> Arg:
    """What is neither True nor False."""
    node = rng.choice([0, 1, "True", f("np.bool_", True), None, [], f("np.array", True), 2.5, "no"])
    return Arg(node, UNKNOWN, "flag")
