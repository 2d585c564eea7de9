"""Units from the names of columns, and those of frequencies."""

from __future__ import annotations

import re

# Units that are recognized without brackets, as in temp_C; in brackets any text is a unit.
_UNITS = (
    "s sec ms us µs μs ns ps min h hr hour hours d day days week weeks month months yr year years "
    "m km cm mm um µm μm nm in ft mi deg rad °C C K F V mV uV µV A mA uA W kW kWh Hz kHz MHz GHz "
    "Pa hPa kPa MPa bar mbar psi g kg mg N kN J kJ dB m/s mm/h ppm ppb % ohm"
)
_KNOWN = frozenset(_UNITS.split())
_FOR_TIMES = {
    "s": "Hz", "sec": "Hz", "second": "Hz", "seconds": "Hz", "ms": "kHz", "us": "MHz",
    "µs": "MHz", "μs": "MHz", "ns": "GHz", "ps": "THz",
}  # fmt: skip
_WORDS = {
    plural: unit
    for word, unit in (
        ("second", "s"), ("minute", "min"), ("hour", "h"), ("day", "day"), ("week", "week"),
        ("month", "month"), ("year", "year"),
    )
    for plural in (word, word + "s")
}  # fmt: skip
_BRACKETS = re.compile(r"(?P<name>.*?)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]\s*")
_SLASH = re.compile(r"(?P<name>.+?)\s*/\s*(?P<unit>\S+)")
_ENDING = re.compile(r"(?P<name>.+)_(?P<unit>[^_\s]+)")


def is_unit(text: str) -> bool:
    """Whether a cell is a unit by itself, with brackets or without.

    Examples
    --------
    >>> [is_unit(text) for text in ("s", "(V)", "[deg C]", "height", "")]
    [True, True, True, False, False]
    """
    stripped = text.strip()
    bracketed = stripped[:1] in ("(", "[") and stripped[-1:] in (")", "]")
    return bracketed or stripped in _KNOWN


def unit_of(name: str) -> str:
    """Unit in the name of a column; "" where it has none.

    Examples
    --------
    >>> [unit_of(name) for name in ("time [ms]", "depth (m)", "t/s", "temp_C", "days", "x_max")]
    ['ms', 'm', 's', 'C', 'day', '']
    """
    found = _BRACKETS.fullmatch(name)
    if found:
        return found["unit"].strip()
    for form in (_SLASH, _ENDING):
        found = form.fullmatch(name.strip())
        if found and found["unit"] in _KNOWN:
            return found["unit"]
    return _WORDS.get(name.strip().lower(), "")


def per_unit(unit: str, *, cycles: bool = False) -> str:
    """Unit of a frequency over positions in `unit`, in radians or in cycles.

    Examples
    --------
    >>> per_unit("day"), per_unit("day", cycles=True), per_unit("s", cycles=True), per_unit("")
    ('rad per day', 'cycles per day', 'Hz', 'rad per unit of x')
    """
    if cycles and unit in _FOR_TIMES:
        return _FOR_TIMES[unit]
    return f"{'cycles' if cycles else 'rad'} per {unit or 'unit of x'}"
