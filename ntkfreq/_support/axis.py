"""The meaning of numbers on the x axis: plain numbers, or days for dates and durations."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import arrays
from ntkfreq._support.display import Described
from ntkfreq._support.types import FloatArray

# Number of each of NumPy's units in a day, all of them exact doubles.
_A_DAY = {
    "D": 1.0,
    "h": 24.0,
    "m": 1440.0,
    "s": 86_400.0,
    "ms": 864e5,
    "us": 864e8,
    "ns": 864e11,
    "ps": 864e14,
    "fs": 864e17,
    "as": 864e20,
}
_SECONDS = 86_400.0


@dataclass(frozen=True)
class Axis(Described):
    """Unit and origin of x.

    Dates become days since the earliest date of the data, durations become days; frequencies are
    then in radians per day. Anything else is in the unit in which it is given.

    Attributes
    ----------
    unit : str
        "day" for dates and durations, "unit of x" for numbers, or the unit that labelled data
        carry in their attribute "units".
    origin : numpy.datetime64 or None
        The date that is 0; None for numbers and durations.

    Examples
    --------
    >>> import numpy as np
    >>> dates = np.array(["2022-03-01T06", "2022-03-01", "2022-03-03"], dtype="datetime64[h]")
    >>> axis = Axis.of("x", dates)
    >>> axis
    Axis(unit='day', origin='2022-03-01T00')
    >>> axis.numbers("x", dates)
    array([0.25, 0.  , 2.  ])
    >>> axis.frequency_unit, round(axis.angular("frequency", 1.0, "cycles"), 6)
    ('rad per day', 6.283185)
    """

    unit: str = "unit of x"
    origin: np.datetime64 | None = None

    def _facts(self) -> dict[str, str]:
        unit = {"unit": repr(self.unit)}
        return unit if self.origin is None else unit | {"origin": repr(str(self.origin))}

    @classmethod
    def of(cls, name: str, x: Any) -> Axis:
        """The axis on which x lies."""
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            return cls()
        array = _moments(name, arrays.plain(name, x))
        if array.dtype.kind == "M" and array.size:
            return cls("day", array.min())
        if array.dtype.kind == "m":
            return cls("day")
        unit = getattr(x, "attrs", {}).get("units") if hasattr(x, "dims") else None
        return cls(unit) if isinstance(unit, str) and unit.strip() else cls()

    @classmethod
    def scalar(cls, name: str, value: Any) -> Axis:
        """The axis on which a single number, date or duration lies."""
        timed = isinstance(value, datetime.date | datetime.timedelta) or (
            isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "Mm"
        )
        return cls.of(name, value) if timed else cls()

    @property
    def frequency_unit(self) -> str:
        """Unit of angular frequencies."""
        return f"rad per {self.unit}"

    @property
    def timed(self) -> bool:
        """Whether x holds dates or durations, so that it is counted in days."""
        return self.unit == "day"

    def numbers(self, name: str, x: Any) -> FloatArray:
        """X as finite or infinite floats on this axis.

        Numbers are taken as they are: beside dates as days since the origin.

        Raises
        ------
        TypeError
            For dates on an axis of numbers or durations, for durations on one of dates or numbers.
        """
        array = _moments(name, arrays.plain(name, x))
        if array.dtype.kind == "M":
            if self.origin is None:
                raise TypeError(
                    f"{name}={arrays.show(array)} holds dates where x is counted in "
                    f"{self.counted}; give numbers of the same meaning, "
                    "(dates - start) / np.timedelta64(1, 'D')"
                )
            return _days(name, _differences(name, array, self.origin))
        if array.dtype.kind == "m":
            if not self.timed or self.origin is not None:
                raise TypeError(
                    f"{name}={arrays.show(array)} holds durations where x is counted in "
                    f"{self.counted}; give the same kind everywhere, or numbers, "
                    "durations / np.timedelta64(1, 'D')"
                )
            return _days(name, array)
        return arrays.floats(name, array)

    def angular(self, name: str, value: float, units: str) -> float:
        """A frequency in `units` as radians per unit of x.

        Parameters
        ----------
        name : str
            What the frequency is called in messages.
        value : float
            The frequency.
        units : {"rad", "cycles", "Hz"}
            Radians or cycles per unit of x, or cycles per second, where x is time.
        """
        if units not in ("rad", "cycles", "Hz"):
            raise ValueError(f"units={units!r} must be one of 'rad', 'cycles', 'Hz'")
        if units == "Hz" and not (self.timed or self.unit in _CLOCKS):
            raise ValueError(
                f"{name} in Hz needs dates or durations as x, but x is counted in "
                f"{self.unit!r}; use units='cycles', cycles per unit of x"
            )
        if units == "rad":
            return value
        seconds = _SECONDS if self.timed else _CLOCKS.get(self.unit, 1.0)
        return 2 * np.pi * value * (seconds if units == "Hz" else 1.0)

    def band(self, band: tuple[float, float], units: str) -> tuple[float, float]:
        """A band in `units` as radians per unit of x; as it is where it is in these already.

        Examples
        --------
        >>> low, high = Axis("day").band((0.9, 1.1), "cycles")
        >>> round(low, 4), round(high, 4)
        (5.6549, 6.9115)
        """
        if units == "rad" or not isinstance(band, tuple | list | np.ndarray) or len(band) != 2:
            return band
        return self.angular("band", band[0], units), self.angular("band", band[1], units)

    def offset(self, other: Axis) -> float:
        """What to add to numbers of the other axis, to have them on this one, in days."""
        if self.origin is None or other.origin is None:
            return 0.0
        gap = _differences("origin", np.atleast_1d(np.asarray(other.origin)), self.origin)
        return float(_days("origin", gap)[0])

    @property
    def counted(self) -> str:
        """How x is counted, in words."""
        if self.origin is not None:
            return f"days since {self.origin}"
        return "durations" if self.timed else "numbers"


# Names of units of time, in seconds.
_CLOCKS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}


def _moments(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Python's and pandas' dates as datetime64 or timedelta64; anything else as it is."""
    if array.dtype.kind == "O" and array.size:
        array = _from_python(name, array)
    if array.dtype.kind in "Mm":
        missing = int(np.isnat(array).sum())
        if missing:
            raise ValueError(
                f"{name} holds {missing} missing time(s) (NaT) of {array.size}; leave these "
                "entries out of all arrays"
            )
        unit = np.datetime_data(array.dtype)[0]
        if unit == "W" or (array.dtype.kind == "M" and unit in ("Y", "M")):
            array = array.astype(f"{array.dtype.kind}8[D]")
    return array


