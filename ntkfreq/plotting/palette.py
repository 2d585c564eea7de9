"""Colours and words of the figures."""

from __future__ import annotations

from ntkfreq._support.axis import Axis
from ntkfreq._support.units import Units

# Okabe and Ito's colours, which colour-blind readers distinguish.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
PURPLE, AMBER, SKY, YELLOW = "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY)
"""Colours of several curves, in this order."""

FREQUENCY = r"frequency $|\xi|$ (rad per unit of x)"
TIME = r"training time $t$"

# Colours of the phases, pale for regions and full for marks; the shapes distinguish them too.
PHASES = {
    "confusion": ("#D9D9D9", "#7F7F7F", "s"),
    "memorization": ("#F6D9A0", AMBER, "^"),
    "grokking": ("#9CC9E6", BLUE, "o"),
    "comprehension": ("#A6DCC8", GREEN, "D"),
}


def with_unit(label: str, unit: str) -> str:
    """A label of an axis with its unit, powers raised; the unit may be a text of a user's.

    Examples
    --------
    >>> with_unit("loss", "(unit of y)^2"), with_unit("time", "s"), with_unit("share", "1")
    ('loss in (unit of y)$^2$', 'time (s)', 'share')
    """
    if unit == "1":
        return label
    plain = unit.replace("$", r"\$")
    for power in "23":
        plain = plain.replace(f"^{power}", f"$^{power}$")
    return f"{label} in {plain}" if "(" in plain else f"{label} ({plain})"


def frequency_label(axis: Axis, dim: int = 1) -> str:
    r"""Label of a frequency axis, in radians per what x is counted in; of rings in two dimensions.

    Examples
    --------
    >>> frequency_label(Axis("day"))
    'frequency $|\\xi|$ (rad per day)'
    """
    rings = {1: "", 2: " of a ring"}.get(dim, " of a shell")
    return with_unit(rf"frequency $|\xi|${rings}", axis.frequency_unit)


def time_label(units: Units) -> str:
    """Label of a time axis: step size times steps, or in units of its own on Line and Grid."""
    unit = units.of("time")
    return f"{TIME} (step size x steps)" if unit == "1" else with_unit(TIME, unit)


def loss_label(units: Units) -> str:
    """Label of an axis of losses."""
    return with_unit(r"loss $\int e^2\,d\mu$", units.of("loss"))
