"""Short representations, as text and as an HTML table, of the facts that an object states."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ntkfreq._support.arrays import show

# Characters of a whole representation, and of one fact in it.
LONGEST, _FACT, _ITEM = 400, 120, 60
# Items of a sequence that are written out, and numbers; of a longer one the first three.
_ITEMS, _NUMBERS = 4, 8


class Tabled:
    """What is shown in notebooks as a small table of its facts."""

    _shown_as: ClassVar[str] = ""
    """The public name of the class, where it differs from its own."""

    def _facts(self) -> Mapping[str, str]:
        """What to say of the object, in short texts by the names of its attributes."""
        known: Any = self
        if is_dataclass(known):
            names = [field.name for field in fields(known) if field.repr]
        else:
            names = [
                name
                for name in getattr(self, "__dict__", ())
                if not (name.startswith("_") or _derived(type(self), name))
            ]
        return {name: brief(getattr(self, name)) for name in names}

    def _title(self) -> str:
        return self._shown_as or type(self).__name__

    def _repr_html_(self) -> str:
        cell = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {cell}>{html.escape(name)}</th><td {cell}>{html.escape(cut(text))}</td></tr>"
            for name, text in self._facts().items()
        )
        title = f"<caption {cell}><b>{html.escape(self._title())}</b></caption>"
        return f"<table>{title}{rows}</table>"


class Described(Tabled):
    """What has the same facts as its text, ``Name(fact=..., fact=...)``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Record(Described):
    ...     values: object
    ...     rate: float = 0.5
    >>> Record(np.arange(1e5))
    Record(values=100000 from 0 to 1e+05, rate=0.5)
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A dataclass writes a text of its own, arrays and all, into a class that has none.
        if "__repr__" not in cls.__dict__:
            type.__setattr__(cls, "__repr__", cls.__repr__)

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={cut(text)}" for name, text in self._facts().items())
        return f"{self._title()}({cut(facts, LONGEST - len(self._title()) - 2)})"


def _derived(kind: type, name: str) -> bool:
    """Whether an attribute is computed from others and kept."""
    return isinstance(getattr(kind, name, None), cached_property)


def cut(text: str, limit: int = _FACT) -> str:
    """A text on one line, of at most so many characters.

    Examples
    --------
    >>> cut("one and two", 8)
    'one a...'
    """
    line = " ".join(text[: 8 * limit].split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def brief(value: Any) -> str:
    """A value in a few words: of an array its size and range, of a function its name.

    Examples
    --------
    >>> brief(0.1), brief("day"), brief(np.cos), brief((1, 2)), brief(list(range(9)))
    ('0.1', "'day'", 'cos', '(1, 2)', '[0, 1, 2, ... 9 in all]')
    """
    if isinstance(value, np.generic) and value.ndim == 0 and value.dtype.kind in "biufc":
        return repr(value.item())
    if isinstance(value, str):
        return repr(cut(value, _ITEM))
    if isinstance(value, np.ndarray):
        return span(value)
    if isinstance(value, tuple | list):
        return _sequence(value)
    if isinstance(value, Mapping):
        return f"{len(value)} entries"
    if isinstance(value, Described):
        return repr(value)
    name = getattr(value, "__name__", None) if callable(value) else None
    return name if isinstance(name, str) else show(value, _ITEM)


def _sequence(values: tuple[Any, ...] | list[Any]) -> str:
    left, right = "()" if isinstance(values, tuple) else "[]"
    plain = len(values) <= _NUMBERS and all(isinstance(value, int | float) for value in values)
    if len(values) > _ITEMS and not plain:
        return f"{left}{', '.join(map(brief, values[:3]))}, ... {len(values)} in all{right}"
    comma = "," if isinstance(values, tuple) and len(values) == 1 else ""
    return f"{left}{', '.join(map(brief, values))}{comma}{right}"


def span(values: Any, unit: str = "") -> str:
    """How many values an array has and between which they lie; of complex ones the magnitudes.

    Examples
    --------
    >>> span(np.array([0.0, 2.5, 1.0]), "rad per day"), span(np.ones((2, 3)) * 1j)
    ('3 from 0 to 2.5 rad per day', '2 x 3 from 1 to 1')
    """
    array = np.asarray(values)
    count = " x ".join(map(str, array.shape)) or "1"
    if array.size == 0 or array.dtype.kind not in "iufc":
        return f"{count} of type {array.dtype}"
    return f"{count} {between(array)}" + (f" {unit}" if unit else "")


def between(array: Any) -> str:
    """The least and the largest value of an array, of complex ones the magnitudes.

    Examples
    --------
    >>> between(np.array([1.0, -2.0]))
    'from -2 to 1'
    """
    size = np.abs(array) if array.dtype.kind == "c" else array
    return f"from {size.min():.4g} to {size.max():.4g}"


def points(x: Any) -> str:
    """How many points (n, d), and of which dimension.

    Examples
    --------
    >>> points(np.zeros((5, 2)))
    '5 of dimension 2'
    """
    return f"{len(x)} of dimension {x.shape[1] if np.ndim(x) > 1 else 1}"


def course(curve: Any) -> str:
    """First and last value of a curve.

    Examples
    --------
    >>> course(np.array([0.5, 0.2, 1e-9]))
    '0.5 to 1e-09'
    """
    return f"{curve[0]:.4g} to {curve[-1]:.4g}"