def _from_python(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    elements = array.ravel().tolist()
    first = elements[0]
    if isinstance(first, datetime.timedelta | np.timedelta64):
        kind: Any = (datetime.timedelta, np.timedelta64)
    elif isinstance(first, datetime.date | np.datetime64):
        kind = (datetime.date, np.datetime64)
    else:
        return array
    if not all(isinstance(element, kind) for element in elements):
        raise TypeError(
            f"{name}={arrays.show(array)} mixes times with something else, or has missing ones; "
            "give dates, or durations, or numbers"
        )
    if len({getattr(element, "tzinfo", None) is None for element in elements}) > 1:
        raise TypeError(
            f"{name}={arrays.show(array)} mixes dates with and without a time zone; give all one"
        )
    moments = np.array([_moment(element) for element in elements])
    return np.asarray(moments.reshape(array.shape))


def _moment(element: Any) -> np.datetime64 | np.timedelta64:
    """One date or duration; a time zone is counted in, so that it becomes UTC."""
    for method in ("to_datetime64", "to_timedelta64"):
        if hasattr(element, method):  # pandas
            moment: np.datetime64 | np.timedelta64 = getattr(element, method)()
            return moment
    if isinstance(element, datetime.timedelta):
        return np.timedelta64(element)
    if getattr(element, "tzinfo", None) is not None:
        element = element.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(element)


def _differences(name: str, dates: np.ndarray[Any, Any], origin: np.datetime64) -> Any:
    """Dates minus the origin, in the finer of their units, or a refusal where that overflows."""
    unit = np.promote_types(dates.dtype, origin.dtype)
    fine, start = dates.astype(unit), origin.astype(unit)
    whole = bool(np.all(fine.astype(dates.dtype) == dates)) and start == origin
    ticks = fine.astype(np.int64)
    reach = max(abs(int(ticks.max()) - int(start.astype(np.int64))), 0) if ticks.size else 0
    reach = max(reach, abs(int(ticks.min()) - int(start.astype(np.int64)))) if ticks.size else 0
    if not whole or reach >= 2**63:
        raise ValueError(
            f"{name} has dates too far from {origin} for the unit {np.datetime_data(unit)[0]!r}; "
            "convert all to a coarser unit, dates.astype('datetime64[s]')"
        )
    return fine - start


def _days(name: str, durations: Any) -> FloatArray:
    unit, count = np.datetime_data(durations.dtype)
    if unit not in _A_DAY:
        raise TypeError(
            f"{name} holds durations in {unit!r}, which is no fixed length; convert them to days"
        )
    ticks = arrays.floats(name, durations.astype(np.int64))
    return np.asarray(ticks * count / _A_DAY[unit])
