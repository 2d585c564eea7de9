"""The grid of a sweep: labels, their values, and the cells they span."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.files.storable import check_name

RESERVED = ("error", "seconds")  # variables of the result that are the sweep's own


def cell_key(labels: Mapping[str, Any]) -> str:
    """One cell's labels as text: the name under which its outcome is kept.

    Examples
    --------
    >>> cell_key({"seed": 3, "rate": 0.1})
    '{"rate": 0.1, "seed": 3}'
    """
    return json.dumps(labels, sort_keys=True)


@dataclass(frozen=True)
class LabelGrid:
    """Values of each label of a sweep, as plain Python numbers, strings or bools.

    Examples
    --------
    >>> grid = LabelGrid.checked({"rate": [0.1, 0.2], "rule": ["gd", "adam"]})
    >>> grid.shape, next(grid.cells())
    ((2, 2), {'rate': 0.1, 'rule': 'gd'})
    """

    values: dict[str, list[Any]]

    @classmethod
    def checked(cls, grid: Any) -> LabelGrid:
        """A user's mapping of label to values."""
        if not isinstance(grid, Mapping) or not grid:
            raise TypeError(
                f"grid={checks.show(grid)} must be a mapping of label to values, such as "
                "{'seed': range(3)}"
            )
        return cls({_name(label): _values(label, values) for label, values in grid.items()})

    @classmethod
    def of(cls, result: Any) -> LabelGrid:
        """The grid of a result: its dimensions that the attribute `labels` names."""
        names = json.loads(result.attrs["labels"])
        lost = set(names) - set(result.coords)  # for which xarray would make numbers up
        if lost:
            raise KeyError(*lost)
        return cls({name: result[name].values.tolist() for name in names})

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each label."""
        return tuple(len(values) for values in self.values.values())

    def cells(self) -> Iterator[dict[str, Any]]:
        """Labels of each cell, the last label fastest."""
        for combination in itertools.product(*self.values.values()):
            yield dict(zip(self.values, combination, strict=True))

    def cell_keys(self) -> list[str]:
        """Keys of the cells, in order."""
        return [cell_key(labels) for labels in self.cells()]

    def within(self, other: LabelGrid) -> bool:
        """Whether every cell is a cell of `other` as well."""
        return set(self.values) == set(other.values) and all(
            set(map(repr, values)) <= set(map(repr, other.values[name]))
            for name, values in self.values.items()
        )

    def coordinates(self) -> dict[str, Any]:
        """One array a label; text in the type that Zarr knows."""
        text = np.dtypes.StringDType()
        return {
            name: (name, np.array(values, dtype=text if isinstance(values[0], str) else None))
            for name, values in self.values.items()
        }


def _name(label: Any) -> str:
    if not isinstance(label, str) or not label.isidentifier():
        raise TypeError(f"grid has the label {checks.show(label)}; labels must be argument names")
    if label in RESERVED or label.startswith("__"):
        raise ValueError(
            f"grid has the label {label!r}, which a sweep uses itself; choose another name"
        )
    check_name(label)
    return label


def _values(label: str, values: Any) -> list[Any]:
    name = f"grid[{label!r}]"
    if isinstance(values, str | bytes | Mapping) or not (
        isinstance(values, Sequence) or (isinstance(values, np.ndarray) and values.ndim == 1)
    ):
        raise TypeError(f"{name}={checks.show(values)} must be a sequence of values, such as [1]")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not plain:
        raise ValueError(f"{name} is empty; give at least one value")
    kinds = {_kind(name, value) for value in plain}
    if len(kinds) > 1:
        raise TypeError(
            f"{name}={checks.show(values)} mixes {' and '.join(sorted(kinds))}; give one kind"
        )
    if any(isinstance(value, float) for value in plain):
        plain = [float(value) for value in plain]
    if len(set(plain)) < len(plain):
        twice = next(value for value in plain if plain.count(value) > 1)
        raise ValueError(f"{name} holds {twice!r} more than once; give each value once")
    return plain


def _kind(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "bools"
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError(
                f"{name} holds {value!r} with half a character, which no file can hold; choose "
                "another text"
            )
        return "strings"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{name} holds {value}, which has more than 64 bits; pass a string")
        return "numbers"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} holds {value}; labels must be finite")
        return "numbers"
    raise TypeError(
        f"{name} holds {checks.show(value)} of type {type(value).__name__}; labels are numbers, "
        "strings or bools: pass a name and look the object up in the function"
    )
