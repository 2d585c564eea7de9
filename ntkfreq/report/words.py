"""A report in words: the tables of learning times and the verdict, with the units of its bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ntkfreq.profile import Profile
from ntkfreq.report.cases import Case

_PARTS = {"line": ("(a) line: PDE", 13), "points": ("(b) points", 10)}
_RULES = {"descent": "gradient descent", "adam": "Adam"}


def scale_sentence(profile: Profile, *, cycles: bool = False) -> str:
    """What one radian per half-length is in the profile's own unit.

    Examples
    --------
    >>> day = Profile(np.linspace(0, 4, 5), np.zeros(5), "a", "t (day)", "u", x_unit="day")
    >>> scale_sentence(day), scale_sentence(day, cycles=True)
    ('1 rad per half-length is 0.5 rad per day', '1 rad per half-length is 0.07958 cycles per day')
    """
    value = profile.frequency(1.0, cycles=cycles)
    return f"1 rad per half-length is {value:.4g} {profile.frequency_unit(cycles=cycles)}"


def band(
    profile: Profile, low: float, high: float, *, top: float | None = None, cycles: bool = False
) -> str:
    """A band in the profile's own unit, with the decimals that give `top` four digits."""
    edges = [profile.frequency(edge, cycles=cycles) for edge in (low, high)]
    largest = profile.frequency(top or high, cycles=cycles)
    decimals = int(np.clip(3 - np.floor(np.log10(largest)), 0, 9))
    if not 1e-3 < largest < 1e6:
        return f"{edges[0]:.3e} - {edges[1]:.3e}"
    return f"{edges[0]:.{decimals}f} - {edges[1]:.{decimals}f}"


def table(
    profile: Profile, cases: Sequence[Case], left_out: Sequence[str], *, cycles: bool = False
) -> str:
    """Table of bands with predicted and measured learning times and their ratio."""
    parts = [part for part in _PARTS if any(case.data == part for case in cases)]
    unit = profile.frequency_unit(cycles=cycles)
    titles = (
        f"{'density':8s} {'rad per':>15s} {unit if len(unit) < 23 else 'in the unit of x':>22s}"
    )
    names = f"{'':8s} {'half-length':>15s} {'':>22s}"
    for part in parts:
        title, width = _PARTS[part]
        titles += f"   {title:>{width}s} {'network':>8s} {'ratio':>6s}"
    lines = [
        "time to halve the error in each band of |xi|, in gradient descent steps",
        f"bands of |xi| in rad per half-length and in {unit}; "
        + scale_sentence(profile, cycles=cycles),
        "",
        titles,
        names.rstrip(),
    ]
    for density in ("narrow", "wide"):
        chosen = {c.data: c for c in cases if c.density == density and c.data in _PARTS}
        rows: dict[tuple[float, float], dict[str, str]] = {}
        for part, case in chosen.items():
            step = case.comparison.history.descent.step_size
            for row in case.bands:
                rows.setdefault((row.low, row.high), {})[part] = (
                    f"{_steps(row.predicted / step):>{_PARTS[part][1]}s} "
                    f"{_steps(row.measured / step):>8s} {_ratio(row.ratio):>6s}"
                )
        for (low, high), found in sorted(rows.items()):
            line = f"{density:8s} {f'{low:6.1f} - {high:6.1f}':>15s}"
            own = band(profile, low, high, top=max(rows)[1], cycles=cycles)
            line += f" {own:>22s}"
            for part in parts:
                line += f"   {found.get(part, ''):{_PARTS[part][1] + 16}s}"
            lines.append(line.rstrip())
    lines += ["", "not yet: not halved by the last step; blank: nothing to learn there, or"]
    lines += ["beyond the Nyquist frequency of the samples"]
    lines += _two_rules(profile, cases, cycles=cycles)
    return "\n".join([*lines, *left_out])


def _two_rules(profile: Profile, cases: Sequence[Case], *, cycles: bool) -> list[str]:
    """The table of part (c), and what it shows in a sentence."""
    chosen = {case.data: case for case in cases if case.data in _RULES}
    if "adam" not in chosen:
        return []
    unit = profile.frequency_unit(cycles=cycles)
    first = f"{'rad per':>15s} {unit if len(unit) < 23 else 'in the unit of x':>22s}"
    second = f"{'half-length':>15s} {'':>22s}"
    rows: dict[tuple[float, float], list[str]] = {}
    for place, (part, rule) in enumerate(_RULES.items()):
        first += f"   {rule:>18s}"
        second += f"   {'predicted':>9s} {'network':>8s}"
        step = chosen[part].comparison.history.descent.step_size
        for row in chosen[part].bands:
            cells = rows.setdefault((row.low, row.high), ["", ""])
            cells[place] = f"{_steps(row.predicted / step):>9s} {_steps(row.measured / step):>8s}"
    lines = [
        "",
        "(c) gradient descent and Adam: the samples again, narrow density, from an output of zero",
        "steps to halve the error in each band",
        "",
        first,
        second,
    ]
    for (low, high), cells in sorted(rows.items()):
        own = band(profile, low, high, top=max(rows)[1], cycles=cycles)
        line = f"{f'{low:6.1f} - {high:6.1f}':>15s} {own:>22s}"
        lines.append((line + "".join(f"   {cell:18s}" for cell in cells)).rstrip())
    return [*lines, "", *_bias(chosen)]


def _bias(chosen: Mapping[str, Case]) -> list[str]:
    """How much longer the highest band takes than the lowest, of those that all have learned."""
    both = [{(row.low, row.high): row for row in chosen[part].bands} for part in _RULES]
    shared = sorted(
        key for key in both[0] if key in both[1] and all(np.isfinite(b[key].ratio) for b in both)
    )
    if len(shared) < 2:
        return []
    told = []
    for rule, rows in zip(_RULES.values(), both, strict=True):
        low, high = (rows[shared[place]] for place in (0, -1))
        told.append(
            f"{high.predicted / low.predicted:.1f} under {rule} "
            f"(network {high.measured / low.measured:.1f})"
        )
    return [
        f"time of the highest band over that of the lowest: {', '.join(told)}",
        "gradient descent takes one over the density of frequencies, Adam the amplitude in a band",
        "over the density: weak tones come sooner than strong ones",
    ]


def verdict(profile: Profile, cases: Sequence[Case], steps: int, *, cycles: bool = False) -> str:
    """How far prediction and networks agree, in a sentence or two."""
    rows = [(case, row) for case in cases for row in case.bands]
    both = [(abs(row.ratio - 1), case, row) for case, row in rows if np.isfinite(row.ratio)]
    if not both:
        return f"no band was learned within {steps} steps; use more --steps"
    gap, case, row = max(both, key=lambda item: item[0])
    unit = profile.frequency_unit(cycles=cycles)
    text = (
        f"{len(both)} learning times; the largest difference between prediction and network is "
        f"{100 * gap:.1f} % ({case.density} density, {case.data}, band {row.low:.1f} - "
        f"{row.high:.1f} rad per half-length, {band(profile, row.low, row.high, cycles=cycles)} "
        f"{unit})"
    )
    one_side = sum(np.isfinite(row.predicted) != np.isfinite(row.measured) for _, row in rows)
    if one_side:
        text += f"; {one_side} band(s) were halved by one side only"
    if gap > 0.1 or one_side:
        text += "; a larger --width brings networks closer"
    return text


def _steps(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "not yet"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"
