"""An argument: the node that makes it, what it means, and how it is hostile."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from .nodes import f, number, numbers


class Refuse:
    """Meaning of a value that has to be refused: any number made of it is wrong."""

    def __repr__(self) -> str:
        return "REFUSE"


REFUSE = Refuse()


class Unknown:
    """Meaning of a value that may be refused or not, and of which no reference is known."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Arg:
    """One argument of a call.

    Attributes
    ----------
    node : JSON
        How it is made.
    meaning : object
        What it means: numbers (NumPy arrays of float64, floats), REFUSE or UNKNOWN.
    kind : str
        "" for a sensible value, else the kind of hostility.
    """

    node: Any
    meaning: Any
    kind: str = ""


def known(*args: Arg) -> bool:
    """Whether all of them have a meaning in numbers."""
    return not any(isinstance(arg.meaning, Refuse | Unknown) for arg in args)


class Draw(random.Random):
    """Random choices of one try, the same on every machine: seeded by text, which Python hashes
    by SHA-512 whatever PYTHONHASHSEED is.
    """

    def __new__(cls, seed: int, index: int) -> Draw:
        return super().__new__(cls)

    def __init__(self, seed: int, index: int) -> None:
        super().__init__(f"{seed}:{index}")
        self.bad: frozenset[str] = frozenset()

    def hostile(self, *names: str) -> None:
        """Choose which of the arguments will be hostile: mostly one, at most three."""
        count = min(len(names), self.choice([1, 1, 1, 1, 2, 2, 3]))
        self.bad = frozenset(self.sample(names, count))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability

    def normal(self, count: int) -> np.ndarray:
        """Standard normal numbers, rounded so that they print short."""
        return np.array([round(self.gauss(0.0, 1.0), 3) for _ in range(count)])

    def extreme(self) -> float:
        """A number from anywhere in the range of double precision, its ends among them."""
        special = [5e-324, 1e-320, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-200, 1e-160, 1e-100]
        special += [1e-50, 1e-30, 1e-16, 1e-12, 1e-9, 1e9, 1e12, 1e16, 1e20, 1e30, 1e50, 1e100]
        special += [1e154, 1e160, 1e200, 1e300, 1e308, 1.7976931348623157e308]
        if self.chance(0.6):
            return self.choice(special)
        return float(f"{10 ** self.uniform(-20, 20):.3g}")


def plain(values: Any, kind: str = "") -> Arg:
    """An argument given as Python numbers or lists of them."""
    if isinstance(values, float | int):
        return Arg(number(values), float(values), kind)
    array = np.asarray(values, dtype=np.float64)
    return Arg(numbers(array), array, kind)


def as_array(values: Any, kind: str = "") -> Arg:
    """An argument given as a NumPy array of float64."""
    array = np.asarray(values, dtype=np.float64)
    return Arg(f("np.array", numbers(array)), array, kind)


def finite(value: Any) -> bool:
    """Whether a Python number is finite."""
    return isinstance(value, float | int) and math.isfinite(value)
