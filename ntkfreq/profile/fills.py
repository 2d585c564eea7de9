"""Numbers that stand for a missing value, such as -9999, and positions that lie far off."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ntkfreq._support.types import BoolArray, FloatArray

# Nines and other repeated digits, and the ends of number formats that instruments and netCDF use.
_NINES = re.compile(r"-?(?:9{2,}(?:\.9+)?|([78])\1{3,})")
_ENDS = (
    *(sign * 10.0**k for k in (10, 12, 15, 20, 25, 30, *range(31, 39)) for sign in (-1, 1)),
    9.96921e36, -32768.0, 32767.0, -32767.0, 65535.0, 2147483647.0, -2147483648.0, -2147483647.0,
    4294967295.0, 9223372036854775807.0, -9223372036854775808.0, 3.4028235e38, -3.4028235e38,
    1.7976931348623157e308, -1.7976931348623157e308,
)  # fmt: skip
_FAR = 10.0


def stand_ins(values: FloatArray, missing: Sequence[float] | None) -> BoolArray:
    """Which values were said to stand for a missing one.

    Examples
    --------
    >>> stand_ins(np.array([1.0, -9999.0]), [-9999])
    array([False,  True])
    """
    found = np.zeros(values.shape, dtype=bool)
    for value in missing or ():
        found |= np.abs(values - value) <= 1e-6 * abs(value)
    return found


def refuse_fills(name: str, column: str, values: FloatArray, lines: Sequence[int]) -> None:
    """Refuse values that usually stand for a missing one and lie far outside all others.

    Raises
    ------
    ValueError
        Naming value, count and lines.

    Examples
    --------
    >>> refuse_fills("a.csv", "y", np.array([1.0, 2.0, 999.0]), [1, 2, 3])
    Traceback (most recent call last):
    ValueError: a.csv: y is 999 in line 3, far outside all other values (1 to 2)...
    """
    suspects = np.array([_is_suspect(value) for value in values])
    if not suspects.any() or suspects.all():
        return
    rest = values[~suspects]
    low, high = float(rest.min()), float(rest.max())
    beyond = np.maximum(low - values, values - high)
    found = np.flatnonzero(suspects & (beyond > high - low) & (beyond > 0)).tolist()
    if not found:
        return
    fill = float(values[found[0]])
    same = [lines[k] for k in found if values[k] == fill]
    shown = ", ".join(map(str, same[:5])) + (f" and {len(same) - 5} more" if len(same) > 5 else "")
    raise ValueError(
        f"{name}: {column} is {fill:.7g} in line {shown}, far outside all other values "
        f"({low:g} to {high:g}), as if it stood for a missing one; give missing=[{fill:.7g}] "
        f"(--missing {fill:.7g}) to drop those rows, or missing=[] (--missing none) if it is real"
    )


def refuse_far_positions(name: str, column: str, x: FloatArray, lines: Sequence[int]) -> None:
    """Refuse a few positions far away from the rest, such as 0 among seconds since 1970.

    Positions are mapped to [-1, 1]: one stray position would put all others into one place.

    Raises
    ------
    ValueError
        Naming value and line.
    """
    order = np.argsort(x, kind="stable")
    steps = np.diff(x[order])
    if steps.size < 2:
        return
    at = int(np.argmax(steps))
    few = min(at + 1, len(x) - at - 1)
    if few > max(1, len(x) // 100) or steps[at] <= _FAR * (float(x.max() - x.min()) - steps[at]):
        return
    stray = order[0] if at + 1 == few else order[-1]
    raise ValueError(
        f"{name}, line {lines[stray]}: {column} is {x[stray]:.10g}, more than {_FAR:g} times as "
        "far from the rest as the rest extends; remove or repair that row"
    )


def _is_suspect(value: float) -> bool:
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    if _NINES.fullmatch(text):
        return True
    return any(abs(value - end) <= 1e-5 * abs(end) for end in _ENDS)
