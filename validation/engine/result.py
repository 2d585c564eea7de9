"""What a script found, as one object and as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ntkfreq.files.results import json_ready
from validation.engine.claims import Claim, Measurement


@dataclass(frozen=True)
class Origin:
    """What produced a result.

    Parameters
    ----------
    script : str
        Name of the script.
    size : str
        quick, full or paper.
    seconds : float
        Time of the whole run.
    cell_seconds : float
        Time of its cells, added up over processes, whenever they ran.
    environment : dict
        Versions by package.
    code : str
        SHA-256 of the package and of what the script consists of.
    """

    script: str
    size: str
    seconds: float = 0.0
    cell_seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)
    code: str = ""


_ORIGIN = tuple(one.name for one in fields(Origin))
_PARTS = ("claims", "measurements", "config")


@dataclass(frozen=True)
class Result:
    """Claims, measured values, settings and the data behind them.

    JSON form: one object. `script`, `size`, `seconds`, `cell_seconds`, `environment` and `code`
    (see `Origin`) come first; then `claims` and `measurements`, objects of rows by name (see
    `Claim` and `Measurement`), `config`, and every entry of `data` by its own name. Arrays are
    lists; what is not finite is null.

    Parameters
    ----------
    claims : dict of Claim
        What has to hold.
    config : dict
        Settings, `seeds` among them: how many networks or problems were run.
    measurements : dict of Measurement
        Of which nothing is claimed.
    data : dict
        What the figure is drawn from, and what else is worth keeping.
    origin : Origin, optional
        What produced it; the engine adds it.

    Examples
    --------
    >>> result = Result({"slope": Claim.of(-0.52, -0.6, -0.4)}, {"seeds": 5}, data={"rms": [0.1]})
    >>> result.holds
    True
    >>> list(result.to_json())
    ['claims', 'config', 'rms']
    >>> Result.from_json(result.to_json()) == result
    True
    """

    claims: Mapping[str, Claim]
    config: Mapping[str, Any]
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all(claim.holds for claim in self.claims.values())

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        rows = {name: claim.to_json() for name, claim in self.claims.items()}
        found: dict[str, Any] = asdict(self.origin) if self.origin else {}
        found["claims"] = rows
        if self.measurements:
            found["measurements"] = {name: one.to_json() for name, one in self.measurements.items()}
        return dict(json_ready(found | {"config": dict(self.config)} | dict(self.data)))

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Result:
        """Result kept as JSON."""
        known = {name: found[name] for name in _ORIGIN if name in found}
        return cls(
            {name: Claim.from_json(row) for name, row in found["claims"].items()},
            found.get("config", {}),
            {
                name: Measurement.from_json(row)
                for name, row in found.get("measurements", {}).items()
            },
            {name: part for name, part in found.items() if name not in (*_ORIGIN, *_PARTS)},
            Origin(**known) if known else None,
        )

    @classmethod
    def read(cls, path: Path) -> Result:
        """Result in a file.

        Raises
        ------
        ValueError
            When the file holds none.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            # The oldest results do not name their script.
            return cls.from_json({"script": path.parent.name, "size": ""} | found)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{str(path)!r} holds no result ({error}); bring back a copy of it, or repeat "
                f"ntkfreq validate {path.parent.name} --size full --out {path.parents[2].name}"
            ) from None


def numbers(values: Any) -> np.ndarray:
    """Numbers (n,) of a list from JSON, where a time that is never reached is None.

    Examples
    --------
    >>> numbers([1, None]).tolist()
    [1.0, inf]
    """
    return np.array([np.inf if value is None else float(value) for value in np.ravel(values)])
