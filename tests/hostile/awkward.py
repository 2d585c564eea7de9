"""Arrays that mean something else than their numbers, or nothing at all: dates, masks, gaps, text.

The rule that judges them is one: a number handed over exactly, or dates (as x only, in days since
the earliest of them), have a meaning; all else must be refused.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .containers import CONTAINERS
from .nodes import f, m, number, numbers, t
from .values import REFUSE, UNKNOWN, Arg, Draw, as_array

# What a container may round away, relative to the spread of the values.
_HARMLESS = 1e-12


def _bad(rng: Draw, base: np.ndarray, value: object) -> list[object]:
    """Numbers as nodes, one of them replaced."""
    flat = numbers(base.ravel())
    flat[rng.randrange(len(flat))] = value
    if base.ndim == 1:
        return list(flat)
    width = base.shape[1]
    return [flat[k : k + width] for k in range(0, len(flat), width)]


def _masked(rng: Draw, base: np.ndarray) -> Arg:
    fill = rng.choice([-9999.0, 1e20, -32768.0, 0.0])
    mask = np.zeros(base.shape, dtype=bool)
    mask.ravel()[rng.sample(range(base.size), rng.randint(1, max(1, base.size // 3)))] = True
    node = f("np.ma.masked_array", numbers(np.where(mask, fill, base)), mask=mask.tolist())
    return Arg(node, REFUSE, "masked")


def _fill_value(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("h.filled", _bad(rng, base, -9999.0), -9999.0), REFUSE, "xarray _FillValue")


def _with(value: object, kind: str, *wrap: str) -> Callable[[Draw, np.ndarray], Arg]:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        node: object = _bad(rng, base, value)
        if wrap:
            node = f(wrap[0], node, *wrap[1:])
        return Arg(node, REFUSE, kind)

    return dress


def _typed(dtype: str, kind: str) -> Callable[[Draw, np.ndarray], Arg]:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        return Arg(m(f("np.array", numbers(base)), "astype", dtype), REFUSE, kind)

    return dress


def _bools(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("np.array", (base > np.median(base)).tolist()), REFUSE, "bools")


def _imaginary(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("np.multiply", numbers(base), f("complex", 1, 0.5)), REFUSE, "complex")


def _wrapped(name: str, kind: str) -> Callable[[Draw, np.ndarray], Arg]:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        return Arg(f(name, numbers(base.ravel())), REFUSE, kind)

    return dress


def _dictionary(rng: Draw, base: np.ndarray) -> Arg:
    return Arg({"d": {"0": numbers(base)}}, REFUSE, "dict")


def _ragged(rng: Draw, base: np.ndarray) -> Arg:
    return Arg([*numbers(base)[:-1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], REFUSE, "ragged")


def _reshaped(*shape: int) -> Callable[[Draw, np.ndarray], Arg]:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        node = m(f("np.array", numbers(base)), "reshape", *shape)
        return Arg(node, REFUSE, f"shape {shape}".replace("-1", "N"))

    return dress


def _columns(rng: Draw, base: np.ndarray) -> Arg:
    several = np.repeat(base.reshape(len(base), -1)[:, :1], 4, axis=1) * [1.0, 2.0, 3.0, 4.0]
    return Arg(f("np.array", numbers(several)), REFUSE, "columns")


def _nothing(*shape: int) -> Callable[[Draw, np.ndarray], Arg]:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        node = f("np.zeros", t(*(len(base) if side < 0 else side for side in shape)))
        return Arg(node, REFUSE, "empty")

    return dress


def _single(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("np.array", number(float(base.ravel()[0]))), UNKNOWN, "0-d")


def _categories(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("pd.Categorical", numbers(base.ravel())), UNKNOWN, "categorical")


def _too_many_digits(rng: Draw, base: np.ndarray) -> Arg:
    """Whole numbers beyond 2^53: stamps in nanoseconds whose gaps a double does not hold."""
    steps = 100 * np.rint(10 * base).astype(np.int64)
    stamps = (1_700_000_000_000_000_000 + steps).tolist()
    if rng.chance(0.5):
        return Arg(f("np.array", stamps, "int64"), _held(stamps), "int64 beyond 2**53")
    return Arg(stamps, _held(stamps), "int beyond 2**53")


def _held(values: list[object]) -> object:
    """The numbers if float64 holds their differences, else REFUSE."""
    exact = np.array(values, dtype=object)
    rounded = np.array([float(value) for value in exact.ravel()]).reshape(exact.shape)
    lost = max(
        abs(value - int(near)) for value, near in zip(exact.ravel(), rounded.ravel(), strict=True)
    )
    spread = max(exact.ravel()) - min(exact.ravel())
    if spread == 0:  # no difference to lose
        return rounded
    return REFUSE if lost > _HARMLESS * max(spread, 1) else rounded


def _many_digits(maker: str) -> Callable[[Draw, np.ndarray], Arg]:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        # One half of a unit in the last place of 1e17 and more: gone in float64.
        whole = [10**17 + k for k in range(len(base))]
        node = [f(maker, str(value)) for value in whole]
        return Arg(node, _held(whole), f"{maker} beyond 2**53")

    return dress


def _huge_ints(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(_bad(rng, base, f("pow", 10, 400)), REFUSE, "int 10**400")


def _units(rng: Draw) -> str:
    return rng.choice(["D", "h", "m", "s", "ms", "us", "ns"])


_SECONDS = {"D": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def _steps(base: np.ndarray) -> np.ndarray:
    """Whole steps of a clock, as different as the base values are."""
    return np.rint(100 * (base.ravel() - base.min())).astype(np.int64)


def _days(steps: np.ndarray, unit: str) -> np.ndarray:
    return (steps - steps.min()) * (_SECONDS[unit] / 86400.0)


def _dates(rng: Draw, base: np.ndarray) -> Arg:
    unit = _units(rng)
    steps = _steps(base)
    start = int(1_600_000_000 / _SECONDS[unit])
    node = m(f("np.array", (start + steps).tolist(), "int64"), "astype", f"datetime64[{unit}]")
    wrap = rng.choice(["", "", "pd.DatetimeIndex", "pd.Series", "xr.DataArray"])
    node = f(wrap, node) if wrap else node
    return Arg(node, _days(steps, unit), f"datetime64[{unit}]" if not wrap else f"dates in {wrap}")


def _spans(rng: Draw, base: np.ndarray) -> Arg:
    unit = _units(rng)
    steps = _steps(base)
    node = m(f("np.array", steps.tolist(), "int64"), "astype", f"timedelta64[{unit}]")
    return Arg(node, _days(steps, unit), f"timedelta64[{unit}]")


def _clocks(rng: Draw, base: np.ndarray) -> Arg:
    steps = _steps(base)
    aware = rng.chance(0.5)
    zone = {"tzinfo": f("datetime.timezone.utc")} if aware else {}
    start = f("datetime.datetime", 2024, 3, 30, **zone)
    nodes = [m(start, "__add__", f("datetime.timedelta", hours=step)) for step in steps.tolist()]
    return Arg(nodes, _days(steps, "h"), f"datetime {'aware' if aware else 'naive'}")


def _missing_date(rng: Draw, base: np.ndarray) -> Arg:
    stamps: list[object] = [f"2024-01-{1 + k % 28:02d}" for k in range(base.size)]
    stamps[rng.randrange(len(stamps))] = "NaT"
    return Arg(f("np.array", stamps, "datetime64[s]"), REFUSE, "NaT")


DATES = {"dates": _dates, "spans": _spans, "clocks": _clocks}

AWKWARD: dict[str, Callable[[Draw, np.ndarray], Arg]] = {
    "masked": _masked,
    "masked too": _masked,
    "fill value": _fill_value,
    "nan": _with(f("float", "nan"), "NaN"),
    "nan array": _with(f("float", "nan"), "NaN", "np.array"),
    "inf": _with(f("float", "inf"), "infinity"),
    "minus inf": _with(f("float", "-inf"), "infinity", "np.array"),
    "NA": _with(f("pd.NA"), "pandas NA"),
    "nullable NA": _with(None, "pandas NA", "pd.array", "Float64"),
    "None": _with(None, "None"),
    "None object": _with(None, "None", "np.array", "object"),
    "word": _with("a", "string"),
    "digits": _with("1.5", "string"),
    "strings": _typed("U24", "strings"),
    "bytes": _typed("S24", "bytes"),
    "bools": _bools,
    "some bool": _with(True, "bool among numbers"),
    "complex": _imaginary,
    "complex zero": _typed("complex128", "complex, real"),
    "generator": _wrapped("h.generator", "generator"),
    "set": _wrapped("set", "set"),
    "dict": _dictionary,
    "ragged": _ragged,
    "row": _reshaped(1, -1),
    "cube": _reshaped(1, 1, -1),
    "columns": _columns,
    "empty": _nothing(0),
    "no columns": _nothing(-1, 0),
    "no rows": _nothing(0, 1),
    "0-d": _single,
    "categorical": _categories,
    "stamps": _too_many_digits,
    "stamps too": _too_many_digits,
    "decimals": _many_digits("Decimal"),
    "fractions": _many_digits("Fraction"),
    "longdoubles": _many_digits("np.longdouble"),
    "10**400": _huge_ints,
    "NaT": _missing_date,
}


def _order(rng: Draw, base: np.ndarray, how: str) -> np.ndarray:
    rows = list(range(len(base)))
    if how == "reversed":
        rows.reverse()
    elif how == "shuffled":
        rng.shuffle(rows)
    else:
        rows[-1] = rows[0]
    return np.asarray(base[rows])


def _sized(rng: Draw, base: np.ndarray) -> Arg:
    how = rng.choice(["scale", "scale", "offset", "one", "all"])
    factor = rng.extreme() * rng.choice([1.0, 1.0, -1.0])
    if how == "offset":
        values = base + rng.choice([280.0, 1e4, 1e6, 1.6e9, 1e12, factor])
    elif how == "all":
        values = np.full_like(base, factor)
    elif how == "one":
        values = base.copy()
        values.ravel()[rng.randrange(base.size)] = factor
    else:
        with np.errstate(over="ignore", under="ignore"):
            values = base * factor
    if not np.all(np.isfinite(values)):
        return Arg(f("np.array", numbers(values)), REFUSE, "infinity")
    return Arg(f("np.array", numbers(values)), values, f"{how} of extremes")


def awkward(rng: Draw, base: np.ndarray, role: str) -> Arg:
    """A hostile version of an array; `role` is "x", "y" or "other"."""
    kind = rng.random()
    if kind < 0.25:
        return CONTAINERS[rng.choice(sorted(CONTAINERS))](rng, base)
    if kind < 0.35:
        arg = DATES[rng.choice(sorted(DATES))](rng, base)
        if role == "x" and base.ndim == 1:
            return arg
        return Arg(arg.node, REFUSE, arg.kind)
    if kind < 0.45:
        how = rng.choice(["reversed", "shuffled", "repeated"])
        arg = as_array(_order(rng, base, how))
        return Arg(arg.node, arg.meaning, how)
    if kind < 0.65:
        return _sized(rng, base)
    arg = AWKWARD[rng.choice(sorted(AWKWARD))](rng, base)
    if arg.kind in ("shape (1, N)", "ragged", "columns") and len(base) == 1:
        return Arg(arg.node, UNKNOWN, arg.kind)
    return arg
